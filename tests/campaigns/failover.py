"""
Kill the primary under load and promote its replica.

A real MariaDB primary and replica, a Flight Service, two web processes and `run_worker`. Clients book, pay,
cancel and list; the primary is killed (SIGKILL), the replica is promoted, and the service pointed at it. Every
answer that a client has heard is then looked for in the tables, and `reconcile_seats` compares the seats. Wrong is
what was lost and should not be, and what is missing and nothing names.
"""

import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.db import DatabaseError, connection

from bookings.lifecycle import BookingStatus, CancelReason
from bookings.models import Booking
from devtools.mariadb import PrivateMariaDB
from devtools.mariadb_pair import READER, MariaDBPair, address, run
from tests.campaigns.backup import reconcile
from tests.campaigns.doors import Doors
from tests.campaigns.load import Load, Manner, Shown
from tests.campaigns.stack import Stack, look_at, start_stack
from tests.campaigns.verdict import Round
from tests.fuzz.service import lines_of
from tests.support.api import BOOKINGS
from tests.support.invariants import violations
from tests.support.waiting import comes_true

SEMI_SYNC, ASYNC, BEHIND = "semi-sync", "async", "async, behind"
WAYS = (SEMI_SYNC, ASYNC, BEHIND)
# The two ends of what can happen; a replica that is in step as a rule loses nothing, or next to nothing.
USUAL_WAYS = (SEMI_SYNC, BEHIND)

# Long enough to pay through a failover, short enough that what is left unpaid expires while one looks on.
SETTINGS = {"PAYMENT_WINDOW_SECONDS": "8", "EXPIRY_INTERVAL_SECONDS": "1", "LOG_LEVEL": "WARNING", "LOG_FORMAT": "json"}

# Leases of 15 s, a window, passes and calls; a loaded machine takes its time.
QUIET_SECONDS = 120.0

# A client that waits longer for a decision than a failover takes has gone home.
MANNER = Manner(clients=6, pause_seconds=0.05, acts={"pay": 2, "cancel": 1, "leave": 1}, gives_up_seconds=90.0)

# As a statement meets it, or a new connection.
READ_ONLY = {1290, 1836, "unsafe session"}

Snapshot = dict[str, tuple[Any, ...]]


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=USUAL_WAYS, metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--seconds", type=float, default=5.0, help="of load before the kill (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)


