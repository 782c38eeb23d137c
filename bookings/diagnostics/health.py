"""
Whether the service can do its work: each question is judged here, once.

Readiness renders the findings as JSON, the start page as text for staff, and the doctor as lines for an operator.
"""

import time
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from django.db import Error

from bookings.conf import longest_silence
from bookings.db.clock import clock_has_jumped, database_time
from bookings.db.error_numbers import UnsafeSession
from bookings.diagnostics.finding import Finding, Verdict, fail, in_one_line, ok, warn
from bookings.ports import BreakerState, FlightService, FlightsHealth
from bookings.queries.upkeep import background, workers
from bookings.queries.upkeep.quick_look import quick
from bookings.queries.upkeep.schema import CURE, unapplied_migrations

# Below the time limit of a balancer's check, which is two seconds or more.
PROBE_SECONDS = 1.0

# Two checks of a balancer: an outage is seen by the one after the next, and a busy service is not asked for it.
ANSWER_HOLDS_SECONDS = 2.0

# As long as a breaker rests: a Flight Service that hangs costs one check in five, and soon none.
SILENCE_HOLDS_SECONDS = 5.0

# Of a list that may be long.
NAMES_SHOWN = 4


def database() -> Finding:
    """Ask the database whether it answers soon, and for its time."""
    started = time.perf_counter()
    try:
        quick.ask()
        database_time()
    except UnsafeSession as error:
        return fail(
            "database",
            str(error),
            "The server's init_connect, or a proxy in between, undoes what is asked for at connect: a proxy that "
            "shares sessions must keep each session's own settings. Or it is not the server that was meant.",
            # The text is ours: names of variables and their values.
            error=type(error).__name__,
            why=str(error),
        )
    except Error as error:
        hint = "Is the server up, and are host, port, name, user and password of DATABASE_URL right?"
        return fail("database", in_one_line(error), hint, error=type(error).__name__)
    took = round((time.perf_counter() - started) * 1000, 1)
    return ok("database", f"answers in {took} ms", milliseconds=took)


def migrations() -> Finding:
    """Look whether the tables are those that this code was written for. Newer ones are: they still serve it."""
    try:
        missing = unapplied_migrations()
        unfit = quick.unfit_tables()
    except Error as error:
        return _not_looked_at("migrations", error)
    if unfit:
        message = f"not InnoDB with utf8mb4: {some(unfit)}"
        return fail("migrations", message, CURE, notInnodbWithUtf8mb4=unfit, do=CURE)
    if missing:
        do = "run `manage.py migrate` of this release"
        return fail("migrations", f"not applied: {some(missing)}", f"{do.capitalize()}.", unapplied=missing, do=do)
    return ok("migrations", "all applied")


# Note [A silent worker makes a web server unready]
# Readiness names the worker's heartbeat beside the database, and answers 503 without it: no seat goes back and
# nothing expires, so an installation that was given no worker must not take bookings. The price: all web servers
# become unready at once, and a balancer that then sends requests to none turns an outage that customers would hardly
# have noticed into a total one. So a balancer must fall back to the servers that live, as deploy/haproxy.cfg does.
def worker() -> Finding:
    """
    Look when the last pass finished, and whether each worker finishes its own.

    See Note [A silent worker makes a web server unready]. One that is silent while others work makes none unready.
    """
    try:
        finished_at = background.last_pass_finished_at()
        now = database_time()
        silent = [each for each in workers.at_work(now) if each.is_silent]
    except Error as error:
        return _not_looked_at("worker", error)
    hint = "Start `manage.py run_worker`, or read its log: it says why no pass is finished."
    if finished_at is None:
        message = "it has never finished a pass: nothing expires, no seats go back"
        return fail("worker", message, hint, lastPassSecondsAgo=None, do="start `manage.py run_worker`")
    # A time in the future was written by a clock that was ahead: it is as wrong as one of long ago.
    silence = abs(now - finished_at)
    side = "ago" if finished_at <= now else "ahead of the database's clock"
    message = f"last finished a pass {silence.total_seconds():.0f} s {side}"
    seconds = round(silence.total_seconds(), 1)
    if silence <= longest_silence():
        if silent and not clock_has_jumped():
            return _silent_beside_others(silent, lastPassSecondsAgo=seconds)
        return ok("worker", message, lastPassSecondsAgo=seconds)
    if clock_has_jumped():
        # The next pass will tell: a clock must not make all web servers unready.
        return warn("worker", f"{message}, and that clock has jumped", hint, lastPassSecondsAgo=seconds)
    return fail("worker", message, hint, lastPassSecondsAgo=seconds)


def _silent_beside_others(silent: list[workers.AtWork], **details: Any) -> Finding:
    names = [f"{each}, for {each.silence.total_seconds():.0f} s" for each in silent]
    return warn(
        "worker",
        f"others finish passes, and not {some(names)}",
        "Does that machine run, and `manage.py run_worker` on it? Its log says why no pass is finished. One that was "
        "taken away without a signal is forgotten after a day.",
        silent=[{"machine": each.machine, "worker": each.worker} for each in silent],
        **details,
    )


def flight_service(flights: FlightService) -> Finding:
    """
    Tell whether the Flight Service answers, as this process knows; it is asked only if it was not heard lately.

    The question decides nothing about sales: see Note [A probe decides nothing] in `bookings.ports`.
    """
    name, health = "Flight Service", flights.health()
    hint = "Is FLIGHT_SERVICE_URL right, and does this machine reach it? Ask it for /api/v1/flights/1 with curl."
    if health.breaker is BreakerState.OPEN:
        message = f"not asked: it failed {health.failures} times, next try in {health.next_try_in:.0f} s"
        return fail(name, message, hint, **_as_details(health))
    if health.breaker is BreakerState.CLOSED and health.answered_ago <= ANSWER_HOLDS_SECONDS:
        return ok(name, "answers", **_as_details(health))
    answers = _probes.setdefault(flights, _Probe()).answers(flights)
    details = _as_details(flights.health())
    if answers:
        return ok(name, "answers", **details)
    message = f"no valid answer within {PROBE_SECONDS:.0f} s: new bookings are refused, all else goes on"
    return fail(name, message, hint, **details)


def some(names: list[str]) -> str:
    """Name the first few, and count the rest."""
    shown, more = names[:NAMES_SHOWN], len(names) - NAMES_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def look(flights: FlightService) -> dict[str, Finding]:
    """
    Look at everything; give each finding by the name that readiness has for it.

    While the database does not answer, what only it can tell is not looked at: each try may take seconds.
    """
    answers = database()
    if answers.verdict is Verdict.OK:
        of_the_database = {"migrations": migrations(), "worker": worker()}
    else:
        of_the_database = {name: _not_asked(name) for name in ("migrations", "worker")}
    return {"database": answers, **of_the_database, "flightService": flight_service(flights)}


def _not_asked(name: str) -> Finding:
    reason = "not asked, as the database does not answer"
    return fail(name, reason, "Repair the database first.", error=reason)


def _not_looked_at(name: str, error: Error) -> Finding:
    return fail(name, in_one_line(error), "Read the database's log.", error=type(error).__name__)


class _Probe:
    """Asks a Flight Service that was not heard lately; one thread at a time, and none too often."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answered = True
        self._holds_until = 0.0

    def answers(self, flights: FlightService) -> bool:
        """Whether it answers, or did when it was last asked: no thread waits for the probe of another."""
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
