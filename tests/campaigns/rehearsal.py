"""
Rehearse outages.

Two web processes, `run_worker`, a stand-in Flight Service and a MariaDB, all real and all on 127.0.0.1, under
a few clients. One after another something breaks; then nothing may be lost, no client may get an answer that it
cannot act upon, and all must be in step again in time.
"""

import itertools
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus
from bookings.models import Booking
from devtools.mariadb import PrivateMariaDB
from devtools.mariadb_pair import EITHER, WRITER, run
from devtools.private_server import DATABASE
from devtools.processes import HOST
from tests.campaigns.doors import Doors, ThroughProxy
from tests.campaigns.load import Load, Manner
from tests.campaigns.outages.catalog import OUTAGES
from tests.campaigns.outages.outage import PAYMENT_WINDOW_SECONDS, Outage
from tests.campaigns.stack import Stack, durable, private_database, start_stack, without_keys
from tests.campaigns.verdict import LOOK_EVERY_SECONDS, Round, Word
from tests.support.api import BOOKINGS
from tests.support.invariants import answers_without_rows, seats_adrift
from tests.support.schedules import schedule_the_pass
from tests.support.servers import Web, Worker, a_watched_web, empty_the_database
from tests.support.switch import Switch
from tests.support.waiting import comes_true

# How long clients live with an outage: the breaker opens, and seats fall due meanwhile.
FELT_SECONDS = 5.0

# Nothing hangs for longer than this, whatever it is.
LONGEST_SECONDS = 900

# Requests before an outage, and during it, without which it was not felt.
REQUESTS_NEEDED = 30

# A recovery that is late is waited for all the same, so that the table can say how late.
LATENESS_SECONDS = 30.0

# Half of what it is unless told otherwise: recovery is a lease or a pause of 15 s, one pass and one call.
EXPIRY_INTERVAL_SECONDS = 5

# A pass that is late by this much is no pass.
LATE = timedelta(seconds=2 * EXPIRY_INTERVAL_SECONDS)

# `run_worker` waits 45 s and a pass unless told otherwise. A pass takes up to 20 s: less would end healthy ones.
SILENCE_SECONDS = 25

# The proxy looks so often that it has seen a web process leave readiness twice long before that stops.
OFTEN = {"CHECK_INTERVAL": "250ms"}
DRAIN_SECONDS = 3

# As many as each web process has threads. Who is told to wait has other bookings to pay, cancel or read in the
# meantime: these must go on whatever the Flight Service does.
CLIENTS = 8
MANNER = Manner(
    clients=CLIENTS,
    pause_seconds=0.2,
    acts={"pay": 5, "cancel": 3, "leave": 2, "read": 2},
    stock=3,
    gives_up_seconds=float("inf"),
    waits_as_told=True,
)

# The end of what the proxy and the web processes have printed, when a deploy was not seamless.
PRINTED_CHARACTERS = 2_000

# Users who have booked nothing before: what is left unpaid by others does not count for them.
NEW_USERS = itertools.count(1_000_001)


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--outages", nargs="+", choices=OUTAGES, default=list(OUTAGES), metavar="OUTAGE")
    parser.add_argument("--felt-seconds", type=float, default=FELT_SECONDS, help="length of each")
    parser.add_argument("--seed", type=int, default=1)


def play(options: Namespace) -> Iterator[Round]:
    """Play the chosen outages: first those of a Flight Service with keys, then of one without."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"the rehearsal has not ended within {LONGEST_SECONDS} s"))
    signal.alarm(LONGEST_SECONDS)
    outages = [OUTAGES[name] for name in options.outages]
    # With the log that a replica is fed from.
    with private_database(PrivateMariaDB("--server-id=1", *EITHER)) as server:
        for keyed in (True, False):
            those = [outage for outage in outages if outage.keyed == keyed]
            for result in _with_one_peer(those, options, server, keyed=keyed) if those else ():
                yield result
                if result.recovered_after is None:
                    return  # nothing after it would mean much


def _with_one_peer(
    outages: list[Outage], options: Namespace, server: PrivateMariaDB, *, keyed: bool
) -> Iterator[Round]:
    empty_the_database()
    schedule_the_pass(every_seconds=EXPIRY_INTERVAL_SECONDS)
    with (
        tempfile.TemporaryDirectory(prefix="rehearsal-") as folder,
        start(Path(folder), database=server, keyed=keyed) as stack,
    ):
        stack.await_a_pass()
        for number, outage in enumerate(outages):
            yield Play(outage, stack, felt_seconds=options.felt_seconds).round(seed=options.seed + number)


@contextmanager
def start(
    folder: Path,
    *,
    database: PrivateMariaDB | None = None,
    interval_seconds: int = EXPIRY_INTERVAL_SECONDS,
    keyed: bool = True,
) -> Iterator[Stack]:
    """Run everything: on a database of its own behind a switch, and behind the proxy, or on the configured one."""
    with ExitStack() as before:
        switch = before.enter_context(Switch(_let_in(database))) if database else None
        address = {"DATABASE_URL": f"mysql://{WRITER}@{HOST}:{switch.port}/{DATABASE}"} if switch else {}
        with start_stack(
            *(() if keyed else ("--unkeyed",)),
            webs=lambda env: [a_watched_web("--threads", str(CLIENTS), env=env) for _ in range(2)],
            worker=lambda env: Worker("--silence", str(SILENCE_SECONDS), env=env),
            proxy=OFTEN if database else None,
            PAYMENT_WINDOW_SECONDS=str(PAYMENT_WINDOW_SECONDS),
            EXPIRY_INTERVAL_SECONDS=str(interval_seconds),
            DRAIN_SECONDS=str(DRAIN_SECONDS),
            **address,
            **durable(folder),
            **({} if keyed else without_keys()),
        ) as stack:
            stack.database, stack.switch = database, switch
            yield stack


def _let_in(database: PrivateMariaDB) -> int:
    """Make the service's own user, to whom read-only means something: root may write all the same."""
    user = f"{WRITER}@'{HOST}'"
    run(database, f"CREATE OR REPLACE USER {user}", f"GRANT ALL ON {DATABASE}.* TO {user}")
    return database.port