def play(options: Namespace) -> Iterator[Round]:
    for way in options.ways:
        with MariaDBPair(semi_sync=way == SEMI_SYNC) as pair:
            look_at(pair.primary)
            call_command("migrate", verbosity=0)
            pair.catch_up()
            of_pair = {"DATABASE_URL": address(pair.primary), "DATABASE_REPLICA_URL": address(pair.replica, READER)}
            with start_stack(**SETTINGS, **of_pair) as stack:
                yield Failover(way, pair, stack).round(seed=options.seed, load_seconds=options.seconds)
            connection.close()


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that a client was told is so: this booking has this status. `era` counts failovers."""

    what: str
    booking: Shown
    era: int

    @property
    def name(self) -> str:
        shown = self.booking
        return f"{self.what} {shown['reference']} ({shown['noOfSeats']} seats on flight {shown['flightId']})"


class Watchful(Load):
    """Clients that look at their list after everything they were told; `stale` is what it did not have."""

    def __init__(self, doors: Doors, *, seed: int) -> None:
        super().__init__(doors, seed=seed, manner=MANNER)
        self.news: list[Heard] = []
        self.stale: list[str] = []
        self.lists = self.era = 0
        self.first_of_era: dict[int, float] = {}

    def told(self, what: str, booking: Shown) -> None:
        news = Heard(what, booking, self.era)
        self.news.append(news)
        self.first_of_era.setdefault(news.era, time.monotonic())
        reply = self.doors.ask("GET", f"{BOOKINGS}?userId={booking['userId']}&limit=5")
        # What was told before a failover may be lost after it; that is counted where the rows are.
        if reply.status != 200 or news.era != self.era:
            return
        self.lists += 1
        found = {row["id"]: row["status"] for row in reply.json()["data"]["results"]}
        wanted = {booking["status"], "cancelled"}  # it may have expired meanwhile
        if found.get(booking["id"]) not in wanted:
            self.stale.append(news.name)


class Failover:
    """One way to fail over, and what came of it."""

    def __init__(self, way: str, pair: MariaDBPair, stack: Stack) -> None:
        self._way, self._pair, self._stack = way, pair, stack
        self._result = Round(way)
        # The flights whose bookings the replica did not know as the primary did.
        self._lacking: set[int] = set()

    def round(self, *, seed: int, load_seconds: float) -> Round:
        """Load, kill the primary, promote the replica, go on, and look for everything that anybody was told."""
        result, stack = self._result, self._stack
        stack.await_a_pass()
        with Watchful(Doors(stack.webs), seed=seed) as load:
            asked = answered_by(self._pair.replica)
            time.sleep(load_seconds)
            # A list asks twice: whether it is up to date, and for the rows.
            result.figures["of replica"] = (answered_by(self._pair.replica) - asked) // 2
            if self._way == BEHIND:
                run(self._pair.replica, "STOP SLAVE IO_THREAD")
                time.sleep(1)
            killed_at = self._fail_over(load)
            time.sleep(load_seconds / 2)
            load.stop()
            if not comes_true(lambda: not load.undecided() and is_quiet(), QUIET_SECONDS, look_every=0.1):
                result.wrong.append("not quiet in time")
        if 1 in load.first_of_era:
            result.recovered_after = load.first_of_era[1] - killed_at
        result.errors += load.doors.errors
        self._look_back(load)
        return result

    def _fail_over(self, load: Watchful) -> float:
        """Do what docs/operations.md says, pointing the service at the replica too early; give when the kill was."""
        pair, stack = self._pair, self._stack
        pair.primary.kill()
        killed_at = time.monotonic()
        # DATABASE_REPLICA_URL stays as it was, as it does with an operator who forgets it.
        moved = {"DATABASE_URL": address(pair.replica)}
        stack.worker.kill()
        stack.web.kill()
        stack.web.env |= moved
        stack.worker.env |= moved
        stack.web.serve()
        look_at(pair.replica)
        # It is read-only as yet: clients that want to book meet that now.
        if not comes_true(lambda: READ_ONLY & set(self._repeated())):
            self._result.wrong.append("no client met a read-only database")
        pair.receive_no_more()
        load.era = 1
        of_replica, position = snapshot(pair.replica), gtid(pair.replica)
        pair.promote()
        stack.worker.start()
        # What the dead one knew; no client asks that server any more.
        pair.primary.start()
        of_primary = snapshot(pair.primary)
        self._lacking = {known[0] for name, known in of_primary.items() if of_replica.get(name) != known}
        self._result.figures["not replicated"] = gtid(pair.primary) - position
        pair.primary.kill()
        return killed_at

    def _repeated(self) -> Counter[int]:
        """Count the transactions that the web has run again, by what the database had said."""
        # The last line of a process that was killed may be half a line.
        lines = lines_of(self._stack.web.printed(last=0))
        return Counter(line["error"] for line in lines if line.get("event") == "transaction.repeated")

    def _look_back(self, load: Watchful) -> None:
        """Compare what was told with the rows, and the seats with the Flight Service's."""
        result, gone = self._result, [news for news in load.news if not is_known(news)]
        code, found = reconcile(self._stack.web.env)
        differing = {row["flight"] for row in found["drift"]}
        result.figures |= {
            "told": len(load.news),
            "lost": len(gone),
            "lists": load.lists,
            "stale": len(load.stale),
            "503": len(load.doors.unavailable),
            "flights adrift": len(differing),
        }
        for news in gone:
            print(f"lost ({self._way}): {news.name}")
        for row in found["drift"]:
            print(f"adrift ({self._way}): flight {row['flight']}: {row['held']} held, {row['taken']} taken")
        print(f"repeated after an error ({self._way}): {dict(self._repeated())}")
        wrong = {
            "flights were not compared": found["flights_skipped"],
            "reconcile_seats fails, and names nothing": code and not differing,
            f"the replica lacked nothing of flights {sorted(differing - self._lacking)}": differing - self._lacking,
            "a semi-synchronous replica lacked something": self._way == SEMI_SYNC and (gone or differing),
            "a replica that was cut off for a second lacked nothing: the look at it proves nothing": (
                self._way == BEHIND and not (gone and differing)
            ),
            "something was lost after the failover": any(news.era == 1 for news in gone),
            "no list came from the replica": not result.figures["of replica"],
        }
        result.wrong += [what for what, is_so in wrong.items() if is_so]
        result.wrong += [f"not in the list: {name}" for name in load.stale]
        result.wrong += [f"two bookings had one id: {name}" for name in ids_used_twice(load.news)]


def is_quiet() -> bool:
    """Tell whether the worker has caught up, and nothing is wrong inside the tables."""
    try:
        return violations(quiet=True) == []
    except DatabaseError:
        connection.close()
        return False


def answered_by(server: PrivateMariaDB) -> int:
    """Count the SELECTs that a server has answered since it started."""
    ((_, count),) = run(server, "SHOW GLOBAL STATUS LIKE 'Com_select'")
    return int(count)


def gtid(server: PrivateMariaDB) -> int:
    """Give how many transactions a server has in its log; they are counted through, over all servers."""
    ((position,),) = run(server, "SELECT @@gtid_binlog_pos")
    return int(position.rpartition("-")[2])


def snapshot(server: PrivateMariaDB) -> Snapshot:
    """Give what a server knows of each booking, by reference: the flight first."""
    rows = run(server, "SELECT reference, flight_id, status, hold, version FROM booking")
    return {reference: rest for reference, *rest in rows}


def ids_used_twice(heard: Iterable[Heard]) -> list[str]:
    """Name the bookings under whose id there is another one now."""
    return [
        news.name
        for news in heard
        if Booking.objects.filter(pk=news.booking["id"]).exclude(reference=news.booking["reference"]).exists()
    ]


def is_known(news: Heard) -> bool:
    """Tell whether the tables know what a client was told."""
    rows = Booking.objects.filter(pk=news.booking["id"], reference=news.booking["reference"])
    match news.what:
        case "paid":
            rows = rows.filter(status=BookingStatus.BOOKED)
        case "cancelled":
            rows = rows.filter(cancel_reason=CancelReason.CUSTOMER_REQUEST)
    return rows.exists()
