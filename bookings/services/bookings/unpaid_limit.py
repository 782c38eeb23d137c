"""How much unpaid a user may have at once: so that no script keeps all seats of a flight."""

import math
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from bookings.conf import payment_window, unpaid_limits
from bookings.db.clock import database_time
from bookings.db.waiting_line import lines
from bookings.errors import TooManyUnpaidBookings, TooManyUnpaidSeats
from bookings.lifecycle import UNPAID
from bookings.models import Booking, UserHold


class AnotherWasFirst(Exception):
    """Another transaction has made the row of this user meanwhile. Roll back and begin again: it can be locked."""


def refuse_one_too_many(user_id: int, *, flight_id: int, seats: int, besides: UUID) -> None:
    """
    Lock the user, count what it has not paid, and keep others from adding to it until this transaction ends.

    Assumes an open transaction that holds no other lock. A booking that is past its deadline counts until the
    pass has been: its seats are still held. The one with the hold key `besides` does not count: it is this
    very transaction's, if the answer to its COMMIT was lost. Costs one locking read and one other, and at the
    first booking of a user an INSERT.

    :raises TooManyUnpaidBookings: if there are as many as there may be
    :raises TooManyUnpaidSeats: if these seats were more on this flight than there may be
    :raises AnotherWasFirst: if two bookings are the user's first
    :raises TemporarilyUnavailable: if others already wait for this user's row, which does not come free
    """
    most_bookings, most_seats = unpaid_limits()
    if not (most_bookings or most_seats):
        return
    with lines.place_for(f"user {user_id}"):
        _lock(user_id)
    unpaid = Booking.objects.filter(user_id=user_id, status__in=UNPAID).exclude(hold_key=besides)
    if not most_bookings:
        unpaid = unpaid.filter(flight_id=flight_id)
    rows = sorted(unpaid.values_list("expires_at", "no_of_seats", "flight_id"))
    if most_bookings and len(rows) >= most_bookings:
        room_at, _, _ = rows[len(rows) - most_bookings]
        raise TooManyUnpaidBookings(retry_after=_seconds_until(room_at))
    too_many = seats + sum(held for _, held, flight in rows if flight == flight_id) - most_seats
    if most_seats and too_many > 0:
        free_at = _enough_are_free_at([(at, held) for at, held, flight in rows if flight == flight_id], too_many)
        raise TooManyUnpaidSeats(retry_after=_seconds_until(free_at))


def _lock(user_id: int) -> None:
    """
    Lock the row that stands for a user, or make it, which locks it as well.

    A transaction that makes it at the same time waits here until this one has ended.
    """
    if UserHold.objects.select_for_update().filter(pk=user_id).exists():
        return
    try:
        UserHold(user_id=user_id).save(force_insert=True)
    except IntegrityError as error:
        raise AnotherWasFirst from error


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
    # A clock that went back would have the client wait for as long: no window is longer than a window.
    left = min(deadline - database_time(), payment_window())
    return max(1, math.ceil(left.total_seconds()))
