"""Finds bookings, for actors who may see them."""

from datetime import datetime

from django.db.models import QuerySet, Sum

from bookings.actor import Actor
from bookings.errors import BookingNotFound
from bookings.models import Booking
from bookings.text.references import reference_in


def bookings_visible_to(actor: Actor) -> QuerySet[Booking]:
    """
    The bookings that an actor may see, with `read_at`.

    The one place that decides it: the API reads all bookings through here.
    """
    rows = Booking.objects.with_database_time()
    return rows if actor.user_id is None else rows.filter(user_id=actor.user_id)


def get_booking(booking_id: int, *, actor: Actor) -> Booking:
    """
    Read one booking, with `read_at`.

    :raises BookingNotFound: if there is no such booking, or the actor may not see it
    """
    booking = bookings_visible_to(actor).filter(pk=booking_id).first()
    if booking is None:
        raise BookingNotFound
    return booking


def booking_id_of(reference: str) -> int:
    """
    Find a booking by what a customer reads out, spelled with blanks, dashes or small letters or not.

    :raises BookingNotFound: if there is no such booking
    """
    booking_id = Booking.objects.filter(reference=reference_in(reference)).values_list("pk", flat=True).first()
    if booking_id is None:
        raise BookingNotFound
    return booking_id


def due_to_expire(now: datetime) -> tuple[int, int]:
    """How many bookings a pass would expire now, and how many seats they hold or ask for."""
    due = Booking.objects.past_deadline(now)
    totals = due.aggregate(seats=Sum("no_of_seats"))
    return due.count(), totals["seats"] or 0
