"""Everything that is known of one booking, in the order of time: what people, systems and money did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookings.actor import Actor, ActorKind
from bookings.lifecycle import STAFF_CAUSES, BookingStatus, Hold
from bookings.models import Booking, BookingEvent, Payment, Refund, SeatCall, SeatCallEvent
from bookings.models.bookings.booking_event import AMONG_STAFF, EventKind
from bookings.models.payments import CHARGED
from bookings.models.seats.seat_call import SeatCallState
from bookings.text.money import Money

FLIGHT_SERVICE = "flight service"
PAYMENT_GATEWAY = "payment gateway"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: when, who, what (a word of `bookings.office.labels`), and what it says besides."""

    at: datetime
    who: str
    name: str
    what: str
    from_status: str = ""
    to_status: str = ""
    reason: str = ""
    note: str = ""
    request_id: str = ""
    call: SeatCall | None = None
    amount: Money | None = None


def made_and_held(booking: Booking) -> list[BookingEvent]:
    """The first lines of every timeline. They have no rows: they are columns of the booking."""
    maker = Actor(ActorKind.CUSTOMER, str(booking.user_id), booking.request_id)
    if booking.created_by:
        maker = Actor(ActorKind.SERVICE, booking.created_by, booking.request_id)
    pending, initiated = BookingStatus.PENDING, BookingStatus.INITIATED
    made = BookingEvent.by(maker, at=booking.created_at, booking=booking, what=EventKind.CREATED, to_status=pending)
    if booking.held_at is None:
        return [made]
    holder = Actor(ActorKind.SYSTEM, FLIGHT_SERVICE, booking.request_id)
    held = BookingEvent.by(
        holder, at=booking.held_at, booking=booking, what=EventKind.HELD, from_status=pending, to_status=initiated
    )
    return [made, held]


def timeline_of(booking: Booking) -> list[BookingEvent]:
    """What the API shows of what happened to a booking, oldest first: without what staff tell one another."""
    rows = BookingEvent.objects.filter(booking=booking).exclude(what__in=AMONG_STAFF).order_by("pk")
    return [*made_and_held(booking), *rows]


def whole_timeline(
    booking: Booking,
    *,
    events: Sequence[BookingEvent],
    payments: Sequence[Payment],
    refunds: Sequence[Refund],
    decisions: Sequence[SeatCallEvent],
) -> list[Line]:
    """What the back office shows of it, oldest first. Pure: the rows are the caller's."""
    lines = [
        *(_of_event(event) for event in made_and_held(booking)),
        *_of_reservation(booking),
        # What happens in one transaction has one time: the cause stands before what follows from it.
        *(line for payment in payments for line in _of_payment(payment)),
        # What staff asked to be refunded has a row that says how much.
        *(_of_event(event) for event in events if event.what != EventKind.REFUND_ASKED),
        *(_of_refund(refund) for refund in refunds),
        *_of_release(booking.give_back),
        *(_of_decision(decision) for decision in decisions),
    ]
    return sorted(lines, key=lambda line: line.at)


def _of_event(event: BookingEvent) -> Line:
    who = FLIGHT_SERVICE if event.what == EventKind.HELD else event.actor_kind
    return Line(
        at=event.created_at,
        who=who,
        name="" if who == FLIGHT_SERVICE else event.actor_name,
        what=event.what,
        from_status=event.from_status,
        to_status=event.to_status,
        reason=event.reason,
        note=event.note,
        request_id=event.request_id,
    )


def _of_reservation(booking: Booking) -> Iterator[Line]:
    """The Flight Service was asked for the seats: worth a line where it did not answer at once."""
    asked_at = booking.first_sent_at
    if asked_at is not None and (booking.claims > 1 or booking.hold in (Hold.ASKING, Hold.STUCK)):
        yield Line(at=asked_at, who=FLIGHT_SERVICE, name="", what="asked", note=booking.last_error)


def _of_release(call: SeatCall | None) -> Iterator[Line]:
    if call is None:
        return
    yield Line(at=call.created_at, who=FLIGHT_SERVICE, name="", what="give_back_sent", call=call, note=call.last_error)
    if call.state == SeatCallState.DONE and call.done_at is not None:
        yield Line(at=call.done_at, who=FLIGHT_SERVICE, name="", what="give_back_done", call=call)


def _of_decision(decision: SeatCallEvent) -> Line:
    return Line(
        at=decision.created_at,
        who=decision.actor_kind,
        name=decision.actor_name,
        what=decision.what,
        note=decision.note,
        request_id=decision.request_id,
    )


def _of_payment(payment: Payment) -> Iterator[Line]:
    yield Line(
        at=payment.created_at,
        who=PAYMENT_GATEWAY,
        name="",
        what="payment_started",
        amount=payment.money,
        request_id=payment.request_id,
    )
    if payment.state in CHARGED and payment.settled_at is not None:
        yield Line(at=payment.settled_at, who=PAYMENT_GATEWAY, name="", what="payment_charged", amount=payment.money)


def _of_refund(refund: Refund) -> Line:
    """That money is to go back, and how much: with what staff said of it, if they asked."""
    return Line(
        at=refund.created_at,
        who=ActorKind.STAFF if refund.asked_by else ActorKind.SYSTEM,
        name=refund.asked_by,
        what=EventKind.REFUND_ASKED if refund.cause in STAFF_CAUSES else "refund_owed",
        reason=refund.cause,
        note=refund.note,
        amount=refund.money,
        request_id=refund.request_id,
    )
