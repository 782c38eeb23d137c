"""Payment gateways that ring, and all that is forged about their notices."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.test import Client

from bookings.deadline import Deadline
from bookings.models import Payment
from bookings.ports import (
    ChargeOutcome,
    Disputed,
    DisputeOutcome,
    Intent,
    ListUnavailable,
    Mistake,
    Notice,
    PaymentGateway,
    Refunded,
    RefundOrder,
    RefundOutcome,
    RefundsOutcome,
    RefundsSeen,
    SeenPayment,
    SeenRefund,
    Unknown,
)
from bookings.services.payments.follow_notices import follow_notices
from bookings.text.money import Money
from tests.support.bookings import gateways_of
from tests.support.fakes import FakePayments
from tests.support.signed_notices import HEADER, SECRET, a_dispute, an_event, read_signed_notice, signature, signed

NEXT_SECRET = "whsec_of-the-tests-to-come"


class Bell:
    """The part of a gateway that reads notices."""

    name, settles_here = "bell", False

    def __init__(self, *secrets: str) -> None:
        self.secrets = secrets or (SECRET,)

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        return read_signed_notice(body, headers, secrets=self.secrets)


class RingingPayments(FakePayments):
    """
    A payment gateway that rings, and knows disputes.

    `looks` counts the questions how a payment stands; while it is `resting` nothing is sent to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.disputes: dict[str, Disputed] = {}
        # Payments that this service did not make, or does not know any more.
        self.others: list[SeenPayment] = []
        # By the key of their payment.
        self.listed: dict[Any, list[SeenRefund]] = {}
        self.looks = 0
        self.resting = False

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        return read_signed_notice(body, headers, secrets=(SECRET,))

    def look(self, intent: Intent, *, seconds: float) -> ChargeOutcome:
        self.looks += 1
        return super().look(intent, seconds=seconds)

    def refunds_of(self, intent: Intent, *, seconds: float) -> RefundsOutcome:
        return Unknown("no answer") if self.down else RefundsSeen(tuple(self.listed.get(intent.key, ())))

    def refund(self, order: RefundOrder, *, seconds: float) -> RefundOutcome:
        outcome = super().refund(order, seconds=seconds)
        if isinstance(outcome, Refunded):
            seen = SeenRefund(f"re_{order.key}", order.key, order.money, outcome)
            self.listed.setdefault(order.intent.key, []).append(seen)
        return outcome

    def payments_since(self, since: datetime, *, seconds: float) -> Iterator[SeenPayment]:
        for key, (_, money) in self.charges.items():
            if self.down:
                raise ListUnavailable("no answer")
            yield SeenPayment(f"fake-{key}", key, money, charged=True, refunds=tuple(self.listed.get(key, ())))
        yield from self.others

    def list_refund(self, payment: Payment, amount: int, outcome: Any = None, **seen: Any) -> None:
        """Let a refund be there that somebody has made on the gateway's own pages, unless it has a key of ours."""
        number = sum(map(len, self.listed.values())) + 1
        usual = {"id": f"re_{number}", "key": None, "money": Money(amount, payment.currency)}
        refund = SeenRefund(**{**usual, "outcome": outcome or Refunded(f"re_{number}"), **seen})
        self.listed.setdefault(payment.gateway_key, []).append(refund)

    def dispute(self, payment: Payment, **shown: Any) -> None:
        """Let a payer dispute a payment."""
        name = f"dp_{payment.pk}"
        self.disputes[name] = a_dispute(f"pi_{payment.pk}", name, **shown)

    def look_at_dispute(self, dispute_id: str, *, seconds: float) -> DisputeOutcome:
        if self.down:
            return Unknown("no answer")
        return self.disputes.get(dispute_id) or Mistake("no such dispute")

    def is_available(self) -> bool:
        return not self.resting


def follow(payments: PaymentGateway) -> int:
    """Let the worker look into what was told."""
    return follow_notices(payments=gateways_of(payments), deadline=Deadline(20))


def ring(body: bytes, *, gateway: str = "bell", signed: str | bytes | None = "", **sent: Any) -> Any:
    """Send a notice, signed by the gateway unless it says otherwise; None: with no signature at all."""
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    headers = dict(sent.pop("headers", {}))
    if signed is not None:
        headers[HEADER] = signature(body) if signed == "" else signed
    kind = sent.pop("content_type", "application/json")
    return client.generic("POST", f"/webhooks/{gateway}", body, content_type=kind, headers=headers, **sent)


# --- what is forged: each gives a body, and what stands in the header -----------------------------------

Forged = Callable[[bytes], tuple[bytes, str | None]]


def now() -> int:
    return int(time.time())


def _with(**changes: Any) -> Forged:
    """An event of the gateway's own, rightly signed, with other values."""

    def forge(body: bytes) -> tuple[bytes, str | None]:
        event = {**json.loads(body), **changes}
        changed = json.dumps({name: value for name, value in event.items() if value is not ...}).encode()
        return changed, signature(changed)

    return forge


def _about(**changes: Any) -> Forged:
    def forge(body: bytes) -> tuple[bytes, str | None]:
        event = json.loads(body)
        thing = {**event["data"]["object"], **changes}
        event["data"]["object"] = {name: value for name, value in thing.items() if value is not ...}
        changed = json.dumps(event).encode()
        return changed, signature(changed)

    return forge


