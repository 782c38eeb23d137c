"""The merchant's account: its objects, its time, and what it tells of its own accord."""

import json
import secrets
import string
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from paysim.errors import missing
from paysim.faults import Faults
from paysim.store import Store, Thing, Wanted

API_VERSION = "2026-05-27.dahlia"

_LETTERS = string.ascii_letters + string.digits

# How Stripe's messages call an object, and the prefix of its ids.
NAMES = {
    "payment_intent": ("payment_intent", "pi"),
    "payment_method": ("PaymentMethod", "pm"),
    "confirmation_token": ("confirmationtoken", "ctoken"),
    "charge": ("charge", "ch"),
    "refund": ("refund", "re"),
    "dispute": ("dispute", "dp"),
    "event": ("event", "evt"),
    "webhook_endpoint": ("webhook endpoint", "we"),
}


class Cause(NamedTuple):
    """The request that changes something; none where a bank or a person does."""

    request_id: str | None
    key: str | None


NO_REQUEST = Cause(None, None)


def random_letters(length: int) -> str:
    """Return letters and digits that cannot be guessed."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def new_id(prefix: str) -> str:
    """Return an id in Stripe's manner."""
    return f"{prefix}_{random_letters(24)}"


@dataclass
class Account:
    """What all endpoints work on. `address` is where a browser reaches this program."""

    store: Store
    faults: Faults
    address: str
    cause: Cause = NO_REQUEST

    def now(self) -> int:
        """Return the time of this account, in seconds; `/__clock` moves it on."""
        return int(time.time()) + self.shift()

    def shift(self) -> int:
        """Return how far the account's time is ahead of the machine's, in seconds."""
        return int(self.store.setting("shift", "0"))

    def add(
        self, kind: str, shown: dict[str, Any], *, intent: str | None = None, hidden: dict[str, Any] | None = None
    ) -> Thing:
        """Add an object under a new id; `shown` is what the API shows of it beside id, kind and time."""
        name, now = new_id(NAMES[kind][1]), self.now()
        shown = {"id": name, "object": kind, "created": now, "livemode": False} | shown
        if kind == "refund":
            # The one object here that does not say whether it is real.
            del shown["livemode"]
        thing = Thing(name, kind, intent, now, shown, hidden or {})
        self.store.add(thing)
        return thing

    def find(self, kind: str, name: str, *, param: str, in_path: bool = False) -> Thing:
        """
        Return an object.

        :raises Refused: if there is none of this kind and id
        """
        found = self.store.find(kind, name)
        if found is None:
            raise missing(NAMES[kind][0], name, param=param, in_path=in_path)
        return found

    def publish(self, kind: str, thing: Thing, **previous: object) -> None:
        """
        Make the event of a change, and send it to each endpoint that wants it.

        `previous` is what has changed, as it was before. A fault may make two events of one change, as Stripe sometimes
        does.
        """
        for _ in range(2 if self.faults.draw_double_event() else 1):
            content: dict[str, Any] = {"object": thing.shown}
            if previous:
                content["previous_attributes"] = previous
            event = self.add(
                "event",
                {
                    "api_version": API_VERSION,
                    "data": json.loads(json.dumps(content)),
                    "pending_webhooks": 0,
                    "request": {"id": self.cause.request_id, "idempotency_key": self.cause.key},
                    "type": kind,
                },
                intent=thing.id if thing.kind == "payment_intent" else thing.intent,
            )
            self._send(event, kind)

    def _send(self, event: Thing, kind: str) -> None:
        endpoints = [
            endpoint
            for endpoint in self.store.some("webhook_endpoint", Wanted(), limit=-1)
            if endpoint.shown["status"] == "enabled" and {"*", kind} & set(endpoint.shown["enabled_events"])
        ]
        event.shown["pending_webhooks"] = len(endpoints)
        self.store.save(event)
        for endpoint in endpoints:
            for fault, delay in self.faults.draw_notice():
                self.store.add_delivery(event.id, endpoint.id, fault, time.time() + delay)
