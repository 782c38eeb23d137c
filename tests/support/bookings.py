"""Makes bookings: through the real services, or as rows that satisfy the constraints."""

import itertools
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from bookings.actor import Actor, ActorKind
from bookings.answers.rendering import render
from bookings.answers.results import Result
from bookings.db.clock import database_time
from bookings.lifecycle import HOLDS, BookingStatus, CancelReason, Hold, RefundCause, ShownPayment
from bookings.models import (
    Announcement,
    Booking,
    BookingEvent,
    Dispute,
    GatewayNotice,
    IdempotencyRecord,
    Payment,
    PaymentComparison,
    Refund,
    SeatCall,
    SeatExchange,
)
from bookings.models.payments import ACTIVE, PaymentState
from bookings.models.refunds import BACK, MOVING, RefundState
from bookings.models.seats.seat_call import SeatCallKind, SeatCallState
from bookings.models.seats.seat_exchange import UNFINISHED, ExchangeState
from bookings.ports import Charged, FlightService, PaymentGateway
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from bookings.services.payments.pay import PaymentOrder, pay_booking
from bookings.services.shared.idempotency import KeyedRequest
from bookings.services.upkeep.run_pass import PassResult, run_pass
from bookings.text.references import reference_at
from tests.support.fakes import Fault

STAFF = Actor(kind=ActorKind.STAFF, name="anna")

_numbers = itertools.count()


def customer(user_id: int = 1001, *, verified: bool = False) -> Actor:
    return Actor(kind=ActorKind.CUSTOMER, name=str(user_id), request_id="test", user_id=user_id, verified=verified)


def a_key() -> KeyedRequest:
    """A client's key that nobody has used."""
    return KeyedRequest.of(principal="test", endpoint="test", key=uuid.uuid4().hex, validated={})


# --- through the services -----------------------------------------------------------------------------


def an_initiated_booking(
    flights: FlightService, *, flight_id: int = 1, user_id: int = 1001, seats: int = 2, numbers: tuple[str, ...] = ()
) -> Booking:
    """Hold seats as a client does; give the row as it is then."""
    created: Any = create_booking(
        order=SeatOrder(flight_id, user_id, seats, seat_numbers=numbers),
        actor=customer(user_id),
        keyed=None,
        respond_async=False,
        flights=flights,
    )
    return Booking.objects.get(pk=created.booking.pk)


def a_pending_booking(flights: Any, *, applied: bool = True, keyed: KeyedRequest | None = None) -> Booking:
    """Ask for two seats of flight 1 and lose the answers; whether they were taken is `applied`."""
    flights.fail_next(*[Fault.DROP_REPLY if applied else Fault.DROP_REQUEST] * 2)
    accepted: Any = create_booking(
        order=SeatOrder(1, 1001, 2),
        actor=customer(),
        keyed=keyed or a_key(),
        respond_async=True,
        flights=flights,
    )
    return Booking.objects.get(pk=accepted.booking.pk)


def a_booked_booking(flights: FlightService, payments: PaymentGateway, **order: Any) -> Booking:
    """Hold seats and pay for them as a client does."""
    booking = an_initiated_booking(flights, **order)
    pay(booking, payments)
    booking.refresh_from_db()
    return booking


def a_cancelled_booking(flights: FlightService, **order: Any) -> Booking:
    """Hold seats and cancel; the seats are owed to the Flight Service."""
    booking = an_initiated_booking(flights, **order)
    return cancel_booking(booking_id=booking.pk, actor=customer(booking.user_id), reason=CancelReason.CUSTOMER_REQUEST)


def pay(booking: Booking, payments: PaymentGateway, *, keyed: KeyedRequest | None = None) -> Any:
    """Pay a booking as its user does."""
    return pay_booking(
        order=PaymentOrder(booking.pk, booking.total_cost),
        actor=customer(booking.user_id),
        keyed=keyed or a_key(),
        payments=payments,
        gateways=gateways_of(payments),
    )


def gateways_of(payments: PaymentGateway) -> dict[str, PaymentGateway]:
    """Let one gateway be all of them: whatever name a payment keeps, this one is asked about it."""
    return dict.fromkeys(("instant", "demo", "fake", "durable", "stripe"), payments)


def status_of(result: Result) -> int:
    """The status of the response that a client gets."""
    return render(result).status


def one_pass(flights: FlightService, payments: PaymentGateway) -> PassResult:
    """Run one pass of the background work."""
    return run_pass(flights=flights, payments=gateways_of(payments))


def states(third: str = "cancel_reason") -> list[tuple[Any, ...]]:
    """Give status, hold and another column of every booking, the oldest first."""
    return list(Booking.objects.order_by("pk").values_list("status", "hold", third))


def payment_states() -> list[str]:
    """Give the state of every payment, the oldest first."""
    return list(Payment.objects.order_by("pk").values_list("state", flat=True))


