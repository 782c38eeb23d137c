"""What a bulk cancellation would do to a selection of bookings, and what one has done so far."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, Count, F, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value, When

from bookings.conf import BULK_CANCEL_LIMIT, HIGHEST_ID, bulk_approval_limits, currency
from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus, CancelEffect, CancelOutcome, Hold, RefundCause, cancel_outcome_of
from bookings.models import Booking, BulkCancel, BulkCancelRow, Refund
from bookings.models.bookings.bulk_cancel import BulkCancelState as State
from bookings.models.bookings.bulk_cancel import BulkCancelWhy
from bookings.models.refunds import BACK, MOVING
from bookings.models.seats.seat_call import SeatCallState
from bookings.queries.bookings.selection import Selection
from bookings.text.ids import exact_id
from bookings.text.money import Money, totals

# What a person has to look at comes first, what went well comes last.
IN_ORDER = (State.FAILED, State.REQUESTED, State.SKIPPED, State.CANCELLED, State.WAITING)

COLUMNS = (
    *("id", "reference", "user_id", "status", "hold", "claims", "version"),
    *("flight_id", "flight_number", "departure_airport", "arrival_airport", "departure_at"),
    *("no_of_seats", "total_cost", "currency", "active_payment_id", "cancel_requested", "refund_amount"),
)

# Of a booking that staff have taken out of the selection.
LEFT_OUT = CancelOutcome(CancelEffect.SKIPPED, BulkCancelWhy.LEFT_OUT)


@dataclass(frozen=True)
class BulkPlan:
    """
    The bookings of a selection with what would become of each, by id.

    `is_too_large`: there are more than one bulk cancellation may name; then only the first ones are here.
    """

    lines: tuple[tuple[Booking, CancelOutcome], ...]
    is_too_large: bool

    @cached_property
    def seen(self) -> str:
        """
        A mark of the bookings that were shown: the newest of them, and a hash of all and of which were left out.

        What would become of each is not in it: on a flight that is on sale a booking is paid or expires every few
        seconds, and what becomes of it is judged again under its lock.
        """
        shown = [(booking.pk, _is_left_out(outcome)) for booking, outcome in self.lines]
        # Of too many not all were shown: then none is the newest, and the service finds too many again.
        newest = HIGHEST_ID if self.is_too_large else max((pk for pk, _ in shown), default=0)
        return f"{newest}-{hashlib.sha256(repr(shown).encode()).hexdigest()}"

    @cached_property
    def left_out(self) -> int:
        """How many bookings staff have taken out of the selection."""
        return sum(_is_left_out(outcome) for _, outcome in self.lines)

    @property
    def skipped(self) -> int:
        """How many others are not cancelled, as they are cancelled already."""
        return self.counts.get(State.SKIPPED, 0) - self.left_out

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many bookings have each outcome of cancelling."""
        return Counter(str(outcome.effect) for _, outcome in self.lines)

    @property
    def newest(self) -> Booking | None:
        """The newest booking, which says what the flight is called; None without any."""
        return self.lines[-1][0] if self.lines else None

    @property
    def work(self) -> int:
        """How many bookings are cancelled, now or when their payment ends."""
        return len(self.lines) - self.counts.get(State.SKIPPED, 0)

    @cached_property
    def seats(self) -> int:
        return sum(outcome.seats for _, outcome in self.lines)

    @cached_property
    def refunds(self) -> list[Money]:
        return totals(Money(outcome.refund, booking.currency) for booking, outcome in self.lines)

    @property
    def refunds_mark(self) -> str:
        """The refunds as a form carries them, to see later whether they are the same."""
        return " ".join(f"{money.amount}-{money.currency}" for money in self.refunds)

    @property
    def needs_approval(self) -> bool:
        """Whether it is too large for one person: too many bookings, or too much that is or may be refunded."""
        most_bookings, most_refunds = bulk_approval_limits()
        return (0 < most_bookings < self.work) or (most_refunds > 0 and self._may_refund_more_than(most_refunds))

    def _may_refund_more_than(self, highest: int) -> bool:
        """A running payment may succeed. What is in another currency cannot be compared, and counts as more."""
        most = totals(
            Money(booking.total_cost if outcome.effect == CancelEffect.REQUESTED else outcome.refund, booking.currency)
            for booking, outcome in self.lines
        )
        return any(money.currency != currency() or money.amount > highest for money in most)

    def in_order(self) -> list[tuple[Booking, CancelOutcome]]:
        """Sort the lines as a person reads them: what was left out, then those with a remark."""

        def place(line: tuple[Booking, CancelOutcome]) -> tuple[bool, bool, str, int]:
            booking, outcome = line
            return not _is_left_out(outcome), outcome.effect != CancelEffect.REQUESTED, outcome.effect, -booking.pk

        return sorted(self.lines, key=place)


def _is_left_out(outcome: CancelOutcome) -> bool:
    return outcome.why == BulkCancelWhy.LEFT_OUT


def newest_in(seen: str) -> int:
    """The newest booking of a mark that a plan has given; 0, which is none, for any other text."""
    return exact_id(seen.partition("-")[0]) or 0


