"""
What this process counts and measures, and how that of all processes is shown together.

Several processes serve one address, and a scrape reaches any of them. Where PROMETHEUS_MULTIPROC_DIR names a
folder, each writes its numbers into files of its own there, and whoever is scraped adds them up; without it a
process shows what it has counted itself. What is read from tables is in `bookings.observability.gauges`.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
)
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# When each of them began to count would be twice the series, and no question of anybody.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types

REGISTRY = CollectorRegistry()

# A replay takes milliseconds; a create gives up after four seconds.
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A read ends after two seconds, a worker's call after five.
_CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
# A pass begins nothing new after twenty seconds.
_PASS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)

# --- requests ------------------------------------------------------------------------------------------

REQUESTS = Counter(
    "bookings_http_requests",
    "Requests that were answered. `route` is the pattern of the address, never what a client typed.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "bookings_http_request_duration_seconds",
    "How long requests took, until their answer began.",
    ["method", "route"],
    buckets=_REQUEST_BUCKETS,
    registry=REGISTRY,
)
REQUESTS_TURNED_AWAY = Counter(
    "bookings_http_requests_turned_away",
    "Requests that were answered 503 as too many of their kind were being worked on. Nothing of them was done.",
    ["kind"],
    registry=REGISTRY,
)
REQUESTS_RUNNING = Gauge(
    "bookings_http_requests_running",
    "Requests that are being worked on, by kind, of all processes together. Seen once a second.",
    ["kind"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
OLDEST_REQUEST_SECONDS = Gauge(
    "bookings_http_oldest_request_seconds",
    "How long the oldest request that is being worked on has been; 0 if there is none. Seen once a second.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
REPLAYS = Counter(
    "bookings_idempotency_replays",
    "Answers that were given again under a client's key.",
    ["endpoint"],
    registry=REGISTRY,
)
KEY_CONFLICTS = Counter(
    "bookings_idempotency_conflicts",
    "Requests refused for their key: it stands for another request, or is being worked on.",
    ["code"],
    registry=REGISTRY,
)

# --- bookings: counted when the transaction has been committed, so that one that was repeated counts once -----

HELD = Counter("bookings_held", "Bookings whose seats were confirmed.", registry=REGISTRY)
PAID = Counter("bookings_paid", "Bookings that were paid for.", registry=REGISTRY)
CANCELLED = Counter(
    "bookings_cancelled",
    "Bookings that ended, by reason: `expired`, those of the service itself, and those that people give.",
    ["reason"],
    registry=REGISTRY,
)
TRANSACTION_RETRIES = Counter(
    "bookings_transaction_retries",
    "Transactions that were run again, by the database's own number: 1213 deadlock, 1205 lock not had in time.",
    ["transaction", "error"],
    registry=REGISTRY,
)

# --- the Flight Service --------------------------------------------------------------------------------

FLIGHT_CALLS = Counter(
    "bookings_flight_service_calls",
    "Calls to the Flight Service by outcome; open and full were not made.",
    ["outcome"],
    registry=REGISTRY,
)
FLIGHT_CALL_SECONDS = Histogram(
    "bookings_flight_service_call_duration_seconds",
    "How long calls to the Flight Service took, by outcome.",
    ["outcome"],
    buckets=_CALL_BUCKETS,
    registry=REGISTRY,
)
COUNTER_ALARMS = Counter(
    "bookings_flight_counter_alarms",
    "What is wrong with a seat counter of a Flight Service without keys; the log names the flight.",
    ["what"],
    registry=REGISTRY,
)
for _what in ("oversold", "counter_moved", "counter_unexplained", "answer_too_late"):
    # From the start, so that the first one is seen as an increase.
    COUNTER_ALARMS.labels(_what)
# The flight is the value: as a label it would be a series for each flight that ever was one, for ever.
UNUSABLE_FLIGHT = Gauge(
    "bookings_unusable_flight",
    "The id of a flight that the Flight Service shows in a way that cannot be sold; 0: no flight in this place.",
    ["place"],
    registry=REGISTRY,
    multiprocess_mode="liveall",
)
UNUSABLE_FLIGHT_SEEN = Gauge(
    "bookings_unusable_flight_seen_timestamp_seconds",
    "When the flight in this place was last shown so.",
    ["place"],
    registry=REGISTRY,
    multiprocess_mode="liveall",
)
# Gauges of processes that are gone go with them, and one that has called nobody yet counts as nothing: a process
# that was only forked from has a file of zeros.
BREAKER_STATE = Gauge(
    "bookings_flight_service_breaker_state",
    "0 closed, 1 half-open, 2 open: nothing is sent. As each process last saw it; the worst of them.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
RETRY_BUDGET = Gauge(
    "bookings_flight_service_retry_budget",
    "Repetitions that requests may still send, of all processes together; each has ten at most.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CALLS_IN_FLIGHT = Gauge(
    "bookings_flight_service_calls_in_flight",
    "Calls to the Flight Service that are under way, of all processes together.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)

# --- the database's clock ------------------------------------------------------------------------------

CLOCK_JUMPS = Counter(
    "bookings_database_clock_jumps", "Times that the database's clock was seen to jump.", registry=REGISTRY
)
CLOCK_DOUBTED = Gauge(
    "bookings_database_clock_doubted",
    "1 while a process does not believe the database's clock: nothing expires, is given up or trimmed meanwhile.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)

CLOCK_OFF = Gauge(
    "bookings_clock_off_seconds",
    "By how much a machine's clock, which tokens are judged by, is off the database's; the worst process.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)

# --- background work -----------------------------------------------------------------------------------

PASS_SECONDS = Histogram(
    "bookings_pass_duration_seconds",
    "How long passes of the background work took.",
    buckets=_PASS_BUCKETS,
    registry=REGISTRY,
)
WAKE_UPS_LOST = Counter(
    "bookings_wake_ups_lost",
    "Wake-ups of the worker that could not be written; the next scheduled pass did the work.",
    registry=REGISTRY,
)
PASSES_FAILED = Counter(
    "bookings_passes_failed", "Passes in which something failed; the rest was done.", registry=REGISTRY
)


class SharedNumbers(Collector):
    """
    Adds up what the processes that share a folder have written there; a folder that is not there is empty.

    :param folds: put the counters of processes that are gone into one file. For a single reader, of a folder in
        which processes come and go: each would leave two files, and a small disk would be full after a month.
    """

    def __init__(self, folder: Path, *, folds: bool = False) -> None:
        self._folder, self._folds = folder, folds
        self._lock = Lock()

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            return self._collect()

    def _collect(self) -> list[Metric]:
        self._forget_the_dead()
        try:
            if self._folds:
                self._fold_the_dead()
            files = [str(file) for file in self._folder.glob("*.db")]
            return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]  # it has no types
        except FileNotFoundError:
            # The folder was emptied just now, as a cluster is started again: the next scrape shows the new one.
            return []

    def _forget_the_dead(self) -> None:
        """Delete the gauges of processes that are gone. Their counters stay: what they counted has happened."""
        for file in self._folder.glob("gauge_live*.db"):
            if not _is_alive(file.stem.rpartition("_")[2]):
                file.unlink(missing_ok=True)

    def _fold_the_dead(self) -> None:
        """Add the counters of processes that are gone to those of process 0, which nobody is."""
        numbers: Any = MmapedDict  # it has no types
        for kind in ("counter", "histogram"):
            for file in self._folder.glob(f"{kind}_*.db"):
                if _is_alive(file.stem.rpartition("_")[2]):
                    continue
                total = numbers(str(file.with_name(f"{kind}_0.db")))
                for key, value, *_ in numbers.read_all_values_from_file(str(file)):
                    total.write_value(key, total.read_value(key)[0] + value, 0.0)
                total.close()
                file.unlink()


def collected() -> CollectorRegistry:
    """A registry of everything above: of all processes that share a folder, or of this one alone."""
    registry = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    registry.register(SharedNumbers(Path(folder)) if folder else REGISTRY)
    return registry


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)  # asks only; 0 is the group of this process, and so always there
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
