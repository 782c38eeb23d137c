"""What the back office shows of one user besides its bookings: totals, what is open, and what staff have noted."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet, Sum

from bookings.lifecycle import BookingStatus, Hold
from bookings.models import Booking, BookingEvent, Payment, Refund
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import CHARGED, UNANSWERED
from bookings.models.refunds import BACK, MOVING, NEEDS_DECISION
from bookings.models.seats.seat_call import SeatCallState
from bookings.text.money import Money, totals

# Of a user with more bookings, such as a travel agency, the newest: to add up more takes longer than to show a page.
MOST_SUMMED = 10_000

# Of what is open, and of notes, the newest.
NEWEST = 20

OPEN_SEATS = Q(hold__in=[Hold.ASKING, Hold.STUCK]) | (
    Q(hold=Hold.GIVING_BACK) & (Q(give_back=None) | ~Q(give_back__state=SeatCallState.DONE))
)
"""Bookings whose seats are being reserved or released, or wait for a decision."""


@dataclass(frozen=True, slots=True)
class MoneyOfUser:
    """
    Sums of money, one for each currency.

    `paid` is all that was ever charged, `refunded` a part of that; `unanswered` are charges of which it is not known
    whether they were made.
    """

    paid: list[Money]
    refunded: list[Money]
    refund_due: list[Money]
    unanswered: list[Money]
    to_be_paid: list[Money]


@dataclass(frozen=True, slots=True)
class OpenBooking:
    """A booking about which something is not over: `seats` says that it is its seats; payments and refunds are open."""

    booking: Booking
    seats: bool
    payments: list[Payment]
    refunds: list[Refund]


@dataclass(frozen=True, slots=True)
class Customer:
    """
    One user: bookings by status, money, what is open, and notes.

    `is_partial`: only the newest `MOST_SUMMED` bookings were looked at; `has_more_open` and `has_more_notes`: only
    the newest are here.
    """

    user_id: int
    counts: Mapping[str, int]
    money: MoneyOfUser
    open: list[OpenBooking]
    has_more_open: bool
    notes: list[BookingEvent]
    has_more_notes: bool
    is_partial: bool

    @property
    def count(self) -> int:
        return sum(self.counts.values())


def customer_of(user_id: int) -> Customer:
    """Read it. Eight statements, and at most `MOST_SUMMED` bookings for each, however many there are."""
    mine = Booking.objects.filter(user_id=user_id)
    oldest = mine.order_by("-pk").values_list("pk", flat=True)[MOST_SUMMED:].first()
    if oldest is not None:
        mine = mine.filter(pk__gt=oldest)
    payments = Payment.objects.filter(booking__in=mine)
    counts, to_be_paid = _counted(mine)
    opened, has_more_open = _open(mine, payments)
    # Sorted on purpose: see the note in `bookings.queries.bookings.pages`.
    noted = BookingEvent.objects.filter(what=EventKind.NOTED, booking__in=mine).order_by((F("pk") + 0).desc())
    notes = list(noted.select_related("booking")[: NEWEST + 1])
    return Customer(
        user_id=user_id,
        counts=counts,
        money=_money_of(payments, to_be_paid),
        open=opened,
        has_more_open=has_more_open,
        notes=notes[:NEWEST],
        has_more_notes=len(notes) > NEWEST,
        is_partial=oldest is not None,
    )


def _counted(mine: QuerySet[Booking]) -> tuple[Mapping[str, int], list[Money]]:
    """Bookings by status, and what those cost that wait for their payment."""
    counts: Counter[str] = Counter()
    to_be_paid = []
    for status, currency, count, total in mine.values_list("status", "currency").annotate(
        Count("pk"), Sum("total_cost")
    ):
        counts[status] += count
        if status == BookingStatus.INITIATED:
            to_be_paid.append(Money(total, currency))
    return counts, totals(to_be_paid)


def _money_of(payments: QuerySet[Payment], to_be_paid: list[Money]) -> MoneyOfUser:
    sums = list(payments.values_list("state", "currency").annotate(Sum("amount")))
    of_refunds = Refund.objects.filter(payment__in=payments)
    back = of_refunds.filter(state__in=BACK).values_list("currency").annotate(Sum("amount"))
    refunded = totals(Money(total, currency) for currency, total in back)
    due = of_refunds.filter(Q(state__in=MOVING) | NEEDS_DECISION).values_list("currency").annotate(Sum("amount"))

    def of(states: Iterable[str]) -> list[Money]:
        return totals(Money(total, currency) for state, currency, total in sums if state in states)

    return MoneyOfUser(
        paid=of(CHARGED),
        refunded=refunded,
        refund_due=totals(Money(total, currency) for currency, total in due),
        unanswered=of(UNANSWERED),
        to_be_paid=to_be_paid,
    )


def _open(mine: QuerySet[Booking], payments: QuerySet[Payment]) -> tuple[list[OpenBooking], bool]:
    """The newest bookings about which something is not over; whether there are more."""
    moving = mine.filter(OPEN_SEATS).select_related("give_back").order_by((F("pk") + 0).desc())
    owed = payments.filter(state__in=UNANSWERED).select_related("booking").order_by((F("booking_id") + 0).desc())
    going_back = Refund.objects.filter(Q(state__in=MOVING) | NEEDS_DECISION, payment__in=payments)
    newest = going_back.select_related("payment__booking").order_by((F("payment__booking_id") + 0).desc())
    seats, unsettled, refunds = list(moving[: NEWEST + 1]), list(owed[: NEWEST + 1]), list(newest[: NEWEST + 1])
    bookings = {
        **{refund.payment.booking_id: refund.payment.booking for refund in refunds},
        **{payment.booking_id: payment.booking for payment in unsettled},
        **{booking.pk: booking for booking in seats},
    }
    lines = [
        OpenBooking(
            bookings[booking_id],
            seats=bookings[booking_id] in seats,
            payments=[payment for payment in unsettled if payment.booking_id == booking_id],
            refunds=[refund for refund in refunds if refund.payment.booking_id == booking_id],
        )
        for booking_id in sorted(bookings, reverse=True)[:NEWEST]
    ]
    return lines, max(len(seats), len(unsettled), len(refunds), len(bookings)) > NEWEST