def _signed_body(text: bytes) -> Forged:
    return lambda _body: (text, signature(text))


SIGNATURES: Mapping[str, Forged] = {
    "no signature": lambda body: (body, None),
    "an empty one": lambda body: (body, " "),
    "a word": lambda body: (body, "signed"),
    "commas": lambda body: (body, ",,,,"),
    "a time alone": lambda body: (body, f"t={now()}"),
    "a signature without a time": lambda body: (body, f"v1={signed(body, SECRET, str(now()))}"),
    "an empty signature": lambda body: (body, f"t={now()},v1="),
    "half a signature": lambda body: (body, signature(body)[:-32]),
    "a signature and more": lambda body: (body, signature(body) + "0"),
    "in capitals": lambda body: (body, f"t={now()},v1={signed(body, SECRET, str(now())).upper()}"),
    "with blanks": lambda body: (body, signature(body).replace(",v1=", ",v1= ")),
    "no hexadecimal number": lambda body: (body, f"t={now()},v1={'z' * 64}"),
    "zeros": lambda body: (body, f"t={now()},v1={'0' * 64}"),
    "of another scheme": lambda body: (body, signature(body).replace("v1=", "v0=")),
    "by SHA-1": lambda body: (body, f"t={now()},v1={hmac.new(SECRET.encode(), body, 'sha1').hexdigest()}"),
    "of another secret": lambda body: (body, signature(body, secret="whsec_another")),
    "of an empty secret": lambda body: (body, signature(body, secret="")),
    "of the body alone": lambda body: (
        body,
        f"t={now()},v1={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}",
    ),
    "of another body": lambda body: (body, signature(an_event("evt_2"))),
    "of a body without its end": lambda body: (body, signature(body[:-1])),
    "a body with one blank more": lambda body: (body + b" ", signature(body)),
    "a body with another name in it": lambda body: (body.replace(b"evt_1", b"evt_9"), signature(body)),
    "of an empty body": lambda body: (body, signature(b"")),
    "five minutes and a bit ago": lambda body: (body, signature(body, at=now() - 310)),
    "a day ago": lambda body: (body, signature(body, at=now() - 86_400)),
    "in 1970": lambda body: (body, signature(body, at=0)),
    "five minutes and a bit ahead": lambda body: (body, signature(body, at=now() + 310)),
    "a day ahead": lambda body: (body, signature(body, at=now() + 86_400)),
    "of long ago, with the time of now": lambda body: (
        body,
        f"t={now()},v1={signed(body, SECRET, str(now() - 86_400))}",
    ),
    "with an old time beside it": lambda body: (body, f"t={now() - 86_400},{signature(body)}"),
    "with a later time behind it": lambda body: (body, f"{signature(body, at=now() - 86_400)},t={now()}"),
    "no time at all": lambda body: (body, signature(body, at="")),
    "a word for a time": lambda body: (body, signature(body, at="now")),
    "a time below zero": lambda body: (body, signature(body, at=-now())),
    "a time with a point": lambda body: (body, signature(body, at=f"{now()}.0")),
    "a time in other digits": lambda body: (body, signature(body, at="\u0661" * 10)),
    "a time of forty digits": lambda body: (body, signature(body, at=10**40)),
    "a time that is not a number": lambda body: (body, signature(body, at="nan")),
    "letters that are not ASCII": lambda body: (body, f"t={now()},v1=ß{'a' * 63}"),
    "a line end": lambda body: (body, f"t={now()},v1=\x0b{'a' * 63}"),
    "a thousand wrong ones": lambda body: (body, f"t={now()}" + ",v1=0123456789" * 1_000),
}
BODIES: Mapping[str, Forged] = {
    "nothing that was signed": _signed_body(b" "),
    "a body that is not UTF-8, unsigned": lambda _body: (b"\xff\xfe\x00{", signature(b"{}")),
    "a body that is not UTF-8": _signed_body(b'{"id": "\xff"}'),
    "UTF-16": _signed_body("{}".encode("utf-16")),
    "half of JSON": lambda body: (body[: len(body) // 2], signature(body[: len(body) // 2])),
    "a list": _signed_body(b"[]"),
    "a number": _signed_body(b"7"),
    "nothing as JSON has it": _signed_body(b"null"),
    "brackets without end": _signed_body(b"[" * 200_000),
    "an event without a name": _with(id=...),
    "an event whose name is a number": _with(id=7),
    "an event whose name is empty": _with(id=""),
    "an event whose name is too long": _with(id="e" * 256),
    "an event whose name has a line end": _with(id="evt_1\n"),
    "an event whose name is not ASCII": _with(id="evt_é"),
    "an event without an object": _with(data={}),
    "an event without a time": _with(created=...),
    "an event of a time that is no time": _with(created="yesterday"),
    "an event of the year 10^15": _with(created=10**22),
    "an object without a name": _about(id=...),
    "an object whose name is a list": _about(id=["pi_1"]),
    "an object whose name is too long": _about(id="p" * 256),
    "a mark that is no key": _about(metadata={"payment": "mine"}),
}
FORGED: Mapping[str, Forged] = {**SIGNATURES, **BODIES}
