"""What the tables keep for ever, and how they may be written."""

import importlib
import os
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django_q.models import Schedule

from bookings.actor import Cause
from bookings.db.clock import database_time
from bookings.models import Booking, BookingEvent, IdempotencyRecord
from bookings.services.shared.transitions import lock_booking, note_event
from bookingsite.broker import keep_schedule_in_step
from tests.support.bookings import STAFF, a_call_row, a_payment_row, a_saved_row
from tests.support.starts import start

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

PASS = "background pass"


@pytest.fixture
def add_schedules():
    """What the migration runs; no schedule is there yet, whatever other tests have done to the tables."""
    Schedule.objects.all().delete()
    migration = importlib.import_module("bookings.migrations.0003_schedules").Migration
    (operation,) = migration.operations
    return lambda: operation.code(apps, None)


def a_record(**columns):
    values = {
        "principal": "open",
        "endpoint": "POST /bookings",
        "key_hash": "0" * 64,
        "fingerprint": "f" * 64,
        "created_at": database_time(),
    }
    return IdempotencyRecord.objects.create(**{**values, **columns})


def test_one_principal_has_one_record_for_a_key_and_an_endpoint():
    a_record()

    with pytest.raises(IntegrityError), transaction.atomic():
        a_record()
    a_record(principal="other")
    a_record(endpoint="POST /bookings/payments")
    a_record(key_hash="1" * 64)
    assert IdempotencyRecord.objects.count() == 4


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "done", "status_code": None},
        {"state": "running", "status_code": 201},
        {"state": "lost", "status_code": None},
    ],
)
def test_a_record_that_is_done_has_an_answer_and_one_that_runs_has_none(columns):
    with pytest.raises(IntegrityError, match="idempotency_record_done_has_an_answer"), transaction.atomic():
        a_record(**columns)


def test_a_booking_is_never_saved_whole():
    booking = a_saved_row()

    with pytest.raises(TypeError, match="update_fields"):
        booking.save()


def test_a_new_booking_is_not_saved_without_saying_that_it_is_new():
    with pytest.raises(TypeError, match="update_fields"):
        Booking().save()


def test_the_named_columns_of_a_booking_are_saved_and_no_others():
    booking, stale = a_saved_row(), Booking.objects.get()
    Booking.objects.update(request_id="newer")

    stale.last_error = "noted"
    stale.save(update_fields=["last_error"])

    booking.refresh_from_db()
    assert (booking.request_id, booking.last_error) == ("newer", "noted")


def test_a_booking_is_never_deleted():
    with pytest.raises(TypeError, match="never deleted"):
        a_saved_row().delete()


def test_an_event_is_never_changed_or_deleted():
    booking = a_saved_row()
    locked, now = lock_booking(booking.pk, actor=STAFF)
    note_event(locked, "refunded", Cause(STAFF), now=now)
    event = BookingEvent.objects.get()

    with pytest.raises(TypeError, match="never changed"):
        event.save()
    with pytest.raises(TypeError, match="never deleted"):
        event.delete()


def test_what_others_point_at_cannot_be_deleted():
    call = a_call_row()
    a_payment_row(a_saved_row("cancelled", hold="giving_back", give_back=call))

    with pytest.raises(ProtectedError):
        call.delete()
    with pytest.raises(ProtectedError):
        Booking.objects.all().delete()


def test_times_are_kept_to_the_microsecond():
    moment = database_time().replace(microsecond=123456)

    a_saved_row(created_at=moment)

    assert Booking.objects.get().created_at == moment


def test_database_time_is_aware_and_now():
    booking = a_saved_row()

    read_at = Booking.objects.with_database_time().get().read_at

    assert database_time().utcoffset() == timedelta(0)
    assert timedelta(0) <= read_at - booking.created_at < timedelta(minutes=1)


def test_text_of_every_language_is_kept():
    booking = a_saved_row()

    note_event(booking, "refunded", Cause(STAFF, note="Đà Nẵng ✈ 🛫"), now=database_time())

    assert BookingEvent.objects.get().note == "Đà Nẵng ✈ 🛫"


def test_each_schedule_is_made_once_however_often_the_migration_runs(add_schedules):
    add_schedules()
    add_schedules()

    assert list(Schedule.objects.order_by("pk").values_list("name", "func", "schedule_type", "cron", "repeats")) == [
        (PASS, "bookings.tasks.run_pass", "C", "* * * * * */10", -1),
        ("delete old rows", "bookings.tasks.reap", "C", "4-59/5 * * * * 5", -1),
        ("write reports", "bookings.tasks.write_reports", "C", "3-59/5 * * * * 5", -1),
        ("compare seats", "bookings.tasks.reconcile", "C", "2-59/5 * * * * 5", -1),
        ("compare payments", "bookings.tasks.reconcile_payments", "C", "17 * * * * 5", -1),
        ("look for missed news", "bookings.tasks.look_for_missed_news", "C", "47 * * * * 5", -1),
    ]


def test_the_worker_writes_the_interval_of_the_settings_and_nothing_else(add_schedules, settings):
    add_schedules()
    before = {row["name"]: row for row in Schedule.objects.values()}
    settings.EXPIRY_INTERVAL_SECONDS = 3

    keep_schedule_in_step()
    keep_schedule_in_step()

    after = {row["name"]: row for row in Schedule.objects.values()}
    assert after == {**before, PASS: {**before[PASS], "cron": "* * * * * */3"}}


def test_migrating_twice_makes_one_schedule(tmp_path):
    file = tmp_path / "fresh.sqlite3"
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{file}", "DEBUG": "true"}

    for _ in range(2):
        done = start("manage.py", "migrate", "--noinput", "--verbosity", "0", env=environment)
        assert done.returncode == 0, done.stderr

    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT COUNT(*) FROM django_q_schedule WHERE name = ?", [PASS]).fetchall()
    assert found == [(1,)]
