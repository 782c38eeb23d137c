"""
Payments by Stripe: one PaymentIntent for each payment.

Loaded only where it is used, as the library takes 0.4 s and 14 MB of each process.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import structlog
from stripe import StripeClient, StripeObject

from bookings.conf import RETRY_NEEDS_SECONDS
from bookings.gateways.payments.guard import CallRefused, PaymentGuard
from bookings.gateways.payments.stripe import notices, rights
from bookings.gateways.payments.stripe.account import Account
from bookings.gateways.payments.stripe.amounts import refusal_of, units_of
from bookings.gateways.payments.stripe.api import Found, StripeApi
from bookings.gateways.payments.stripe.payment_intents import (
    BOOKING,
    INSTALLATION,
    PAYMENT_KEY,
    REFUND_KEY,
    Problem,
    failure_of,
    id_in,
    not_charged,
    opened,
    standing,
)
from bookings.gateways.payments.stripe.refunds import (
    REASONS,
    disputed,
    not_refunded,
    payment_seen,
    refund_of,
    refund_standing,
    refunds_seen,
)
from bookings.observability import tracing
from bookings.observability.tracing import Kind
from bookings.ports import (
    AccountOutcome,
    CallWord,
    ChargeOutcome,
    Closed,
    DisputeOutcome,
    Intent,
    ListUnavailable,
    Mistake,
    Notice,
    NotSent,
    OpenOutcome,
    RefundFailed,
    RefundOrder,
    RefundOutcome,
    RefundsOutcome,
    RefundsSeen,
    SeenPayment,
    Unknown,
)
from bookings.text.money import Money

if TYPE_CHECKING:
    from stripe.params import (
        PaymentIntentConfirmParams,
        PaymentIntentCreateParams,
        PaymentIntentListParams,
        RefundCreateParams,
        RefundListParams,
    )

log = structlog.get_logger(__name__)

# What Stripe gives at once, and how often it is asked for more: a payment has a handful of refunds.
PAGE = 100
MOST_PAGES = 10
# A hundred thousand payments in the two days of a comparison.
MOST_PAGES_OF_A_COMPARISON = 1_000

# Refused for all requests alike: with another key of the account, or later, they would be answered.
TURNED_AWAY = (401, 403, 429)

# A stand-in has no dashboard.
STRIPE = "api.stripe.com"

NO_ID = "the payment has no id at Stripe"

# Gives a page of a list, behind the object of this id.
Page = Callable[[str, StripeClient], StripeObject]

# The refund of a payment that was given back elsewhere, or is disputed: what there is decides.
ALREADY_REFUNDED = "charge_already_refunded"


class StripePayments:
    """The port over Stripe, behind the guard of this process."""

    name = "stripe"
    settles_here = False

    def __init__(self, account: Account, *, guard: PaymentGuard | None = None) -> None:
        self._account = account
        self._guard = guard or PaymentGuard(self.name)
        self._api = StripeApi(account.api_key, url=account.url)

    def refuses(self, money: Money) -> str:
        return refusal_of(money)

    def open(self, intent: Intent, *, seconds: float) -> OpenOutcome:
        units = units_of(intent.money)
        if (why := refusal_of(intent.money)) or units is None:
            return Mistake(why)
        params = {
            "amount": units,
            "currency": intent.money.currency.lower(),
            # Named `allowed_payment_method_types` from 2026-10-28 on, so the library does not know it by this name.
            "payment_method_types": list(self._account.methods),
            "metadata": self._marks(intent),
            # Behind the name of the business on the payer's statement.
            "statement_descriptor_suffix": intent.reference,
        }
        found = self._ask(
            "open",
            lambda client: client.v1.payment_intents.create(cast("PaymentIntentCreateParams", params)),
            key=f"{intent.key}:open",
            seconds=seconds,
        )
        if isinstance(found, Mapping):
            return opened(intent, found, publishable_key=self._account.publishable_key)
        return failure_of(found) if isinstance(found, Problem) else found

    def charge(self, intent: Intent, *, payer_token: str, seconds: float) -> ChargeOutcome:
        if not payer_token:
            return self.look(intent, seconds=seconds)
        if not intent.id:
            return Unknown(NO_ID)
        ends_at = time.monotonic() + seconds
        params: PaymentIntentConfirmParams = {"confirmation_token": payer_token}
        if self._account.return_url:
            params["return_url"] = self._account.return_url.replace("{reference}", intent.reference)
        found = self._ask(
            "charge",
            lambda client: client.v1.payment_intents.confirm(intent.id, params),
            key=f"{intent.key}:charge",
            seconds=seconds,
        )
        return self._standing(intent, found, ends_at=ends_at)

    def look(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        if not intent.id:
            return Unknown(NO_ID)
        found = self._ask("look", lambda client: client.v1.payment_intents.retrieve(intent.id), seconds=seconds)
        if isinstance(found, Mapping):
            return standing(intent, found, publishable_key=self._account.publishable_key)
        return failure_of(found) if isinstance(found, Problem) else found

    def close(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        if not intent.id:
            # Its secret has never left Stripe, as far as anybody can know: there is nothing that could be paid.
            return Closed()
        ends_at = time.monotonic() + seconds
        # Without a key of its own: closing twice is harmless, and a stored answer would say how it stood then.
        found = self._ask("close", lambda client: client.v1.payment_intents.cancel(intent.id), seconds=seconds)
        if isinstance(found, Problem) and not found.is_unexpected_state:
            return failure_of(found)
        return self._standing(intent, found, ends_at=ends_at)

    def refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        ends_at = time.monotonic() + seconds
        # Each time, and not only for a repetition: Stripe may have forgotten the key, and refunds are few.
        made = self._made(order, ends_at=ends_at)
        if made is not None:
            return made
        units = units_of(order.money)
        if units is None:
            return RefundFailed(f"no such amount in {order.money.currency}")
        params: RefundCreateParams = {
            "payment_intent": order.intent.id,
            "amount": units,
            "metadata": {**self._marks(order.intent), REFUND_KEY: str(order.key)},
        }
        if reason := REASONS.get(order.cause):
            params["reason"] = reason
        found = self._ask(
            "refund",
            lambda client: client.v1.refunds.create(params),
            key=str(order.key),
            seconds=ends_at - time.monotonic(),
        )
        if isinstance(found, Problem):
            made = self._made(order, ends_at=ends_at) if found.code == ALREADY_REFUNDED else None
            return made or not_refunded(found)
        return refund_standing(order, found) if isinstance(found, Mapping) else found

    def look_at_refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        made = self._made(order, ends_at=time.monotonic() + seconds)
        return NotSent("no refund has this key") if made is None else made

    def refunds_of(self, intent: Intent, *, seconds: float) -> RefundsOutcome:
        if not intent.id:
            return RefundsSeen(())
        ends_at = time.monotonic() + seconds
        refunds = self._pages("refunds_of", partial(_refunds_of, intent.id), ends_at=ends_at)
        return refunds_seen(refunds) if isinstance(refunds, list) else refunds

    def payments_since(self, since: datetime, *, seconds: float) -> Iterator[SeenPayment]:
        """
        List payments as the port says, and those of before that were refunded since then.

        No refund is older than its payment, so one list has all of the payments that are not older either.
        """
        refunds: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for refund in self._listed(partial(_refunds_since, since), seconds=seconds):
            refunds[id_in(refund, "payment_intent")].append(refund)
        for payment in self._listed(partial(_payments_since, since), seconds=seconds):
            yield self._seen(payment, refunds.pop(id_in(payment), []))
        for payment_id in filter(None, refunds):
            found = self._ask("look", partial(_payment, payment_id), seconds=seconds)
            if not isinstance(found, Mapping):
                raise ListUnavailable("a payment of before is not shown")
            yield self._seen(found, list(self._listed(partial(_refunds_of, payment_id), seconds=seconds)))

    def look_at_dispute(self, dispute_id: str, *, seconds: float) -> DisputeOutcome:
        found = self._ask("look_at_dispute", lambda client: client.v1.disputes.retrieve(dispute_id), seconds=seconds)
        if isinstance(found, Problem):
            return failure_of(found)
        return disputed(dispute_id, found) if isinstance(found, Mapping) else found

    def page_of(self, payment_id: str) -> str:
        if not payment_id or not self._account.url.startswith(f"https://{STRIPE}"):
            return ""
        mode = "test/" if "_test_" in self._account.api_key else ""
        return f"https://dashboard.stripe.com/{mode}payments/{payment_id}"

    def look_at_account(self, *, seconds: float) -> AccountOutcome:
        # Past the guard: an operator wants to know how it is, and a right that is missing is no outage.
        return rights.look_at_account(lambda send: self._api.ask(send, seconds=seconds))

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        return notices.read_notice(
            body, headers, secrets=self._account.webhook_secrets, installation=self._account.installation
        )

    def is_available(self) -> bool:
        return self._guard.is_available()

    def _standing(self, intent: Intent, found: Found, *, ends_at: float) -> ChargeOutcome:
        """Read the answer to what may change a payment; where it was in another state than expected, look."""
        if isinstance(found, Mapping):
            return standing(intent, found, publishable_key=self._account.publishable_key)
        if isinstance(found, Problem):
            if found.is_unexpected_state:
                return self.look(intent, seconds=ends_at - time.monotonic())
            return not_charged(intent, found)
        return found

    def _made(self, order: RefundOrder, *, ends_at: float) -> RefundOutcome | None:
        """Look for a refund among those of its payment; None if it is certain that there is none."""
        if not order.intent.id:
            return RefundFailed(NO_ID)
        refunds = self._pages("look_at_refund", partial(_refunds_of, order.intent.id), ends_at=ends_at)
        if not isinstance(refunds, list):
            return refunds
        mine = refund_of(order, refunds)
        return None if mine is None else refund_standing(order, mine)

    def _pages(self, operation: str, list_: Page, *, ends_at: float) -> list[Mapping[str, Any]] | NotSent | Unknown:
        """Ask for a whole list, page by page. A list is as it is now; a search at Stripe is as it was minutes ago."""
        all_: list[Mapping[str, Any]] = []
        after = ""
        for _ in range(MOST_PAGES):
            page = self._page(operation, partial(list_, after), seconds=ends_at - time.monotonic())
            if not isinstance(page, tuple):
                return page
            objects, after = page
            all_ += objects
            if not after:
                return all_
        return Unknown("the list has no end")

    def _seen(self, payment: Mapping[str, Any], refunds: list[Mapping[str, Any]]) -> SeenPayment:
        seen = payment_seen(payment, refunds, installation=self._account.installation)
        if isinstance(seen, Unknown):
            raise ListUnavailable(seen.why)
        return seen

    def _listed(self, list_: Page, *, seconds: float) -> Iterator[Mapping[str, Any]]:
        """
        Go through a long list, each page within `seconds`.

        :raises ListUnavailable: if a page does not come
        """
        after = ""
        for _ in range(MOST_PAGES_OF_A_COMPARISON):
            page = self._page("list", partial(list_, after), seconds=seconds)
            if not isinstance(page, tuple):
                raise ListUnavailable(page.why)
            objects, after = page
            yield from objects
            if not after:
                return
        raise ListUnavailable("the list has no end")

    def _page(
        self, operation: str, list_: Callable[[StripeClient], StripeObject], *, seconds: float
    ) -> tuple[list[Mapping[str, Any]], str] | NotSent | Unknown:
        """Ask for one page of a list: its objects, and the id that the next one comes behind; empty at the end."""
        found = self._ask(operation, list_, seconds=seconds)
        if isinstance(found, Problem):
            failure = failure_of(found)
            return Unknown(failure.why) if isinstance(failure, Mistake) else failure
        if not isinstance(found, Mapping):
            return found
        page = found.get("data")
        if not isinstance(page, list) or not all(isinstance(each, dict) for each in page):
            return Unknown("answer is no list")
        return page, str(page[-1].get("id")) if page and found.get("has_more") is True else ""

    def _ask(
        self, operation: str, send: Callable[[StripeClient], StripeObject], *, key: str = "", seconds: float
    ) -> Found:
        """Make one call if the guard admits it."""
        if seconds <= 0:
            return NotSent("no time left")
        try:
            with self._guard.call(operation) as call, tracing.Span(f"Stripe {operation}", Kind.CLIENT) as span:
                found = self._api.ask(send, key=key, seconds=seconds)
                call.ended(_word(found), healthy=_is_healthy(found, seconds=seconds))
                span.attributes["outcome"] = call.word
                span.failed = not call.healthy
        except CallRefused as refused:
            return NotSent(str(refused))
        if not isinstance(found, Mapping) and not (isinstance(found, Problem) and found.is_card):
            why = found.why() if isinstance(found, Problem) else found.why
            log.warning("gateway.payments.call_failed", what=operation, outcome=call.word.value, reason=why)
        return found

    def _marks(self, intent: Intent) -> dict[str, str]:
        """What a payment carries at Stripe, so that it is known there whose it is."""
        return {
            PAYMENT_KEY: str(intent.key),
            BOOKING: intent.reference,
            INSTALLATION: self._account.installation,
        }


def _refunds_of(payment_id: str, after: str, client: StripeClient) -> StripeObject:
    params: RefundListParams = {"payment_intent": payment_id, "limit": PAGE}
    if after:
        params["starting_after"] = after
    return client.v1.refunds.list(params)


def _refunds_since(since: datetime, after: str, client: StripeClient) -> StripeObject:
    params: RefundListParams = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
    if after:
        params["starting_after"] = after
    return client.v1.refunds.list(params)


def _payment(payment_id: str, client: StripeClient) -> StripeObject:
    return client.v1.payment_intents.retrieve(payment_id)


def _payments_since(since: datetime, after: str, client: StripeClient) -> StripeObject:
    params: PaymentIntentListParams = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
    if after:
        params["starting_after"] = after
    return client.v1.payment_intents.list(params)


def _word(found: Found) -> CallWord:
    if isinstance(found, Problem):
        failure = failure_of(found)
        if found.is_card:
            return CallWord.REFUSED
        return CallWord.MISTAKE if isinstance(failure, Mistake) else _word(failure)
    if isinstance(found, Unknown):
        return CallWord.UNKNOWN
    return CallWord.NOT_SENT if isinstance(found, NotSent) else CallWord.DONE


def _is_healthy(found: Found, *, seconds: float) -> bool | None:
    """Tell whether an exchange shows a healthy Stripe. None: it had too little time to show anything."""
    if isinstance(found, Problem):
        return found.status not in TURNED_AWAY and found.status < 500
    if isinstance(found, Mapping):
        return True
    return False if seconds >= RETRY_NEEDS_SECONDS else None
