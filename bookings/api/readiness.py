"""
What /health/ready looks at, one function each.

Everybody is told a word; why it is that word (ages, errors, names) is for operators.
"""

import enum
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import Error
from django.http import HttpRequest

from bookings import wiring
from bookings.actor import Scope
from bookings.conf import longest_silence
from bookings.db.clock import clock_has_jumped, database_time
from bookings.db.error_numbers import UnsafeSession
from bookings.ports import BreakerState, FlightService, FlightsHealth
from bookings.queries.upkeep import background
from bookings.queries.upkeep.quick_look import quick
from bookings.queries.upkeep.schema import CURE, unapplied_migrations
from bookings.services.access.api_keys import recognize_api_key

# Below the time limit of a balancer's check, which is two seconds or more.
PROBE_SECONDS = 1.0

# Two checks of a balancer: an outage is seen by the one after the next, and a busy service is not asked for it.
ANSWER_HOLDS_SECONDS = 2.0

# As long as a breaker rests: a Flight Service that hangs costs one check in five, and soon none.
SILENCE_HOLDS_SECONDS = 5.0


class Word(enum.StrEnum):
    """What is said of each thing that is looked at. *Degraded* is not well, and no reason to stay away."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one look, and what an operator is told besides."""

    word: Word
    details: Mapping[str, Any] = field(default_factory=dict)


def database() -> Finding:
    """Ask the database whether it answers soon, and for its time."""
    started = time.perf_counter()
    try:
        quick.ask()
        database_time()
    except UnsafeSession as error:
        # What it says is ours: names of variables and their values.
        return Finding(Word.FAILED, {"error": type(error).__name__, "why": str(error)})
    except Error as error:
        return Finding(Word.FAILED, {"error": type(error).__name__})
    return Finding(Word.OK, {"milliseconds": round((time.perf_counter() - started) * 1000, 1)})


def migrations() -> Finding:
    """Look whether the tables are those that this code was written for. Newer ones are: they still serve it."""
    try:
        missing = unapplied_migrations()
        spoilt = quick.spoilt_tables()
    except Error as error:
        return Finding(Word.FAILED, {"error": type(error).__name__})
    if spoilt:
        return Finding(Word.FAILED, {"notInnodbWithUtf8mb4": spoilt, "do": CURE})
    if missing:
        return Finding(Word.FAILED, {"unapplied": missing, "do": "run `manage.py migrate` of this release"})
    return Finding(Word.OK)


# Note [A silent worker makes a web unready]
# Readiness names the worker's heartbeat beside the database, and has always answered 503 without it: no seat goes
# back and nothing expires, so an installation that was given no worker must not take bookings. The price: every
# web says so at once, and a balancer that then sends nobody anything turns an outage that customers would hardly
# have noticed into a total one. So a balancer must fall back to the webs that live, as deploy/haproxy.cfg does.
def worker() -> Finding:
    """Look when the background work last went through. See Note [A silent worker makes a web unready]."""
    try:
        finished_at = background.last_pass_finished_at()
        now = database_time()
    except Error as error:
        return Finding(Word.FAILED, {"error": type(error).__name__})
    if finished_at is None:
        return Finding(Word.FAILED, {"lastPassSecondsAgo": None, "do": "start `manage.py run_worker`"})
    # A pass that is yet to come went through on a clock that was ahead: nobody knows when.
    silence = abs(now - finished_at)
    if silence <= longest_silence():
        word = Word.OK
    elif clock_has_jumped():
        # Nobody can tell, and the next pass says: not all webs shall go because of a clock.
        word = Word.DEGRADED
    else:
        word = Word.FAILED
    return Finding(word, {"lastPassSecondsAgo": round(silence.total_seconds(), 1)})


def flight_service() -> Finding:
    """
    Tell what this process knows of the Flight Service; it is asked only where it was not heard lately.

    The question decides nothing about sales: see Note [A probe decides nothing] in `bookings.ports`.
    Never worse than degraded: reading, paying and cancelling go on without it.
    """
    flights = wiring.flight_service()
    health = flights.health()
    if health.breaker is BreakerState.OPEN:
        word = Word.DEGRADED
    elif health.breaker is BreakerState.CLOSED and health.answered_ago <= ANSWER_HOLDS_SECONDS:
        word = Word.OK
    else:
        probe = _probes.setdefault(flights, _Probe())
        word = Word.OK if probe.answers(flights) else Word.DEGRADED
        health = flights.health()
    return Finding(word, _as_details(health))


# What only the database can tell. While it does not answer nobody asks again: each try may take five seconds.
OF_THE_DATABASE: Mapping[str, Callable[[], Finding]] = {"migrations": migrations, "worker": worker}
NOT_ASKED = Finding(Word.FAILED, {"error": "not asked, as the database does not answer"})


def look() -> dict[str, Finding]:
    """Look at everything, and say what became of each look by its name."""
    answers = database()
    is_there = answers.word is Word.OK
    return {
        "database": answers,
        **{name: check() if is_there else NOT_ASKED for name, check in OF_THE_DATABASE.items()},
        "flightService": flight_service(),
    }


def is_operator(request: HttpRequest, *, database: Finding) -> bool:
    """
    Tell whether whoever asks may know why: by a service's key, or logged in with the right to see calls.

    On a developer's machine anybody may: error pages say more there. Nobody is while the database is away, and it
    is not asked then; `manage.py doctor` says why.
    """
    if settings.DEBUG:
        return True
    if database.word is not Word.OK:
        return False
    try:
        if header := request.headers.get("Authorization", ""):
            scheme, _, token = header.partition(" ")
            key = recognize_api_key(token) if scheme.lower() == "bearer" else None
            return key is not None and Scope.OPERATIONS_READ in key.granted
        return request.user.is_staff and request.user.has_perm("bookings.view_seatcall")
    except Error:
        return False


class _Probe:
    """Asks a Flight Service that was not heard lately; one thread at a time, and none too often."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answered = True
        self._holds_until = 0.0

    def answers(self, flights: FlightService) -> bool:
        """Whether it answers, or did when it was last asked: nobody waits for another's probe."""
        if not self._lock.acquire(blocking=False):
            return self._answered
        try:
            if time.monotonic() >= self._holds_until:
                self._answered = flights.answers(seconds=PROBE_SECONDS)
                holds = ANSWER_HOLDS_SECONDS if self._answered else SILENCE_HOLDS_SECONDS
                self._holds_until = time.monotonic() + holds
            return self._answered
        finally:
            self._lock.release()


# One for the Flight Service of this process; tests have many.
_probes: WeakKeyDictionary[FlightService, _Probe] = WeakKeyDictionary()


def _as_details(health: FlightsHealth) -> dict[str, Any]:
    return {
        "breaker": health.breaker,
        "failures": health.failures,
        "nextTryInSeconds": round(health.next_try_in, 1),
        "retryBudget": health.repetitions_left,
        "callsInFlight": health.calls_in_flight,
        "flightsResting": health.flights_resting,
        "of": "the process that answered",
    }
