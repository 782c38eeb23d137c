"""How many unpaid bookings a user may have at once: so that nobody keeps all seats of a flight by script."""

import math
from uuid import UUID

from django.conf import settings

from bookings.clock import database_time
from bookings.errors import TooManyUnpaidBookings
from bookings.lifecycle import UNPAID
from bookings.models import Booking, UserHold


def make_lockable(user_id: int) -> None:
    """
    Make the row that stands for this user, in a transaction of its own.

    Two creates that made it in theirs would wait for each other, and one would be rolled back.
    """
    if settings.MAX_UNPAID_BOOKINGS_PER_USER and not UserHold.objects.filter(pk=user_id).exists():
        UserHold.objects.bulk_create([UserHold(user_id=user_id)], ignore_conflicts=True)


def refuse_one_too_many(user_id: int, *, besides: UUID) -> None:
    """
    Lock the user, count its unpaid bookings, and keep others from adding one until this transaction ends.

    Assumes an open transaction that holds no other lock. A booking that is past its deadline counts until the
    sweep has been: its seats are still held. The one with the hold key `besides` does not count: it is this
    very transaction's, if the answer to its COMMIT was lost.

    :raises TooManyUnpaidBookings: if there are as many as there may be
    """
    cap = settings.MAX_UNPAID_BOOKINGS_PER_USER
    if not cap:
        return
    UserHold.objects.select_for_update().get(pk=user_id)
    unpaid = Booking.objects.filter(user_id=user_id, status__in=UNPAID).exclude(hold_key=besides)
    deadlines = sorted(unpaid.values_list("expires_at", flat=True))
    if len(deadlines) >= cap:
        until_one_expires = (deadlines[0] - database_time()).total_seconds()
        raise TooManyUnpaidBookings(retry_after=max(1, math.ceil(until_one_expires)))
