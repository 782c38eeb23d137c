"""
A Flight Service that hangs while a crowd comes through the proxy: more clients than threads may wait for it.

All of them must be answered by the service itself, and readers, payers and health checks must not notice.
"""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

from tests.campaigns.outages.outage import Feel, NotPlayed
from tests.campaigns.stack import Stack
from tests.support.http import Reply, exchange

CROWD = 64

# Above the read limit of the service, which is 2 s.
HANGS_MS = 3_000

AN_ORDER = b'{"flightId": 1, "userId": 1001, "noOfSeats": 1}'
OF_THE_SERVICE = {"service_busy", "flight_service_unavailable"}


class Crowd:
    """Clients that ask for seats and come again at once, whatever they are told, and some who ask for nothing."""

    def __init__(self, port: int) -> None:
        self.created: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self._port = port
        self._stopped = threading.Event()

    def press(self, feel: Feel) -> None:
        """Come for as long as `feel` takes."""
        with ThreadPoolExecutor(CROWD + 2) as clients:
            for _ in range(CROWD):
                clients.submit(self._create)
            clients.submit(self._read)
            clients.submit(self._pay)
            try:
                feel()
            finally:
                self._stopped.set()

    def what_is_wrong(self) -> str:
        """Say what of it should not have been; empty if nothing."""
        wrong = {word: count for word, count in self.created.items() if word not in {"201", *OF_THE_SERVICE}}
        wrong |= {f"others: {word}": count for word, count in self.others.items() if word != "answered"}
        if not self.created["service_busy"] + self.created["flight_service_unavailable"]:
            wrong["no create was refused"] = 1
        if not self.others["answered"]:
            wrong["nobody else was answered"] = 1
        return ", ".join(f"{word} ({count})" for word, count in wrong.items())

    def _create(self) -> None:
        while not self._stopped.is_set():
            reply = self._ask("POST", "/api/v1/bookings", AN_ORDER)
            self.created[_word_of(reply)] += 1

    def _read(self) -> None:
        while not self._stopped.wait(0.1):
            reply = self._ask("GET", "/api/v1/bookings?limit=5")
            self.others["answered" if reply.status == 200 else _word_of(reply)] += 1

    def _pay(self) -> None:
        """Try to pay for what is no booking: it is decided by the database, as any payment."""
        wish = json.dumps({"bookingId": 2**40, "userId": 1001, "totalCost": 1}).encode()
        while not self._stopped.wait(0.1):
            reply = self._ask("POST", "/api/v1/bookings/payments", wish, {"Idempotency-Key": f"none-{time.time_ns()}"})
            self.others["answered" if reply.status == 404 else _word_of(reply)] += 1

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        try:
            return exchange(self._port, method, path, body, headers)
        except (OSError, HTTPException):
            return Reply(0, {}, b"")


def _word_of(reply: Reply) -> str:
    """Name an answer by the code of its error; the proxy's own refusals have codes of their own."""
    try:
        code = json.loads(reply.body)["error"].get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        code = None
    return str(code or reply.status)


def flight_service_hangs_under_a_crowd(stack: Stack, feel: Feel) -> float:
    """
    Let it hang, and see to it that the proxy never thought that a web process was away.

    :raises NotPlayed: if a client was told anything but the service's own words, or there is no proxy
    """
    if stack.proxy is None:
        raise NotPlayed("there is no proxy")
    failed_checks = stack.proxy.times_said("is DOWN")
    crowd = Crowd(stack.proxy.port)
    stack.sim.faults(latency_ms=HANGS_MS)
    try:
        crowd.press(feel)
    finally:
        stack.sim.faults()
    if wrong := crowd.what_is_wrong():
        raise NotPlayed(f"clients were told {wrong}")
    if stack.proxy.times_said("is DOWN") > failed_checks:
        raise NotPlayed(f"the proxy has taken a web process out: {stack.proxy.printed()[-500:]}")
    return time.monotonic()
