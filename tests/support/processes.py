"""Starts servers as real processes, and the stand-in Flight Service as one of them."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import requests

from devtools.processes import Command
from tests.support.waiting import PATIENCE_SECONDS, await_that, comes_true

# More seats than any test or campaign can sell.
PLENTY = 1_000_000

# Its own endpoints answer at once, whatever faults are on.
CALL_SECONDS = 10.0


def python(*words: str) -> tuple[str, ...]:
    """
    Give the command of a Python program that ends with the thread that starts it, and with it all that it forks.

    SERVER_PYTHON is another interpreter to run them, as one with the packages of production alone.
    """
    interpreter = os.environ.get("SERVER_PYTHON", sys.executable)
    return (interpreter, "-m", "bookingsite.processes.die_with_parent", str(os.getpid()), "SIGKILL", *words)


class Server(Command):
    """A command that goes on until it is ended, and shows in some way that it is there."""

    def serve(self) -> None:
        """Start it, and return once it is there, where that can be seen."""
        self.start()

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve for the length of the block; nothing of it is left afterwards."""
        try:
            self.serve()
            yield self
        finally:
            self.kill()

    def await_sign(self, is_there: Callable[[], Any]) -> None:
        """Return once it is there; AssertionError, with what it printed, if it ends before or takes too long."""
        await_that(lambda: self.exit_status() is not None or is_there(), self.printed)
        assert self.exit_status() is None, self.printed()

    def ends_within(self, seconds: float) -> bool:
        """Wait until no process of it is left, and it has an exit status."""
        return comes_true(lambda: not self.alive() and self.exit_status() is not None, seconds)

    def stop_in_order(self) -> None:
        """Ask it to stop, and return when nothing of it is left; AssertionError, with what it printed, if some is."""
        os.kill(self.pid, signal.SIGTERM)
        assert self.ends_within(PATIENCE_SECONDS), self.printed()


class FlightSim(Server):
    """
    One stand-in Flight Service: its address, its ledger, and ways to end it.

    `url` stays the same from one `start()` to the next, so that a client finds it where it was. The store
    does too: only `reset()` makes it forget.
    """

    def __init__(self, *options: str, store: Path, allow_reset: bool = True) -> None:
        super().__init__()
        self.store, self.url = store, ""
        self._options = (*options, "--allow-reset") if allow_reset else options

    def start(self) -> None:
        """Start it and wait until it listens: on a free port the first time, on the same one later."""
        port = self.url.rpartition(":")[2] or "0"
        self.words = python("-m", "flightsim", "--port", port, "--store", str(self.store), *self._options)
        before = len(self.printed(last=0))
        super().start()
        self.await_sign(lambda: " listening on " in self.printed(last=0)[before:])
        self.url = self.printed(last=0)[before:].split()[3]

    def ledger(self) -> dict[str, Any]:
        """Return the seats and calls of all flights, and the calls in all."""
        return self._answer("GET", "/__ledger")

    def flight(self, flight_id: int = 1) -> dict[str, Any]:
        """Return the ledger of one flight: capacity, remaining, taken, given_back, calls."""
        return next(flight for flight in self.ledger()["flights"] if flight["id"] == flight_id)

    def reset(self, **content: Any) -> dict[str, Any]:
        """Fill all flights, forget keys and counts; `capacity=10` or `flights={"1": 10}` change the sizes."""
        return self._answer("POST", "/__reset", content)

    def faults(self, **plan: Any) -> None:
        """Follow this plan and no other; without arguments all faults are off. A reset leaves them alone."""
        self._answer("POST", "/__faults", plan)

    def _answer(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = requests.request(method, self.url + path, json=content, timeout=CALL_SECONDS)
        if answer.status_code != 200:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def start_flightsim(
    *options: str,
    store: Path | None = None,
    allow_reset: bool = True,
) -> Iterator[FlightSim]:
    """Run a stand-in Flight Service for the length of the block, on a free port, with a store of its own."""
    with tempfile.TemporaryDirectory(prefix="flightsim-") as folder:
        sim = FlightSim(*options, store=store or Path(folder) / "flightsim.sqlite3", allow_reset=allow_reset)
        sim.start()
        try:
            yield sim
        finally:
            sim.stop()
