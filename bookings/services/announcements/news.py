"""
What there is to tell about a booking: out of its row and its events, without a look at anything else.

The last of it shows the booking as its row is. If several things happened since the last look, those before it are
shown as they were then, as far as the events tell; an event names what it changes, and all before a payment is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookings.actor import ActorKind
from bookings.lifecycle import BookingStatus, News, ShownPayment
from bookings.models import Booking, BookingEvent
from bookings.models.bookings.booking_event import MONEY_WENT_BACK, EventKind
from bookings.queries.announced import shown_now
from bookings.queries.bookings.shown import ShownBooking

Payments = Mapping[tuple[int, datetime | None], int]
"""The ids of payments, by their booking and the time at which they were settled."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to tell: what happened when, the booking as it was then, and what changed it."""

    type: News
    occurred_at: datetime
    shown: ShownBooking
    change: Mapping[str, Any]


def news_of(booking: Booking, events: Sequence[BookingEvent], *, payments: Payments, now: datetime) -> list[Item]:
    """
    Give what has happened to a booking since the last look, oldest first.

    `events` are all of the booking's, oldest first, where there may be more than one thing to tell; otherwise those
    since the last look will do.
    """
    as_is, items = shown_now(booking, at=now), list[Item]()
    then = _once_held(booking, as_is)
    if not booking.announced and booking.held_at is not None:
        change = _change(ActorKind.SYSTEM, BookingStatus.PENDING, BookingStatus.INITIATED)
        items.append(Item(News.HELD, booking.held_at, then, change))
    for event in events:
        then = _after(event, then, as_is, payments)
        if event.news is None or event.pk <= booking.announced_event_id:
            continue
        change = _change(event.actor_kind, event.from_status, event.to_status, event.reason)
        amount = {"amount": event.amount} if event.news is News.REFUNDED else {}
        items.append(Item(event.news, event.created_at, then, {**change, **amount}))
    if items:
        last = items[-1]
        items[-1] = Item(last.type, last.occurred_at, as_is, last.change)
    return items


def reminder(booking: Booking, *, now: datetime) -> Item:
    """Tell that a booking is not paid for, and that the end of its payment window is near."""
    return Item(News.EXPIRING, now, shown_now(booking, at=now), _change(ActorKind.SYSTEM))


def may_be_several(booking: Booking, events: Sequence[BookingEvent]) -> bool:
    """Tell whether there is more than one thing to tell: `events` are those since the last look."""
    is_held = not booking.announced and booking.held_at is not None
    return is_held + sum(event.news is not None for event in events) > 1


def _change(by: str, before: str = "", after: str = "", why: str = "") -> dict[str, Any]:
    """Say what changed: by a kind of actor, never by a name, and without anybody's words."""
    return {"from": before or None, "to": after or None, "why": why or None, "by": str(by)}


def _once_held(booking: Booking, as_is: ShownBooking) -> ShownBooking:
    """Give a booking as it was once its seats were held, or before."""
    return as_is._replace(
        status=BookingStatus.PENDING if booking.held_at is None else BookingStatus.INITIATED,
        cancel_reason="",
        payment_state="",
        active_payment_id=None,
        refund_amount=0,
        updated_at=booking.held_at or booking.created_at,
        cancelled_at=None,
        payment_at=None,
        refund_at=None,
    )


def _after(event: BookingEvent, then: ShownBooking, as_is: ShownBooking, payments: Payments) -> ShownBooking:
    """Give a booking as it was after an event, by what it was before."""
    at = event.created_at
    match event.what:
        case EventKind.BOOKED:
            paid_by = payments.get((as_is.id, at))
            paid = _paid(then, ShownPayment.SUCCEEDED, at)
            return paid._replace(status=BookingStatus.BOOKED, active_payment_id=paid_by, updated_at=at)
        case EventKind.PAYMENT_FAILED:
            return _paid(then, ShownPayment.FAILED, at)._replace(active_payment_id=None, updated_at=at)
        case EventKind.CANCELLED:
            ended = then._replace(status=BookingStatus.CANCELLED, cancel_reason=event.reason, cancelled_at=at)
            return _owed(ended, event, as_is)._replace(active_payment_id=None, updated_at=at)
        case EventKind.REFUND_ASKED:
            asked = then._replace(refund_amount=then.refund_amount + event.amount, refund_at=at, updated_at=at)
            return asked._replace(payment_state=ShownPayment.PART_DUE)
        case _ if event.what in MONEY_WENT_BACK and event.amount:
            goes_on = then.status == BookingStatus.BOOKED
            back = ShownPayment.PART_REFUNDED if goes_on else ShownPayment.REFUNDED
            amount = max(then.refund_amount, event.amount)
            return then._replace(payment_state=back, refund_amount=amount, refund_at=at, updated_at=at)
    return then


def _paid(then: ShownBooking, state: ShownPayment, at: datetime) -> ShownBooking:
    return then._replace(payment_state=state, payment_at=at, refund_at=None, refund_amount=0)


def _owed(ended: ShownBooking, event: BookingEvent, as_is: ShownBooking) -> ShownBooking:
    """Show that what was paid goes back, if it was: before the booking ended, or in the very same moment."""
    is_back = as_is.payment_state in (ShownPayment.REFUND_DUE, ShownPayment.REFUNDED)
    came_too_late = is_back and as_is.payment_at == event.created_at
    if event.from_status != BookingStatus.BOOKED and not came_too_late:
        return ended
    paid_at = event.created_at if came_too_late else ended.payment_at
    owed = ended._replace(payment_state=ShownPayment.REFUND_DUE, payment_at=paid_at)
    return owed._replace(refund_at=event.created_at, refund_amount=ended.total_cost)
