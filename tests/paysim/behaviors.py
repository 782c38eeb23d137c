"""
What Stripe's documentation says of the parts that this service uses, as calls and their answers, for any client.

Each behavior has a name, the page that documents it, and calls. A call names an operation, the ids in its path, its
parameters, perhaps an idempotency key, and what must come: a status and values at places of the answer. `$first.id` is
the id in the answer that was kept as `first`. Clients of several languages run the list; see `clients.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DOCS = "https://docs.stripe.com"
ERRORS = f"{DOCS}/error-codes"

# Operation: method, path. A brace is an id.
OPERATIONS = {
    "payment_intents.create": ("POST", "/v1/payment_intents"),
    "payment_intents.retrieve": ("GET", "/v1/payment_intents/{}"),
    "payment_intents.list": ("GET", "/v1/payment_intents"),
    "payment_intents.confirm": ("POST", "/v1/payment_intents/{}/confirm"),
    "payment_intents.cancel": ("POST", "/v1/payment_intents/{}/cancel"),
    "test_helpers.confirmation_tokens.create": ("POST", "/v1/test_helpers/confirmation_tokens"),
    "confirmation_tokens.retrieve": ("GET", "/v1/confirmation_tokens/{}"),
    "charges.retrieve": ("GET", "/v1/charges/{}"),
    "charges.list": ("GET", "/v1/charges"),
    "refunds.create": ("POST", "/v1/refunds"),
    "refunds.retrieve": ("GET", "/v1/refunds/{}"),
    "refunds.list": ("GET", "/v1/refunds"),
    "disputes.retrieve": ("GET", "/v1/disputes/{}"),
    "disputes.list": ("GET", "/v1/disputes"),
    "events.retrieve": ("GET", "/v1/events/{}"),
    "events.list": ("GET", "/v1/events"),
    "webhook_endpoints.create": ("POST", "/v1/webhook_endpoints"),
    "webhook_endpoints.retrieve": ("GET", "/v1/webhook_endpoints/{}"),
    "webhook_endpoints.list": ("GET", "/v1/webhook_endpoints"),
}


@dataclass(frozen=True)
class Something:
    """Stands for any value but null and nothing, that begins with these letters if it is a text."""

    start: str = ""

    def __eq__(self, other: object) -> bool:
        return bool(other) and (not isinstance(other, str) or other.startswith(self.start))

    __hash__ = None  # type: ignore[assignment]


SOMETHING = Something()


@dataclass(frozen=True)
class Call:
    """One call, and what must come; `key` is made fresh for each run, the same word is the same key within one."""

    operation: str
    ids: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    kept: str = ""
    status: int = 200
    gives: Mapping[str, Any] = field(default_factory=dict)
    same_as: str = ""


@dataclass(frozen=True)
class Behavior:
    """What the page says, as calls one after the other."""

    name: str
    page: str
    calls: tuple[Call, ...]


CARD = {"payment_method_types": ["card"]}
TEN = {"amount": 1099, "currency": "usd", **CARD}


def make(kept: str = "intent", key: str = "", **more: Any) -> Call:
    """Make an intent of 10.99 USD."""
    return Call("payment_intents.create", params={**TEN, **more}, kept=kept, key=key)


def refused(params: Mapping[str, Any], **gives: Any) -> Call:
    """Make an intent that is refused."""
    return Call("payment_intents.create", params=params, status=400, gives=_error(gives))


def confirm(card: str = "pm_card_visa", *, of: str = "intent", key: str = "", kept: str = "", **gives: Any) -> Call:
    """Confirm an intent with a test card."""
    params = {"payment_method": card}
    return Call("payment_intents.confirm", (f"${of}.id",), params, key=key, kept=kept, gives=gives)


def declined(card: str, **gives: Any) -> Call:
    """Confirm an intent with a card that is declined."""
    fields = {"type": "card_error", **gives, "payment_intent.status": "requires_payment_method", "charge": SOMETHING}
    params = {"payment_method": card}
    return Call("payment_intents.confirm", ("$intent.id",), params, status=402, gives=_error(fields))


def look(**gives: Any) -> Call:
    """Read the intent."""
    return Call("payment_intents.retrieve", ("$intent.id",), gives=gives)


def not_now(operation: str, params: Mapping[str, Any] | None = None) -> Call:
    """Do with an intent what its state does not allow."""
    fields = {"code": "payment_intent_unexpected_state", "payment_intent.id": "$intent.id"}
    return Call(operation, ("$intent.id",), params or {}, status=400, gives=_error(fields))


def refund(
    status: int = 200, kept: str = "", key: str = "", gives: Mapping[str, Any] | None = None, **params: Any
) -> Call:
    """Give back what the intent took, or a part."""
    return Call("refunds.create", params={"payment_intent": "$intent.id", **params}, status=status, kept=kept, key=key,
                gives=gives or {})  # fmt: skip


def token(card: str = "pm_card_visa", **more: Any) -> Call:
    """Make a confirmation token, as a browser would."""
    params = {"payment_method": card, **more}
    return Call(
        "test_helpers.confirmation_tokens.create", params=params, kept="token", gives={"id": Something("ctoken_")}
    )


def _error(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {f"error.{name}": value for name, value in {"type": "invalid_request_error", **fields}.items()}


INTENTS = (
    Behavior("an intent is made and takes no money", f"{DOCS}/api/payment_intents/create", (
        make(),
        look(id="$intent.id", status="requires_payment_method", amount=1099, amount_received=0, currency="usd",
             latest_charge=None, client_secret=SOMETHING, livemode=False),
    )),
    Behavior("a parameter that is needed is named", f"{ERRORS}#parameter-missing", (
        refused({"currency": "usd"}, code="parameter_missing", param="amount"),
    )),
    Behavior("an unknown parameter is refused", f"{ERRORS}#parameter-unknown", (
        refused({**TEN, "amuont": 5}, code="parameter_unknown", param="amuont"),
    )),
    Behavior("an amount is a whole number", f"{ERRORS}#parameter-invalid-integer", (
        refused({**TEN, "amount": "ten"}, code="parameter_invalid_integer", param="amount"),
    )),
    Behavior("an amount has a least", f"{DOCS}/currencies#minimum-and-maximum-charge-amounts", (
        refused({**TEN, "amount": 49}, code="amount_too_small", param="amount"),
    )),
    Behavior("an amount has eight digits at most", f"{DOCS}/currencies#minimum-and-maximum-charge-amounts", (
        refused({**TEN, "amount": 100_000_000}, code="amount_too_large", param="amount"),
    )),
    Behavior("a currency must be one", f"{DOCS}/currencies", (refused({**TEN, "currency": "xxx"}, param="currency"),)),
    Behavior("a currency without minor units is sent as it is", f"{DOCS}/currencies#zero-decimal", (
        make(amount=500, currency="jpy"), look(amount=500, currency="jpy"),
    )),
    Behavior("a currency of three digits ends in a zero", f"{DOCS}/currencies#three-decimal", (
        make(amount=5120, currency="kwd"), refused({**TEN, "amount": 5124, "currency": "kwd"}),
    )),
    Behavior("metadata comes back", f"{DOCS}/metadata", (
        make(metadata={"payment": "p-1", "7": "a digit"}), look(**{"metadata.payment": "p-1", "metadata.7": "a digit"}),
    )),
    Behavior("a key of metadata has 40 characters at most", f"{DOCS}/metadata", (
        make(metadata={"k" * 40: "v"}), refused({**TEN, "metadata": {"k" * 41: "v"}}),
    )),
    Behavior("a suffix of the statement has 22 characters at most",
        f"{DOCS}/get-started/account/statement-descriptors", (
        make(statement_descriptor_suffix="BOOKING 1"),
        look(statement_descriptor_suffix="BOOKING 1"),
        refused({**TEN, "statement_descriptor_suffix": "B" * 23}, param="statement_descriptor_suffix"),
    )),
    Behavior("an unknown intent is missing", f"{ERRORS}#resource-missing", (
        Call("payment_intents.retrieve", ("pi_nothing",), status=404,
             gives=_error({"code": "resource_missing", "param": "intent"})),
    )),
    Behavior("a list begins with the newest", f"{DOCS}/api/pagination", (
        make("first"), make("second"),
        Call("payment_intents.list", params={"limit": 1},
             gives={"object": "list", "data.0.id": "$second.id", "has_more": True}),
        Call("payment_intents.list", params={"limit": 1, "starting_after": "$second.id"},
            gives={"data.0.id": "$first.id"}),
    )),
    Behavior("a list has a hundred at most", f"{DOCS}/api/pagination", (
        Call("payment_intents.list", params={"limit": 101}, status=400, gives=_error({"param": "limit"})),
    )),
    Behavior("an id is expanded into its object", f"{DOCS}/api/expanding_objects", (
        make(), confirm(),
        Call("payment_intents.retrieve", ("$intent.id",), {"expand": ["latest_charge"]},
             gives={"latest_charge.object": "charge", "latest_charge.amount": 1099}),
    )),
    Behavior("what is no id is not expanded", f"{DOCS}/api/expanding_objects", (
        make(), Call("payment_intents.retrieve", ("$intent.id",), {"expand": ["amount"]}, status=400, gives=_error({})),
    )),
)  # fmt: skip

PAYING = (
    Behavior("a card pays", f"{DOCS}/payments/paymentintents/lifecycle", (
        make(), confirm(status="succeeded", amount_received=1099, latest_charge=Something("ch_"), next_action=None),
    )),
    Behavior("an intent is made and confirmed at once",
        f"{DOCS}/api/payment_intents/create#create_payment_intent-confirm", (
        Call("payment_intents.create", params={**TEN, "confirm": True, "payment_method": "pm_card_visa"},
             gives={"status": "succeeded", "amount_received": 1099}),
    )),
    Behavior("nothing is confirmed without a method", f"{ERRORS}#payment-intent-unexpected-state", (
        make(), not_now("payment_intents.confirm"),
    )),
    Behavior("what has succeeded is not confirmed again", f"{ERRORS}#payment-intent-unexpected-state", (
        make(), confirm(), not_now("payment_intents.confirm", {"payment_method": "pm_card_visa"}),
        Call("charges.list", params={"payment_intent": "$intent.id"}, gives={"data.0.paid": True, "data.1": None}),
    )),
    Behavior("an unknown method is missing", f"{ERRORS}#resource-missing", (
        make(),
        Call("payment_intents.confirm", ("$intent.id",), {"payment_method": "pm_nothing"}, status=400,
             gives=_error({"code": "resource_missing", "param": "payment_method"})),
    )),
    Behavior("a confirmation token pays", f"{DOCS}/payments/build-a-two-step-confirmation", (
        make(), token(),
        Call("payment_intents.confirm", ("$intent.id",), {"confirmation_token": "$token.id"},
            gives={"status": "succeeded"}),
        Call("confirmation_tokens.retrieve", ("$token.id",), gives={"payment_intent": "$intent.id"}),
    )),
    Behavior("a confirmation token pays once", f"{DOCS}/api/confirmation_tokens", (
        make(), token(),
        Call("payment_intents.confirm", ("$intent.id",), {"confirmation_token": "$token.id"}),
        make("other"),
        Call("payment_intents.confirm", ("$other.id",), {"confirmation_token": "$token.id"}, status=400,
            gives=_error({})),
    )),
    Behavior("a declined intent waits for another card", f"{DOCS}/payments/paymentintents/lifecycle", (
        make(), declined("pm_card_visa_chargeDeclined", code="card_declined", decline_code="generic_decline"),
        look(**{"status": "requires_payment_method", "last_payment_error.code": "card_declined",
            "payment_method": None}),
        confirm(status="succeeded", last_payment_error=None),
    )),
    *(
        Behavior(f"a card is declined: {card}", f"{DOCS}/testing#declined-payments", (make(), declined(card, **gives)))
        for card, gives in {
            "pm_card_visa_chargeDeclinedInsufficientFunds": {"code": "card_declined",
                "decline_code": "insufficient_funds"},
            "pm_card_visa_chargeDeclinedLostCard": {"code": "card_declined", "decline_code": "lost_card"},
            "pm_card_visa_chargeDeclinedStolenCard": {"code": "card_declined", "decline_code": "stolen_card"},
            "pm_card_chargeDeclinedExpiredCard": {"code": "expired_card"},
            "pm_card_chargeDeclinedIncorrectCvc": {"code": "incorrect_cvc"},
            "pm_card_chargeDeclinedProcessingError": {"code": "processing_error"},
            "pm_card_radarBlock": {"code": "card_declined", "decline_code": "fraudulent"},
        }.items()
    ),
    Behavior("a failed try leaves a failed charge", f"{DOCS}/api/charges/object", (
        make(), declined("pm_card_visa_chargeDeclined"),
        Call("charges.list", params={"payment_intent": "$intent.id"},
             gives={"data.0.status": "failed", "data.0.paid": False, "data.0.failure_code": "card_declined",
                    "data.0.outcome.type": "issuer_declined"}),
    )),
    Behavior("3-D Secure redirects", f"{DOCS}/payments/3d-secure/authentication-flow", (
        make(),
        Call("payment_intents.confirm", ("$intent.id",),
             {"payment_method": "pm_card_authenticationRequired", "return_url": "https://example.com/back"},
             gives={"status": "requires_action", "amount_received": 0, "next_action.type": "redirect_to_url",
                    "next_action.redirect_to_url.return_url": "https://example.com/back",
                    "next_action.redirect_to_url.url": Something("http")}),
    )),
    Behavior("3-D Secure without an address is for the script", f"{DOCS}/payments/3d-secure/authentication-flow", (
        make(),
        confirm("pm_card_authenticationRequired", **{"status": "requires_action",
            "next_action.type": "use_stripe_sdk"}),
    )),
    Behavior("methods of the dashboard need an address to return to", f"{DOCS}/payments/accept-a-payment", (
        Call("payment_intents.create", kept="intent",
             params={"amount": 1099, "currency": "usd", "automatic_payment_methods": {"enabled": True}}),
        Call("payment_intents.confirm", ("$intent.id",), {"payment_method": "pm_card_visa"}, status=400,
            gives=_error({})),
        look(status="requires_payment_method"),
    )),
)  # fmt: skip

CANCELING = (
    Behavior("an intent is canceled for a reason", f"{DOCS}/api/payment_intents/cancel", (
        make(),
        Call("payment_intents.cancel", ("$intent.id",), {"cancellation_reason": "abandoned"},
             gives={"status": "canceled", "cancellation_reason": "abandoned", "canceled_at": SOMETHING}),
        not_now("payment_intents.confirm", {"payment_method": "pm_card_visa"}),
        not_now("payment_intents.cancel"),
        look(status="canceled", amount_received=0),
    )),
    Behavior("what has succeeded is not canceled", f"{DOCS}/api/payment_intents/cancel", (
        make(), confirm(), not_now("payment_intents.cancel"), look(status="succeeded"),
    )),
    Behavior("what waits for the payer is canceled", f"{DOCS}/api/payment_intents/cancel", (
        make(), confirm("pm_card_authenticationRequired"),
        Call("payment_intents.cancel", ("$intent.id",), gives={"status": "canceled", "next_action": None}),
    )),
)  # fmt: skip

REFUNDS = (
    Behavior("all of it is refunded", f"{DOCS}/api/refunds/create", (
        make(), confirm(), refund(kept="refund", gives={"amount": 1099, "status": "succeeded", "currency": "usd"}),
        Call("refunds.retrieve", ("$refund.id",), gives={"payment_intent": "$intent.id"}),
        Call("charges.list", params={"payment_intent": "$intent.id"},
             gives={"data.0.amount_refunded": 1099, "data.0.refunded": True}),
        refund(400, gives=_error({"code": "charge_already_refunded"})),
    )),
    Behavior("parts are refunded until nothing is left", f"{DOCS}/refunds", (
        make(), confirm(), refund(amount=99, reason="requested_by_customer"), refund(amount=1000,
            gives={"amount": 1000}),
        Call("refunds.list", params={"payment_intent": "$intent.id"},
             gives={"data.0.amount": 1000, "data.1.amount": 99, "data.1.reason": "requested_by_customer",
                 "data.2": None}),
    )),
    Behavior("no more is refunded than came in", f"{DOCS}/api/refunds/create#create_refund-amount", (
        make(), confirm(), refund(amount=100), refund(400, amount=1000, gives=_error({"param": "amount"})),
    )),
    Behavior("nothing is refunded of what is not paid", f"{DOCS}/api/refunds/create", (
        make(), refund(400, gives=_error({})),
    )),
    Behavior("a refund may wait", f"{DOCS}/testing#refunds", (
        make(), confirm("pm_card_pendingRefund"), refund(gives={"status": "pending"}),
    )),
    Behavior("an unknown refund is missing", f"{ERRORS}#resource-missing", (
        Call("refunds.retrieve", ("re_nothing",), status=404, gives=_error({"code": "resource_missing"})),
    )),
)  # fmt: skip

_KEYS = f"{DOCS}/api/idempotent_requests"
KEYS = (
    Behavior("a key makes one intent", _KEYS, (
        make("first", key="one"), make("again", key="one"),
        Call("payment_intents.retrieve", ("$again.id",), gives={"id": "$first.id"}),
    )),
    Behavior("a key belongs to its parameters", _KEYS, (
        make(key="one"),
        Call("payment_intents.create", params={**TEN, "amount": 1100}, key="one", status=400,
             gives={"error.type": "idempotency_error"}),
    )),
    Behavior("a key belongs to its endpoint", _KEYS, (
        make(key="one"),
        Call("payment_intents.confirm", ("$intent.id",), {"payment_method": "pm_card_visa"}, key="one", status=400,
             gives={"error.type": "idempotency_error"}),
        look(status="requires_payment_method"),
    )),
    Behavior("a decline is answered again, not tried again", _KEYS, (
        make(),
        *(Call("payment_intents.confirm", ("$intent.id",), {"payment_method": "pm_card_visa_chargeDeclined"}, key="one",
               status=402, gives={"error.code": "card_declined"}, **{name: "decline"}) for name in ("kept", "same_as")),
        Call("charges.list", params={"payment_intent": "$intent.id"},
            gives={"data.0.status": "failed", "data.1": None}),
    )),
    Behavior("an answer under a key stays as it was", _KEYS, (
        make(key="one"), Call("payment_intents.cancel", ("$intent.id",)),
        Call("payment_intents.create", params=TEN, key="one", same_as="intent",
            gives={"status": "requires_payment_method"}),
    )),
    Behavior("a refused parameter leaves its key free", _KEYS, (
        Call("payment_intents.create", params={**TEN, "amount": "ten"}, key="one", status=400),
        Call("payment_intents.create", params=TEN, key="one", gives={"status": "requires_payment_method"}),
    )),
)  # fmt: skip

REST = (
    Behavior("a success is an event", f"{DOCS}/api/events/types#event_types-payment_intent.succeeded", (
        make(), confirm(),
        Call("events.list", params={"type": "payment_intent.succeeded", "limit": 1}, kept="events",
             gives={"data.0.type": "payment_intent.succeeded", "data.0.data.object.object": "payment_intent"}),
        Call("events.retrieve", ("$events.data.0.id",),
            gives={"data.object.status": "succeeded", "request.id": SOMETHING}),
    )),
    Behavior("a card is disputed", f"{DOCS}/testing#disputes", (
        make(), confirm("pm_card_createDispute", status="succeeded"),
        Call("disputes.list", params={"payment_intent": "$intent.id"}, kept="disputes",
             gives={"data.0.status": "needs_response", "data.0.reason": "fraudulent", "data.0.amount": 1099}),
        Call("disputes.retrieve", ("$disputes.data.0.id",), gives={"is_charge_refundable": False}),
    )),
    Behavior("the secret of an endpoint is shown once", f"{DOCS}/api/webhook_endpoints/object", (
        Call("webhook_endpoints.create", kept="endpoint",
             params={"url": "https://example.com/hook", "enabled_events": ["payment_intent.succeeded"]},
             gives={"status": "enabled", "secret": Something("whsec_")}),
        Call("webhook_endpoints.retrieve", ("$endpoint.id",),
            gives={"secret": None, "url": "https://example.com/hook"}),
    )),
)  # fmt: skip

BEHAVIORS = (*INTENTS, *PAYING, *CANCELING, *REFUNDS, *KEYS, *REST)
