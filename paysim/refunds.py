"""Refunds: create, get, list, and what the bank does with them later."""

from http import HTTPStatus
from typing import Any

from paysim import parameters as p
from paysim.account import Account, new_id
from paysim.cards import BY_TOKEN
from paysim.errors import Refused, invalid
from paysim.forms import Form
from paysim.lists import list_of
from paysim.money import shown as money_shown
from paysim.store import Thing

# The setting under which the account has no money for refunds: they wait for it.
NO_BALANCE = "refunds_wait"

_CREATE: dict[str, p.Reader] = {
    "amount": p.integer,
    "charge": p.text,
    "currency": p.unbuilt,
    "customer": p.unbuilt,
    "instructions_email": p.unbuilt,
    "metadata": p.metadata,
    "origin": p.unbuilt,
    "payment_intent": p.text,
    "reason": p.one_of("duplicate", "fraudulent", "requested_by_customer"),
    "refund_application_fee": p.unbuilt,
    "reverse_transfer": p.unbuilt,
}
_LIST: dict[str, p.Reader] = {"charge": p.text, "created": p.span, "payment_intent": p.text}


def create(account: Account, form: Form) -> Thing:
    """Give money of a charge back: all that is left of it, or a part."""
    values = p.read(form, _CREATE)
    charge = _charge_of(account, values)
    left = charge.shown["amount"] - charge.shown["amount_refunded"]
    if charge.hidden.get("charged_back"):
        raise _not_refundable("charge_disputed", f"Charge {charge.id} has been charged back; cannot issue a refund.")
    if left == 0:
        raise _not_refundable("charge_already_refunded", f"Charge {charge.id} has already been refunded.")
    amount = values.get("amount", left)
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        currency = charge.shown["currency"]
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"Refund amount ({money_shown(amount, currency)}) is greater than unrefunded amount on charge "
            f"({money_shown(left, currency)})",
            param="amount",
            began=True,
        )
    return _refund(account, charge, amount, values)


def _charge_of(account: Account, values: dict[str, Any]) -> Thing:
    if "charge" in values:
        charge = account.find("charge", values["charge"], param="charge")
    elif "payment_intent" in values:
        intent = account.find("payment_intent", values["payment_intent"], param="payment_intent")
        if intent.shown["status"] != "succeeded":
            raise Refused(
                HTTPStatus.BAD_REQUEST,
                f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
                param="payment_intent",
                began=True,
            )
        charge = account.find("charge", intent.shown["latest_charge"], param="payment_intent")
    else:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message, code="parameter_missing")
    if charge.shown["status"] != "succeeded":
        raise _not_refundable("charge_not_refundable", f"Charge {charge.id} has not succeeded; cannot issue a refund.")
    return charge


def _not_refundable(code: str, message: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, message, code=code, began=True)


def _refund(account: Account, charge: Thing, amount: int, values: dict[str, Any]) -> Thing:
    waits_for_balance = account.store.setting(NO_BALANCE) == "true"
    fate = BY_TOKEN[charge.hidden["card"]].refunds
    status = "pending" if waits_for_balance or fate == "pending" else "succeeded"
    shown = {
        "amount": amount,
        "balance_transaction": None if waits_for_balance else new_id("txn"),
        "charge": charge.id,
        "currency": charge.shown["currency"],
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
            "type": "card",
        },
        "metadata": values.get("metadata", {}),
        "payment_intent": charge.intent,
        "reason": values.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
    if status == "pending":
        shown["pending_reason"] = "insufficient_funds" if waits_for_balance else "processing"
    refund = account.add("refund", shown, intent=charge.intent)
    _add_to(account, charge, amount)
    account.publish("refund.created", refund)
    account.publish("charge.refunded", charge)
    return refund


def _add_to(account: Account, charge: Thing, amount: int) -> None:
    charge.shown["amount_refunded"] += amount
    charge.shown["refunded"] = charge.shown["amount_refunded"] == charge.shown["amount"]
    account.store.save(charge)


def get(account: Account, _form: Form, name: str) -> Thing:
    """Return a refund."""
    return account.find("refund", name, param="id", in_path=True)


def some(account: Account, form: Form) -> dict[str, Any]:
    """Return a list of refunds."""
    return list_of(account, "refund", form, _LIST)


def finish(account: Account, refund: Thing) -> None:
    """Write that a refund that waited has reached the card."""
    before = refund.shown["status"]
    refund.shown["status"] = "succeeded"
    refund.shown["balance_transaction"] = refund.shown["balance_transaction"] or new_id("txn")
    refund.shown.pop("pending_reason", None)
    account.store.save(refund)
    _tell(account, refund, "refund.updated", before)


def fail(account: Account, refund: Thing, reason: str) -> None:
    """Write that a refund came back, even days after it had succeeded: the money is the merchant's again."""
    before = refund.shown["status"]
    refund.shown |= {
        "status": "failed",
        "failure_reason": reason,
        "failure_balance_transaction": new_id("txn"),
    }
    refund.shown.pop("pending_reason", None)
    account.store.save(refund)
    charge = account.find("charge", refund.shown["charge"], param="charge")
    _add_to(account, charge, -refund.shown["amount"])
    _tell(account, refund, "refund.failed", before)


def _tell(account: Account, refund: Thing, kind: str, before: str) -> None:
    # Both families of events, as Stripe sends them for cards.
    account.publish(kind, refund, status=before)
    account.publish("charge.refund.updated", refund, status=before)
