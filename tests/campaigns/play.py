"""Plays one outage: clients come, something breaks, and everything must be in step again."""

import itertools
import json
import time
import uuid
from collections import Counter
from datetime import UTC, datetime

from tests.campaigns.doors import Door, Doors, ThroughProxy
from tests.campaigns.outages.catalog import NotPlayed, Outage
from tests.campaigns.verdict import Round, Word
from tests.rehearsal.clients import Clients
from tests.rehearsal.progress import Progress
from tests.rehearsal.stack import Stack
from tests.support.http import exchange
from tests.support.invariants import answers_without_rows, seats_adrift
from tests.support.running import LOOK_EVERY_SECONDS

# How long clients live with an outage: the breaker opens, and seats fall due meanwhile.
FELT_SECONDS = 5.0

# Requests before an outage, and during it, without which it was not felt.
REQUESTS_NEEDED = 30

# A machine that is busy with other things needs some of this, an idle one two seconds.
PATIENCE_SECONDS = 60.0

# A recovery that is late is waited for all the same, so that the table can say how late.
LATENESS_SECONDS = 30.0

# The end of what the proxy and the web processes have printed, when a deploy was not seamless.
PRINTED_CHARACTERS = 2_000

# Users who have booked nothing before: what is left unpaid by others counts for nobody else.
NEW_USERS = itertools.count(1_000_001)


class Play:
    """One outage on one stack."""

    def __init__(
        self,
        outage: Outage,
        stack: Stack,
        progress: Progress,
        *,
        felt_seconds: float = FELT_SECONDS,
        lateness_seconds: float = LATENESS_SECONDS,
    ) -> None:
        self._outage, self._stack, self._progress = outage, stack, progress
        self._felt_seconds, self._patience_seconds = felt_seconds, outage.limit_seconds + lateness_seconds
        self._doors = Doors([ThroughProxy(stack.proxy.port)] if outage.seamless and stack.proxy else stack.doors)
        self._felt: Counter[Word] = Counter()
        # A pass that finished before this moment may have been the last.
        self._proof_since = datetime.now(UTC)
        stack.condemned = []

    def round(self, *, seed: int = 1) -> Round:
        """Play it and tell what came of it. Recovery is waited for a little longer than it may take."""
        outage = self._outage
        self._progress.begin(outage.name)
        result = Round(outage.name, outage.limit_seconds)
        with Clients(self._doors, seed=seed) as clients:
            self._await_requests("clients")
            try:
                since = outage.play(self._stack, self._feel)
            except NotPlayed as reason:
                result.wrong.append(f"not played: {reason}")
            else:
                clients.stop()
                result.recovered_after, unfinished = self._recovery(clients, since=since)
                result.wrong += self._not_as_it_should_be() + unfinished
        counts = self._doors.counts()
        result.requests, result.refused, result.cut = counts.total(), counts[Word.REFUSED], counts[Word.CUT]
        result.errors += self._doors.errors
        if result.errors and self._outage.seamless and self._stack.proxy:
            said = [self._stack.proxy.printed(), *(door.printed() for door in self._stack.doors)]
            result.wrong += [f"proxy or web said: {words[-PRINTED_CHARACTERS:]}" for words in said]
        # In step there was none; since then more bookings may have expired, and their seats be on their way.
        if result.recovered_after is None:
            result.drift = sum(abs(taken - held) for _flight, taken, held in seats_adrift(self._stack.sim))
        result.wrong += answers_without_rows(clients.heard)
        self._progress.end("; ".join(result.faults()) or f"in step after {result.recovered_after:.1f} s")
        return result

    def _feel(self) -> None:
        """Let clients feel the outage."""
        before, ends_at = self._doors.counts(), time.monotonic() + self._felt_seconds
        self._await_requests("felt by clients")
        while time.monotonic() < ends_at:
            self._progress.say("felt by clients")
            time.sleep(LOOK_EVERY_SECONDS)
        self._felt.update(self._doors.counts() - before)
        self._progress.say("being mended")

    def _not_as_it_should_be(self) -> list[str]:
        """Say what should have been seen during the outage and was not, or should not and was."""
        wanted = [self._outage.felt_as, Word.ANSWERED if self._outage.serves else None]
        found = [f"no request was {word.value} meanwhile" for word in wanted if word and not self._felt[word]]
        told = self._doors.told_to_come_again()
        return [*found, f"{told} clients were told to come again"] if self._outage.seamless and told else found

    def _await_requests(self, what: str) -> None:
        enough, ends_at = self._doors.counts().total() + REQUESTS_NEEDED, time.monotonic() + PATIENCE_SECONDS
        while self._doors.counts().total() < enough and time.monotonic() < ends_at:
            self._progress.say(what)
            time.sleep(LOOK_EVERY_SECONDS)

    def _recovery(self, clients: Clients, *, since: float) -> tuple[float | None, list[str]]:
        """Wait until nothing is wrong any more; give the seconds it took, or None and what still is wrong."""
        self._proof_since = datetime.now(UTC)
        while True:
            wrong = self._unfinished(clients)
            seconds = time.monotonic() - since
            if not wrong:
                return seconds, []
            if seconds > self._patience_seconds:
                return None, wrong
            self._progress.say(wrong[0])
            time.sleep(LOOK_EVERY_SECONDS)

    def _unfinished(self, clients: Clients) -> list[str]:
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
        return stack.what_is_wrong() or [f"no booking can be made at {door.port}" for door in self._closed()]

    def _closed(self) -> list[Door]:
        """Name the web processes that make no booking."""
        return [door for door in self._stack.doors if not can_book(door)]


def can_book(door: Door) -> bool:
    """Make a booking through one web process alone."""
    order = json.dumps({"flightId": 1, "userId": next(NEW_USERS), "noOfSeats": 1}).encode()
    try:
        reply = exchange(door.port, "POST", "/api/v1/bookings", order, {"Idempotency-Key": uuid.uuid4().hex})
    except OSError:
        return False
    return reply.status == 201
