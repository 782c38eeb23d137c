"""
The places where a race stops a thread, named once: after what the thread has just done.

What stands between a decision and its rows is private to a service. Where a service changes, only this list does.
"""

from typing import Any, NamedTuple

from django.db.models import QuerySet

from bookings.models import BulkCancelRow, SeatCall
from bookings.services.announcements import announce
from bookings.services.bookings import (
    approve_bulk_cancel,
    archive,
    bulk_cancel,
    cancel,
    create,
    expire,
    extend,
    move_case,
)
from bookings.services.payments import ask_refund, disputes, pay, resolve_refund, settle
from bookings.services.seats import correct, reserve, resolve_release, resolve_reservation
from bookings.services.shared import idempotency
from bookingsite.broker import TickingBroker
from tests.support.fakes import FakePayments


class Place(NamedTuple):
    """In front of a function, or right behind it."""

    owner: Any
    name: str
    before: bool = False


UNPAID_COUNTED = Place(create, "refuse_one_too_many")
KEY_BEGUN = Place(idempotency, "begin")
PAYMENT_DECIDED = Place(pay, "_refuse_unless_payable")
PAYMENT_OPENED = Place(FakePayments, "open")
PAYMENT_TAKEN_IN = Place(settle, "book", before=True)
CANCEL_DECIDED = Place(cancel, "cancel", before=True)
EXPIRY_LOCKED = Place(expire, "expire_all", before=True)
EXTENSION_DECIDED = Place(extend, "extend", before=True)
OUTCOME_RECORDED = Place(reserve, "confirm_hold")

BULK_CANCEL_CHOSEN = Place(bulk_cancel, "_insert_rows", before=True)
BULK_CANCEL_DECIDED = Place(bulk_cancel, "cancel_locked", before=True)
BULK_CANCEL_WRITTEN = Place(BulkCancelRow, "save")
CASE_LOOKED_AT = Place(move_case, "_write_down", before=True)
APPROVAL_DECIDED = Place(approve_bulk_cancel, "_write_down", before=True)

NEWS_FOUND = Place(announce, "_looked_at")
NEWS_WRITTEN = Place(announce, "_write")

DISPUTE_FOUND = Place(disputes, "_show", before=True)

SEAT_CALL_CHOSEN = Place(SeatCall, "save", before=True)
SEAT_CALL_WRITTEN = Place(SeatCall, "save")
CORRECTION_LOOKED = Place(correct, "seats_of")
CORRECTION_DECIDED = Place(correct, "_write_down", before=True)

RETRY_DECIDED = Place(resolve_reservation, "reopen_reservation", before=True)
RETRY_WRITTEN = Place(resolve_reservation, "reopen_reservation")
RELEASE_DECIDED = Place(resolve_release, "_end", before=True)
REFUND_LOOKED_AT = Place(ask_refund, "add_refund", before=True)
REFUND_RESOLVED = Place(resolve_refund, "note_event", before=True)

ARCHIVE_READ = Place(archive, "_delete", before=True)

TASKS_LOOKED_AT = Place(TickingBroker, "_due")
DELETION_CHOSEN = Place(QuerySet, "delete", before=True)
