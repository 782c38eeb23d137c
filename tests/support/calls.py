"""Calls to the Flight Service that wait for staff, and where the back office shows them."""

import re
import uuid
from datetime import timedelta
from typing import Any

from bookings.actor import Actor
from bookings.db.clock import database_time
from bookings.lifecycle import Decision, RefundCause
from bookings.models import Booking, Payment, Refund, SeatCall
from bookings.models.payments import PaymentState
from bookings.services.payments.ask_refund import RefundRequest
from bookings.services.shared.manual_resolution import Resolution
from tests.support.bookings import STAFF, a_call_row, a_payment_row, a_saved_row, an_owed_refund

CALLS = "/admin/bookings/seatcall/"


def a_resolution(decision: Decision, *, actor: Actor = STAFF, note: str = "why", action_key: str = "") -> Resolution:
    """What staff say about a call that was given up, from a page of its own unless the page's key is given."""
    return Resolution(decision, actor, note=note, action_key=action_key or uuid.uuid4().hex)


def why(note: str, *, about: str = "") -> dict[str, str]:
    """The fields of the form that decides, as a page of its own sends them."""
    return {"note": note, "action_key": uuid.uuid4().hex, "about": about}


def payment_address(payment: Payment, word: str) -> str:
    return f"/admin/bookings/payment/{payment.pk}/{word}/"


def a_dead_payment(status: str = "initiated", state: str = PaymentState.DEAD, **columns: Any) -> Payment:
    """Insert a charge that was given up; `hours` is the age of its first sending."""
    first_sent_at = database_time() - timedelta(hours=columns.pop("hours", 25))
    values = {"first_sent_at": first_sent_at, "last_error": "no answer", "claims": 9}
    booking = a_saved_row(status)
    payment = a_payment_row(booking, PaymentState(state), **{**values, **columns})
    if payment.active_booking_id:
        Booking.objects.filter(pk=booking.pk).update(active_payment_id=payment.pk)
    return payment


def a_dead_refund(**columns: Any) -> Refund:
    """Insert a refund that was given up; `hours` is the age of its first sending."""
    first_sent_at = database_time() - timedelta(hours=columns.pop("hours", 25))
    values = {"first_sent_at": first_sent_at, "last_error": "no answer", "claims": 9}
    return an_owed_refund("dead", **{**values, **columns})


def a_refund_request(booking: Booking, amount: int = 1000, **said: Any) -> RefundRequest:
    """What staff ask for on a page of this booking that was just opened."""
    usual: dict[str, Any] = {
        "payment_id": booking.active_payment_id,
        "amount": amount,
        "cause": RefundCause.GOODWILL,
        "note": "three hours late",
        "actor": STAFF,
        "action_key": uuid.uuid4().hex,
        "seen_version": booking.version,
    }
    return RefundRequest(**{**usual, **said})


def refund_address(refund: Refund, word: str) -> str:
    return f"/admin/bookings/refund/{refund.pk}/{word}/"


def take_address(booking: Booking, word: str) -> str:
    return f"/admin/bookings/booking/{booking.pk}/take/{word}/"


def give_back_address(call: SeatCall, word: str) -> str:
    return f"{CALLS}{call.pk}/{word}/"


def a_stuck_reservation(**columns: Any) -> Booking:
    """Insert a booking whose take was given up; `hours` is the age of its first sending."""
    first_sent_at = database_time() - timedelta(hours=columns.pop("hours", 3))
    values = {"hold": "stuck", "first_sent_at": first_sent_at, "last_error": "400 invalid_request"}
    return a_saved_row("pending", **{**values, **columns})


def a_dead_release(**columns: Any) -> SeatCall:
    """Insert a release of one booking that was given up."""
    first_sent_at = database_time() - timedelta(hours=columns.pop("hours", 3))
    values = {"state": "dead", "first_sent_at": first_sent_at, "last_error": "404 flight_not_found", "claims": 4}
    call = a_call_row(**{**values, **columns})
    a_saved_row("cancelled", hold="giving_back", give_back=call, no_of_seats=call.seats, flight_id=call.flight_id)
    return call


def links_of(answer: Any) -> list[str]:
    """The decisions that a page offers."""
    return re.findall(r'href="(/admin/[^"]*/(?:retry|applied|not-applied)/)"', answer.content.decode())
