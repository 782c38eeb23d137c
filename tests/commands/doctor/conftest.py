"""A doctor to ask, on a machine in good order."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django_q.models import Schedule

from bookings import wiring
from bookings.db.clock import database_time
from bookings.models import Heartbeat
from bookings.services.upkeep.start_schedules import start_due_schedules
from devtools.processes import HOST, free_port


@pytest.fixture(autouse=True)
def development(settings):
    """Settings of development, and no other process of this machine in the place of the Flight Service."""
    settings.DEBUG = True
    settings.FLIGHT_SERVICE_URL = f"http://{HOST}:{free_port()}"


@pytest.fixture
def a_working_worker():
    Heartbeat.objects.create(name="pass", finished_at=database_time() - timedelta(seconds=5))


@pytest.fixture
def schedules():
    """The rows that a worker makes, each of which was begun just now."""
    Schedule.objects.all().delete()
    start_due_schedules()


@pytest.fixture
def run(flights, monkeypatch, capsys):
    """Run the command; give its exit code, and each line by its subject: verdict, what was found, advice."""

    monkeypatch.setattr(wiring, "bare_flight_service", lambda: flights)

    def run_command(*options):
        code = 0
        try:
            call_command("doctor", "--json", *options)
        except CommandError as error:
            code = error.returncode
        printed = capsys.readouterr().out
        found = json.loads(printed)["findings"]
        return code, {each["name"]: (each["verdict"], each["message"], each["hint"]) for each in found}

    return run_command