def refund_states() -> list[str]:
    """Give the state of every refund, the oldest first."""
    return list(Refund.objects.order_by("pk").values_list("state", flat=True))


def let_time_pass(**duration: float) -> None:
    """Move every time in the tables into the past: to the services, so much database time has gone by."""
    past = timedelta(**duration)
    of_payments = (Payment, Refund, GatewayNotice)
    for model in (Booking, SeatCall, SeatExchange, *of_payments, BookingEvent, IdempotencyRecord, Announcement):
        columns = [f.name for f in model._meta.fields if f.get_internal_type() == "DateTimeField"]
        model.objects.update(**{name: F(name) - past for name in columns})


# --- as rows ------------------------------------------------------------------------------------------

# The hold that a booking of this status usually has.
USUAL_HOLD = {
    BookingStatus.PENDING: Hold.ASKING,
    BookingStatus.INITIATED: Hold.HELD,
    BookingStatus.BOOKED: Hold.HELD,
    BookingStatus.CANCELLED: Hold.REFUSED,
}


# What clients see of a payment in a state that has another name.
SHOWN = {
    PaymentState.PROCESSING: ShownPayment.SETTLING,
    PaymentState.DEAD: ShownPayment.SETTLING,
}


def a_row(status: BookingStatus | str = BookingStatus.INITIATED, **columns: Any) -> Booking:
    """Make a booking that is not saved, with what the constraints want of this status and hold."""
    status = BookingStatus(status)
    hold = Hold(columns.get("hold", USUAL_HOLD[status]))
    number = next(_numbers)
    now: datetime = columns.pop("created_at", None) or database_time()
    seats, price = columns.setdefault("no_of_seats", 2), columns.setdefault("seat_price", 2000)
    is_due = hold == Hold.ASKING or (hold == Hold.GIVING_BACK and columns.get("give_back") is None)
    values: dict[str, Any] = {
        "reference": reference_at(number),
        "user_id": 1001,
        "flight_id": 1,
        "total_cost": price * seats,
        "currency": "XXX",
        "status": status,
        "cancel_reason": CancelReason.EXPIRED if status == BookingStatus.CANCELLED else "",
        "created_at": now,
        "updated_at": now,
        "held_at": now if hold in (Hold.HELD, Hold.GIVING_BACK) else None,
        # Told already.
        "announced": int(hold in (Hold.HELD, Hold.GIVING_BACK)),
        "expires_at": now + timedelta(minutes=15),
        # Of a payment that need not be there: the column is no foreign key.
        "active_payment_id": number + 1 if status == BookingStatus.BOOKED else None,
        "payment_state": "succeeded" if status == BookingStatus.BOOKED else "",
        "payment_at": now if status == BookingStatus.BOOKED else None,
        "cancelled_at": now if status == BookingStatus.CANCELLED else None,
        "hold": hold,
        "hold_key": uuid.uuid4(),
        "claims": 1,
        "next_at": now + timedelta(minutes=1) if is_due else None,
        "first_sent_at": now,
    }
    return Booking(**{**values, **columns})


def a_saved_row(status: BookingStatus | str = BookingStatus.INITIATED, **columns: Any) -> Booking:
    """Insert a booking of this status, without any service."""
    booking = a_row(status, **columns)
    booking.save(force_insert=True)
    return booking


def many_rows(count: int, status: BookingStatus | str = BookingStatus.INITIATED, **columns: Any) -> None:
    """Insert many bookings of one status with a few statements."""
    columns.setdefault("created_at", database_time())
    Booking.objects.bulk_create((a_row(status, **columns) for _ in range(count)), batch_size=2000)


def a_call_row(**columns: Any) -> SeatCall:
    """Insert a release, open unless told otherwise."""
    now = database_time()
    is_open = columns.get("state", SeatCallState.OPEN) == SeatCallState.OPEN
    values = {
        "call_key": uuid.uuid4(),
        "kind": SeatCallKind.RELEASE,
        "flight_id": 1,
        "seats": 2,
        "next_at": now if is_open else None,
        "created_at": now,
    }
    return SeatCall.objects.create(**{**values, **columns})


def an_exchange_row(booking: Booking, **columns: Any) -> SeatExchange:
    """Insert an exchange of two seats of a booking, without an answer unless a state is given."""
    is_open = columns.get("state", ExchangeState.ASKING) in UNFINISHED
    is_asking = columns.get("state", ExchangeState.ASKING) == ExchangeState.ASKING
    now = database_time()
    usual = {
        "open_booking_id": booking.pk if is_open else None,
        "call_key": uuid.uuid4(),
        "flight_id": booking.flight_id,
        "seats": 2,
        "take_numbers": "2C,2D",
        "give_numbers": "2A,2B",
        "next_at": now if is_asking else None,
        "created_at": now,
        "actor_kind": "customer",
        "actor_name": "1001",
    }
    return SeatExchange.objects.create(booking=booking, **{**usual, **columns})


