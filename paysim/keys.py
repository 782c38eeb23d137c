"""
Idempotency keys, as https://docs.stripe.com/api/idempotent_requests says.

The first answer under a key is kept once its endpoint began to execute, whatever it was, a 500 included. Parameters
are compared. Keys are forgotten after a day.
"""

import hashlib
import json
from http import HTTPStatus

from paysim.account import Account
from paysim.errors import Refused, invalid
from paysim.forms import read_form
from paysim.store import KeptAnswer
from paysim.wire import Reply, Request

MAX_KEY = 255
LIFE_SECONDS = 24 * 60 * 60


def key_of(request: Request) -> str | None:
    """
    Return the key of a request; none for one that changes nothing, as Stripe does not look at it there.

    :raises Refused: if the key is too long
    """
    key = request.headers.get("idempotency-key") or None
    if request.method != "POST" or key is None:
        return None
    if len(key) > MAX_KEY:
        raise invalid(f"Idempotency keys may have up to {MAX_KEY} characters", code="parameter_invalid_string")
    return key


def kept_reply(account: Account, request: Request, key: str) -> Reply | None:
    """
    Return the answer that is kept for this key, or None if the request is the first with it.

    :raises Refused: if the key was used for another endpoint or with other parameters
    """
    kept = account.store.kept(key)
    if kept is None or kept.kept_at + LIFE_SECONDS <= account.now():
        return None
    address = f"{request.method} {request.path}"
    if kept.address != address:
        raise _mismatch(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{kept.address}' vs '{address}'). Try using a key other than '{key}' if you meant to "
            "execute a different request."
        )
    if kept.fingerprint != _fingerprint(request):
        raise _mismatch(
            "Keys for idempotent requests can only be used with the same parameters they were first "
            f"used with. Try using a key other than '{key}' if you meant to execute a different "
            "request."
        )
    headers = {"Original-Request": kept.request_id, "Idempotent-Replayed": "true"}
    return Reply(kept.status, kept.body, headers=headers)


def _mismatch(message: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, message, kind="idempotency_error")


def keep(account: Account, request: Request, key: str, reply: Reply, request_id: str) -> None:
    """Keep the answer for the key."""
    address, now = f"{request.method} {request.path}", account.now()
    account.store.keep(KeptAnswer(key, address, _fingerprint(request), reply.status, reply.body, request_id, now))


def _fingerprint(request: Request) -> str:
    """Return a hash of the parameters, in whatever order they were sent."""
    parameters = json.dumps(read_form(request.body.decode("utf-8", "replace")), sort_keys=True)
    return hashlib.sha256(parameters.encode()).hexdigest()
