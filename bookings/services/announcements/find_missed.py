"""Look for what others were never told, though they should have been. There is none, unless the code is wrong."""

from datetime import datetime

import structlog

from bookings.conf import ANNOUNCEMENTS_AT_ONCE, CLOCK_TOLERANCE, LOOKED_FOR_MISSED_NEWS
from bookings.db.clock import database_time
from bookings.db.transactions import in_transaction
from bookings.deadline import Deadline
from bookings.models import Booking
from bookings.queries.announcements import flagged_beyond_window, untold_bookings
from bookings.services.shared.best_effort import for_each
from bookings.services.shared.transitions import tell

log = structlog.get_logger(__name__)


def find_missed_news(*, deadline: Deadline) -> int:
    """
    Flag the bookings of the last day that something is to be told about and that are not flagged; return how many.

    Also those whose flag is further ahead than their payment window: a clock was ahead that wrote it. Each is logged
    as an error.

    :raises ExceptionGroup: at the end, if some could not be flagged
    """
    now = database_time()
    ids = untold_bookings(since=now - LOOKED_FOR_MISSED_NEWS, most=ANNOUNCEMENTS_AT_ONCE)
    ids += flagged_beyond_window(now + CLOCK_TOLERANCE, most=ANNOUNCEMENTS_AT_ONCE)
    return for_each(sorted(set(ids)), _flag, deadline=deadline)


@in_transaction("news.missed")
def _flag(booking_id: int) -> int:
    """Look once more under the lock, and flag the booking."""
    booking = Booking.objects.select_for_update(skip_locked=True).filter(pk=booking_id).first()
    now = database_time()
    if booking is None or not _is_missed(booking, now):
        return 0
    tell(booking, at=now)
    log.error("news.missed", booking=booking.reference)
    return 1


def _is_missed(booking: Booking, now: datetime) -> bool:
    if booking.announce_at is None:
        return bool(untold_bookings(since=now - LOOKED_FOR_MISSED_NEWS, most=1, only=booking.pk))
    return booking.announce_at > max(now, booking.expires_at) + CLOCK_TOLERANCE
