"""Seats of cancelled bookings that the Flight Service has not got back yet."""

from datetime import datetime

from django.db.models import Q, Sum

from bookings.conf import LONGEST_WAIT, OWED_AT_ONCE
from bookings.db.clock import database_time
from bookings.lifecycle import Hold
from bookings.models import Booking, SeatCall
from bookings.models.seats.seat_call import SeatCallState


def owed_by_flight(now: datetime) -> dict[int, list[int]]:
    """
    Cancelled bookings whose seats are in no release yet, by flight, on the to-do index alone.

    At most 100,000, those that have waited longest; first the flight that has waited longest. One that has a next
    try is in no release: a CHECK constraint sees to that. Those of which an exchange has no answer yet are among them.
    """
    owed = Booking.objects.due(now).filter(hold=Hold.GIVING_BACK).order_by("next_at")
    found: dict[int, list[int]] = {}
    for flight_id, booking_id in owed.values_list("flight_id", "pk")[:OWED_AT_ONCE]:
        found.setdefault(flight_id, []).append(booking_id)
    return found


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
