"""
What Stripe's PaymentIntents and errors mean.

A PaymentIntent is Stripe's word for one payment: what it says now decides, and no more than one charge of it ever
succeeds. Opens no connection.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bookings.gateways.payments.stripe.amounts import money_of
from bookings.ports import (
    TOKEN_INVALID,
    Action,
    ActionKind,
    AwaitsBank,
    AwaitsPayer,
    Charged,
    ChargeOutcome,
    Closed,
    Declined,
    Intent,
    Mistake,
    NotSent,
    Opened,
    OpenOutcome,
    Unknown,
)
from bookings.text.money import Money

# Under which names a payment carries, at Stripe, what it is here.
PAYMENT_KEY, BOOKING, INSTALLATION, REFUND_KEY = "payment_key", "booking", "installation", "refund_key"

ID = re.compile(r"[A-Za-z]{2,10}_[A-Za-z0-9_]{1,200}")
CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
RIGHT = re.compile(r"'(rak_[a-z_]{1,60})'")

# A thief must not learn that a card is known to be stolen; Stripe asks for this too.
NOT_SAID = {"fraudulent", "lost_card", "stolen_card", "merchant_blacklist", "pickup_card"}
DECLINED_SOMEHOW = "generic_decline"

UNEXPECTED_STATE = "payment_intent_unexpected_state"

# Another request works on the same object: neither refused nor done.
LOCKED = "lock_timeout"

# What this service has put into the confirmation itself: an error about one of these is no fault of the client's token.
OURS = ("return_url", "intent", "payment_method_types", "statement_descriptor")


@dataclass(frozen=True, slots=True)
class Problem:
    """A response that is an error of Stripe's own: the words that it is made of. Stripe's sentences are not kept."""

    status: int
    type: str = ""
    code: str = ""
    decline_code: str = ""
    param: str = ""
    about: str = ""
    # Which one the key lacks, as the sentence names it: `rak_refund_write`.
    right: str = ""

    @property
    def is_card(self) -> bool:
        """Whether the payer's bank, or Stripe for it, has said no."""
        return self.status == 402 and self.type == "card_error"

    @property
    def is_unexpected_state(self) -> bool:
        """Whether the payment is in a state in which this cannot be done: paid, or closed, by then."""
        return self.code == UNEXPECTED_STATE

    def why(self) -> str:
        """Name the error for operators."""
        return " ".join(filter(None, (str(self.status), self.code or self.type, self.param, self.right)))

    def as_declined(self) -> Declined:
        """Say how the payer's bank has declined."""
        return declined({"code": self.code, "decline_code": self.decline_code})


def problem_of(status: int, error: Mapping[str, Any]) -> Problem:
    """Read the error in a response."""
    intent = error.get("payment_intent")
    return Problem(
        status,
        type=_word(error.get("type")),
        code=_word(error.get("code")),
        decline_code=_word(error.get("decline_code")),
        param=_param(error.get("param")),
        about=id_in(intent) if isinstance(intent, dict) else "",
        right=_right(error.get("message")),
    )


def failure_of(problem: Problem) -> NotSent | Unknown | Mistake:
    """Say what an error means for any call that changes something: not done, perhaps done, or wrong."""
    if problem.code == LOCKED or problem.status in (408, 409) or problem.status >= 500:
        return Unknown(problem.why())
    if problem.status == 429 or problem.code == "rate_limit":
        # Stripe counts requests before it looks at their keys: this one was not begun.
        return NotSent(problem.why())
    return Mistake(problem.why())


def opened(intent: Intent, found: Mapping[str, Any], *, publishable_key: str) -> OpenOutcome:
    """Read the response to a creation. What is not the payment that was asked for is no payment."""
    if (id_ := id_in(found)) == "" or key_in(found) != intent.key or money_in(found, "amount") != intent.money:
        return Unknown("answer about another payment")
    return Opened(id_, _to_confirm(found, publishable_key) if intent.by_payer else None)


