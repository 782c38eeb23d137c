"""How much unpaid a user may have at once: so that nobody keeps all seats of a flight by script."""

import math
from datetime import datetime
from uuid import UUID

from django.conf import settings

from bookings.clock import database_time
from bookings.errors import TooManyUnpaidBookings, TooManyUnpaidSeats
from bookings.lifecycle import UNPAID
from bookings.models import Booking, UserHold
from bookings.transactions import in_transaction


class NothingToLock(Exception):
    """There is no row that stands for this user yet. Roll back, make it, and begin again."""


@in_transaction("create.user")
def make_lockable(user_id: int) -> None:
    """
    Make the row that stands for this user, unless it is there.

    Two creates that made it in their own transactions would wait for each other, and one would be rolled back.
    """
    UserHold.objects.bulk_create([UserHold(user_id=user_id)], ignore_conflicts=True)


def refuse_one_too_many(user_id: int, *, flight_id: int, seats: int, besides: UUID) -> None:
    """
    Lock the user, count what it has not paid, and keep others from adding to it until this transaction ends.

    Assumes an open transaction that holds no other lock. A booking that is past its deadline counts until the
    sweep has been: its seats are still held. The one with the hold key `besides` does not count: it is this
    very transaction's, if the answer to its COMMIT was lost. One locking read and one other, whatever there is.

    :raises TooManyUnpaidBookings: if there are as many as there may be
    :raises TooManyUnpaidSeats: if these seats were more on this flight than there may be
    :raises NothingToLock: if this is the user's first booking
    """
    most_bookings, most_seats = (
        settings.MAX_UNPAID_BOOKINGS_PER_USER,
        settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT,
    )
    if not (most_bookings or most_seats):
        return
    if not UserHold.objects.select_for_update().filter(pk=user_id).exists():
        raise NothingToLock
    unpaid = Booking.objects.filter(user_id=user_id, status__in=UNPAID).exclude(hold_key=besides)
    if not most_bookings:
        unpaid = unpaid.filter(flight_id=flight_id)
    rows = sorted(unpaid.values_list("expires_at", "no_of_seats", "flight_id"))
    if most_bookings and len(rows) >= most_bookings:
        deadline, _, _ = rows[len(rows) - most_bookings]
        raise TooManyUnpaidBookings(retry_after=_seconds_until(deadline))
    too_many = seats + sum(held for _, held, flight in rows if flight == flight_id) - most_seats
    if most_seats and too_many > 0:
        deadline = _enough_are_free_at([(at, held) for at, held, flight in rows if flight == flight_id], too_many)
        raise TooManyUnpaidSeats(retry_after=_seconds_until(deadline))


def _enough_are_free_at(held: list[tuple[datetime, int]], wanted: int) -> datetime | None:
    """The deadline with which so many of these seats are free, earliest first; None if there are fewer."""
    for deadline, seats in held:
        wanted -= seats
        if wanted <= 0:
            return deadline
    return None


def _seconds_until(deadline: datetime | None) -> int | None:
    """How long a client waits for what expires then; it may pay or cancel something sooner."""
    if deadline is None:
        return None
    return max(1, math.ceil((deadline - database_time()).total_seconds()))
