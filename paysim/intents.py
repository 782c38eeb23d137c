"""PaymentIntents as the merchant's server sees them: create, get, list, confirm, cancel."""

from http import HTTPStatus
from typing import Any

from paysim import parameters as p
from paysim import tokens
from paysim.account import Account, random_letters
from paysim.cards import BY_TOKEN
from paysim.charging import attempt
from paysim.errors import Refused, invalid
from paysim.forms import Form
from paysim.lists import list_of
from paysim.methods import add_method, method_of
from paysim.money import check_money
from paysim.store import Thing

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")

# After so many confirmations Stripe cancels an intent. Its documentation calls the limit variable.
MAX_CONFIRMATIONS = 25

MAX_SUFFIX = 22
_NOT_IN_SUFFIX = frozenset("<>\\'\"*")

# What Stripe takes and this program does not.
_NOT_BUILT = """
amount_details application_fee_amount customer customer_account error_on_requires_action
excluded_payment_method_types hooks mandate mandate_data off_session on_behalf_of payment_details
payment_method_configuration payment_method_data payment_method_options radar_options setup_future_usage shipping
transfer_data transfer_group
"""

_CONFIRM: dict[str, p.Reader] = {
    **dict.fromkeys(_NOT_BUILT.split(), p.unbuilt),
    "confirmation_token": p.text,
    "payment_method": p.text,
    "receipt_email": p.text,
    "return_url": p.text,
    "use_stripe_sdk": p.boolean,
}
_CREATE: dict[str, p.Reader] = {
    **_CONFIRM,
    "amount": p.integer,
    "automatic_payment_methods": p.shape(
        {"enabled": p.boolean, "allow_redirects": p.one_of("always", "never")}, required=("enabled",)
    ),
    "capture_method": p.one_of("automatic", "automatic_async"),
    "confirm": p.boolean,
    "confirmation_method": p.one_of("automatic"),
    "currency": p.text,
    "description": p.text,
    "metadata": p.metadata,
    "payment_method_types": p.texts,
    "statement_descriptor": p.text,
    "statement_descriptor_suffix": p.text,
}
_CANCEL: dict[str, p.Reader] = {
    "cancellation_reason": p.one_of("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
}
_LIST: dict[str, p.Reader] = {"created": p.span, "customer": p.unbuilt, "customer_account": p.unbuilt}


def create(account: Account, form: Form) -> Thing:
    """Make an intent, which takes no money, and confirm it if asked to."""
    values = p.read(form, _CREATE, required=("amount", "currency"))
    values["currency"] = values["currency"].lower()
    check_money(values["amount"], values["currency"])
    _check_descriptors(values)
    automatic = _automatic_methods(values)
    confirms = values.get("confirm", False)
    if not confirms and "return_url" in values:
        raise invalid(
            "You cannot set `return_url` when creating a PaymentIntent without confirming it.", param="return_url"
        )
    if confirms:
        _check_return_url(values, automatic)
        if not {"payment_method", "confirmation_token"} & values.keys():
            raise invalid(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
    intent = account.add("payment_intent", _first_state(values, automatic), hidden={"confirmations": 0})
    intent.shown["client_secret"] = f"{intent.id}_secret_{random_letters(25)}"
    if "payment_method" in values and not confirms:
        intent.shown["payment_method"] = method_of(account, values["payment_method"], intent.id).id
        intent.shown["status"] = "requires_confirmation"
    account.store.save(intent)
    account.publish("payment_intent.created", intent)
    return _confirm(account, intent, values) if confirms else intent


def _check_descriptors(values: dict[str, Any]) -> None:
    if "statement_descriptor" in values:
        raise invalid(
            "The `statement_descriptor` parameter is not supported for card charges; use "
            "`statement_descriptor_suffix` instead.",
            param="statement_descriptor",
        )
    suffix = values.get("statement_descriptor_suffix")
    if suffix is None:
        return
    if len(suffix) > MAX_SUFFIX or _NOT_IN_SUFFIX & set(suffix) or not any(letter.isalpha() for letter in suffix):
        raise invalid(
            f"The statement descriptor suffix must have a letter, at most {MAX_SUFFIX} characters, and none "
            "of <>\\'\"*",
            param="statement_descriptor_suffix",
        )


def _automatic_methods(values: dict[str, Any]) -> dict[str, Any] | None:
    """Return how the methods of payment are chosen; None where the caller names them."""
    automatic: dict[str, Any] | None = values.get("automatic_payment_methods")
    if "payment_method_types" in values:
        if automatic and automatic["enabled"]:
            raise invalid(
                "You cannot enable `automatic_payment_methods` and specify `payment_method_types`.",
                param="payment_method_types",
            )
        if values["payment_method_types"] != ["card"]:
            raise invalid("paysim has not built other methods than card", param="payment_method_types")
        return None
    if automatic and not automatic["enabled"]:
        return None
    return {"allow_redirects": "always"} | (automatic or {"enabled": True})


def _check_return_url(values: dict[str, Any], automatic: dict[str, Any] | None) -> None:
    if automatic and automatic["allow_redirects"] == "always" and "return_url" not in values:
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. If "
            "you don't want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to "
            "`never` when creating Setup Intents and Payment Intents.",
            param="return_url",
        )


def _first_state(values: dict[str, Any], automatic: dict[str, Any] | None) -> dict[str, Any]:
    nothing = (
        "application application_fee_amount canceled_at cancellation_reason customer customer_account "
        "excluded_payment_method_types last_payment_error latest_charge next_action on_behalf_of payment_method "
        "payment_method_configuration_details processing review setup_future_usage shipping "
        "statement_descriptor transfer_data transfer_group"
    )
    return {
        **dict.fromkeys(nothing.split()),
        "amount": values["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "automatic_payment_methods": automatic,
        "capture_method": values.get("capture_method", "automatic_async"),
        "confirmation_method": "automatic",
        "currency": values["currency"],
        "description": values.get("description"),
        "metadata": values.get("metadata", {}),
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "receipt_email": values.get("receipt_email"),
        "statement_descriptor_suffix": values.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
    }


def get(account: Account, form: Form, name: str) -> Thing:
    """Return an intent."""
    values = p.read(form, {"client_secret": p.text})
    intent = account.find("payment_intent", name, param="intent", in_path=True)
    if values.get("client_secret", intent.shown["client_secret"]) != intent.shown["client_secret"]:
        raise invalid(
            "The client_secret provided does not match the client_secret associated with the PaymentIntent.",
            param="client_secret",
            code="payment_intent_invalid_parameter",
        )
    return intent


def some(account: Account, form: Form) -> dict[str, Any]:
    """Return a list of intents."""
    return list_of(account, "payment_intent", form, _LIST)


def confirm(account: Account, form: Form, name: str) -> Thing:
    """Confirm an intent with a payment method or a confirmation token: it takes the money, or says what is missing."""
    values = p.read(form, _CONFIRM)
    return _confirm(account, account.find("payment_intent", name, param="intent", in_path=True), values)


def _confirm(account: Account, intent: Thing, values: dict[str, Any]) -> Thing:
    check_confirmable(intent)
    if "confirmation_token" in values and "payment_method" in values:
        raise invalid("You may only specify one of these parameters: confirmation_token, payment_method.")
    token = values.get("confirmation_token")
    if token is None and "payment_method" not in values and intent.shown["payment_method"] is None:
        raise unexpected(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or confirm "
            "it again directly with a payment method or ConfirmationToken.",
        )
    if token is not None:
        spent = tokens.spend(account, token, intent.id)
        values = {"return_url": spent.shown["return_url"]} | values
        method = add_method(account, BY_TOKEN[spent.hidden["card"]], intent.id)
    else:
        method = method_of(account, values.get("payment_method", intent.shown["payment_method"]), intent.id)
    if values.get("return_url") is None:
        values = {name: value for name, value in values.items() if name != "return_url"}
    _check_return_url(values, intent.shown["automatic_payment_methods"])
    if count_confirmation(account, intent):
        attempt(account, intent, method, return_url=values.get("return_url"), by_script=values.get("use_stripe_sdk"))
    return intent


def count_confirmation(account: Account, intent: Thing) -> bool:
    """Count one confirmation, and tell whether it may go on; one too many cancels the intent."""
    intent.hidden["confirmations"] += 1
    if intent.hidden["confirmations"] <= MAX_CONFIRMATIONS:
        return True
    end(account, intent, None)
    return False


def check_confirmable(intent: Thing) -> None:
    """
    See that an intent can be confirmed.

    :raises Refused: if its state is another one
    """
    status = intent.shown["status"]
    if status == "succeeded":
        raise unexpected(
            intent,
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
        )
    if status not in CONFIRMABLE:
        raise unexpected(
            intent,
            f"You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one "
            "of the following statuses may be confirmed: requires_confirmation, requires_action.",
        )


def cancel(account: Account, form: Form, name: str) -> Thing:
    """Cancel an intent: from then on it takes no money."""
    values = p.read(form, _CANCEL)
    intent = account.find("payment_intent", name, param="intent", in_path=True)
    status = intent.shown["status"]
    if status not in CANCELABLE:
        raise unexpected(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one "
            f"of the following statuses may be canceled: {', '.join((*CANCELABLE, 'processing'))}.",
        )
    end(account, intent, values.get("cancellation_reason"))
    return intent


def end(account: Account, intent: Thing, reason: str | None) -> None:
    """Write that an intent is canceled."""
    intent.shown |= {
        "status": "canceled",
        "canceled_at": account.now(),
        "cancellation_reason": reason,
        "next_action": None,
    }
    account.store.save(intent)
    account.publish("payment_intent.canceled", intent)


def unexpected(intent: Thing, message: str) -> Refused:
    """Return the refusal of what an intent's state does not allow."""
    return Refused(
        HTTPStatus.BAD_REQUEST,
        message,
        code="payment_intent_unexpected_state",
        began=True,
        details={"payment_intent": intent.shown},
    )
