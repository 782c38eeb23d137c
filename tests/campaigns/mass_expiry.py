"""
Let very many bookings expire while clients go on.

A private MariaDB with the durability of production, a Flight Service, `run_web` and `run_worker`, all real. First the
payment windows of 100,000 bookings on 50 flights close in one moment; then the worker starts after a day in which a
million have come due. Clients hold, pay and read before and meanwhile. Each booking must expire once, all seats must
come back, and no client may be turned away.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import NamedTuple

from django.db import connection
from django.db.models import Sum

from benchmarks.meters import memory_mb, readings
from benchmarks.stack import MARIADB_OPTIONS
from bookings.db.clock import database_time
from bookings.models import Booking, BookingEvent, SeatCall
from devtools.bulk_rows import insert_select, key_of
from devtools.mariadb import PrivateMariaDB
from tests.campaigns.guests import SETTINGS, Guests, database_pid, guests_at, production_web
from tests.campaigns.stack import Stack, private_database, start_stack
from tests.campaigns.verdict import Round
from tests.support.http import exchange
from tests.support.invariants import violations

SEATS_EACH = 2

# What compose.yaml gives the database.
BUFFER_POOL = "--innodb-buffer-pool-size=512M"

# The clients' processes and connections are warm by then.
WARM_UP_SECONDS = 3.0
LOOK_EVERY_SECONDS = 0.2
PATIENCE_SECONDS = 900.0

# Rows that MariaDB inserts in a second, at least.
INSERTED_PER_SECOND = 8_000

DAY = timedelta(hours=24)

_BOOKINGS = insert_select(
    *("booking", "seq_1_to_{count}"),
    id="seq",
    reference="LPAD(CONV(MOD(seq * 527119655203, 852891037441), 10, 31), 8, '0')",
    user_id="seq",
    flight_id="1 + MOD(seq, {flights})",
    **dict.fromkeys(("created_at", "updated_at", "held_at", "first_sent_at"), "'{first}' - INTERVAL 15 MINUTE"),
    expires_at="'{first}' + INTERVAL MOD(seq * 7919, {count}) * {step} MICROSECOND",
    hold_key=key_of("hold", "seq"),
)


class Wave(NamedTuple):
    """Bookings that come due: how many, on how many flights, over which time, and whether the worker is away then."""

    name: str
    bookings: int
    flights: int
    over: timedelta
    worker_is_away: bool
    limit_seconds: float


@dataclass
class Meter:
    """The largest memory of a process of the worker while the block runs, and of all of them together, in MB PSS."""

    largest: float = 0.0
    together: float = 0.0


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--bookings", type=int, default=100_000, help="that come due at once, or 0 (default: %(default)s)"
    )
    parser.add_argument("--flights", type=int, default=50, help="that they are on (default: %(default)s)")
    parser.add_argument(
        "--outage", type=int, default=1_000_000, help="that a day leaves behind, or 0 (default: %(default)s)"
    )
    parser.add_argument("--before", type=float, default=20.0, help="seconds of clients before (default: %(default)s)")


def play(options: Namespace) -> Iterator[Round]:
    waves = (
        Wave("all at once", options.bookings, options.flights, timedelta(0), worker_is_away=False, limit_seconds=20.0),
        Wave("a day", options.outage, 40 * options.flights, DAY, worker_is_away=True, limit_seconds=PATIENCE_SECONDS),
    )
    for wave in (each for each in waves if each.bookings):
        with (
            private_database(PrivateMariaDB(*MARIADB_OPTIONS, BUFFER_POOL)),
            start_stack("--flights", str(wave.flights), webs=production_web, **SETTINGS) as stack,
        ):
            yield roll(wave, stack, before=options.before)


def roll(wave: Wave, stack: Stack, *, before: float) -> Round:
    """Let the bookings of a wave come due, and see that all of them expire and that every seat comes back."""
    stack.await_a_pass()
    if wave.worker_is_away:
        stack.worker.kill()
    last = database_time()
    if not wave.worker_is_away:
        last += timedelta(seconds=wave.bookings / INSERTED_PER_SECOND + WARM_UP_SECONDS + before)
    insert(wave, last=last)
    take_seats(stack)
    with guests_at(stack.web, flights=wave.flights) as guests:
        time.sleep(WARM_UP_SECONDS)
        warm = time.monotonic()
        time.sleep(before if wave.worker_is_away else max(0.0, (last - database_time()).total_seconds()))
        result = expire(wave, stack, guests, warm)
    result.errors += guests.doors.failures()
    result.wrong += [*violations(), *unlike_once(wave)]
    return result


def insert(wave: Wave, *, last: datetime) -> None:
    """Insert the bookings of a wave, the last of which comes due at this moment."""
    first, step = last - wave.over, wave.over // wave.bookings // timedelta(microseconds=1)
    numbers = {"count": wave.bookings, "flights": wave.flights, "first": first.replace(tzinfo=None), "step": step}
    with connection.cursor() as cursor:
        cursor.execute(_BOOKINGS.format(**numbers))
        cursor.execute("ANALYZE TABLE booking")
        cursor.fetchall()


def take_seats(stack: Stack) -> None:
    """Let the Flight Service count the seats of all bookings as taken."""
    port = int(stack.sim.url.rpartition(":")[2])
    for flight, seats in Booking.objects.values_list("flight_id").annotate(seats=Sum("no_of_seats")):
        key = {"Idempotency-Key": f"taken-{flight}"}
        reply = exchange(port, "PATCH", f"/api/v1/flights/{flight}/seats", {"seats": seats, "dec": 1}, key)
        assert reply.status == 200, reply


def expire(wave: Wave, stack: Stack, guests: Guests, warm: float) -> Round:
    """Measure from the moment when they are due, or when the worker starts, until every seat is back."""
    began = time.monotonic()
    if wave.worker_is_away:
        stack.worker.start()
    roots = {"worker": stack.worker.pid, "database": database_pid(), "web": stack.web.pid}
    used = readings(roots, connection)
    result, expired_after = Round(wave.name, limit_seconds=wave.limit_seconds), 0.0
    with memory_of(stack) as meter:
        while not expired_after or seats_back(stack) < wave.bookings * SEATS_EACH:
            if time.monotonic() - began > PATIENCE_SECONDS:
                break
            time.sleep(LOOK_EVERY_SECONDS)
            if not expired_after and not unpaid(wave):
                expired_after = time.monotonic() - began
        else:
            result.recovered_after = time.monotonic() - began
    ended, after = time.monotonic(), readings(roots, connection)
    result.figures = {
        "bookings": wave.bookings,
        "expired after, s": expired_after,
        "PATCHes": SeatCall.objects.aggregate(sent=Sum("claims"))["sent"],
        "p99 before, ms": (calm := guests.p99_ms(warm, began)),
        "p99 meanwhile, ms": (busy := guests.p99_ms(began, ended)),
        "ratio": busy / calm,
        **{f"CPU of {name}, s": after[name] - used[name] for name in roots},
        "worker, MB": meter.largest,
        "together, MB": meter.together,
    }
    return result


def unpaid(wave: Wave) -> bool:
    """Tell whether a booking of the wave has not expired yet."""
    return Booking.objects.filter(pk__lte=wave.bookings, status="initiated").exists()


def seats_back(stack: Stack) -> int:
    """Count the seats that the Flight Service has got back."""
    return sum(flight["given_back"] for flight in stack.sim.ledger()["flights"])


@contextmanager
def memory_of(stack: Stack) -> Iterator[Meter]:
    """Look at the worker's memory once a second."""
    meter, stopped = Meter(), Event()

    def look() -> None:
        while not stopped.wait(1.0):
            sizes = memory_mb(stack.worker.pid)
            meter.largest, meter.together = max(meter.largest, sizes[0]), max(meter.together, sum(sizes))

    watch = Thread(target=look)
    watch.start()
    try:
        yield meter
    finally:
        stopped.set()
        watch.join()


def unlike_once(wave: Wave) -> list[str]:
    """Name what was not done exactly once for each booking of the wave."""
    expired = Booking.objects.filter(pk__lte=wave.bookings, status="cancelled", cancel_reason="expired").count()
    events = BookingEvent.objects.filter(booking_id__lte=wave.bookings, what="cancelled")
    counts = {"expired": expired, "events": events.count(), "with one": events.values("booking").distinct().count()}
    return [f"{count} {name}, not {wave.bookings}" for name, count in counts.items() if count != wave.bookings]
