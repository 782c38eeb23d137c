"""Reads that span rows or models. Nothing here locks, and nothing is decided on what it returns."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet, Sum
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule

from bookings.actor import Actor
from bookings.clock import database_time
from bookings.conf import CLOCK_TOLERANCE, LONGEST_WAIT
from bookings.errors import BookingNotFound
from bookings.lifecycle import Hold
from bookings.models import Booking, Heartbeat, SeatCall
from bookings.models.seat_call import SeatCallState
from bookings.references import reference_in
from bookings.wake import SWEEP_TASK

SWEEP_HEARTBEAT = "sweep"


def bookings_visible_to(actor: Actor) -> QuerySet[Booking]:
    """
    The bookings that somebody may see, with `read_at`.

    The one place that says so: whatever the API reads of bookings, it reads through here.
    """
    rows = Booking.objects.with_database_time()
    return rows if actor.user_id is None else rows.filter(user_id=actor.user_id)


def get_booking(booking_id: int, *, actor: Actor) -> Booking:
    """
    Read one booking, with `read_at`.

    :raises BookingNotFound: if there is no such booking, or the actor may not see it
    """
    booking = bookings_visible_to(actor).filter(pk=booking_id).first()
    if booking is None:
        raise BookingNotFound
    return booking


def flights_owed_seats(now: datetime) -> list[int]:
    """Flights with cancelled bookings whose seats are in no give-back call yet, on the to-do index alone."""
    owed = Booking.objects.unfinished_business(now).filter(hold=Hold.GIVING_BACK, give_back=None)
    return sorted(owed.values_list("flight_id", flat=True).distinct())


def seats_still_owed() -> int:
    """Seats that wait for a give-back: in no call yet, or in one that failed and nobody is sending just now."""
    uncut = Booking.objects.filter(hold_next_at__isnull=False, hold=Hold.GIVING_BACK)
    now = database_time()
    not_leased = Q(lease=None) | Q(next_at__lte=now) | Q(next_at__gt=now + LONGEST_WAIT)
    waiting = SeatCall.objects.filter(not_leased, state=SeatCallState.OPEN, takes=False)
    dead = SeatCall.objects.filter(state=SeatCallState.DEAD, takes=False)
    return sum(
        rows.aggregate(total=Sum(column))["total"] or 0
        for rows, column in ((uncut, "no_of_seats"), (waiting, "seats"), (dead, "seats"))
    )


def due_to_expire(now: datetime) -> tuple[int, int]:
    """How many bookings a sweep would expire now, and how many seats they hold or ask for."""
    due = Booking.objects.past_deadline(now)
    totals = due.aggregate(seats=Sum("no_of_seats"))
    return due.count(), totals["seats"] or 0


def last_pass_finished_at() -> datetime | None:
    """When the background work last went through, on database time."""
    return Heartbeat.objects.filter(name=SWEEP_HEARTBEAT).values_list("finished_at", flat=True).first()


def misplaced_tasks(now: datetime) -> QuerySet[OrmQ]:
    """Queued tasks that are locked for longer than any worker locks one: by a clock that was ahead."""
    rows: QuerySet[OrmQ] = OrmQ.objects.filter(lock__gt=now + timedelta(seconds=Conf.RETRY) + CLOCK_TOLERANCE)
    return rows


def sweep_rests() -> bool:
    """Whether somebody has paused the background work: then its silence is meant."""
    sweeps = Schedule.objects.filter(func=SWEEP_TASK)
    return sweeps.exists() and not sweeps.exclude(repeats=0).exists()


def booking_id_of(reference: str) -> int:
    """
    Find a booking by what a customer reads out, spelled with blanks, dashes or small letters or not.

    :raises BookingNotFound: if there is no such booking
    """
    booking_id = Booking.objects.filter(reference=reference_in(reference)).values_list("pk", flat=True).first()
    if booking_id is None:
        raise BookingNotFound
    return booking_id
