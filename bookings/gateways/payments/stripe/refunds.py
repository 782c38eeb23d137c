"""What Stripe's refunds and disputes mean. Opens no connection."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from bookings.gateways.payments.stripe.amounts import money_of
from bookings.gateways.payments.stripe.payment_intents import (
    REFUND_KEY,
    Problem,
    failure_of,
    id_in,
    is_of,
    key_in,
    money_in,
)
from bookings.ports import (
    Disputed,
    Mistake,
    RefundAwaits,
    Refunded,
    RefundFailed,
    RefundOrder,
    RefundOutcome,
    RefundsSeen,
    SeenPayment,
    SeenRefund,
    Unknown,
)
from bookings.text.money import NO_CURRENCY, Money

# A cause that Stripe has a word for; for any other one none is sent.
REASONS: Mapping[str, Literal["duplicate", "requested_by_customer"]] = {
    "duplicate": "duplicate",
    "customer_request": "requested_by_customer",
}

# Errors that say that the key of this service may not do this: nothing was done, and staff of the payment are no help.
NOT_ALLOWED = (401, 403)

OPEN_DISPUTES = {"needs_response", "under_review", "warning_needs_response", "warning_under_review"}

# An inquiry comes before a dispute, and a refund ends it.
INQUIRY = "warning_"


def refund_of(order: RefundOrder, found: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Find the refund of an order among those of its payment, by the id or by the key."""
    for each in found:
        if (order.id and id_in(each) == order.id) or key_in(each, REFUND_KEY) == order.key:
            return each
    return None


def refund_standing(order: RefundOrder, found: Mapping[str, Any]) -> RefundOutcome:
    """Read how a refund stands."""
    id_, key = id_in(found), key_in(found, REFUND_KEY)
    is_ours = id_ and (id_ == order.id or (not order.id and key == order.key))
    if not is_ours or refunded_money(found) != order.money:
        return Unknown("answer about another refund")
    return _standing(found, id_)


def refunds_seen(found: Sequence[Mapping[str, Any]]) -> RefundsSeen | Unknown:
    """Read all refunds of a payment; unknown if one of them cannot be read, as a list without it would be false."""
    refunds = []
    for each in found:
        id_, money = id_in(each), refunded_money(each)
        outcome = _standing(each, id_)
        if not id_ or money is None or isinstance(outcome, Unknown):
            return Unknown("refund that cannot be read")
        refunds.append(SeenRefund(id_, key_in(each, REFUND_KEY), money, outcome))
    return RefundsSeen(tuple(refunds))


def payment_seen(
    found: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]], *, installation: str
) -> SeenPayment | Unknown:
    """Read a payment of a list, and its refunds. Of others that share the account only the id is read."""
    id_, is_charged = id_in(found), found.get("status") == "succeeded"
    if not is_of(found, installation):
        return SeenPayment(id_, None, Money(0, NO_CURRENCY), is_charged)
    money, seen = money_in(found, "amount_received" if is_charged else "amount"), refunds_seen(refunds)
    if not id_ or money is None or isinstance(seen, Unknown):
        return Unknown("payment that cannot be read")
    return SeenPayment(id_, key_in(found), money, is_charged, seen.refunds)


def _standing(found: Mapping[str, Any], id_: str) -> Refunded | RefundAwaits | RefundFailed | Unknown:
    status = found.get("status")
    if status == "succeeded":
        return Refunded(id_)
    if status in ("pending", "requires_action"):
        return RefundAwaits(id_, _word(found, "pending_reason") or status)
    if status in ("failed", "canceled"):
        return RefundFailed(_word(found, "failure_reason") or status, id_)
    return Unknown("refund in an unknown state")


def not_refunded(problem: Problem) -> RefundOutcome:
    """Read the error in the response to the creation of a refund."""
    outcome = failure_of(problem)
    if isinstance(outcome, Mistake):
        return Unknown(outcome.why) if problem.status in NOT_ALLOWED else RefundFailed(outcome.why)
    return outcome


def refunded_money(found: Mapping[str, Any]) -> Money | None:
    """Read how much a refund is; None if it does not say it."""
    return money_in(found, "amount")


def disputed(dispute_id: str, found: Mapping[str, Any]) -> Disputed | Unknown:
    """Read how a dispute stands."""
    units, currency = found.get("amount"), found.get("currency")
    status, opened_at = _word(found, "status"), moment_of(found.get("created"))
    payment_id = id_in(found, "payment_intent") or id_in(found, "charge")
    if id_in(found) != dispute_id or not (payment_id and status) or opened_at is None:
        return Unknown("answer about another dispute")
    if type(units) is not int or not isinstance(currency, str) or (money := money_of(units, currency)) is None:
        return Unknown("dispute without an amount")
    details = found.get("evidence_details")
    is_open = status in OPEN_DISPUTES
    return Disputed(
        id=dispute_id,
        payment_id=payment_id,
        money=money,
        reason=_word(found, "reason"),
        status=status,
        refundable=found.get("is_charge_refundable") is True,
        answer_by=moment_of(details.get("due_by")) if isinstance(details, dict) and is_open else None,
        opened_at=opened_at,
        is_open=is_open,
        outcome="" if is_open else status.removeprefix(INQUIRY),
    )


def moment_of(value: object) -> datetime | None:
    """Read a time as Stripe writes it, in seconds since 1970; None if it is none."""
    if type(value) is not int or not 0 < value < 2**33:
        return None
    return datetime.fromtimestamp(value, UTC)


def _word(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) and value.isascii() and value.replace("_", "").isalnum() else ""
