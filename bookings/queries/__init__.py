"""Reads that span rows or models. Nothing here locks, and nothing is decided on what it returns."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet, Sum
from django_q.models import Schedule

from bookings.actor import Actor
from bookings.clock import database_time
from bookings.errors import BookingNotFound
from bookings.lifecycle import UNPAID, Hold
from bookings.models import Booking, Heartbeat, Payment, SeatCall
from bookings.models.payment import PaymentState
from bookings.models.seat_call import SeatCallState
from bookings.wake import SWEEP_TASK

SWEEP_HEARTBEAT = "sweep"

Number = tuple[dict[str, str], float]


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
    not_leased = Q(lease=None) | Q(next_at__lte=database_time())
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


def sweep_rests() -> bool:
    """Whether somebody has paused the background work: then its silence is meant."""
    sweeps = Schedule.objects.filter(func=SWEEP_TASK)
    return sweeps.exists() and not sweeps.exclude(repeats=0).exists()


def numbers() -> list[tuple[str, str, list[Number]]]:
    """Name, meaning, and values by label of what an operator watches. Each is a short range of an index."""
    now = database_time()
    unresolved = Booking.objects.filter(hold_next_at__isnull=False, hold=Hold.ASKING)
    # Without the null, which a stuck row always has, this would walk the whole index.
    stuck = Booking.objects.filter(hold_next_at=None, hold=Hold.STUCK)
    oldest_due = Booking.objects.past_deadline(now).aggregate(at=Min("expires_at"))["at"]
    open_calls = SeatCall.objects.filter(state=SeatCallState.OPEN)
    dead_calls = SeatCall.objects.filter(state=SeatCallState.DEAD)
    oldest_open = open_calls.aggregate(at=Min("created_at"))["at"]
    finished_at = last_pass_finished_at()

    def age(moment: datetime | None) -> list[Number]:
        return _plain(0.0 if moment is None else max(0.0, (now - moment).total_seconds()))

    return [
        (
            "unpaid",
            "Bookings that wait for their seats or their payment.",
            _counted(Booking, "status", UNPAID),
        ),
        ("takes_unresolved", "Takes whose outcome is not known.", _plain(unresolved.count())),
        ("takes_stuck", "Takes that wait for staff.", _plain(stuck.count())),
        ("seats_owed", "Seats of cancelled bookings that are not given back yet.", _plain(seats_still_owed())),
        ("give_backs_open", "Give-back calls without an answer.", _plain(open_calls.count())),
        ("give_back_oldest_open_seconds", "Age of the oldest of them.", age(oldest_open)),
        ("give_backs_dead", "Give-back calls that wait for staff.", _plain(dead_calls.count())),
        (
            "payments_unsettled",
            "Payments that wait for the gateway or for staff.",
            _counted(Payment, "state", (PaymentState.PROCESSING, PaymentState.REFUND_DUE, PaymentState.DEAD)),
        ),
        ("expiry_lag_seconds", "How long the oldest unpaid booking is past its deadline.", age(oldest_due)),
        (
            "pass_age_seconds",
            "Since the background work last went through; -1 if it never did.",
            _plain(-1.0) if finished_at is None else age(finished_at),
        ),
    ]


def _plain(number: float) -> list[Number]:
    return [({}, number)]


def _counted(model: type[Booking | Payment], column: str, words: Sequence[str]) -> list[Number]:
    """Count the rows of each word; a word without rows is a zero, not a gap."""
    rows = model._default_manager.filter(**{f"{column}__in": words}).values_list(column)
    found = dict(rows.annotate(rows=Count("pk")))
    return [({column: str(word)}, found.get(word, 0)) for word in words]


def booking_id_of(reference: str) -> int:
    """
    Find a booking by what a customer reads out.

    :raises BookingNotFound: if there is no such booking
    """
    booking_id = Booking.objects.filter(reference=reference.strip().upper()).values_list("pk", flat=True).first()
    if booking_id is None:
        raise BookingNotFound
    return booking_id
