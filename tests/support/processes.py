"""Starts the stand-in Flight Service as a real process, for tests that speak to it over HTTP."""

import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

REPOSITORY = Path(__file__).resolve().parents[2]

# A start takes a fifth of a second; a loaded machine may need many times that.
START_SECONDS = 20.0

# A clean stop takes at most a second, after which the process is in the way of the next test.
STOP_SECONDS = 5.0

# Its own endpoints answer at once, whatever faults are on.
CALL_SECONDS = 10.0


class FlightSim:
    """
    One stand-in Flight Service: its address, its ledger, and ways to end it.

    `url` stays the same from one `start()` to the next, so that a client finds it where it was. The store
    does too: only `reset()` makes it forget.
    """

    def __init__(self, *options: str, store: Path, allow_reset: bool = True) -> None:
        self.store = store
        self.url = ""
        self._options = (*options, "--allow-reset") if allow_reset else options
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process's id; AssertionError if it was never started."""
        assert self._process is not None, "flightsim was not started"
        return self._process.pid

    def start(self) -> None:
        """
        Start the process and wait until it listens: on a free port the first time, on the same one later.

        :raises RuntimeError: if it ends, or says nothing for too long; the message has what it printed
        """
        port = self.url.rpartition(":")[2] or "0"
        command = (sys.executable, "-m", "flightsim", "--port", port, "--store", str(self.store))
        self._process = subprocess.Popen(
            (*command, *self._options),
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if readable else ""
        if "listening on" not in line:
            self._process.kill()
            rest, _ = self._process.communicate()
            raise RuntimeError(f"flightsim did not start: {line}{rest}")
        self.url = line.split()[3]

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

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End the process cleanly (SIGTERM), unless it has ended already, and return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None, "flightsim was not started"
        self._process.send_signal(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()

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
