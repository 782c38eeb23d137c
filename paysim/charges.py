"""Charges: get and list; only intents make them."""

from typing import Any

from paysim import parameters as p
from paysim.account import Account
from paysim.forms import Form
from paysim.lists import list_of
from paysim.store import Thing

_LIST: dict[str, p.Reader] = {
    "created": p.span,
    "customer": p.unbuilt,
    "payment_intent": p.text,
    "transfer_group": p.unbuilt,
}


def get(account: Account, _form: Form, name: str) -> Thing:
    """Return a charge."""
    return account.find("charge", name, param="id", in_path=True)


def some(account: Account, form: Form) -> dict[str, Any]:
    """Return a list of charges."""
    return list_of(account, "charge", form, _LIST)
