"""
What this process counts and measures, and how the numbers of all processes are shown together.

Several processes serve one address, and a scrape reaches any of them. Where PROMETHEUS_MULTIPROC_DIR names a
folder, each process writes its numbers into its own files there, and the one that is scraped adds them up. Without
it a process shows what it has counted itself. What is read from tables is in `bookings.observability.gauges`.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# When each of them began to count would double the series, and no alert or panel asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types

REGISTRY = CollectorRegistry()

# A replay takes milliseconds; a create gives up after four seconds.
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A read ends after two seconds, a worker's call after five.
_CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
# A webhook ends after ten seconds.
_SEND_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A charge ends after seven seconds, and mostly takes one or two.
_PAYMENT_BUCKETS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
# A pass begins nothing new after twenty seconds.
_PASS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)

# A notice comes within seconds; a gateway repeats one for three days.
_LAG_BUCKETS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)

# --- requests ------------------------------------------------------------------------------------------

REQUESTS = Counter(
    "bookings_http_requests",
    "Requests that were answered. `route` is the pattern of the address, never what a client typed.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "bookings_http_request_duration_seconds",
    "How long requests took, until the response began.",
    ["method", "route"],
    buckets=_REQUEST_BUCKETS,
    registry=REGISTRY,
)
REQUESTS_TURNED_AWAY = Counter(
    "bookings_http_requests_turned_away",
    "Requests that were answered 503, as too many of their kind were running. Nothing was done for them.",
    ["kind"],
    registry=REGISTRY,
)
REQUESTS_RUNNING = Gauge(
    "bookings_http_requests_running",
    "Requests that are running, by kind, summed over processes. Measured once a second.",
    ["kind"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
OLDEST_REQUEST_SECONDS = Gauge(
    "bookings_http_oldest_request_seconds",
    "How long the oldest running request has run; 0 if there is none. Measured once a second.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
REPLAYS = Counter(
    "bookings_idempotency_replays",
    "Responses that were replayed for an idempotency key.",
    ["endpoint"],
    registry=REGISTRY,
)
KEY_CONFLICTS = Counter(
    "bookings_idempotency_conflicts",
    "Requests that were refused for their idempotency key: it belongs to another request, or to one that is running.",
    ["code"],
    registry=REGISTRY,
)

# --- bookings: counted when the transaction has been committed, so that one that was repeated counts once -----

HELD = Counter("bookings_held", "Bookings whose seats were reserved.", registry=REGISTRY)
PAID = Counter("bookings_paid", "Bookings that were paid for.", registry=REGISTRY)
ARCHIVED = Counter("bookings_archived", "Bookings that were moved to the archive.", registry=REGISTRY)
CANCELLED = Counter(
    "bookings_cancelled",
    "Bookings that were cancelled, by reason: `expired`, reasons of the service itself, and those that people give.",
    ["reason"],
    registry=REGISTRY,
)
ANNOUNCED = Counter(
    "bookings_announced",
    "Announcements that were written: what others are told, by type.",
    ["type"],
    registry=REGISTRY,
)
WEBHOOK_SENDS = Counter(
    "bookings_webhook_sends",
    "Webhooks that were sent, or could not be, by how it ended. There is no label for the receiver.",
    ["outcome"],
    registry=REGISTRY,
)
for _outcome in ("accepted", "turned_down", "not_allowed", "not_sent", "unknown"):
    WEBHOOK_SENDS.labels(_outcome)
WEBHOOKS_DEAD = Counter(
    "bookings_webhooks_dead",
    "Webhooks that were sent for 72 hours, in vain.",
    registry=REGISTRY,
)
WEBHOOK_SEND_SECONDS = Histogram(
    "bookings_webhook_send_duration_seconds",
    "How long sending a webhook took, until its answer was there or it was given up.",
    buckets=_SEND_BUCKETS,
    registry=REGISTRY,
)
MESSAGES = Counter(
    "bookings_messages",
    "Messages to travelers that were sent, or could not be, by how it ended. There is no label for the traveler.",
    ["channel", "outcome"],
    registry=REGISTRY,
)
for _channel in ("mail", "sms"):
    for _outcome in ("sent", "refused", "mistake", "not_sent", "unknown"):
        MESSAGES.labels(_channel, _outcome)
MONEY_DIFFERS = Counter(
    "bookings_money_differs",
    "Payments whose money is not what was asked for: another amount, currency or payment. Never booked.",
    registry=REGISTRY,
)
TRANSACTION_RETRIES = Counter(
    "bookings_transaction_retries",
    "Transactions that were run again, by the database's error number: 1213 deadlock, 1205 lock wait timeout.",
    ["transaction", "error"],
    registry=REGISTRY,
)

# --- the Flight Service --------------------------------------------------------------------------------

FLIGHT_CALLS = Counter(
    "bookings_flight_service_calls",
    "Calls to the Flight Service by outcome; `open` and `full` were not sent.",
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
    "Faults that were seen in how a Flight Service counts or gives seats; the log names the flight.",
    ["what"],
    registry=REGISTRY,
)
for _what in (
    *("oversold", "counter_moved", "counter_unexplained", "answer_too_late"),
    *("seat_numbers_ignored", "seat_given_twice", "seat_missing"),
):
    # From the start, so that Prometheus sees the first one as an increase.
    COUNTER_ALARMS.labels(_what)
# The flight is the value: as a label it would make a series for each flight, and none would ever end.
UNUSABLE_FLIGHT = Gauge(
    "bookings_unusable_flight",
    "The id of a flight that cannot be sold as the Flight Service shows it; 0: no flight in this place.",
    ["place"],
    registry=REGISTRY,
    multiprocess_mode="liveall",
)
UNUSABLE_FLIGHT_SEEN = Gauge(
    "bookings_unusable_flight_seen_timestamp_seconds",
    "When the Flight Service last showed the flight in this place so.",
    ["place"],
    registry=REGISTRY,
    multiprocess_mode="liveall",
)
# The gauges of a process end with it. One that has sent nothing yet counts as zero: a process that only forks others
# has a file of zeros.
BREAKER_STATE = Gauge(
    "bookings_flight_service_breaker_state",
    "0 closed, 1 half-open, 2 open: nothing is sent. The worst of all processes.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
RETRY_BUDGET = Gauge(
    "bookings_flight_service_retry_budget",
    "Retries that requests may still send, summed over processes; each has ten at most.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CALLS_IN_FLIGHT = Gauge(
    "bookings_flight_service_calls_in_flight",
    "Calls to the Flight Service that are under way, summed over processes.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)

# --- payment gateways ----------------------------------------------------------------------------------

NOTICES = Counter(
    "bookings_notices",
    "Notices of payment gateways: how they were answered, and what became of those that were stored.",
    ["outcome"],
    registry=REGISTRY,
)
for _outcome in ("stored", "known", "ignored", "not_genuine", "unavailable", "done", "foreign", "dead"):
    NOTICES.labels(_outcome)
NOTICE_LAG = Histogram(
    "bookings_notice_lag_seconds",
    "From what a payment gateway has told, by its clock, until what it is about was looked at.",
    buckets=_LAG_BUCKETS,
    registry=REGISTRY,
)
PAYMENT_CALLS = Counter(
    "bookings_payment_calls",
    "Calls to payment gateways by what was asked and how it ended; `open` and `full` were not sent.",
    ["gateway", "operation", "outcome"],
    registry=REGISTRY,
)
PAYMENT_CALL_SECONDS = Histogram(
    "bookings_payment_call_duration_seconds",
    "How long calls to payment gateways took.",
    ["gateway", "operation"],
    buckets=_PAYMENT_BUCKETS,
    registry=REGISTRY,
)
PAYMENT_BREAKER_STATE = Gauge(
    "bookings_payment_breaker_state",
    "0 closed, 1 half-open, 2 open: this gateway is not called. The worst of all processes.",
    ["gateway"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)

# --- the database's clock ------------------------------------------------------------------------------

CLOCK_JUMPS = Counter(
    "bookings_database_clock_jumps", "How often the database's clock was seen to jump.", registry=REGISTRY
)
CLOCK_DOUBTED = Gauge(
    "bookings_database_clock_doubted",
    "1 while a process does not trust the database's clock: nothing expires, is given up or deleted meanwhile.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)

CLOCK_OFF = Gauge(
    "bookings_clock_off_seconds",
    "By how much a machine's clock, which tokens are judged by, differs from the database's; the worst process.",
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
    "Wake-ups of the worker that could not be queued; the next scheduled pass did the work.",
    registry=REGISTRY,
)
PASSES_FAILED = Counter(
    "bookings_passes_failed", "Passes in which something failed; the rest was done.", registry=REGISTRY
)


class SharedNumbers(Collector):
    """
    Adds up what the processes that share a folder have written there; a folder that is not there is empty.

    A process that has ended leaves two files of some 64 KiB, its counters. The folder goes with its server or
    cluster, and a healthy worker process lives for days, so they are never many.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        self._forget_the_dead()
        try:
            files = [str(file) for file in self._folder.glob("*.db")]
            return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]  # it has no types
        except FileNotFoundError:
            # The folder was emptied just now, as a cluster is started again: the next scrape shows the new one.
            return []

    def _forget_the_dead(self) -> None:
        """Delete the gauges of processes that are gone. Their counters stay: what they counted has happened."""
        for file in self._folder.glob("gauge_live*.db"):
            if not is_alive(file.stem.rpartition("_")[2]):
                file.unlink(missing_ok=True)


def collected() -> CollectorRegistry:
    """A registry of everything above: of all processes that share a folder, or of this one alone."""
    registry = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    registry.register(SharedNumbers(Path(folder)) if folder else REGISTRY)
    return registry


def is_alive(pid: str) -> bool:
    """Tell whether there is a process of this number, of whatever user."""
    try:
        os.kill(int(pid), 0)  # asks only; 0 is the group of this process, and so always there
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
