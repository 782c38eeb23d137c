"""Finds bookings, for actors who may see them."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Sum

from bookings.actor import Actor
from bookings.cells import refuse_another_cell, refuse_reference_of_another_cell
from bookings.errors import BookingChanged, BookingNotFound
from bookings.models import Booking
from bookings.queries.bookings.archived import shown_from_archive
from bookings.queries.bookings.shown import Question, ShownBooking
from bookings.text.ids import exact_id
from bookings.text.references import reference_in


def visible_to(actor: Actor) -> dict[str, int]:
    """
    What the columns of a booking must be for an actor to see it.

    The one place that decides it: the API reads all bookings through here.
    """
    return {} if actor.user_id is None else {"user_id": actor.user_id}


def bookings_shown_to(actor: Actor) -> Question:
    """The bookings that an actor may see, as clients see them."""
    return Question().filter(**visible_to(actor))


def booking_shown_to(actor: Actor, name: str) -> ShownBooking:
    """
    Read one booking, as clients see it, by its id or its reference; one of the archive as it ended.

    :raises BookingNotFound: if there is no such booking, or the actor may not see it
    """
    named = _named(name)
    found = bookings_shown_to(actor).filter(**named)[:1]
    shown = found[0] if found else shown_from_archive(**named, **visible_to(actor))
    if shown is None:
        raise BookingNotFound
    return shown


def get_booking(name: str, *, actor: Actor) -> Booking:
    """
    Read one booking with all that is known of it, by its id or its reference.

    :raises BookingNotFound: if there is no such booking, or the actor may not see it
    """
    booking = Booking.objects.filter(**_named(name), **visible_to(actor)).first()
    if booking is None:
        raise BookingNotFound
    return booking


def _named(name: str) -> dict[str, int | str]:
    """
    What the columns of a booking of this name must be. No text is both: a reference begins with a letter.

    :raises BookingNotFound: if no booking can have it
    :raises WrongCell: if a booking of another cell has it
    """
    booking_id = exact_id(name)
    if booking_id is not None:
        refuse_another_cell(booking_id)
        return {"pk": booking_id}
    reference = reference_in(name)
    if not reference:
        raise BookingNotFound
    refuse_reference_of_another_cell(reference)
    return {"reference": reference}


def refuse_if_changed(booking: Booking | ShownBooking, *, seen: Collection[int] | None) -> None:
    """
    Compare a booking with the versions of it that were seen; None is a caller who does not mind.

    :raises BookingChanged: if it is none of them
    """
    if seen is not None and booking.version not in seen:
        raise BookingChanged


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
