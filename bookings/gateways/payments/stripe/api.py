"""
Calls to Stripe: Stripe's own library for the words, and the bounded exchange of this service for the time.

The library's transports have no limit for a whole exchange, and one kind of error for what was not sent and for what
was not answered. So it is given another one, and never sees an answer that is not Stripe's.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import stripe
from stripe import HTTPClient, StripeClient, StripeObject

from bookings.gateways.http_exchange import Answer, ExchangeFailed, HttpExchange, NothingSent, Question
from bookings.gateways.payments.stripe.payment_intents import Problem, problem_of
from bookings.ports import NotSent, Unknown
from bookings.text.nesting import is_deeper_than

# The version of Stripe's API that this code was written for; whatever the account's own is, and the library's. A newer
# one has other names for some parameters.
API_VERSION = "2026-05-27.dahlia"

CONNECT_SECONDS = 1.0
# A page of a hundred payments has some 300 kB.
LARGEST_ANSWER_BYTES = 1024 * 1024
# Far more than Stripe's own. The library walks through an object level by level, until Python stops it after hundreds.
DEEPEST_NESTING = 50

# What Stripe is told. The library would add the name of this machine, and how long its last call took.
TOLD = ("Authorization", "Content-Type", "Stripe-Version", "User-Agent")

Found = Mapping[str, Any] | Problem | NotSent | Unknown


class _NoObject(Exception):
    """There is no object of Stripe's: why not is in `outcome`. Nothing that Stripe wrote is in the message."""

    def __init__(self, outcome: Problem | NotSent | Unknown) -> None:
        self.outcome = outcome
        super().__init__(type(outcome).__name__)


@dataclass(frozen=True, slots=True)
class _Call:
    """The call that a thread makes: until when, and under which key, if it has one."""

    ends_at: float
    key: str


class BoundedTransport(HTTPClient):
    """
    Sends each request of the library once, on a connection of its own, within the time of the call.

    See Note [Which request a response belongs to] in `http_exchange`.
    """

    name = "bounded"

    def __init__(self) -> None:
        super().__init__()
        self._http = HttpExchange(connect_seconds=CONNECT_SECONDS, largest_bytes=LARGEST_ANSWER_BYTES)
        self._mine = threading.local()

    @contextmanager
    def call(self, *, key: str, seconds: float) -> Iterator[None]:
        """Let this thread's next request take so long, under this key."""
        self._mine.call = _Call(time.monotonic() + seconds, key)
        try:
            yield
        finally:
            del self._mine.call

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        call: _Call = self._mine.call
        told = {name: value for name, value in (headers or {}).items() if name in TOLD}
        # Never a key that the library has made up: it would be another one for each repetition.
        keyed = {"Idempotency-Key": call.key} if call.key else {}
        body = None if method == "get" else str(post_data or "").encode()
        question = Question(method.upper(), url, {"Accept": "application/json", **told, **keyed}, body)
        try:
            answer = self._http.send(question, seconds=call.ends_at - time.monotonic())
        except NothingSent as error:
            raise _NoObject(NotSent(str(error))) from error
        except ExchangeFailed as error:
            raise _NoObject(Unknown(str(error))) from error
        return _checked(answer), answer.status, answer.headers


class StripeApi:
    """Stripe's API, with the key of an account."""

    def __init__(self, api_key: str, *, url: str) -> None:
        self._transport = BoundedTransport()
        stripe.enable_telemetry = False
        self._client = StripeClient(
            api_key,
            base_addresses={"api": url},
            http_client=self._transport,
            # Whether to repeat a call is decided by who knows what it was for.
            max_network_retries=0,
            stripe_version=API_VERSION,
        )

    def ask(self, send: Callable[[StripeClient], StripeObject], *, key: str = "", seconds: float) -> Found:
        """Make one call. Raises nothing: what went wrong is the result."""
        try:
            with self._transport.call(key=key, seconds=seconds):
                return send(self._client).to_dict()
        except _NoObject as nothing:
            return nothing.outcome


def _checked(answer: Answer) -> str:
    """
    Let an object of Stripe's pass.

    :raises _NoObject: if it is an error, or not Stripe's
    """
    try:
        text = answer.body.decode()
        found = None if is_deeper_than(DEEPEST_NESTING, answer.body) else json.loads(text)
    except ValueError:
        text, found = "", None
    if isinstance(found, dict):
        error = found.get("error")
        if answer.status == HTTPStatus.OK and isinstance(found.get("object"), str):
            return text
        if answer.status >= HTTPStatus.BAD_REQUEST and isinstance(error, dict):
            raise _NoObject(problem_of(answer.status, error))
    raise _NoObject(Unknown(f"answer {answer.status} is not Stripe's"))
