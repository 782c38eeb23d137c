"""What the back office shows of one booking, and what can be done with it now."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F

from bookings.lifecycle import BookingStatus, CancelOutcome, Hold, cancel_outcome_of, extensions_of
from bookings.models import (
    Announcement,
    Booking,
    BookingCase,
    BookingEvent,
    Dispute,
    Payment,
    Refund,
    SeatCallEvent,
    SeatExchange,
    WebhookDelivery,
)
from bookings.models.bookings.booking_event import EventKind
from bookings.models.payments import PaymentState
from bookings.models.refunds import MOVING
from bookings.models.seats.seat_call import SeatCallState
from bookings.models.seats.seat_exchange import ExchangeState
from bookings.queries.bookings.archived import here_or_archived
from bookings.queries.bookings.timeline import Line, whole_timeline
from bookings.queries.payments import money_of
from bookings.queries.webhooks import told_of
from bookings.text.legible import shown_orderly

# Nothing limits how often a client books again for the same booking.
MOST_REPLACING = 10


@dataclass(frozen=True, slots=True)
class Links:
    """The reference of the booking that one replaces, empty if it is not known, and what it is replaced by."""

    replaced: str = ""
    replaced_by: list[Booking] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BookingPage:
    """One booking with everything that belongs to it, as it was at one moment."""

    booking: Booking
    now: datetime
    payments: list[Payment]
    refunds: list[Refund]
    timeline: list[Line]
    notes: list[BookingEvent]
    open_disputes: list[Dispute] = field(default_factory=list)
    # What others were told of it, each with what became of that for each endpoint of webhooks.
    told: list[tuple[Announcement, list[WebhookDelivery]]] = field(default_factory=list)
    # Open or closed; None where it never was one.
    last_case: BookingCase | None = None
    # That of its seats for others, while it is not known what became of it.
    exchange: SeatExchange | None = None
    links: Links = field(default_factory=Links)

    @property
    def contact_until(self) -> datetime | None:
        """Until when it is kept where its traveler is reached; None where it is not."""
        until: datetime | None = self.booking.contact_until  # type: ignore[attr-defined]  # `booking_page` reads it
        return until

    @property
    def case(self) -> BookingCase | None:
        """The open case that it is."""
        return self.last_case if self.last_case and self.last_case.closed_at is None else None

    @property
    def case_version(self) -> int:
        return self.last_case.version if self.last_case else 0

    @property
    def payment(self) -> Payment | None:
        """The payment that counts: the running or succeeded one, otherwise the newest."""
        active = [payment for payment in self.payments if payment.pk == self.booking.active_payment_id]
        candidates = active or self.payments
        return candidates[-1] if candidates else None

    @property
    def dead_payments(self) -> list[Payment]:
        """Charges that wait for a decision of staff."""
        return [payment for payment in self.payments if payment.state == PaymentState.DEAD]

    @property
    def undecided_refunds(self) -> list[Refund]:
        """Refunds that wait for one."""
        return [refund for refund in self.refunds if refund.needs_decision]

    @property
    def money(self) -> list[tuple[Payment, list[Refund]]]:
        """The payments, each with what goes back of it."""
        return [(payment, self.refunds_of(payment)) for payment in self.payments]

    def refunds_of(self, payment: Payment | None) -> list[Refund]:
        """What goes back of a payment."""
        return [refund for refund in self.refunds if payment and refund.payment_id == payment.pk]

    @property
    def refunds_that_count(self) -> list[Refund]:
        """What goes back of the payment that counts."""
        return self.refunds_of(self.payment)

    @property
    def payment_is_running(self) -> bool:
        return self.payment is not None and self.payment.state == PaymentState.PROCESSING

    @property
    def cancel_outcome(self) -> CancelOutcome:
        """What a cancellation would do."""
        return cancel_outcome_of(self.booking)

    @property
    def is_cancelled(self) -> bool:
        return self.booking.status == BookingStatus.CANCELLED

    @property
    def seconds_left(self) -> float | None:
        """Until the payment window closes; None where none is open. Below zero: the next pass ends it."""
        if self.booking.status not in (BookingStatus.PENDING, BookingStatus.INITIATED):
            return None
        return (self.booking.expires_at - self.now).total_seconds()

    @property
    def extensions(self) -> list[int]:
        """By how many minutes its customer can be given longer to pay."""
        booking = self.booking
        waits = booking.status == BookingStatus.INITIATED and booking.active_payment_id is None
        return extensions_of(booking.created_at, booking.expires_at) if waits and self.now < booking.expires_at else []

    @property
    def next_release_at(self) -> datetime | None:
        """When the seats are sent back next; None where nothing waits to be sent."""
        if self.booking.hold != Hold.GIVING_BACK:
            return None
        call = self.booking.give_back
        planned = self.booking.next_at if call is None else call.next_at
        return None if planned is None else max(planned, self.now)

    @property
    def metadata(self) -> dict[str, str]:
        """What the client keeps with it, with a sign in place of each character that would not show as one."""
        kept: dict[str, str] = json.loads(self.booking.metadata or "{}")
        return {shown_orderly(name): shown_orderly(value, of_lines=True) for name, value in kept.items()}

    @property
    def is_settled(self) -> bool:
        """Whether nothing about it changes by itself any more, except by a deadline."""
        booking, call = self.booking, self.booking.give_back
        seats_move = booking.hold == Hold.ASKING or (
            booking.hold == Hold.GIVING_BACK and (call is None or call.state == SeatCallState.OPEN)
        )
        seats_move = seats_move or (self.exchange is not None and self.exchange.state == ExchangeState.ASKING)
        money_moves = any(payment.state == PaymentState.PROCESSING for payment in self.payments) or any(
            refund.state in MOVING for refund in self.refunds
        )
        return not seats_move and not money_moves

    def since(self, seen_at: datetime) -> list[Line]:
        """What has happened after a page that was read at `seen_at`."""
        return [line for line in self.timeline if line.at > seen_at]


def booking_page(booking_id: int) -> BookingPage | None:
    """Read one booking with all that belongs to it; None if there is no such booking. At most twelve statements."""
    rows = Booking.objects.with_database_time().annotate(contact_until=F("contact__erase_at"))
    booking = rows.select_related("give_back").filter(pk=booking_id).first()
    if booking is None:
        return None
    events = list(BookingEvent.objects.filter(booking=booking).order_by("pk"))
    payments, refunds = money_of(booking)
    decisions = list(SeatCallEvent.objects.filter(seat_call=booking.give_back_id).order_by("pk"))
    return BookingPage(
        booking=booking,
        now=booking.read_at,
        payments=payments,
        refunds=refunds,
        timeline=whole_timeline(booking, events=events, payments=payments, refunds=refunds, decisions=decisions),
        notes=[event for event in events if event.what == EventKind.NOTED],
        open_disputes=list(Dispute.objects.filter(payment__booking=booking, closed_at=None).order_by("pk")),
        told=told_of(booking_id),
        last_case=BookingCase.objects.filter(pk=booking_id).first(),
        exchange=SeatExchange.objects.filter(open_booking_id=booking_id).first() if booking.wanted_seats else None,
        links=links_of(booking),
    )


def links_of(booking: Booking) -> Links:
    """
    Read which booking one replaces, and which replace it, the newest first. At most two statements.

    What has gone into the archive is named, but not looked for among what replaces this one.
    """
    newer = Booking.objects.filter(replaces_id=booking.pk).only("reference", "status").order_by("-pk")
    replaced = ""
    if booking.replaces_id is not None:
        replaced = next(iter(here_or_archived("reference", pk=booking.replaces_id)), "")
    return Links(replaced, list(newer[:MOST_REPLACING]))
