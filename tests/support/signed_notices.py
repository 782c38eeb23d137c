"""What a payment gateway sends by itself, signed as Stripe signs it, and a reader of that."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bookings.ports import Disputed, NotGenuine, Notice, NoticeKind
from bookings.text.money import Money

HEADER = "Stripe-Signature"
SECRET = "whsec_of-the-tests"
TOLERANCE_SECONDS = 300

KINDS = {
    "payment_intent": NoticeKind.PAYMENT,
    "charge": NoticeKind.REFUND,
    "refund": NoticeKind.REFUND,
    "dispute": NoticeKind.DISPUTE,
}


def an_event(event_id: str = "evt_1", about: str = "pi_1", what: str = "payment_intent", **metadata: str) -> bytes:
    """What a gateway says when something has happened to one of its payments."""
    thing = {"id": about, "object": what, "payment_intent": about, "metadata": metadata}
    event = {"id": event_id, "object": "event", "type": f"{what}.changed", "created": int(time.time())}
    return json.dumps({**event, "data": {"object": thing}}).encode()


def signature(body: bytes, *, secret: str = SECRET, at: object = None) -> str:
    """Sign a notice as of a moment."""
    moment = int(time.time()) if at is None else at
    return f"t={moment},v1={signed(body, secret, str(moment))}"


def signed(body: bytes, secret: str, moment: str) -> str:
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def read_signed_notice(body: bytes, headers: Mapping[str, str], *, secrets: tuple[str, ...]) -> Notice:
    """Read a notice once its signature is found to be right, as a gateway of the product must."""
    parts = [part.partition("=")[::2] for part in headers.get(HEADER, "").split(",")]
    moments = [value for name, value in parts if name == "t"]
    if len(moments) != 1 or not (moments[0].isascii() and moments[0].isdigit() and len(moments[0]) < 12):
        raise NotGenuine("no time")
    if abs(time.time() - int(moments[0])) > TOLERANCE_SECONDS:
        raise NotGenuine("too old, or ahead")
    given = [value.encode() for name, value in parts if name == "v1"]
    right = [signed(body, secret, moments[0]).encode() for secret in secrets]
    if not any(hmac.compare_digest(one, other) for one in given for other in right):
        raise NotGenuine("no signature of ours")
    try:
        event = json.loads(body)
        thing = event["data"]["object"]
        kind = KINDS.get(thing["object"], NoticeKind.OTHER)
        about = thing["payment_intent"] if kind is NoticeKind.REFUND else thing["id"]
        key = thing.get("metadata", {}).get("payment")
        notice = Notice(
            event_id=event["id"],
            kind=kind,
            object_id=about,
            payment_key=None if key is None else UUID(key),
            made_at=datetime.fromtimestamp(event["created"], UTC),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError, RecursionError):
        raise NotGenuine("no event") from None
    if not isinstance(notice.event_id, str) or not isinstance(notice.object_id, str):
        raise NotGenuine("no event")
    return notice


def a_dispute(payment_id: str, dispute_id: str = "dp_1", **shown: Any) -> Disputed:
    """A dispute as the gateway shows it: open, to be answered in a week."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    usual: dict[str, Any] = {"money": Money(4000, "XXX"), "reason": "fraudulent", "status": "needs_response"}
    usual |= {"refundable": False, "answer_by": at + timedelta(days=7), "opened_at": at, "is_open": True}
    return Disputed(**{"id": dispute_id, "payment_id": payment_id, **usual, **shown})
