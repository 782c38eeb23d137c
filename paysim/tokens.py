"""Confirmation tokens: what the Payment Element gives to the merchant's server; here a test helper makes them."""

from paysim import parameters as p
from paysim.account import Account
from paysim.errors import Refused, invalid
from paysim.forms import Form
from paysim.methods import card_for, method_of
from paysim.store import Thing

# https://docs.stripe.com/api/confirmation_tokens: it expires after twelve hours, and confirms once.
LIFE_SECONDS = 12 * 60 * 60

_CREATE: dict[str, p.Reader] = {
    "payment_method": p.text,
    "payment_method_data": p.unbuilt,
    "payment_method_options": p.unbuilt,
    "return_url": p.text,
    "setup_future_usage": p.unbuilt,
    "shipping": p.unbuilt,
}


def create(account: Account, form: Form) -> Thing:
    """Make a token of a test card, as a customer's browser would."""
    values = p.read(form, _CREATE, required=("payment_method",))
    method = method_of(account, values["payment_method"], None)
    preview = {name: method.shown[name] for name in ("allow_redisplay", "billing_details", "card", "customer", "type")}
    preview["customer_account"] = None
    return account.add(
        "confirmation_token",
        {
            "expires_at": account.now() + LIFE_SECONDS,
            "mandate_data": None,
            "payment_intent": None,
            "payment_method_options": None,
            "payment_method_preview": preview,
            "return_url": values.get("return_url"),
            "setup_future_usage": None,
            "setup_intent": None,
            "shipping": None,
            "use_stripe_sdk": True,
        },
        hidden={"card": card_for(method).token},
    )


def get(account: Account, _form: Form, name: str) -> Thing:
    """Return a token."""
    return account.find("confirmation_token", name, param="confirmation_token", in_path=True)


def spend(account: Account, name: str, intent: str) -> Thing:
    """
    Mark a token as used for an intent and return it.

    :raises Refused: if there is none, it has expired, or it was used
    """
    token = account.find("confirmation_token", name, param="confirmation_token")
    if token.shown["payment_intent"] is not None:
        raise _unusable(f"The ConfirmationToken {name} has already been used to confirm an Intent.")
    if token.shown["expires_at"] is None or token.shown["expires_at"] <= account.now():
        raise _unusable(f"The ConfirmationToken {name} has expired.")
    token.shown["payment_intent"] = intent
    token.shown["expires_at"] = None
    account.store.save(token)
    return token


def _unusable(message: str) -> Refused:
    return invalid(message, param="confirmation_token")
