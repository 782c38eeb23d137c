"""A Flight Service without keys: gateways to it, time for its gates, and what may differ in the end."""

from datetime import timedelta
from typing import Any

from django.db.models import F, Q, Sum

from bookings.conf import WORKER_CALL_SECONDS
from bookings.db.clock import database_time
from bookings.gateways.flight_service.unkeyed.flights import Counter, UnkeyedFlights
from bookings.lifecycle import Hold
from bookings.models import Booking, FlightGate, PatchSlot, SeatCall
from bookings.models.seats.seat_call import SeatCallState
from tests.support.gateways import a_tireless_gateway
from tests.support.invariants import seats_adrift

SETTLE = timedelta(seconds=60)


def an_unkeyed_gateway(base_url: str, counter: Counter, *, at_once: int = 4) -> UnkeyedFlights:
    """Make what `wiring` makes, with a breaker that never rests."""
    inner = a_tireless_gateway(base_url, keep_alive=False, change_seconds=WORKER_CALL_SECONDS)
    return UnkeyedFlights(inner, counter=counter, settle=SETTLE, at_once=at_once)


def let_gates_settle() -> None:
    """Let more time go by for all gates than a lease, or a request that may still land, can last."""
    past = 2 * SETTLE
    FlightGate.objects.update(leased_until=F("leased_until") - past, inflight_since=F("inflight_since") - past)
    PatchSlot.objects.update(until=F("until") - past)


def let_idle_gates_settle() -> None:
    """The same for gates that no change leases, and for slots that no change uses."""
    FlightGate.objects.filter(lease=None).update(inflight_since=F("inflight_since") - 2 * SETTLE)
    used = FlightGate.objects.filter(leased_until__gt=database_time(), slot__isnull=False)
    for slot in PatchSlot.objects.exclude(number__in=list(used.values_list("slot", flat=True))):
        # One that was taken meanwhile has another end by now.
        PatchSlot.objects.filter(pk=slot.pk, until=slot.until).update(until=F("until") - 2 * SETTLE)


def let_slots_end() -> None:
    """Free the places of changes whose processes have died; their gates stay as they are."""
    PatchSlot.objects.update(until=F("until") - 2 * SETTLE)


def anything_is_open() -> bool:
    """Tell whether the worker has something left to find out, or to give back."""
    asking, owed = Q(hold=Hold.ASKING), Q(hold=Hold.GIVING_BACK, give_back=None)
    return Booking.objects.filter(asking | owed).exists() or SeatCall.objects.filter(state=SeatCallState.OPEN).exists()


def shown_to_staff(flight_id: int) -> int:
    """Count the seats of a flight that wait for a decision."""
    takes = Booking.objects.filter(flight_id=flight_id, hold=Hold.STUCK)
    calls = SeatCall.objects.filter(flight_id=flight_id, state=SeatCallState.DEAD)
    of_takes = takes.aggregate(seats=Sum("no_of_seats"))["seats"] or 0
    return of_takes + (calls.aggregate(seats=Sum("seats"))["seats"] or 0)


def drift_out_of_bounds(sim: Any) -> list[str]:
    """
    Name the flights on which more seats are taken, or fewer, than the bookings and the rows shown to staff say.

    When quiet: taken == held, but for seats that staff are shown; those may be taken or not.
    """
    return [
        f"flight {flight}: drift {taken - held}, {shown_to_staff(flight)} shown to staff"
        for flight, taken, held in seats_adrift(sim)
        if not 0 <= taken - held <= shown_to_staff(flight)
    ]
