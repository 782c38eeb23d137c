"""How much unpaid a user may have at once: so that no script keeps all seats of a flight."""

import math
from datetime import datetime
from uuid import UUID

from django.db import connection

from bookings.conf import payment_window, unpaid_limits
from bookings.db.clock import database_time, row_with_time
from bookings.db.packets import later
from bookings.db.waiting_line import lines
from bookings.errors import TooManyUnpaidBookings, TooManyUnpaidSeats
from bookings.lifecycle import UNPAID
from bookings.models import Booking

# Locks the row that stands for a user, or makes it, which locks it as well. A transaction that makes it at the same
# time waits here until this one has ended.
LOCK = {
    "mysql": "INSERT INTO `user_hold` (user_id) VALUES (%s) ON DUPLICATE KEY UPDATE user_id = `user_hold`.user_id",
    "sqlite": "INSERT INTO user_hold (user_id) VALUES (%s) ON CONFLICT DO NOTHING",
    # DO NOTHING would lock no row that is there.
    "postgresql": "INSERT INTO user_hold (user_id) VALUES (%s)"
    " ON CONFLICT (user_id) DO UPDATE SET user_id = EXCLUDED.user_id",
}

COUNT = """
    SELECT {now}, COUNT(*), COALESCE(SUM(CASE WHEN flight_id = %s THEN no_of_seats END), 0)
    FROM booking WHERE user_id = %s AND status IN (%s, %s) AND hold_key <> %s
"""


def refuse_one_too_many(user_id: int, *, flight_id: int, seats: int, besides: UUID) -> datetime:
    """
    Lock the user, count what it has not paid, and keep others from adding to it until this transaction ends.

    Returns the database time once the user is locked.

    Assumes an open transaction that holds no other lock. A booking that is past its deadline counts until the
    pass has been: its seats are still held. The one with the hold key `besides` does not count: it is this
    very transaction's, if the answer to its COMMIT was lost.

    :raises TooManyUnpaidBookings: if there are as many as there may be
    :raises TooManyUnpaidSeats: if these seats were more on this flight than there may be
    :raises TemporarilyUnavailable: if others already wait for this user's row, which does not come free
    """
    most_bookings, most_seats = unpaid_limits()
    if not (most_bookings or most_seats):
        return database_time()
    own = Booking._meta.get_field("hold_key").get_db_prep_value(besides, connection)
    with lines.place_for(f"user {user_id}"):
        later(LOCK[connection.vendor], [user_id])
        now, (bookings, on_flight) = row_with_time(COUNT, [flight_id, user_id, *UNPAID, own])
    if (most_bookings and bookings >= most_bookings) or (most_seats and seats + on_flight > most_seats):
        _refuse(user_id, flight_id=flight_id, seats=seats, besides=besides)
    return now


def _refuse(user_id: int, *, flight_id: int, seats: int, besides: UUID) -> None:
    """Say which cap is in the way, and until when."""
    most_bookings, most_seats = unpaid_limits()
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
