"""Calls to the Flight Service that wait for staff, and where the back office shows them."""

import re
from datetime import timedelta
from typing import Any

from bookings.db.clock import database_time
from bookings.models import Booking, SeatCall
from tests.support.bookings import a_call_row, a_saved_row

CALLS = "/admin/bookings/seatcall/"


def take_address(booking: Booking, word: str) -> str:
    return f"/admin/bookings/booking/{booking.pk}/take/{word}/"


def give_back_address(call: SeatCall, word: str) -> str:
    return f"{CALLS}{call.pk}/{word}/"


def a_stuck_take(**columns: Any) -> Booking:
    """Insert a booking whose take was given up; `hours` is the age of its first sending."""
    first_sent_at = database_time() - timedelta(hours=columns.pop("hours", 3))
    values = {"hold": "stuck", "first_sent_at": first_sent_at, "last_error": "400 invalid_request"}
    return a_saved_row("pending", **{**values, **columns})


def a_dead_give_back(**columns: Any) -> SeatCall:
    """Insert a give-back of one booking that was given up."""
    first_sent_at = database_time() - timedelta(hours=columns.pop("hours", 3))
    values = {"state": "dead", "first_sent_at": first_sent_at, "last_error": "404 flight_not_found", "claims": 4}
    call = a_call_row(**{**values, **columns})
    a_saved_row("cancelled", hold="giving_back", give_back=call, no_of_seats=call.seats, flight_id=call.flight_id)
    return call


def links_of(answer: Any) -> list[str]:
    """The decisions that a page offers."""
    return re.findall(r'href="(/admin/[^"]*/(?:retry|applied|not-applied)/)"', answer.content.decode())
