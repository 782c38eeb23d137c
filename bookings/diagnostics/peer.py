"""Checks of the Flight Service: whether it answers, its clock, and whether it honours keys."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings

from bookings.diagnostics.finding import Finding, fail, ok, warn
from bookings.gateways.diagnostic_probes import Unreachable, date_of_peer
from bookings.ports import FlightService, FlightsUnreachable, UnknownFlight, UnusableFlight
from bookings.services.seats.key_support import Keys, KeysTried, try_key_support

SUBJECT = "Flight Service"
CALL_SECONDS = 2.0

# A create asks twice, and has four seconds in all.
SLOW_SECONDS = 0.5

# No deadline is on its clock; further apart, nobody can lay two logs side by side.
SKEW_SECONDS = 5

# Any flight that is likely to be there; that it is not is an answer as well.
SOME_FLIGHT = 1


def check_peer(flights: FlightService, flight_id: int | None) -> Iterator[Finding]:
    """Ask for one flight, and for the time."""
    began = time.monotonic()
    try:
        flight = flights.get_flight(flight_id or SOME_FLIGHT, seconds=CALL_SECONDS)
    except UnknownFlight:
        flight = None
    except UnusableFlight:
        yield warn(
            SUBJECT,
            f"answers, and shows flight {flight_id or SOME_FLIGHT} in a way that cannot be sold",
            "Ask for that flight with curl: it needs its own id, a whole price from 0, whole totalSeats, and "
            "no currency or one of ISO 4217.",
        )
        return
    except FlightsUnreachable:
        yield fail(
            SUBJECT,
            f"no valid answer within {CALL_SECONDS:.0f} s: new bookings are refused, all else goes on",
            "Is FLIGHT_SERVICE_URL right, and does this machine reach it? Ask it for /api/v1/flights/1 with curl.",
        )
        return
    took = time.monotonic() - began
    answered = f"answers in {took * 1000:.0f} ms"
    if took > SLOW_SECONDS:
        yield warn(SUBJECT, answered, "A create needs two answers; ask whoever runs it, or add threads meanwhile.")
    else:
        yield ok(SUBJECT, answered)
    if flight is not None and flight.capacity is None:
        yield warn(
            SUBJECT,
            "it does not show `capacity`",
            "`manage.py reconcile_seats` can compare nothing then: ask whoever runs it to show it.",
        )
    yield _clock()


def check_keys(flights: FlightService, flight_id: int) -> Finding:
    """Ask it twice for a seat of a test flight with one key, and give back what that took."""
    tried = try_key_support(flights=flights, flight_id=flight_id)
    finding = _judged(tried)
    if not tried.seats_out:
        return finding
    return fail(
        "keys",
        f"{finding.found}; up to {tried.seats_out} seats of flight {flight_id} may not have come back",
        f"Look at flight {flight_id} there, and give back by hand what is missing. {finding.advice}".strip(),
    )


def _judged(tried: KeysTried) -> Finding:
    keyed = settings.FLIGHT_SERVICE_KEYED
    if tried.keys is Keys.UNCLEAR:
        return warn("keys", tried.why, "Try again with a flight that nobody else books: --try-flight N.")
    if tried.keys is Keys.IGNORED and keyed:
        return fail(
            "keys",
            f"FLIGHT_SERVICE_KEYED=true, and {tried.why}: every lost answer can cost a seat",
            "Stop taking bookings. Set FLIGHT_SERVICE_KEYED=false, or have it honour Idempotency-Key.",
        )
    if tried.keys is Keys.HONOURED and not keyed:
        return warn(
            "keys",
            f"FLIGHT_SERVICE_KEYED=false, and yet {tried.why}",
            "If it keeps keys for seven days, set FLIGHT_SERVICE_KEYED=true: that is faster and safer.",
        )
    return ok("keys", f"{tried.why}, as FLIGHT_SERVICE_KEYED={str(keyed).lower()} says")


def _clock() -> Finding:
    before = datetime.now(UTC)
    try:
        there = date_of_peer(f"{settings.FLIGHT_SERVICE_URL}/api/v1/flights/{SOME_FLIGHT}")
    except Unreachable as error:
        return warn("clock of peer", f"not read ({error})", "Run this again: it has answered a moment ago.")
    after = datetime.now(UTC)
    if there is None:
        return ok("clock of peer", "its answers have no Date")
    # Its date has whole seconds.
    early, late = (before - there).total_seconds() - 1, (there - after).total_seconds()
    skew = max(0.0, early, late)
    if skew > SKEW_SECONDS:
        return warn(
            "clock of peer",
            f"the Flight Service's clock is {skew:.0f} s from this machine's",
            "Nothing is decided on it; tell whoever runs it, as its logs and ours do not line up.",
        )
    return ok("clock of peer", "the Flight Service's is this machine's, within a second or so")
