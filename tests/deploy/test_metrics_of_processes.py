"""Whichever process is scraped, all are shown: two of a web server, and those of a background cluster."""

from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django_q.models import Schedule

from bookings.services.upkeep.start_schedules import PASSES_SCHEDULE
from bookings.wake import PASSES_TASK
from devtools.processes import free_port
from tests.support.scrapes import numbers_in
from tests.support.servers import database_url, environment, start_web, start_worker
from tests.support.waiting import await_that

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

# The start of a cluster takes three seconds on an idle machine.

INFO = "bookings_http_requests_total GET /api/v1/info 200"
NOBODY = "http://127.0.0.1:9"


def test_every_process_of_a_web_server_shows_what_all_have_counted(tmp_path):
    env = environment(DATABASE_URL=database_url(), FLIGHT_SERVICE_URL=NOBODY, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    with start_web(env=env) as web:
        for _ in range(40):
            web.ask("GET", "/api/v1/info")

        seen = [numbers_in(web.ask("GET", "/metrics").body.decode())[INFO] for _ in range(8)]

    processes = {file.stem.rpartition("_")[2] for file in tmp_path.glob("counter_*.db")}
    assert len(processes) == 2
    assert seen == [40] * 8


def test_a_worker_shows_its_passes(transactional_db):
    Schedule.objects.create(
        name=PASSES_SCHEDULE, func=PASSES_TASK, schedule_type=Schedule.CRON, cron="* * * * * */1", repeats=-1
    )
    port = free_port()
    env = environment(
        DATABASE_URL=database_url(),
        FLIGHT_SERVICE_URL=NOBODY,
        EXPIRY_INTERVAL_SECONDS="1",
        WORKER_METRICS_PORT=str(port),
    )
    with start_worker(env=env) as worker:
        await_that(lambda: scraped(port).get("bookings_pass_duration_seconds_count", 0) >= 1, worker.printed)

        seen = scraped(port)

    assert seen["bookings_passes_failed_total"] == 0
    assert seen["bookings_flight_service_breaker_state"] == 0


def scraped(port):
    """What the worker shows; nothing while it does not answer yet."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return numbers_in(answer.read().decode())
    except URLError:
        return {}
