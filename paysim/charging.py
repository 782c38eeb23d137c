"""One try to take the money of an intent, by whichever card: paid, declined, in need of the payer, or with the bank."""

from http import HTTPStatus
from typing import Any

from paysim.account import Account, new_id
from paysim.cards import Card
from paysim.disputes import open_dispute
from paysim.errors import Refused
from paysim.methods import NO_BILLING_DETAILS, card_for, charged_details
from paysim.store import Thing

NOT_AUTHENTICATED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod "
    "to attempt to fulfill this PaymentIntent again."
)
_DOCUMENTED = "https://docs.stripe.com/error-codes"


def attempt(
    account: Account, intent: Thing, method: Thing, *, return_url: str | None, by_script: bool | None = None
) -> None:
    """
    Try to take the money.

    :raises Refused: if the card is declined; that is written down all the same
    """
    card = card_for(method)
    intent.shown |= {"payment_method": method.id, "last_payment_error": None, "next_action": None}
    intent.hidden["return_url"] = return_url
    if not card.authenticates:
        take(account, intent, method)
        return
    intent.shown |= {"status": "requires_action", "next_action": _action(account, intent, return_url, by_script)}
    account.store.save(intent)
    account.publish("payment_intent.requires_action", intent)


def _action(account: Account, intent: Thing, return_url: str | None, by_script: bool | None) -> dict[str, Any]:
    page = f"{account.address}/pay/{intent.shown['client_secret']}"
    if return_url is not None and not by_script:
        return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    return {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": new_id("src"), "stripe_js": page},
    }


def take(account: Account, intent: Thing, method: Thing) -> None:
    """
    Take the money of an intent that needs nothing more of its payer.

    :raises Refused: if the card is declined; that is written down all the same
    """
    card = card_for(method)
    if card.decline is not None:
        _decline(account, intent, method, card)
    charge = _add_charge(account, intent, method, "pending" if card.processes else "succeeded")
    intent.shown |= {"latest_charge": charge.id, "next_action": None}
    if card.processes:
        intent.shown |= {"status": "processing"}
        account.store.save(intent)
        account.publish("payment_intent.processing", intent)
        return
    succeed(account, intent, charge)
    if card.dispute:
        open_dispute(account, charge, reason=card.dispute, inquiry=card.inquiry)


def succeed(account: Account, intent: Thing, charge: Thing) -> None:
    """Write that the money of an intent came in."""
    amount = intent.shown["amount"]
    charge.shown |= {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": amount,
        "balance_transaction": new_id("txn"),
    }
    intent.shown |= {"status": "succeeded", "amount_received": amount}
    account.store.save(charge)
    account.store.save(intent)
    account.publish("charge.succeeded", charge)
    account.publish("payment_intent.succeeded", intent)


def fall_back(account: Account, intent: Thing, charge: Thing | None, error: dict[str, Any]) -> None:
    """Write that a try failed: the intent waits for another payment method."""
    intent.shown |= {
        "status": "requires_payment_method",
        "last_payment_error": error,
        "payment_method": None,
        "next_action": None,
    }
    if charge is not None:
        intent.shown["latest_charge"] = charge.id
        account.publish("charge.failed", charge)
    account.store.save(intent)
    account.publish("payment_intent.payment_failed", intent)


def fail_authentication(account: Account, intent: Thing) -> None:
    """Write that the payer was not recognized by the bank."""
    method = account.find("payment_method", intent.shown["payment_method"], param="payment_method")
    error = {
        "code": "payment_intent_authentication_failure",
        "doc_url": f"{_DOCUMENTED}/payment-intent-authentication-failure",
        "message": NOT_AUTHENTICATED,
        "payment_method": method.shown,
        "type": "invalid_request_error",
    }
    fall_back(account, intent, None, error)


def fail_at_bank(account: Account, intent: Thing, charge: Thing) -> None:
    """Write that the bank said no to a payment that it was working on."""
    method = account.find("payment_method", intent.shown["payment_method"], param="payment_method")
    message = "Your card was declined."
    charge.shown |= {"status": "failed", "failure_code": "card_declined", "failure_message": message}
    charge.shown["outcome"] = _outcome("generic_decline", message)
    account.store.save(charge)
    error = _card_error(charge, method, "card_declined", "generic_decline", message)
    fall_back(account, intent, charge, error)


def _decline(account: Account, intent: Thing, method: Thing, card: Card) -> None:
    code, decline_code, message = card.decline  # type: ignore[misc]  # the caller has looked
    charge = _add_charge(account, intent, method, "failed")
    charge.shown |= {"failure_code": code, "failure_message": message}
    charge.shown["outcome"] = _outcome(decline_code or code, message)
    account.store.save(charge)
    error = _card_error(charge, method, code, decline_code, message)
    fall_back(account, intent, charge, error)
    details = {str(name): error[name] for name in ("charge", "decline_code", "payment_method") if name in error}
    raise Refused(
        HTTPStatus.PAYMENT_REQUIRED,
        message,
        kind="card_error",
        code=code,
        began=True,
        details={**details, "payment_intent": intent.shown},
    )


def _card_error(charge: Thing, method: Thing, code: str, decline_code: str, message: str) -> dict[str, Any]:
    error = {
        "charge": charge.id,
        "code": code,
        "doc_url": f"{_DOCUMENTED}/{code.replace('_', '-')}",
        "message": message,
        "payment_method": method.shown,
        "type": "card_error",
    }
    return error | ({"decline_code": decline_code} if decline_code else {})


def _outcome(reason: str, message: str) -> dict[str, Any]:
    blocked = reason == "fraudulent"
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "not_sent_to_network" if blocked else "declined_by_network",
        "reason": "highest_risk_level" if blocked else reason,
        "risk_level": "highest" if blocked else "normal",
        "seller_message": message,
        "type": "blocked" if blocked else "issuer_declined",
    }


_PAID = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "seller_message": "Payment complete.",
    "type": "authorized",
}


def _add_charge(account: Account, intent: Thing, method: Thing, status: str) -> Thing:
    nothing = (
        "application application_fee application_fee_amount balance_transaction customer failure_balance_transaction "
        "failure_code failure_message on_behalf_of receipt_number receipt_url review shipping "
        "source_transfer statement_descriptor transfer_data transfer_group"
    )
    suffix = intent.shown["statement_descriptor_suffix"]
    shown = {
        **dict.fromkeys(nothing.split()),
        "amount": intent.shown["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "billing_details": NO_BILLING_DETAILS,
        "calculated_statement_descriptor": f"PAYSIM* {suffix}" if suffix else "PAYSIM",
        "captured": False,
        "currency": intent.shown["currency"],
        "description": intent.shown["description"],
        "disputed": False,
        "fraud_details": {},
        "metadata": intent.shown["metadata"],
        "outcome": dict(_PAID),
        "paid": False,
        "payment_intent": intent.id,
        "payment_method": method.id,
        "payment_method_details": charged_details(card_for(method)),
        "receipt_email": intent.shown["receipt_email"],
        "refunded": False,
        "statement_descriptor_suffix": suffix,
        "status": status,
    }
    return account.add("charge", shown, intent=intent.id, hidden={"card": method.hidden["card"]})
