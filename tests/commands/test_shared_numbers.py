"""The numbers of several processes, added up from a folder; and what is left of those that are gone."""

import os
import socket
import subprocess
import sys
from urllib.request import urlopen

import pytest
from django.core.management.base import CommandError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from bookings.observability.metrics import SharedNumbers
from bookingsite.processes.worker_metrics import serve_worker_metrics
from devtools.processes import REPOSITORY, free_port
from tests.support.scrapes import numbers_in

COUNT = """
from bookings.observability import metrics
metrics.PAID.inc({paid})
metrics.CALLS_IN_FLIGHT.inc({calls})
metrics.RETRY_BUDGET.set({budget})
metrics.BREAKER_STATE.set({breaker})
print("counted", flush=True)
input()
"""


class Counting:
    """A process that has counted some, and lives until it is told to end."""

    def __init__(self, folder, **numbers):
        program = COUNT.format(**{"paid": 0, "calls": 0, "budget": 10, "breaker": 0, **numbers})
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=REPOSITORY,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout.readline() == b"counted\n"

    def dies(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def counting(tmp_path):
    """Starts processes that count into one folder."""
    started = []

    def start(**numbers):
        started.append(Counting(tmp_path, **numbers))
        return started[-1]

    yield start
    for each in started:
        each.dies()


def text_of(collector):
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def seen_in(folder):
    return numbers_in(text_of(SharedNumbers(folder)))


@pytest.mark.slow
def test_processes_are_added_up_and_the_worst_breaker_is_shown(tmp_path, counting):
    counting(paid=3, calls=2, budget=10)
    counting(paid=4, calls=1, budget=2.5, breaker=2)

    seen = seen_in(tmp_path)

    assert seen["bookings_paid_total"] == 7
    assert seen["bookings_flight_service_calls_in_flight"] == 3
    assert seen["bookings_flight_service_retry_budget"] == 12.5
    assert seen["bookings_flight_service_breaker_state"] == 2


@pytest.mark.slow
def test_what_a_process_that_died_has_counted_stays_and_how_it_stood_does_not(tmp_path, counting):
    counting(paid=3, calls=2)
    counting(paid=4, calls=1, breaker=2).dies()

    seen = seen_in(tmp_path)

    assert seen["bookings_paid_total"] == 7
    assert seen["bookings_flight_service_calls_in_flight"] == 2
    assert seen["bookings_flight_service_breaker_state"] == 0


def test_without_forgetting_the_dead_their_open_breaker_would_be_shown_for_ever(tmp_path, counting):
    counting(paid=4, breaker=2).dies()

    seen = numbers_in(text_of(MultiProcessCollector(None, path=str(tmp_path))))

    assert seen["bookings_flight_service_breaker_state"] == 2


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert seen_in(tmp_path / "later") == {}


@pytest.mark.slow
def test_a_worker_shows_its_numbers_at_a_port(tmp_path, counting, settings):
    settings.WORKER_METRICS_PORT = free_port()
    counting(paid=3)

    serve_worker_metrics(tmp_path)

    with urlopen(f"http://127.0.0.1:{settings.WORKER_METRICS_PORT}/metrics") as answer:
        assert numbers_in(answer.read().decode())["bookings_paid_total"] == 3


@pytest.mark.slow
def test_a_port_that_somebody_else_has_is_named(tmp_path, settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.WORKER_METRICS_PORT = taken.getsockname()[1]

        with pytest.raises(CommandError, match=r"WORKER_METRICS_PORT: cannot listen at 127\.0\.0\.1"):
            serve_worker_metrics(tmp_path)
