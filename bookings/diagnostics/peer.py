"""Checks of the Flight Service: what it shows, its clock, and whether it honors keys."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings

from bookings.conf import PROBED_FLIGHT
from bookings.diagnostics.finding import Finding, Verdict, fail, ok, warn
from bookings.diagnostics.health import flight_service
from bookings.gateways.diagnostic_probes import Unreachable, date_of_peer
from bookings.ports import FlightService, FlightsUnreachable, UnknownFlight, UnusableFlight
from bookings.services.seats.key_support import Keys, KeysTried, try_key_support
from bookings.services.seats.number_support import Numbers, NumbersTried, try_number_support

SHOWN = "flight"
CLOCK = "Flight Service clock"
NUMBERS = "seats by number"
CALL_SECONDS = 2.0

# A create asks twice, and has four seconds in all.
SLOW_SECONDS = 0.5

# No deadline is on its clock; further apart, two logs cannot be laid side by side.
SKEW_SECONDS = 5


def check_peer(flights: FlightService, flight_id: int | None) -> Iterator[Finding]:
    """Ask whether it answers; then for one flight, and for its time."""
    answers = flight_service(flights)
    yield answers
    if answers.verdict is not Verdict.OK:
        return
    yield from _flight(flights, flight_id or PROBED_FLIGHT)
    yield _clock()


def _flight(flights: FlightService, flight_id: int) -> Iterator[Finding]:
    """Look at one flight as the service shows it, and at how long that takes."""
    began = time.monotonic()
    try:
        flight = flights.get_flight(flight_id, seconds=CALL_SECONDS)
    except UnknownFlight:
        flight = None
    except UnusableFlight:
        yield warn(
            SHOWN,
            f"flight {flight_id} is shown in a way that cannot be sold",
            "Ask for that flight with curl: it needs its own id, a whole price from 0, whole totalSeats, and "
            "no currency or one of ISO 4217.",
        )
        return
    except FlightsUnreachable:
        yield warn(SHOWN, f"flight {flight_id} was not answered within {CALL_SECONDS:.0f} s", "Run this again.")
        return
    took = time.monotonic() - began
    answered = f"flight {flight_id} shown in {took * 1000:.0f} ms" if flight else f"there is no flight {flight_id}"
    if took > SLOW_SECONDS:
        yield warn(SHOWN, answered, "A create needs two answers; ask its operators, or add threads meanwhile.")
    elif flight is not None and flight.capacity is None:
        yield warn(
            SHOWN,
            "it does not show `capacity`",
            "`manage.py reconcile_seats` can compare nothing then: ask its operators to show it.",
        )
    else:
        yield ok(SHOWN, answered)


def check_keys(flights: FlightService, flight_id: int) -> Finding:
    """Ask it twice for a seat of a test flight with one key, and give back what that took."""
    tried = try_key_support(flights=flights, flight_id=flight_id)
    finding = _judged(tried)
    if not tried.seats_out:
        return finding
    return fail(
        "keys",
        f"{finding.message}; up to {tried.seats_out} seats of flight {flight_id} may not have come back",
        f"Look at flight {flight_id} there, and give back by hand what is missing. {finding.hint}".strip(),
    )


def _judged(tried: KeysTried) -> Finding:
    keyed = settings.FLIGHT_SERVICE_KEYED
    if tried.keys is Keys.UNCLEAR:
        return warn("keys", tried.why, "Try again with a flight that no client books: --try-flight N.")
    if tried.keys is Keys.IGNORED and keyed:
        return fail(
            "keys",
            f"FLIGHT_SERVICE_KEYED=true, and {tried.why}: every lost answer can cost a seat",
            "Stop taking bookings. Set FLIGHT_SERVICE_KEYED=false, or have it honor Idempotency-Key.",
        )
    if tried.keys is Keys.HONORED and not keyed:
        return warn(
            "keys",
            f"FLIGHT_SERVICE_KEYED=false, and yet {tried.why}",
            "If it keeps keys for seven days, set FLIGHT_SERVICE_KEYED=true: that is faster and safer.",
        )
    return ok("keys", f"{tried.why}, as FLIGHT_SERVICE_KEYED={str(keyed).lower()} says")


def check_numbers(flights: FlightService, flight_id: int) -> Finding:
    """Ask it for a seat of a test flight by number, as the settings say that clients may, and give it back."""
    tried = try_number_support(flights=flights, flight_id=flight_id)
    finding = _judged_numbers(tried, flight_id)
    if not tried.is_out:
        return finding
    return fail(
        NUMBERS,
        f"{finding.message}; seat {tried.seat} of flight {flight_id} may not have come back",
        f"Look at flight {flight_id} there, and give it back by hand, with its number. {finding.hint}".strip(),
    )


def _judged_numbers(tried: NumbersTried, flight_id: int) -> Finding:
    on, off = "FLIGHT_SERVICE_SEAT_NUMBERS=true", "Set FLIGHT_SERVICE_SEAT_NUMBERS=false until it keeps numbers."
    match tried.numbers:
        case Numbers.KEPT:
            return ok(NUMBERS, f"seat {tried.seat} was taken by its number and given back, as {on} says")
        case Numbers.NO_MAP:
            return warn(
                NUMBERS,
                f"flight {flight_id} has no map: there a create by number is 409, and one by count goes on",
                "If its seats have numbers, it must show `seatMap` and the map: see docs/flight-service.md.",
            )
        case Numbers.REFUSED:
            return fail(NUMBERS, f"{on}, and numbers are refused: each reservation by number will be stuck", off)
        case Numbers.IGNORED:
            text = "and it counts a seat and ignores its number: each booking by number ends, and its client hears 503"
            return fail(NUMBERS, f"{on}, {text}", off)
        case Numbers.NOT_MARKED:
            return fail(NUMBERS, f"{on}, and its map shows a seat as free that was taken: it may be sold twice", off)
        case Numbers.UNCLEAR:
            return warn(NUMBERS, tried.why, "Try again with a flight that no client books: --try-flight N.")


def _clock() -> Finding:
    before = datetime.now(UTC)
    try:
        there = date_of_peer(f"{settings.FLIGHT_SERVICE_URL}/api/v1/flights/{PROBED_FLIGHT}")
    except Unreachable as error:
        return warn(CLOCK, f"not read ({error})", "Run this again: it has answered a moment ago.")
    after = datetime.now(UTC)
    if there is None:
        return ok(CLOCK, "its answers have no Date")
    # Its date has whole seconds.
    early, late = (before - there).total_seconds() - 1, (there - after).total_seconds()
    skew = max(0.0, early, late)
    if skew > SKEW_SECONDS:
        return warn(
            CLOCK,
            f"the Flight Service's clock is {skew:.0f} s from this machine's",
            "Nothing is decided on it; tell its operators, as its logs and ours do not line up.",
        )
    return ok(CLOCK, "the Flight Service's is this machine's, within a second or so")