def a_payment_row(
    booking: Booking, state: PaymentState = PaymentState.PROCESSING, *, has_refund: bool = True, **columns: Any
) -> Payment:
    """Insert a payment of this state, without any service; what is owed back, or was, with its refund."""
    now = database_time()
    is_active = state in ACTIVE
    is_due = state == PaymentState.PROCESSING
    values = {
        "booking": booking,
        "amount": booking.total_cost,
        "currency": booking.currency,
        "gateway": "fake",
        "gateway_key": uuid.uuid4(),
        "state": state,
        "step": "asked" if state == PaymentState.PROCESSING else "",
        "act_until": booking.expires_at,
        "closing_since": now if columns.get("step") == "closing" else None,
        "active_booking_id": booking.pk if is_active else None,
        "next_at": now if is_due else None,
        "created_at": now,
    }
    seen = ShownPayment.AWAITING_PAYER if columns.get("step") == "payer" else SHOWN.get(state, state)
    Booking.objects.filter(pk=booking.pk).update(payment_state=seen, payment_at=now)
    payment = Payment.objects.create(**{**values, **columns})
    if has_refund and state in (PaymentState.REFUND_DUE, PaymentState.REFUNDED):
        Booking.objects.filter(pk=booking.pk).update(refund_amount=payment.amount, refund_at=now)
        refund = RefundState.DUE if state == PaymentState.REFUND_DUE else RefundState.DONE
        a_refund_row(payment, refund, created_at=payment.created_at)
    return payment


def a_refund_row(
    payment: Payment, state: RefundState | str = RefundState.DUE, amount: int | None = None, **columns: Any
) -> Refund:
    """Insert a refund of this state, of all that is left unless told otherwise, and let its payment count it."""
    now, state = database_time(), RefundState(state)
    amount = payment.left.amount if amount is None else amount
    values = {
        "payment": payment,
        "amount": amount,
        "currency": payment.currency,
        "key": uuid.uuid4(),
        "state": state,
        "cause": RefundCause.BOOKING_ENDED,
        "reference": "transfer 17" if state == RefundState.ELSEWHERE else "",
        "next_at": now if state in MOVING else None,
        "created_at": now,
        "done_at": now if state in BACK else None,
    }
    refund = Refund.objects.create(**{**values, **columns})
    payment.refunded += 0 if state == RefundState.FAILED else amount
    payment.save(update_fields=["refunded"])
    return refund


def an_owed_refund(state: RefundState | str = RefundState.DUE, **columns: Any) -> Refund:
    """Insert a cancelled booking, its payment, and the refund of all of it, which is in this state."""
    booking = a_saved_row(BookingStatus.CANCELLED)
    is_back = state in BACK
    paid = PaymentState.REFUNDED if is_back else PaymentState.REFUND_DUE
    payment = a_payment_row(booking, paid, has_refund=False)
    now = database_time()
    Booking.objects.filter(pk=booking.pk).update(refund_amount=payment.amount, refund_at=now)
    return a_refund_row(payment, state, **columns)


def charged(payment: Payment) -> Charged:
    """What a gateway says of a payment whose money came in as it should."""
    return Charged(payment.money, payment.gateway_key)


def forbidden_pairs() -> list[tuple[str, str]]:
    """Every status with every hold that may not stand beside it."""
    return [(str(s), str(h)) for s in BookingStatus for h in Hold if h not in HOLDS[s]]


def a_notice_row(number: int = 1, **columns: Any) -> GatewayNotice:
    """A notice of a gateway, to be looked into unless it has another state."""
    at = database_time()
    usual = {"gateway": "fake", "event_id": f"evt_{number}", "event_hash": f"{number}", "kind": "payment"}
    due = at if columns.get("state", "new") == "new" else None
    times = {"made_at": at, "received_at": at, "next_at": due}
    return GatewayNotice.objects.create(**{**usual, "object_id": f"pi_{number}", **times, **columns})


def a_dispute_row(number: int = 1, **columns: Any) -> Dispute:
    """A dispute about a booking that is booked: open, to be answered in a week."""
    at = database_time()
    payment = columns.pop("payment", None) or a_payment_row(
        a_saved_row("booked", active_payment_id=number), PaymentState.SUCCEEDED
    )
    usual = {"payment": payment, "gateway": "fake", "gateway_id": f"dp_{number}", "amount": payment.amount}
    shown = {"currency": payment.currency, "reason": "fraudulent", "standing": "needs_response"}
    times = {"opened_at": at, "looked_at": at, "answer_by": at + timedelta(days=7)}
    return Dispute.objects.create(**{**usual, **shown, **times, **columns})


def a_payment_comparison(*, hours: float = 0, differences: Any = ()) -> PaymentComparison:
    """A comparison of payments that was made some hours ago."""
    at = database_time() - timedelta(hours=hours)
    return PaymentComparison.objects.create(
        finished_at=at, payments_compared=3, payments_foreign=1, differences=list(differences)
    )
