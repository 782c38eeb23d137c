"""Web servers started by `run_web`, and clients that keep asking while they are restarted."""

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any

from devtools.processes import HOST, free_port
from tests.support.proxy import Proxy
from tests.support.servers import Command

PATIENCE_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.02

# Enough that there is always something under way, with thinking in between: the point is not the rate.
CLIENTS = 4
PAUSE_SECONDS = 0.05

Heard = tuple[str, int, dict[str, Any]]


def await_that(true: Callable[[], Any], what: Callable[[], object] = lambda: "") -> None:
    """Wait until something is true; AssertionError, with what is to be seen then, if it does not become so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(LOOK_EVERY_SECONDS)


def in_the_background(work: Callable[[], Any]) -> Future[Any]:
    """Do something in a thread; its result is waited for where it is asked for."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


class RunWeb(Command):
    """`manage.py run_web` and all below it, on a port that stays the same over restarts."""

    def __init__(self, *options: str, env: dict[str, str]) -> None:
        self.port = free_port()
        super().__init__("run_web", "--port", str(self.port), "--workers", "1", *options, env=env)

    def await_answer(self) -> None:
        """Return once it answers."""
        await_that(lambda: self.exit_status() is not None or self._answers(), self.printed)
        assert self.exit_status() is None, self.printed()

    def _answers(self) -> bool:
        return self.ask("GET", "/health/live")[0] == 200

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Send one request on a connection of its own; 0 is no answer."""
        connection = HTTPConnection(HOST, self.port, timeout=PATIENCE_SECONDS)
        try:
            return _ask(connection, method, path, body)
        except (OSError, HTTPException):
            return 0, {}
        finally:
            connection.close()


def _ask(connection: HTTPConnection, method: str, path: str, body: object, **headers: str) -> Any:
    content = None if body is None else json.dumps(body).encode()
    connection.request(method, path, content, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


class Clients:
    """
    Clients that hold seats, pay, and read, each on a connection that it keeps, as browsers and services do.

    Nothing is repeated: `failures` has every request that was not answered, or with an error.
    """

    def __init__(self, port: int) -> None:
        self.heard: list[Heard] = []
        self.failures: list[str] = []
        self.bookings = self.requests = 0
        self._port = port
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        await_that(lambda: len(self.heard) >= CLIENTS)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _live(self, number: int) -> None:
        connection = HTTPConnection(HOST, self._port, timeout=PATIENCE_SECONDS)
        while not self._stopped.wait(PAUSE_SECONDS):
            order = {"flightId": 1 + number % 4, "userId": 1000 + number, "noOfSeats": 1}
            booking = self._ask(connection, "POST", "/api/v1/bookings", order)
            if booking:
                with self._lock:
                    self.bookings += 1
                wanted = {name: booking[name] for name in ("userId", "totalCost")}
                self._ask(connection, "POST", "/api/v1/bookings/payments", {"bookingId": booking["id"], **wanted})
                self._ask(connection, "GET", f"/api/v1/bookings/{booking['id']}", None)
        connection.close()

    def _ask(self, connection: HTTPConnection, method: str, path: str, body: object) -> dict[str, Any]:
        key = uuid.uuid4().hex
        with self._lock:
            self.requests += 1
        try:
            status, envelope = _ask(connection, method, path, body, **{"Idempotency-Key": key})
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            self.failures.append(f"{method} {path}: {error!r}")
            return {}
        if status >= 400:
            self.failures.append(f"{method} {path}: {status}")
            return {}
        if method == "POST":
            self.heard.append((key, status, envelope))
        data: dict[str, Any] = envelope["data"]
        return data


def stop(web: RunWeb) -> None:
    """Ask a web server to stop, and wait until nothing of it is left."""
    os.kill(web.pid, signal.SIGTERM)
    assert web.ends_within(PATIENCE_SECONDS), web.printed()


def restart(web: RunWeb, name: str, *, proxy: Proxy, clients: Clients) -> None:
    """Stop a web server, start it again, and wait until the proxy sends it clients again."""
    before = proxy.times_said(f"Server ready/{name} is UP")
    stop(web)
    web.start()
    await_that(lambda: proxy.times_said(f"Server ready/{name} is UP") > before, proxy.printed)
    heard = len(clients.heard)
    await_that(lambda: len(clients.heard) > heard + 10, lambda: clients.failures)
