"""Seats of cancelled bookings that the Flight Service has not got back yet."""

from datetime import datetime

from django.db.models import Q, Sum

from bookings.conf import LONGEST_WAIT
from bookings.db.clock import database_time
from bookings.lifecycle import Hold
from bookings.models import Booking, SeatCall
from bookings.models.seats.seat_call import SeatCallState


def flights_owed_seats(now: datetime) -> list[int]:
    """Flights with cancelled bookings whose seats are in no release yet, on the to-do index alone."""
    owed = Booking.objects.due(now).filter(hold=Hold.GIVING_BACK, give_back=None)
    return sorted(owed.values_list("flight_id", flat=True).distinct())


def seats_still_owed() -> int:
    """Seats that are owed back: in no release yet, or in one that failed and is not being sent now."""
    in_no_call = Booking.objects.filter(next_at__isnull=False, hold=Hold.GIVING_BACK)
    now = database_time()
    not_leased = Q(lease=None) | Q(next_at__lte=now) | Q(next_at__gt=now + LONGEST_WAIT)
    waiting = SeatCall.objects.filter(not_leased, state=SeatCallState.OPEN, reserves=False)
    queued = sum(
        rows.aggregate(total=Sum(column))["total"] or 0
        for rows, column in ((in_no_call, "no_of_seats"), (waiting, "seats"))
    )
    return queued + seats_needing_decision()


def counts() -> dict[str, int]:
    """Both numbers by name, as those print them who work without a worker."""
    return {"seats_still_owed": seats_still_owed(), "seats_needing_decision": seats_needing_decision()}


def seats_needing_decision() -> int:
    """Those of them that no worker sends again: their call is dead, and staff must decide about it."""
    dead = SeatCall.objects.filter(state=SeatCallState.DEAD, reserves=False)
    return dead.aggregate(total=Sum("seats"))["total"] or 0
