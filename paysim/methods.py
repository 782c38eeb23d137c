"""Payment methods: what a test card looks like in the API."""

from typing import Any

from paysim.account import Account
from paysim.cards import BY_TOKEN, Card, card_of
from paysim.errors import invalid
from paysim.store import Thing

_NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
NO_BILLING_DETAILS = {"address": _NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}
_CHECKS = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}


def card_details(card: Card) -> dict[str, Any]:
    """Return what a payment method shows of its card."""
    return {
        "brand": card.brand,
        "checks": dict(_CHECKS),
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2040,
        "fingerprint": f"paysim{card.number[-10:]}",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def charged_details(card: Card) -> dict[str, Any]:
    """Return what a charge shows of the card that it went to."""
    verified = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": "paysim",
        "version": "2.2.0",
    }
    return {
        "card": {
            "amount_authorized": None,
            "authorization_code": None,
            "brand": card.brand,
            "checks": dict(_CHECKS),
            "country": card.country,
            "exp_month": 12,
            "exp_year": 2040,
            "extended_authorization": {"status": "disabled"},
            "fingerprint": f"paysim{card.number[-10:]}",
            "funding": "credit",
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": card.last4,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card.brand,
            "network_token": {"used": False},
            "network_transaction_id": "paysim",
            "overcapture": {"maximum_amount_capturable": 0, "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": verified if card.authenticates else None,
            "wallet": None,
        },
        "type": "card",
    }


def add_method(account: Account, card: Card, intent: str | None) -> Thing:
    """Make a payment method of a test card."""
    shown = {
        "allow_redisplay": "unspecified",
        "billing_details": NO_BILLING_DETAILS,
        "card": card_details(card),
        "customer": None,
        "customer_account": None,
        "metadata": {},
        "type": "card",
    }
    return account.add("payment_method", shown, intent=intent, hidden={"card": card.token})


def method_of(account: Account, name: str, intent: str | None) -> Thing:
    """
    Return the payment method of an id, or a new one for the name of a test card.

    :raises Refused: if it is neither
    """
    if name in BY_TOKEN:
        return add_method(account, BY_TOKEN[name], intent)
    return account.find("payment_method", name, param="payment_method")


def card_for(method: Thing) -> Card:
    """Return the card of a payment method."""
    return BY_TOKEN[method.hidden["card"]]


def card_typed(word: str) -> Card:
    """
    Return the card of a number that a person has typed, or of a token.

    :raises Refused: if there is no such card
    """
    card = card_of(word)
    if card is None:
        raise invalid("Your card number is incorrect.", param="number", code="incorrect_number")
    return card