class Play:
    """One outage on one stack."""

    def __init__(
        self,
        outage: Outage,
        stack: Stack,
        *,
        felt_seconds: float = FELT_SECONDS,
        lateness_seconds: float = LATENESS_SECONDS,
    ) -> None:
        self._outage, self._stack = outage, stack
        self._felt_seconds, self._patience_seconds = felt_seconds, outage.limit_seconds + lateness_seconds
        self._doors = Doors([ThroughProxy(stack.proxy.port)] if outage.seamless and stack.proxy else stack.webs)
        self._felt: Counter[Word] = Counter()
        # A pass that finished before this moment may have been the last.
        self._proof_since = datetime.now(UTC)
        stack.condemned = []

    def round(self, *, seed: int = 1) -> Round:
        """Play it and tell what came of it. Recovery is waited for a little longer than it may take."""
        outage = self._outage
        result = Round(outage.name, outage.limit_seconds)
        with Load(self._doors, seed=seed, manner=MANNER) as clients:
            self._await_requests()
            try:
                since = outage.play(self._stack, self._feel)
            except AssertionError as reason:
                result.wrong.append(f"not played: {reason}")
            else:
                clients.stop()
                self._proof_since = datetime.now(UTC)
                result.recover(lambda: self._unfinished(clients), since=since, patience_seconds=self._patience_seconds)
                result.wrong += self._not_as_it_should_be()
        counts = self._doors.counts()
        result.figures = {"requests": counts.total()} | {
            word.value.partition(" with")[0]: counts[word] for word in (Word.REFUSED, Word.CUT)
        }
        result.errors += self._doors.errors
        if result.errors and outage.seamless and self._stack.proxy:
            those = (self._stack.proxy, *self._stack.webs)
            result.wrong += [f"proxy or web said: {each.printed(last=PRINTED_CHARACTERS)}" for each in those]
        # In step there was none; since then more bookings may have expired, and their seats be on their way.
        if result.recovered_after is None:
            result.drift = sum(abs(taken - held) for _flight, taken, held in seats_adrift(self._stack.sim))
        result.wrong += answers_without_rows(clients.heard)
        return result

    def _feel(self) -> None:
        """Let clients feel the outage."""
        before, ends_at = self._doors.counts(), time.monotonic() + self._felt_seconds
        self._await_requests()
        time.sleep(max(0.0, ends_at - time.monotonic()))
        self._felt.update(self._doors.counts() - before)

    def _not_as_it_should_be(self) -> list[str]:
        """Say what should have been seen during the outage and was not, or should not and was."""
        wanted = [self._outage.felt_as, Word.ANSWERED if self._outage.serves else None]
        found = [f"no request was {word.value} meanwhile" for word in wanted if word and not self._felt[word]]
        told = len(self._doors.unavailable)
        return [*found, f"{told} clients were told to come again"] if self._outage.seamless and told else found

    def _await_requests(self) -> None:
        enough = self._doors.counts().total() + REQUESTS_NEEDED
        comes_true(lambda: self._doors.counts().total() >= enough, look_every=LOOK_EVERY_SECONDS)

    def _unfinished(self, clients: Load) -> list[str]:
        """Say what still keeps the service from being as it was; the dearest question comes last."""
        stack = self._stack
        if waiting := clients.undecided():
            return [f"{waiting} clients wait for a decision"]
        if stack.condemned and not stack.has_new_cluster():
            self._proof_since = datetime.now(UTC)
            return ["there is no new cluster"]
        last_pass = stack.last_pass()
        if last_pass is None or last_pass < self._proof_since:
            return ["the worker has finished no pass yet"]
        if wrong := stack.what_is_wrong() or overdue():
            return wrong
        return [f"no booking can be made at {web.port}" for web in stack.webs if not can_book(web)]


def overdue() -> list[str]:
    """Name the unpaid bookings that the worker should have ended by now."""
    unpaid = Booking.objects.filter(status__in=[BookingStatus.PENDING, BookingStatus.INITIATED])
    late = unpaid.filter(expires_at__lt=database_time() - LATE).values_list("pk", flat=True)
    return [f"booking {pk} is overdue" for pk in late]


def can_book(web: Web) -> bool:
    """Make a booking through one web process alone."""
    user = next(NEW_USERS)
    order = {"flightId": 1, "userId": user, "noOfSeats": 1}
    return web.ask("POST", BOOKINGS, order, {"Idempotency-Key": f"alone-{user}"}).status == 201
