"""manage.py doctor: what payment gateways have told, disputes, and whether the money is in step."""

from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from tests.support.bookings import a_dispute_row, a_notice_row, a_payment_comparison

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_working_worker")]


def ago(**duration):
    return database_time() - timedelta(**duration)


def ahead(**duration):
    return database_time() + timedelta(**duration)


def test_without_any_gateway_only_notices_are_spoken_of(run):
    _code, lines = run()

    assert lines["notices"] == ("OK", "none without an answer", "")
    assert {"last notice", "disputes", "payments compared"} & lines.keys() == set()


def test_it_says_when_a_gateway_last_told_something(run):
    a_notice_row(1, state="done", received_at=ago(hours=3))
    a_notice_row(2, state="foreign", received_at=ago(minutes=7))

    _code, lines = run()

    assert lines["last notice"] == ("OK", "a payment gateway told something 7 min ago", "")


@pytest.mark.parametrize(("minutes", "verdict", "status"), [(1, "OK", 0), (3, "WARN", 0), (31, "FAIL", 1)])
def test_a_notice_that_is_not_looked_into_is_a_fault_in_time(run, minutes, verdict, status):
    a_notice_row(received_at=ago(minutes=minutes))

    code, lines = run()

    assert (code, lines["notices"][0]) == (status, verdict)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer_by", "verdict", "status"),
    [(None, "OK", 0), (timedelta(hours=73), "WARN", 0), (timedelta(hours=71), "FAIL", 1), (timedelta(0), "FAIL", 1)],
)
def test_a_dispute_must_be_answered_in_time(run, answer_by, verdict, status):
    a_dispute_row(answer_by=None if answer_by is None else database_time() + answer_by, opened_at=ago(hours=50))

    code, lines = run()

    assert (code, lines["disputes"][0]) == (status, verdict)
    assert lines["disputes"][1].startswith("1 open, the oldest for 50 h")


def test_one_that_is_over_is_not_spoken_of(run):
    a_dispute_row(closed_at=ago(hours=1))

    assert "disputes" not in run()[1]


@pytest.mark.parametrize(
    ("hours", "differences", "verdict", "status"),
    [(1, [], "OK", 0), (4, [], "FAIL", 1), (1, [{"kind": "money", "gateway": "fake"}], "FAIL", 1)],
    ids=["in step", "late", "differ"],
)
def test_the_last_comparison_of_payments_is_judged(run, hours, differences, verdict, status):
    a_payment_comparison(hours=hours, differences=differences)

    code, lines = run()

    assert (code, lines["payments compared"][0]) == (status, verdict)
