"""What is under way and what waits for a decision of staff: for the start page and the doctor."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest

from bookings.models import Booking, IdempotencyRecord, Payment, Reconciliation, SeatCall
from bookings.models.access.idempotency import RecordState
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import DEAD, PaymentState
from bookings.models.seats.seat_call import SeatCallState
from bookings.queries.seats import owed
from bookings.queries.seats.held import last_reconciliation


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """How many of a kind wait for something, and since when the oldest does."""

    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """What waits for an answer of the Flight Service or for staff."""

    open_calls: WaitingWork
    dead_calls: WaitingWork
    dead_payments: WaitingWork
    unknown_reservations: WaitingWork
    stuck_reservations: WaitingWork
    seats_owed: int
    compared: Reconciliation | None


def work() -> Work:
    """Read it off short ranges of the to-do indexes."""
    return Work(
        open_calls=_waiting(SeatCall.objects.filter(state=SeatCallState.OPEN)),
        dead_calls=_waiting(SeatCall.objects.filter(state=SeatCallState.DEAD)),
        dead_payments=_waiting(Payment.objects.filter(state__in=DEAD)),
        unknown_reservations=_waiting(Booking.objects.unanswered()),
        stuck_reservations=_waiting(Booking.objects.stuck()),
        seats_owed=owed.seats_still_owed(),
        compared=last_reconciliation(),
    )


def _waiting(rows: QuerySet[SeatCall] | QuerySet[Booking] | QuerySet[Payment]) -> WaitingWork:
    return WaitingWork(**rows.aggregate(count=Count("pk"), since=Min("created_at")))


def unanswered_payments() -> WaitingWork:
    """
    Charges and refunds that the gateway has not answered.

    No column says since when a refund is due: the later of the charge's answer and the booking's cancellation does.
    """
    charges = _waiting(Payment.objects.filter(state=PaymentState.PROCESSING))
    refunds = Payment.objects.filter(state=PaymentState.REFUND_DUE).aggregate(
        count=Count("pk", distinct=True),
        since=Min(
            Greatest(Coalesce("settled_at", "created_at"), "booking__events__created_at"),
            filter=Q(booking__events__what=EventKind.CANCELLED),
        ),
    )
    known = [since for since in (charges.since, refunds["since"]) if since is not None]
    return WaitingWork(charges.count + refunds["count"], min(known, default=None))


def first_booking_made_at() -> datetime | None:
    """When this installation began to take bookings; None if it never did."""
    return Booking.objects.order_by("pk").values_list("created_at", flat=True).first()


def oldest_answered_record() -> datetime | None:
    """When the oldest idempotency record with an answer was made: one step into an index."""
    done: datetime | None = IdempotencyRecord.objects.filter(state=RecordState.DONE).aggregate(at=Min("created_at"))[
        "at"
    ]
    return done
