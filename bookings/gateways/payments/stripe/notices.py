"""
Notices that Stripe sends: proven first, and then read for what they are about, no more.

A notice has a time and signatures: `t=1700000000,v1=5257a8...`, one for each secret of the endpoint. Signed is the
time, a dot, and the body as it came.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bookings.gateways.payments.stripe.payment_intents import id_in, is_of, key_in
from bookings.gateways.payments.stripe.refunds import moment_of
from bookings.ports import NotGenuine, Notice, NoticeKind

# As Stripe's own libraries have it, and to the future as well: a signature that is made ahead would stay good for long.
MAY_BE_OFF_SECONDS = 300

SIGNATURE = "stripe-signature"
LONGEST_SIGNATURE = 4096
TIME = re.compile(r"[1-9][0-9]{8,11}")
HASH = re.compile(r"[0-9a-f]{64}")
KIND = re.compile(r"[a-z0-9_.]{1,64}")

# By the beginning of an event's kind.
KINDS = {
    "payment_intent.": NoticeKind.PAYMENT,
    "charge.refund": NoticeKind.REFUND,
    "refund.": NoticeKind.REFUND,
    "charge.dispute.": NoticeKind.DISPUTE,
}


def read_notice(
    body: bytes,
    headers: Mapping[str, str],
    *,
    secrets: Sequence[str],
    installation: str,
    clock: Callable[[], float] = time.time,
) -> Notice:
    """
    Read a notice that one of the secrets has signed within five minutes.

    :raises NotGenuine: if none has, or if it is no event
    """
    prove(body, headers, secrets=secrets, now=clock())
    return _notice(_event(body), installation)


def prove(body: bytes, headers: Mapping[str, str], *, secrets: Sequence[str], now: float) -> None:
    """
    See that one of the secrets has signed this body within five minutes.

    :raises NotGenuine: if none has
    """
    header = next((value for name, value in headers.items() if name.lower() == SIGNATURE), "")
    if not header or len(header) > LONGEST_SIGNATURE:
        raise NotGenuine("no signature")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and HASH.fullmatch(value)]
    if len(times) != 1 or not TIME.fullmatch(times[0]) or not signatures:
        raise NotGenuine("no signature")
    if abs(now - int(times[0])) > MAY_BE_OFF_SECONDS:
        raise NotGenuine("signed at another time")
    signed = times[0].encode() + b"." + body
    ours = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    # All are compared, so that the time this takes does not tell how far a guess came.
    if not sum(hmac.compare_digest(mine, theirs) for mine in ours for theirs in signatures):
        raise NotGenuine("signed by another secret")


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or event.get("object") != "event":
        raise NotGenuine("no event")
    return event


def _notice(event: Mapping[str, Any], installation: str) -> Notice:
    event_id, made_at, kind = id_in(event), moment_of(event.get("created")), event.get("type")
    if not event_id or made_at is None or not (isinstance(kind, str) and KIND.fullmatch(kind)):
        raise NotGenuine("no event")
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    about = about if isinstance(about, dict) else {}
    what = next((each for beginning, each in KINDS.items() if kind.startswith(beginning)), NoticeKind.OTHER)
    return Notice(
        event_id=event_id,
        kind=what,
        object_id=_object_id(about, what),
        # Another installation may share the account: its payments are none of ours.
        payment_key=key_in(about) if is_of(about, installation) else None,
        made_at=made_at,
    )


def _object_id(about: Mapping[str, Any], what: NoticeKind) -> str:
    """Name what is to be looked at: of a refund, the payment that it belongs to."""
    return (what is NoticeKind.REFUND and id_in(about, "payment_intent")) or id_in(about)