def standing(intent: Intent, found: Mapping[str, Any], *, publishable_key: str) -> ChargeOutcome:
    """Read how a payment stands. Whether the money is what was asked for is compared by who asked."""
    if id_in(found) != intent.id:
        return Unknown("answer about another payment")
    status = found.get("status")
    if status == "succeeded":
        return _charged(found)
    if status == "canceled":
        return Closed()
    if status == "processing":
        return AwaitsBank()
    if status == "requires_action":
        return AwaitsPayer(_to_act(found, publishable_key))
    if status in ("requires_payment_method", "requires_confirmation"):
        last = found.get("last_payment_error")
        if status == "requires_payment_method" and isinstance(last, dict):
            return declined(last)
        return AwaitsPayer(_to_confirm(found, publishable_key) if intent.by_payer else None)
    return Unknown("payment in a state that this service does not use")


def not_charged(intent: Intent, problem: Problem) -> ChargeOutcome:
    """Read the error in the response to a confirmation; that of an unexpected state is not for this."""
    if problem.is_card:
        is_ours = problem.about in ("", intent.id)
        return problem.as_declined() if is_ours else Unknown("answer about another payment")
    outcome = failure_of(problem)
    is_of_the_token = problem.status == 400 or problem.param.startswith("confirmation_token")
    if isinstance(outcome, Mistake) and is_of_the_token and problem.type == "invalid_request_error":
        is_ours = problem.param.startswith(OURS)
        return outcome if is_ours else Mistake(outcome.why, TOKEN_INVALID)
    return outcome


def declined(error: Mapping[str, Any]) -> Declined:
    """Name why a bank has declined, as a client may know it."""
    code = _word(error.get("decline_code")) or _word(error.get("code"))
    return Declined(DECLINED_SOMEHOW if code in NOT_SAID or not code else code)


def id_in(found: Mapping[str, Any], name: str = "id") -> str:
    """Read an id of Stripe's; empty if it is none."""
    value = found.get(name)
    return value if isinstance(value, str) and ID.fullmatch(value) else ""


def key_in(found: Mapping[str, Any], name: str = PAYMENT_KEY) -> UUID | None:
    """Read a key of ours in the metadata; None if there is none."""
    metadata = found.get("metadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def money_in(found: Mapping[str, Any], name: str) -> Money | None:
    """Read an amount in the object's currency; None if there is none."""
    units, currency = found.get(name), found.get("currency")
    return money_of(units, currency) if type(units) is int and isinstance(currency, str) else None


def is_of(found: Mapping[str, Any], installation: str) -> bool:
    """Whether an object at Stripe was made by this installation of the service."""
    metadata = found.get("metadata")
    return isinstance(metadata, dict) and metadata.get(INSTALLATION) == installation


def _charged(found: Mapping[str, Any]) -> Charged | Unknown:
    units, currency = found.get("amount_received"), found.get("currency")
    if type(units) is not int or not isinstance(currency, str):
        return Unknown("paid, and it is not said how much")
    charge = id_in(found, "latest_charge")
    if (money := money_of(units, currency)) is None:
        # ISO has no such amount, so it was not asked for: without a key it belongs to no payment here.
        return Charged(Money(units, currency.upper()), None, charge)
    return Charged(money, key_in(found), charge)


def _to_confirm(found: Mapping[str, Any], publishable_key: str) -> Action:
    return Action(ActionKind.CONFIRM, {"publishableKey": publishable_key, "clientSecret": _secret(found)})


def _to_act(found: Mapping[str, Any], publishable_key: str) -> Action:
    """Say what the payer's bank wants: to be asked by Stripe's script in the page, or at an address."""
    values = {"publishableKey": publishable_key, "clientSecret": _secret(found)}
    action = found.get("next_action")
    place = action.get("redirect_to_url") if isinstance(action, dict) else None
    url = place.get("url") if isinstance(place, dict) else None
    if isinstance(url, str) and url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        return Action(ActionKind.REDIRECT, {**values, "url": url})
    return Action(ActionKind.AUTHENTICATE, values)


def _secret(found: Mapping[str, Any]) -> str:
    value = found.get("client_secret")
    return value if isinstance(value, str) else ""


def _word(value: object) -> str:
    return value if isinstance(value, str) and CODE.fullmatch(value) else ""


def _right(message: object) -> str:
    found = RIGHT.search(message) if isinstance(message, str) else None
    return found[1] if found else ""


def _param(value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[a-z0-9_\[\]]{1,64}", value) else ""
