"""Asks for bulk cancellations as a supervisor does."""

import uuid
from typing import Any

from bookings.actor import Actor, ActorKind
from bookings.deadline import Deadline
from bookings.lifecycle import CancelReason
from bookings.models import BulkCancel, BulkCancelRow
from bookings.office.addresses import query_string_of
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.bulk_cancel import BulkCancelOrder, carry_out_bulk_cancels, start_bulk_cancel

SUPERVISOR = Actor(kind=ActorKind.STAFF, name="sam", request_id="req-1")

FLIGHT_1 = Selection(flight=1)


def start(selection: Selection = FLIGHT_1, **given: Any) -> BulkCancel:
    """Look at a selection, and ask for all of it to be cancelled."""
    actor, action_key = given.pop("actor", SUPERVISOR), given.pop("action_key", None) or uuid.uuid4()
    wish = {
        "shown_as": query_string_of(selection),
        "seen": plan_bulk_cancel(selection).seen,
        "reason": CancelReason.FLIGHT_CANCELLED,
        "note": "storm",
    }
    order = BulkCancelOrder(selection=selection, **{**wish, **given})
    return start_bulk_cancel(order=order, actor=actor, action_key=action_key)


def carry_out() -> int:
    """Do the worker's step."""
    return carry_out_bulk_cancels(deadline=Deadline(60))


def results() -> list[tuple[int, str, str, int, int]]:
    """Booking, state, why, seats and refund of each row, by booking."""
    rows = BulkCancelRow.objects.order_by("booking_id")
    return list(rows.values_list("booking_id", "state", "why", "seats", "refund"))
