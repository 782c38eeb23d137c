"""How many bookings each quick view has, and what is wrong with the bookings of a page."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from bookings.models import Booking, Payment, Refund
from bookings.models.payments import UNANSWERED
from bookings.models.refunds import MOVING, NEEDS_DECISION
from bookings.queries.bookings.pages import count_up_to
from bookings.queries.bookings.selection import QUICK_VIEWS, Selection

# "999+": what is more is not counted.
MOST_COUNTED = 1_000


def counts_of_views(now: datetime) -> dict[str, int]:
    """How many bookings are in each quick view, up to `MOST_COUNTED`. `now` is database time."""
    return {view: count_up_to(MOST_COUNTED, Selection(view=view).rows(now)) for view in QUICK_VIEWS}


def unsettled_payments(bookings: Iterable[Booking]) -> dict[int, set[str]]:
    """The states of the payments of these bookings that something is still to be done about."""
    found: dict[int, set[str]] = defaultdict(set)
    rows = Payment.objects.filter(booking__in=[booking.pk for booking in bookings], state__in=UNANSWERED)
    for booking_id, state in rows.values_list("booking_id", "state"):
        found[booking_id].add(state)
    return found


def unsettled_refunds(bookings: Iterable[Booking]) -> dict[int, set[str]]:
    """The states of their refunds that something is still to be done about."""
    found: dict[int, set[str]] = defaultdict(set)
    mine = Refund.objects.filter(payment__booking__in=[booking.pk for booking in bookings])
    rows = mine.filter(Q(state__in=MOVING) | NEEDS_DECISION)
    for booking_id, state in rows.values_list("payment__booking_id", "state"):
        found[booking_id].add(state)
    return found
