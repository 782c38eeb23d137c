"""What banks do in their own time: end what they process, lose refunds, open and decide disputes."""

from collections.abc import Callable
from typing import Any

from paysim import disputes, refunds
from paysim.account import Account
from paysim.charging import fail_at_bank, succeed
from paysim.errors import invalid
from paysim.store import Thing

Order = dict[str, Any]


def carry_out(account: Account, order: Order) -> dict[str, Any]:
    """
    Carry out one order, as `{"do": "refund_fails", "refund": "re_..."}`, and return the object that it changed.

    :raises Refused: if the order makes no sense, or not now
    """
    name = order.get("do")
    if not isinstance(name, str) or name not in ORDERS:
        raise invalid(f"do must be one of {', '.join(ORDERS)}")
    return ORDERS[name](account, order)


def _named(account: Account, order: Order, kind: str) -> Thing:
    name = order.get(kind)
    if not isinstance(name, str):
        raise invalid(f"{kind} must be the id of one")
    return account.find(kind, name, param=kind)


def _paid_charge(account: Account, order: Order) -> Thing:
    intent = _named(account, order, "payment_intent")
    if intent.shown["status"] != "succeeded":
        raise invalid(f"The PaymentIntent has a status of {intent.shown['status']}: nothing was charged")
    return account.find("charge", intent.shown["latest_charge"], param="payment_intent")


def _processing_ends(account: Account, order: Order) -> dict[str, Any]:
    intent = _named(account, order, "payment_intent")
    if intent.shown["status"] != "processing":
        raise invalid(f"The PaymentIntent has a status of {intent.shown['status']}: no bank works on it")
    charge = account.find("charge", intent.shown["latest_charge"], param="payment_intent")
    if order["do"] == "processing_succeeds":
        succeed(account, intent, charge)
    else:
        fail_at_bank(account, intent, charge)
    return intent.shown


def _refund_ends(account: Account, order: Order) -> dict[str, Any]:
    refund = _named(account, order, "refund")
    status = refund.shown["status"]
    if order["do"] == "refund_succeeds":
        if status != "pending":
            raise invalid(f"The refund has a status of {status}")
        refunds.finish(account, refund)
        return refund.shown
    # One that has succeeded may still fail, days later.
    if status not in ("pending", "succeeded"):
        raise invalid(f"The refund has a status of {status}")
    refunds.fail(account, refund, str(order.get("reason", "lost_or_stolen_card")))
    return refund.shown


def _refunds_wait(account: Account, order: Order) -> dict[str, Any]:
    waits = order.get("on", True)
    if not isinstance(waits, bool):
        raise invalid("on must be true or false")
    account.store.set(refunds.NO_BALANCE, "true" if waits else "false")
    return {"on": waits}


def _dispute_opens(account: Account, order: Order) -> dict[str, Any]:
    amount = order.get("amount")
    if amount is not None and type(amount) is not int:
        raise invalid("amount must be a whole number")
    charge = _paid_charge(account, order)
    reason, inquiry = str(order.get("reason", "fraudulent")), order.get("inquiry") is True
    return disputes.open_dispute(account, charge, reason=reason, inquiry=inquiry, amount=amount).shown


def _dispute_answered(account: Account, order: Order) -> dict[str, Any]:
    dispute = _named(account, order, "dispute")
    disputes.answer(account, dispute)
    return dispute.shown


def _dispute_ends(account: Account, order: Order) -> dict[str, Any]:
    dispute = _named(account, order, "dispute")
    disputes.close(account, dispute, won=order["do"] == "dispute_won")
    return dispute.shown


ORDERS: dict[str, Callable[[Account, Order], dict[str, Any]]] = {
    "processing_succeeds": _processing_ends,
    "processing_fails": _processing_ends,
    "refund_succeeds": _refund_ends,
    "refund_fails": _refund_ends,
    "refunds_wait": _refunds_wait,
    "dispute_opens": _dispute_opens,
    "dispute_answered": _dispute_answered,
    "dispute_won": _dispute_ends,
    "dispute_lost": _dispute_ends,
}
