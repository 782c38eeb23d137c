"""Sends notices: signed, again after a pause until they are accepted, in no promised order."""

import asyncio
import contextlib
import hashlib
import hmac
import ssl
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from paysim.account import Account
from paysim.api import as_json
from paysim.store import GIVEN_UP, WAITING, Delivery, Thing

ANSWER_SECONDS = 10.0
MAX_PAUSE_SECONDS = 60.0
# Stripe repeats for three days.
MAX_AGE_SECONDS = 3 * 24 * 60 * 60
# So many are under way at once.
AT_ONCE = 16
# A notice that is old on purpose; a sane receiver refuses what was signed more than five minutes ago.
OLD_SECONDS = 3600


def signature(secrets: Iterable[str], moment: int, payload: bytes) -> str:
    """Return the header that signs a notice, one signature for each secret: https://docs.stripe.com/webhooks/signature."""
    signed = b"%d.%s" % (moment, payload)
    each = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={moment}", *(f"v1={found}" for found in each)])


class Courier:
    """
    What sends deliveries, beside the requests.

    It holds them all back while `hold` is set; then they go out one by one, as `/__notices` asks.
    """

    def __init__(self, account: Account, *, pause_seconds: float) -> None:
        self._account = account
        self._pause_seconds = pause_seconds
        self._wake = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[int]] = {}

    @property
    def holds(self) -> bool:
        """Whether deliveries are held back."""
        return self._account.store.setting("notices_held") == "true"

    def wake(self) -> None:
        """Look for deliveries now."""
        self._wake.set()

    async def run(self) -> None:
        """Send what is due, until canceled."""
        while True:
            self._wake.clear()
            if not self.holds:
                for delivery in self._account.store.due(time.time(), limit=2 * AT_ONCE):
                    if delivery.number not in self._under_way and len(self._under_way) < AT_ONCE:
                        self._start(delivery)
            due_at = None if self.holds or len(self._under_way) >= AT_ONCE else self._account.store.next_due()
            # What is under way is due, too: its end wakes this up.
            pause = 1.0 if due_at is None or self._under_way else max(due_at - time.time(), 0.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    def _start(self, delivery: Delivery) -> asyncio.Task[int]:
        task = asyncio.get_running_loop().create_task(self.send(delivery))
        self._under_way[delivery.number] = task
        task.add_done_callback(lambda _: self._ended(delivery.number))
        return task

    def _ended(self, number: int) -> None:
        del self._under_way[number]
        self.wake()

    async def send(self, delivery: Delivery) -> int:
        """Try once, write down how it went, and return the status of the answer; 0 is none."""
        event = self._account.find("event", delivery.event, param="event")
        endpoint = self._account.find("webhook_endpoint", delivery.endpoint, param="endpoint")
        # By the machine's clock, as the receiver compares with its own; `/__clock` moves the account alone.
        payload, moment = as_json(event.shown), int(time.time())
        secrets = endpoint.hidden["secrets"]
        if delivery.fault == "old":
            moment -= OLD_SECONDS
        if delivery.fault == "forged":
            secrets = ["whsec_of_a_stranger"]
        headers = {} if delivery.fault == "unsigned" else {"Stripe-Signature": signature(secrets, moment, payload)}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status = await _post(endpoint.shown["url"], payload, headers)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            status = 0
        self._write_down(delivery, event, status)
        return status

    def _write_down(self, delivery: Delivery, event: Thing, status: int) -> None:
        tries = delivery.tries + 1
        accepted = 200 <= status < 300
        too_old = event.created + MAX_AGE_SECONDS < self._account.now()
        pause = min(self._pause_seconds * 2 ** min(tries - 1, 20), MAX_PAUSE_SECONDS)
        # What was wrong on purpose is sent once: a repetition would be right.
        over = accepted or too_old or delivery.fault != ""
        store = self._account.store
        with store.transaction():
            found = store.find("event", event.id)
            if found is None:
                return  # Everything was forgotten meanwhile.
            store.update_delivery(
                delivery.number,
                tries=tries,
                due_at=time.time() + pause,
                status=(status or GIVEN_UP) if over else WAITING,
            )
            if accepted and found.shown["pending_webhooks"]:
                found.shown["pending_webhooks"] -= 1
                store.save(found)

    async def deliver(self, event: str) -> list[int]:
        """
        Send an event to its endpoints now, one after the other, also if that was done; return their answers.

        Faults are left out: the caller decides about order and number.
        """
        return [await self.send(each._replace(fault="")) for each in self._account.store.deliveries(event=event)]

    def shown(self) -> list[dict[str, Any]]:
        """Return all deliveries, with the type of their event."""
        return [
            each._asdict() | {"type": self._account.find("event", each.event, param="event").shown["type"]}
            for each in self._account.store.deliveries()
        ]


async def _post(url: str, payload: bytes, headers: dict[str, str]) -> int:
    """
    Send a notice and return the status of the answer.

    :raises OSError: if the receiver cannot be reached
    :raises ValueError: if its answer is no HTTP
    """
    parts = urlsplit(url)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if tls else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls)
    try:
        lines = [
            f"POST {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1",
            f"Host: {parts.netloc}",
            "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept: */*",
            "Content-Type: application/json; charset=utf-8",
            f"Content-Length: {len(payload)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
        await writer.drain()
        return int((await reader.readline()).split(b" ", 2)[1])
    except IndexError as error:
        raise ValueError("the answer is no HTTP") from error
    finally:
        writer.close()
