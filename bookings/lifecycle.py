"""
The states of a booking and of its seats, and which may follow which.

Pure: nothing here reads a clock, a row or a setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Protocol

from django.db.models import TextChoices


class BookingStatus(TextChoices):
    """What a client sees."""

    PENDING = "pending"
    INITIATED = "initiated"
    BOOKED = "booked"
    CANCELLED = "cancelled"


class Hold(TextChoices):
    """What is known about the seats of a booking at the Flight Service."""

    ASKING = "asking"
    HELD = "held"
    REFUSED = "refused"
    DROPPED = "dropped"
    STUCK = "stuck"
    GIVING_BACK = "giving_back"


class CancelReason(TextChoices):
    """Why a booking ended. The first six are the service's own, the others are chosen by people."""

    NO_SEATS = "no_seats"
    # Some of the seats that were asked for by number.
    SEATS_TAKEN = "seats_taken"
    NO_FLIGHT = "no_flight"
    UNAVAILABLE = "unavailable"
    ABANDONED = "abandoned"
    EXPIRED = "expired"
    CUSTOMER_REQUEST = "customer_request"
    DUPLICATE = "duplicate"
    PAYMENT_PROBLEM = "payment_problem"
    FLIGHT_CANCELLED = "flight_cancelled"
    FRAUD = "fraud"
    OTHER = "other"


class ShownPayment(TextChoices):
    """What a client sees of the payment of a booking, and of its refund."""

    # The payer has something to do; otherwise the gateway has.
    AWAITING_PAYER = "awaiting_payer"
    SETTLING = "settling"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    # Of a booking that ended, or does not want the money: all of it.
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"
    # Of one that goes on: a part, or as much as was paid.
    PART_DUE = "part_due"
    PART_REFUNDED = "part_back"


class News(TextChoices):
    """What others are told of a booking, as they know it."""

    HELD = "booking.held"
    # The end of the payment window is near, and it is not paid for.
    EXPIRING = "booking.expiring"
    PAID = "booking.paid"
    PAYMENT_FAILED = "booking.payment_failed"
    EXPIRED = "booking.expired"
    CANCELLED = "booking.cancelled"
    REFUNDED = "booking.refunded"


class RefundCause(TextChoices):
    """Why money goes back. The last two are the service's own, the others are chosen by people."""

    SCHEDULE_CHANGE = "schedule_change"
    GOODWILL = "goodwill"
    DUPLICATE = "duplicate"
    FARE_DIFFERENCE = "fare_difference"
    CUSTOMER_REQUEST = "customer_request"
    OTHER = "other"
    BOOKING_ENDED = "booking_ended"
    PAID_TOO_LATE = "paid_too_late"


class Decision(TextChoices):
    """What staff may say about a call to the Flight Service that the worker has given up."""

    RETRY = "retry"
    APPLIED = "applied"
    NOT_APPLIED = "not_applied"


class AfterFailure(TextChoices):
    """What staff may say about a refund that failed."""

    AGAIN = "again"
    ELSEWHERE = "elsewhere"
    LEAVE = "leave"


class CancelEffect(TextChoices):
    """What cancelling does to a booking."""

    CANCELLED = "cancelled"
    # A payment is being settled: its end cancels.
    REQUESTED = "requested"
    # It was cancelled before.
    SKIPPED = "skipped"


class CancelWhy(TextChoices):
    """Why a booking is not cancelled now, or gives no seats back now."""

    ALREADY_CANCELLED = "already_cancelled"
    PAYMENT_RUNNING = "payment_running"
    ASKED_BEFORE = "asked_before"
    NEVER_SENT = "never_sent"
    OUTCOME_UNKNOWN = "outcome_unknown"
    RESERVATION_STUCK = "reservation_stuck"


@dataclass(frozen=True, slots=True)
class CancelOutcome:
    """What cancelling does to one booking: `seats` go back at once, `refund` minor units are owed at once."""

    effect: CancelEffect
    why: str = ""
    seats: int = 0
    refund: int = 0


class Cancellable(Protocol):
    """The columns of a booking that decide what cancelling does."""

    @property
    def status(self) -> str: ...
    @property
    def hold(self) -> str: ...
    @property
    def claims(self) -> int: ...
    @property
    def active_payment_id(self) -> int | None: ...
    @property
    def cancel_requested(self) -> bool: ...
    @property
    def no_of_seats(self) -> int: ...
    @property
    def total_cost(self) -> int: ...
    @property
    def refund_amount(self) -> int: ...


