"""Processes that look at the same time for what owners are to be told: each report is written once."""

import threading
import uuid
from datetime import timedelta
from functools import partial

import pytest

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Report, WebhookEndpoint
from bookings.services.messages import report as writing
from bookings.services.messages import send_reports as sending
from bookings.services.messages.report import write_reports
from bookings.services.messages.send_reports import claim_report
from tests.races.crowd import all_at_once
from tests.races.guards import without_constraints, without_row_locks
from tests.support.webhooks import SEAL, an_endpoint

pytestmark = [pytest.mark.mysql, pytest.mark.django_db(transaction=True)]

WORKERS = 4


@pytest.fixture(autouse=True)
def failing(settings, monkeypatch):
    """An endpoint that has failed for two hours; all look before one writes."""
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    endpoint = an_endpoint(contact_email="owner@example.org").endpoint
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=database_time() - timedelta(hours=2))
    monkeypatch.setattr(writing, "is_reported", lambda key: False)
    yield
    Report.objects.all().delete()
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(state="retired")


def written_by_all() -> int:
    outcomes = all_at_once([partial(write_reports, deadline=Deadline(10))] * WORKERS)
    assert [each for each in outcomes if isinstance(each, Exception)] == []
    return Report.objects.count()


def test_of_many_that_look_at_once_one_writes_a_report():
    assert written_by_all() == 1


def test_twin_without_the_unique_key_tells_an_owner_as_often_as_there_are_workers():
    with without_constraints(Report, "report_once"):
        assert written_by_all() == WORKERS


def claims() -> int:
    write_reports(deadline=Deadline(10))
    (report_id,) = Report.objects.values_list("pk", flat=True)
    found = all_at_once([lambda: claim_report(report_id, lease=uuid.uuid4(), seal=SEAL)] * WORKERS)
    assert [each for each in found if isinstance(each, Exception)] == []
    return sum(each is not None for each in found)


def test_one_of_many_claims_gets_a_report():
    assert claims() == 1


def test_twin_that_claims_without_a_lock_sends_it_twice(monkeypatch):
    gate, usual = threading.Barrier(WORKERS, timeout=10), sending._why_not

    def once_all_have_read(*given):
        gate.wait()
        return usual(*given)

    without_row_locks(monkeypatch)
    monkeypatch.setattr(sending, "_why_not", once_all_have_read)

    assert claims() == WORKERS