def plan_bulk_cancel(
    selection: Selection, *, up_to: int | None = None, without: Collection[int] = frozenset()
) -> BulkPlan:
    """
    Read what cancelling all bookings of a selection would do. Two statements, however many there are.

    :param up_to: newer bookings than this one are not in the plan
    :param without: the ids of bookings that stay as they are; they are in the plan, and it says so
    """
    rows = selection.rows(database_time()).select_related(None).order_by("pk").only(*COLUMNS)
    if up_to is not None:
        rows = rows.filter(pk__lte=up_to)
    bookings = list(rows[: BULK_CANCEL_LIMIT + 1])
    lines = tuple(
        (booking, LEFT_OUT if booking.pk in without else cancel_outcome_of(booking))
        for booking in bookings[:BULK_CANCEL_LIMIT]
    )
    return BulkPlan(lines, is_too_large=len(bookings) > BULK_CANCEL_LIMIT)


def plan_of(bulk: BulkCancel) -> BulkPlan:
    """Read what carrying out the waiting rows of a bulk cancellation would do now."""
    waiting = bulk.rows.filter(state=State.WAITING).values("booking")
    bookings = Booking.objects.filter(pk__in=waiting).order_by("pk").only(*COLUMNS)
    return BulkPlan(tuple((booking, cancel_outcome_of(booking)) for booking in bookings), is_too_large=False)


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """
    How far a bulk cancellation has come: bookings by state, and what has become of seats and money.

    `is_moving`: some of it changes without a decision of staff.
    """

    counts: Mapping[str, int]
    seats_back: int
    seats_on_their_way: int
    seats_undecided: int
    refund_due: list[Money]
    refunded: list[Money]
    is_moving: bool

    @property
    def all(self) -> int:
        return sum(self.counts.values())

    @property
    def decided(self) -> int:
        return self.all - self.counts.get(State.WAITING, 0)

    @property
    def refunds(self) -> list[Money]:
        return totals([*self.refund_due, *self.refunded])


def progress_of(bulk: BulkCancel) -> BulkProgress:
    """
    Read how far a bulk cancellation has come, with two statements.

    A row whose payment was running counts as cancelled as soon as the end of the payment has cancelled it.
    """
    groups = bulk.rows.values_list("state", "booking__status", "booking__hold", "booking__give_back__state").annotate(
        rows=Count("pk"), seats=Sum("booking__no_of_seats")
    )
    counts: Counter[str] = Counter()
    seats: Counter[str] = Counter()
    is_moving = False
    for state, status, hold, call_state, rows, seats_of_rows in groups:
        now_is = state_now(state, status)
        counts[now_is] += rows
        is_moving |= now_is in (State.WAITING, State.REQUESTED)
        if now_is == State.CANCELLED:
            where = _whereabouts(hold, call_state)
            seats[where] += seats_of_rows
            is_moving |= where == "on their way" or hold == Hold.ASKING
    ended = bulk.rows.filter(state__in=[State.CANCELLED, State.REQUESTED])
    by_state = _refunds_of(ended.values("booking")).values_list("state", "currency").annotate(total=Sum("amount"))
    refunds = [(state, Money(total, currency)) for state, currency, total in by_state]
    return BulkProgress(
        counts=counts,
        seats_back=seats["back"],
        seats_on_their_way=seats["on their way"],
        seats_undecided=seats["undecided"],
        refund_due=totals(money for state, money in refunds if state not in BACK),
        refunded=totals(money for state, money in refunds if state in BACK),
        is_moving=is_moving or any(state in MOVING for state, _ in refunds),
    )


def state_now(state: str, booking_status: str) -> str:
    """The state of a row as it stands now: what waited for the end of a payment may have been cancelled by it."""
    is_ended = state == State.REQUESTED and booking_status == BookingStatus.CANCELLED
    return str(State.CANCELLED) if is_ended else state


def results_of(bulk: BulkCancel) -> QuerySet[BulkCancelRow]:
    """
    The rows with their bookings and releases: what needs a look first, and of that the newest.

    `refunds` is what has been refunded of the booking, or is to be; null if nothing is.
    """
    rank = Case(
        When(state=State.REQUESTED, booking__status=BookingStatus.CANCELLED, then=IN_ORDER.index(State.CANCELLED)),
        *[When(state=state, then=position) for position, state in enumerate(IN_ORDER)],
        default=Value(len(IN_ORDER)),
        output_field=IntegerField(),
    )
    refunds = _refunds_of(OuterRef("booking")).values("payment__booking").annotate(total=Sum("amount")).values("total")
    rows = bulk.rows.select_related("booking__give_back").annotate(rank=rank, refunds=Subquery(refunds))
    return rows.order_by("rank", F("done_at").desc(), "-booking_id")


def _refunds_of(bookings: Any) -> QuerySet[Refund]:
    """What goes back of these bookings, as they ended, or went back as far as is known; each sum counts once."""
    ended = [RefundCause.BOOKING_ENDED, RefundCause.PAID_TOO_LATE]
    return Refund.objects.filter(payment__booking__in=bookings, cause__in=ended, decision="").order_by()


def _whereabouts(hold: str, call_state: str | None) -> str:
    """Where the seats of a cancelled booking are; empty if none were ever taken."""
    if hold == Hold.GIVING_BACK:
        where = {SeatCallState.DONE: "back", SeatCallState.DEAD: "undecided"}
        return where.get(SeatCallState(call_state), "on their way") if call_state else "on their way"
    return "undecided" if hold in (Hold.ASKING, Hold.STUCK) else ""