STAFF_REASONS: tuple[CancelReason, ...] = (
    CancelReason.CUSTOMER_REQUEST,
    CancelReason.DUPLICATE,
    CancelReason.PAYMENT_PROBLEM,
    CancelReason.FLIGHT_CANCELLED,
    CancelReason.FRAUD,
    CancelReason.OTHER,
)

STAFF_CAUSES: tuple[RefundCause, ...] = (
    RefundCause.SCHEDULE_CHANGE,
    RefundCause.GOODWILL,
    RefundCause.DUPLICATE,
    RefundCause.FARE_DIFFERENCE,
    RefundCause.CUSTOMER_REQUEST,
    RefundCause.OTHER,
)

UNPAID: tuple[BookingStatus, ...] = (BookingStatus.PENDING, BookingStatus.INITIATED)
"""What has a payment window that may still be open."""

EXTENSIONS: tuple[int, ...] = (5, 15, 60)
"""By how many minutes staff may move the end of a payment window on, each time."""

LONGEST_WINDOW = timedelta(hours=24)
"""A booking that is not paid for within a day has to be made again, at the price of then."""

S, H = BookingStatus, Hold

TRANSITIONS: Mapping[BookingStatus, frozenset[BookingStatus]] = MappingProxyType(
    {
        S.PENDING: frozenset({S.INITIATED, S.CANCELLED}),
        S.INITIATED: frozenset({S.BOOKED, S.CANCELLED}),
        S.BOOKED: frozenset({S.CANCELLED}),  # support staff only, with a refund on record
        S.CANCELLED: frozenset(),
    }
)

HOLDS: Mapping[BookingStatus, frozenset[Hold]] = MappingProxyType(
    {
        S.PENDING: frozenset({H.ASKING, H.STUCK}),
        S.INITIATED: frozenset({H.HELD}),
        S.BOOKED: frozenset({H.HELD}),
        S.CANCELLED: frozenset({H.ASKING, H.STUCK, H.REFUSED, H.DROPPED, H.GIVING_BACK}),
    }
)
"""Which hold may stand beside which status: the database refuses every other pair (a CHECK)."""


def available_actions(status: str, expires_at: datetime, *, now: datetime, has_numbers: bool) -> list[str]:
    """What a customer may do with a booking at `now`, as the API names it; `has_numbers`: it is known which seats."""
    choose = ["choose_seats"] if has_numbers else []
    if status == S.PENDING:
        return ["cancel"]
    if status == S.INITIATED:
        return ["pay", "cancel", *choose] if now < expires_at else ["cancel"]
    return choose if status == S.BOOKED else ["book_again"]


def extensions_of(created_at: datetime, expires_at: datetime) -> list[int]:
    """By how many minutes the end of a payment window may be moved on without making it too long."""
    return [minutes for minutes in EXTENSIONS if expires_at + timedelta(minutes=minutes) <= created_at + LONGEST_WINDOW]


def cancel_outcome_of(booking: Cancellable) -> CancelOutcome:
    """
    Say what becomes of a booking that support staff cancel.

    One rule for the pages that say what will happen and for the services that do it, under the booking's lock.
    """
    if booking.status == S.CANCELLED:
        return CancelOutcome(CancelEffect.SKIPPED, CancelWhy.ALREADY_CANCELLED)
    if booking.status == S.BOOKED:
        left = booking.total_cost - booking.refund_amount
        return CancelOutcome(CancelEffect.CANCELLED, seats=booking.no_of_seats, refund=left)
    if booking.active_payment_id is not None:
        why = CancelWhy.ASKED_BEFORE if booking.cancel_requested else CancelWhy.PAYMENT_RUNNING
        return CancelOutcome(CancelEffect.REQUESTED, why)
    if booking.hold == H.HELD:
        return CancelOutcome(CancelEffect.CANCELLED, seats=booking.no_of_seats)
    if booking.hold == H.STUCK:
        return CancelOutcome(CancelEffect.CANCELLED, CancelWhy.RESERVATION_STUCK)
    why = CancelWhy.OUTCOME_UNKNOWN if booking.claims else CancelWhy.NEVER_SENT
    return CancelOutcome(CancelEffect.CANCELLED, why)
