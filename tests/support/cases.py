"""Cases as staff work on them."""

import uuid
from typing import Any

from bookings.actor import Actor, ActorKind
from bookings.models import Booking, BookingCase
from bookings.models.bookings.booking_case import CaseMove
from bookings.services.bookings.move_case import CaseOrder, move_case


def colleague(name: str) -> Actor:
    """A member of staff."""
    return Actor(kind=ActorKind.STAFF, name=name, request_id=f"req-{name}")


def move(booking: Booking, what: str, *, by: str = "anna", action_key: str = "", **order: Any) -> None:
    """Do something with a case, from a page that shows it as it is now unless told otherwise."""
    case = BookingCase.objects.filter(pk=booking.pk).first()
    seen = order.pop("seen_version", case.version if case else 0)
    wish = CaseOrder(move=CaseMove(what), seen_version=seen, **order)
    move_case(booking_id=booking.pk, order=wish, actor=colleague(by), action_key=action_key or uuid.uuid4().hex)


def how_it_stands(booking: Booking) -> tuple[str, str, bool]:
    """Who has a case, when it is due, and whether it is open."""
    case = BookingCase.objects.get(pk=booking.pk)
    return case.owner, f"{case.follow_up_on or ''}", case.closed_at is None
