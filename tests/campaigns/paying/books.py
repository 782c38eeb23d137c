"""
The books of the stand-in for Stripe beside ours: every payment and every refund, both ways.

What came in once, what went back, and whether the seats were still there when it could come in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from bookings.gateways.payments.stripe.payment_intents import BOOKING, PAYMENT_KEY, REFUND_KEY
from bookings.lifecycle import BookingStatus, CancelReason
from bookings.models import Booking, Payment, Refund
from bookings.models.payments import CHARGED, PaymentState
from bookings.models.refunds import RefundState
from tests.support.paysim import PaySim

PAGE = 100

# Whoever cancels for one of these closes the payment first: not one of them may ever have been charged.
CLOSED_FIRST = (CancelReason.EXPIRED, CancelReason.CUSTOMER_REQUEST)

PAID, CLOSED = "succeeded", "canceled"


@dataclass(frozen=True)
class Books:
    """What the gateway has on record: payments and refunds as its API shows them, by their ids."""

    payments: dict[str, dict[str, Any]]
    refunds: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, paysim: PaySim) -> Self:
        """Read all of both lists; nothing may fail meanwhile."""
        return cls(*({each["id"]: each for each in _listed(paysim, name)} for name in ("payment_intents", "refunds")))

    def charged(self) -> Counter[str]:
        """Count the charges of each booking that did not go back as a whole, by its reference."""
        back = self.given_back()
        kept = (each for each in self.payments.values() if each["amount_received"] > back[each["id"]])
        return Counter(each["metadata"][BOOKING] for each in kept)

    def ever_charged(self) -> Counter[str]:
        """Count the charges of each booking, also those that went back."""
        return Counter(each["metadata"][BOOKING] for each in self.payments.values() if each["amount_received"])

    def given_back(self) -> Counter[str]:
        """Add up what was refunded of each payment, by its id."""
        sums = Counter[str]()
        for each in self.refunds.values():
            sums[each["payment_intent"]] += each["amount"] if each["status"] == "succeeded" else 0
        return sums


def _listed(paysim: PaySim, name: str) -> Iterator[dict[str, Any]]:
    after: dict[str, str] = {}
    while True:
        page = paysim.api("GET", name, limit=PAGE, **after).json()
        yield from page["data"]
        if not page["has_more"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


def differences(books: Books) -> list[str]:
    """Name all that the two sides do not agree on, and all that must never happen, once nothing is under way."""
    return [
        *_charged_twice(books),
        *_refunded_too_much(books),
        *_payments_that_differ(books),
        *_refunds_that_differ(books),
        *_seats_that_went_first(books),
    ]


def _charged_twice(books: Books) -> Iterator[str]:
    for reference, times in books.ever_charged().items():
        if times > 1:
            yield f"charged {times} times: {reference}"


def _refunded_too_much(books: Books) -> Iterator[str]:
    for id_, amount in books.given_back().items():
        if amount > books.payments[id_]["amount_received"]:
            yield f"more went back than came in: {id_}"


def _payments_that_differ(books: Books) -> Iterator[str]:
    ours = {str(each.gateway_key): each for each in Payment.objects.filter(gateway="stripe")}
    for there in books.payments.values():
        here = ours.get(there["metadata"].get(PAYMENT_KEY, ""))
        if here is None:
            yield f"a payment that is unknown here: {there['id']}"
        elif here.gateway_id not in (None, there["id"]):
            yield f"two payments for one of ours: {there['id']}, {here.gateway_id}"
        else:
            yield from _standings_that_differ(here, there)
    for here in ours.values():
        if here.gateway_id is not None and here.gateway_id not in books.payments:
            yield f"a payment that is unknown there: {here.gateway_id}"
        elif here.state in CHARGED and here.gateway_id is None:
            yield f"charged here, and never opened: payment {here.pk}"


def _standings_that_differ(here: Payment, there: dict[str, Any]) -> Iterator[str]:
    match there["status"]:
        case "succeeded":
            agree = here.state in CHARGED and there["amount_received"] == here.amount and here.gateway_id
        case "canceled":
            agree = here.state == PaymentState.FAILED
        case _:
            agree = here.state == PaymentState.FAILED and _nobody_can_pay(here)
    if not agree:
        yield f"{there['id']} is {there['status']} there, and {here.state} here"


def _nobody_can_pay(payment: Payment) -> bool:
    """
    Tell whether a payment may stay open at the gateway: its secret has never left it, or not this service.

    It was never opened as far as we know; or we have asked for the money once, in vain, and no payer has a part in it.
    """
    return payment.gateway_id is None or (not payment.by_payer and payment.claims == 1)


def _refunds_that_differ(books: Books) -> Iterator[str]:
    ours = {str(each.key): each for each in Refund.objects.select_related("payment")}
    seen = Counter[str]()
    for there in books.refunds.values():
        key = there["metadata"].get(REFUND_KEY, "")
        here = ours.get(key)
        seen[key] += 1
        if here is None:
            yield f"a refund that is unknown here: {there['id']}"
        elif (there["payment_intent"], there["amount"]) != (here.payment.gateway_id, here.amount):
            yield f"another refund than ours: {there['id']}"
        elif (there["status"] == "succeeded") != (here.state == RefundState.DONE):
            yield f"{there['id']} is {there['status']} there, and {here.state} here"
    yield from (f"made {times} times: refund {key}" for key, times in seen.items() if times > 1)
    for key, here in ours.items():
        if here.state == RefundState.DONE and key not in seen:
            yield f"given back here, and not there: refund {here.pk}"


def _seats_that_went_first(books: Books) -> Iterator[str]:
    """Name bookings whose seats were given away while money could still come in, or that were charged for nothing."""
    by_booking = _payments_by_booking(books.payments.values())
    kept = books.charged()
    for booking in Booking.objects.filter(reference__in=by_booking).iterator():
        reference, is_booked = booking.reference, booking.status == BookingStatus.BOOKED
        payments = by_booking[reference]
        if kept[reference] and not is_booked:
            yield f"paid without seats: {reference}"
        if booking.status != BookingStatus.CANCELLED or booking.cancelled_at is None:
            continue
        if booking.cancel_reason in CLOSED_FIRST and any(each["status"] == PAID for each in payments):
            yield f"ended as {booking.cancel_reason}, and charged: {reference}"
        # Whole seconds there: what was closed in the second of the cancellation was closed before it, or just after.
        if any(
            each["status"] == CLOSED and each["canceled_at"] > booking.cancelled_at.timestamp() for each in payments
        ):
            yield f"could be paid when its seats were given away: {reference}"


def _payments_by_booking(payments: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in payments:
        found.setdefault(each["metadata"][BOOKING], []).append(each)
    return found
