"""Reads bookings in the archive: as clients see them, to find them, to count their seats; and how far it is behind."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Now

from bookings.conf import bookings_kept
from bookings.lifecycle import BookingStatus
from bookings.models import ArchivedBooking, ArchiveRound, Booking
from bookings.queries.bookings.history import unpacked
from bookings.queries.bookings.shown import ShownBooking
from bookings.text.seat_numbers import numbers_in

# All but the history, which is most of a row.
TO_FIND_BY = tuple(column.name for column in ArchivedBooking._meta.concrete_fields if column.name != "history")


def shown_from_archive(**columns: Any) -> ShownBooking | None:
    """Read a booking of the archive as clients see it, as it ended; None if there is no such one. One statement."""
    row = ArchivedBooking.objects.filter(**columns).values_list("history", Now()).first()
    if row is None:
        return None
    booking = unpacked(row[0]).booking
    *seen, _ = ShownBooking._fields
    return ShownBooking._make([*(getattr(booking, name) for name in seen), row[1]])


def here_or_archived(column: str, **which: Any) -> QuerySet[Any, Any]:
    """The values of a column of bookings, those of the archive too. One statement: a booking may move between two."""
    here, archived = (
        model._default_manager.filter(**which).order_by().values_list(column, flat=True)
        for model in (Booking, ArchivedBooking)
    )
    return here.union(archived, all=True)


def is_booking_of(user_id: int, booking_id: int) -> bool:
    """Whether a booking, here or in the archive, is this user's."""
    return here_or_archived("pk", pk=booking_id, user_id=user_id).exists()


def find_archived(number: int | None, reference: str, typed: str, *, most: int) -> list[ArchivedBooking]:
    """
    Find bookings of the archive, the newest first: by reference, by id, user or flight, or by a gateway's payment.

    Each is looked up on an index of its own.
    """
    asked: list[tuple[dict[str, Any], Any]] = [({"charged_as": typed}, "-pk")]
    if reference:
        asked.append(({"reference": reference}, "-pk"))
    if number is not None:
        # Sorted on purpose: see the note in `bookings.queries.bookings.pages`.
        asked += [({"pk": number}, "-pk"), ({"user_id": number}, "-pk"), ({"flight_id": number}, (F("pk") + 0).desc())]
    rows = ArchivedBooking.objects.only(*TO_FIND_BY)
    found = {row.pk: row for columns, order in asked for row in rows.filter(**columns).order_by(order)[:most]}
    return [found[booking_id] for booking_id in sorted(found, reverse=True)[:most]]


def archived_as(payment_id: str) -> str:
    """The reference of the booking of the archive whose payment its gateway calls so; empty if there is none."""
    rows = ArchivedBooking.objects.filter(charged_as=payment_id) if payment_id else ArchivedBooking.objects.none()
    return rows.values_list("reference", flat=True).first() or ""


def archived_seats_of(flight_id: int) -> tuple[int, int]:
    """The seats of a flight that archived bookings still have taken, and how many bookings of it are archived."""
    flown = Q(status=BookingStatus.BOOKED)
    of_flight = ArchivedBooking.objects.filter(flight_id=flight_id)
    counted = of_flight.aggregate(seats=Sum("no_of_seats", filter=flown), bookings=Count("pk"))
    return counted["seats"] or 0, counted["bookings"]


def archived_numbers_of(flight_id: int) -> set[str]:
    """The same seats, those that are taken by number."""
    flown = ArchivedBooking.objects.filter(flight_id=flight_id, status=BookingStatus.BOOKED).exclude(seat_numbers="")
    return {number for numbers in flown.values_list("seat_numbers", flat=True) for number in numbers_in(numbers)}


def archive_is_behind(now: datetime) -> timedelta | None:
    """
    For how long the booking that has waited longest for the archive's look has been old enough; None: none ever leaves.

    Within the first round that is the one that comes next; after a round, what has become old since.
    """
    kept = bookings_kept()
    if kept is None:
        return None
    walk = ArchiveRound.objects.first()
    if walk is not None and walk.finished_at is not None:
        return max(timedelta(), now - walk.finished_at)
    coming = Booking.objects.filter(pk__gt=walk.position if walk else 0).order_by("pk")
    made_at = coming.values_list("created_at", flat=True).first()
    return timedelta() if made_at is None else max(timedelta(), now - kept - made_at)
