"""Stripe's API: who asks, which endpoint, under which key."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from paysim import charges, disputes, endpoints, events, intents, keys, refunds, tokens
from paysim.account import API_VERSION, NO_REQUEST, Account, Cause, new_id
from paysim.errors import Refused, failed, invalid, key_in_use, not_permitted, unknown_address
from paysim.expanding import check_paths, expand
from paysim.faults import Fault
from paysim.forms import Form, read_form
from paysim.parameters import texts
from paysim.store import Thing
from paysim.wire import Reply, Request

PREFIX = "/v1/"

_VERSION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(\.[a-z]+)?")


class Route(NamedTuple):
    """An endpoint: what it returns, for `expand`, and what works on a request. A group of `path` is an id."""

    method: str
    path: re.Pattern[str]
    kind: str
    work: Callable[..., Thing | dict[str, Any]]


def _route(method: str, path: str, kind: str, work: Callable[..., Thing | dict[str, Any]]) -> Route:
    return Route(method, re.compile(f"/v1/{path}".replace("ID", "([^/]+)")), kind, work)


ROUTES = (
    _route("POST", "payment_intents", "payment_intent", intents.create),
    _route("GET", "payment_intents", "payment_intent", intents.some),
    _route("GET", "payment_intents/ID", "payment_intent", intents.get),
    _route("POST", "payment_intents/ID/confirm", "payment_intent", intents.confirm),
    _route("POST", "payment_intents/ID/cancel", "payment_intent", intents.cancel),
    _route("POST", "test_helpers/confirmation_tokens", "confirmation_token", tokens.create),
    _route("GET", "confirmation_tokens/ID", "confirmation_token", tokens.get),
    _route("GET", "charges", "charge", charges.some),
    _route("GET", "charges/ID", "charge", charges.get),
    _route("POST", "refunds", "refund", refunds.create),
    _route("GET", "refunds", "refund", refunds.some),
    _route("GET", "refunds/ID", "refund", refunds.get),
    _route("GET", "disputes", "dispute", disputes.some),
    _route("GET", "disputes/ID", "dispute", disputes.get),
    _route("GET", "events", "event", events.some),
    _route("GET", "events/ID", "event", events.get),
    _route("POST", "webhook_endpoints", "webhook_endpoint", endpoints.create),
    _route("GET", "webhook_endpoints", "webhook_endpoint", endpoints.some),
    _route("GET", "webhook_endpoints/ID", "webhook_endpoint", endpoints.get),
)
# Objects that the rights of a restricted key have under another name.
RIGHTS = {"webhook_endpoint": "webhook"}
_LISTS = frozenset((intents.some, charges.some, refunds.some, disputes.some, events.some, endpoints.some))


class Api:
    """The endpoints, for those who know one of the secrets."""

    def __init__(
        self, account: Account, secrets: Sequence[str], restricted: Mapping[str, frozenset[str]] = MappingProxyType({})
    ) -> None:
        self._account = account
        self._secrets = [*secrets, *restricted]
        # Of keys that may do less than all: their rights, as in `refund_write`.
        self._restricted = restricted
        self._running: set[str] = set()

    def begin(self, request: Request) -> Reply | None:
        """
        Note that a request is under way; a reply if another one has the same key.

        If it is None, the caller calls `end` later.
        """
        key = _raw_key(request)
        if key is None:
            return None
        if key in self._running:
            return self._refusal(request, key_in_use(key), new_id("req"))
        self._running.add(key)
        return None

    def end(self, request: Request) -> None:
        """Note that a request is no longer under way."""
        self._running.discard(_raw_key(request) or "")

    def answer(self, request: Request, fault: Fault | None = None) -> Reply:
        """
        Carry out a request in one transaction, and return what is answered.

        A fault of the kind FAIL_BEFORE or FAIL_AFTER takes the place of what the endpoint does, or of its answer.

        :raises sqlite3.Error: if the store fails; then nothing was done
        """
        request_id = new_id("req")
        try:
            with self._account.store.transaction():
                return self._answer(request, fault, request_id)
        except Refused as refused:
            # Refused before its endpoint began: nothing of it is left, and the key is free.
            return self._refusal(request, refused, request_id)
        finally:
            self._account.cause = NO_REQUEST

    def _answer(self, request: Request, fault: Fault | None, request_id: str) -> Reply:
        self._check_rights(request, self._authenticate(request))
        version = request.headers.get("stripe-version", API_VERSION)
        if _VERSION.fullmatch(version) is None:
            raise invalid(f"Invalid Stripe API version: {version}")
        key = keys.key_of(request)
        if key is not None:
            replayed = keys.kept_reply(self._account, request, key)
            if replayed is not None:
                return self._finished(request, replayed, request_id)
        self._account.cause = Cause(request_id, key)
        try:
            if fault is Fault.FAIL_BEFORE:
                raise failed()
            shown = self._work(request)
            if fault is Fault.FAIL_AFTER:
                raise failed()
            reply = Reply(HTTPStatus.OK, as_json(shown))
        except Refused as refused:
            if not refused.began:
                raise
            reply = Reply(refused.status, as_json(refused.as_json(request_id)))
        if key is not None:
            keys.keep(self._account, request, key, reply, request_id)
        return self._finished(request, reply, request_id)

    def _authenticate(self, request: Request) -> str:
        word, _, credentials = request.headers.get("authorization", "").partition(" ")
        if word.lower() == "basic":
            try:
                credentials = base64.b64decode(credentials, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                credentials = ""
        elif word.lower() != "bearer":
            credentials = ""
        if not credentials:
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "You did not provide an API key. You need to provide your API key in the Authorization header, using "
                "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            )
        sent = credentials.encode()
        if not any(hmac.compare_digest(sent, secret.encode()) for secret in self._secrets):
            raise Refused(HTTPStatus.UNAUTHORIZED, f"Invalid API Key provided: {_masked(credentials)}")
        return credentials

    def _check_rights(self, request: Request, key: str) -> None:
        """Refuse what a restricted key may not: who may write may read as well."""
        rights = self._restricted.get(key)
        if rights is None:
            return
        kind = _found(request)[0].kind
        thing = RIGHTS.get(kind, kind)
        right = f"{thing}_{'read' if request.method == 'GET' else 'write'}"
        if not rights & {right, f"{thing}_write"}:
            raise not_permitted(_masked(key), f"rak_{right}")

    def _work(self, request: Request) -> dict[str, Any]:
        route, names = _found(request)
        form = _form_of(request)
        listed = route.work in _LISTS
        wanted = texts("expand", form.pop("expand", {}))
        paths = check_paths(route.kind, wanted, in_list=listed)
        found = route.work(self._account, form, *names)
        shown = found.shown if isinstance(found, Thing) else found
        # By way of JSON, so that an object in the place of its id is a copy.
        shown = json.loads(json.dumps(shown))
        for each in shown["data"] if listed else [shown]:
            expand(self._account, each, paths)
        return dict(shown)

    def refusal(self, request: Request, refused: Refused) -> Reply:
        """Return the answer of a request that is refused without having been looked at."""
        return self._refusal(request, refused, new_id("req"))

    def _refusal(self, request: Request, refused: Refused, request_id: str) -> Reply:
        return self._finished(request, Reply(refused.status, as_json(refused.as_json(request_id))), request_id)

    def _finished(self, request: Request, reply: Reply, request_id: str) -> Reply:
        reply.headers |= {
            "Request-Id": request_id,
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        key = _raw_key(request)
        if key is not None:
            reply.headers = {"Idempotency-Key": key} | reply.headers
        return reply


def _masked(key: str) -> str:
    return f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "*" * 8


def _raw_key(request: Request) -> str | None:
    return (request.headers.get("idempotency-key") or None) if request.method == "POST" else None


def _found(request: Request) -> tuple[Route, tuple[str, ...]]:
    for route in ROUTES:
        matched = route.path.fullmatch(request.path)
        if matched is not None and route.method == request.method:
            return route, matched.groups()
    raise unknown_address(request.method, request.path)


def _form_of(request: Request) -> Form:
    try:
        return read_form(request.query if request.method == "GET" else request.body.decode())
    except UnicodeDecodeError as error:
        raise invalid("Invalid request: the body is not UTF-8") from error


def as_json(content: object) -> bytes:
    """Return JSON as Stripe writes it: two spaces deep."""
    return json.dumps(content, indent=2).encode()
