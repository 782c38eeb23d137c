"""What is under way and what waits for a decision of staff: for the start page and the doctor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, F, Min, QuerySet

from bookings.models import Booking, IdempotencyRecord, Payment, Reconciliation, Refund, SeatCall, SeatExchange
from bookings.models.access.idempotency import RecordState
from bookings.models.payments import PaymentState, PaymentStep
from bookings.models.refunds import NEEDS_DECISION, RefundState
from bookings.models.seats.seat_call import SeatCallState
from bookings.queries.bookings.quick_views import MOST_COUNTED
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
    undecided_refunds: WaitingWork
    unknown_reservations: WaitingWork
    stuck_reservations: WaitingWork
    unknown_exchanges: WaitingWork
    stuck_exchanges: WaitingWork
    seats_owed: int
    compared: Reconciliation | None


def work() -> Work:
    """Read it off short ranges of the to-do indexes."""
    return Work(
        open_calls=_waiting(SeatCall.objects.filter(state=SeatCallState.OPEN)),
        dead_calls=_waiting(SeatCall.objects.filter(state=SeatCallState.DEAD)),
        dead_payments=_waiting(Payment.objects.filter(state=PaymentState.DEAD)),
        undecided_refunds=_waiting(Refund.objects.filter(NEEDS_DECISION)),
        unknown_reservations=_waiting(Booking.objects.unanswered()),
        stuck_reservations=_waiting(Booking.objects.stuck()),
        unknown_exchanges=_waiting(SeatExchange.objects.unanswered()),
        stuck_exchanges=_waiting(SeatExchange.objects.stuck()),
        seats_owed=owed.seats_still_owed(),
        compared=last_reconciliation(),
    )


def _waiting(rows: QuerySet[Any]) -> WaitingWork:
    return WaitingWork(**rows.aggregate(count=Count("pk"), since=Min("created_at")))


def unanswered_payments() -> WaitingWork:
    """Charges and refunds that the gateway has not answered; a payer may take as long as the payment may."""
    charges = _waiting(Payment.objects.filter(state=PaymentState.PROCESSING).exclude(step=PaymentStep.PAYER))
    refunds = _waiting(Refund.objects.filter(state=RefundState.DUE))
    known = [waiting.since for waiting in (charges, refunds) if waiting.since is not None]
    return WaitingWork(charges.count + refunds.count, min(known, default=None))


def waiting_of(kinds: Sequence[QuerySet[Any]]) -> list[WaitingWork]:
    """
    Count the rows of each kind with one statement, which reads at most `MOST_COUNTED` rows of each.

    Each kind is a short range of some index, and annotates as `since` the time that its age counts from.
    """
    parts: list[str] = []
    values: list[Any] = []
    for number, rows in enumerate(kinds):
        counted, of_rows = rows.order_by().values_list("since")[:MOST_COUNTED].query.sql_with_params()
        # The number is ours, the rest the ORM's.
        parts.append(f"SELECT {number} AS kind, COUNT(*), MIN(since) FROM ({counted}) counted")  # noqa: S608  # nosec B608
        values += of_rows
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        found = {kind: WaitingWork(count, _aware(since)) for kind, count, since in cursor.fetchall()}
    return [found[number] for number in range(len(kinds))]


def oldest_of(rows: QuerySet[Any], most: int) -> list[Any]:
    """Read the rows that were made first, oldest first."""
    # See Note [Sorted on purpose] in `bookings.queries.bookings.pages`.
    return list(rows.order_by(F("pk") + 0)[:most])


def _aware(at: datetime | str | None) -> datetime | None:
    """What the database gives of a time in UTC; SQLite gives text."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return None if moment is None else moment.replace(tzinfo=UTC)


def first_booking_made_at() -> datetime | None:
    """When this installation began to take bookings; None if it never did."""
    return Booking.objects.order_by("pk").values_list("created_at", flat=True).first()


def oldest_answered_record() -> datetime | None:
    """When the oldest idempotency record with an answer was made: one step into an index."""
    done: datetime | None = IdempotencyRecord.objects.filter(state=RecordState.DONE).aggregate(at=Min("created_at"))[
        "at"
    ]
    return done
