"""What is of no use any more is deleted, and what is part of the record is not: the tables keep their size."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models import F
from django_q.models import OrmQ, Task
from django_q.tasks import async_task

from bookings import tasks
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import (
    Announcement,
    Booking,
    BookingEvent,
    GatewayNotice,
    IdempotencyRecord,
    LogInEvent,
    Payment,
    RateWindow,
    SeatCall,
)
from bookings.services.upkeep import reap as reaper
from bookings.services.upkeep.reap import reap_old_rows
from tests.support.announcements import announce, told_of
from tests.support.bookings import a_booked_booking, a_cancelled_booking, let_time_pass, one_pass

pytestmark = pytest.mark.django_db

PASS, RECONCILE = "bookings.tasks.run_pass", "bookings.tasks.reconcile"


def ago(**duration):
    return database_time() - timedelta(**duration)


def a_session(name, expire_date):
    Session.objects.create(session_key=name, session_data="", expire_date=expire_date)


def a_record(key, created_at, state="done"):
    IdempotencyRecord.objects.create(
        principal="open",
        endpoint="test",
        key_hash=key,
        fingerprint="",
        state=state,
        status_code=None if state == "running" else 201,
        created_at=created_at,
    )


def a_window(name, started_at):
    RateWindow.objects.create(name=name, started_at=started_at, used=1)


def results(count, *, newest, func=PASS, success=False):
    """Results of a task, one every ten seconds, from the newest back; the name is the place in this order."""
    times = [newest - timedelta(seconds=10 * place) for place in range(count)]
    Task.objects.bulk_create(
        Task(id=uuid.uuid4().hex, name=str(place), func=func, started=at, stopped=at, success=success)
        for place, at in enumerate(times)
    )


def reap():
    return dict(+reap_old_rows(deadline=Deadline(20)))


def test_answers_under_keys_are_forgotten_after_three_days():
    a_record("old", ago(hours=73))
    a_record("young", ago(hours=71))

    assert reap() == {"idempotency_record": 1}
    assert IdempotencyRecord.objects.get().key_hash == "young"


def test_a_request_that_still_runs_keeps_its_record_however_old():
    a_record("running", ago(days=300), state="running")

    assert reap() == {}


def test_counts_of_a_limit_are_forgotten_an_hour_after_their_window_began():
    a_window("old", ago(minutes=61))
    a_window("young", ago(minutes=59))

    assert reap() == {"rate_window": 1}
    assert RateWindow.objects.get().name == "young"


def test_sessions_are_forgotten_an_hour_after_they_end():
    a_session("over", ago(minutes=61))
    a_session("just over", ago(minutes=59))
    a_session("running", database_time() + timedelta(minutes=30))

    assert reap() == {"django_session": 1}
    assert set(Session.objects.values_list("pk", flat=True)) == {"just over", "running"}


def test_notices_of_gateways_are_forgotten_after_90_days_and_what_was_not_followed_never():
    for number, (state, days) in enumerate([("done", 91), ("foreign", 91), ("dead", 91), ("done", 89), ("new", 91)]):
        due = ago(days=days) if state == "new" else None
        GatewayNotice.objects.create(
            gateway="bell",
            event_id=f"evt_{number}",
            event_hash=f"{number}",
            kind="payment",
            object_id="pi_1",
            state=state,
            made_at=ago(days=days),
            received_at=ago(days=days),
            next_at=due,
        )

    assert reap() == {"gateway_notice": 3}
    assert list(GatewayNotice.objects.order_by("pk").values_list("state", flat=True)) == ["done", "new"]


def test_announcements_are_forgotten_after_30_days_and_their_numbers_go_on(flights):
    booking = a_cancelled_booking(flights)
    announce()
    Announcement.objects.filter(sequence=1).update(created_at=ago(days=31))
    Announcement.objects.filter(sequence=2).update(created_at=ago(days=29))

    assert reap() == {"announcement": 1}
    assert [each["sequence"] for each in told_of(booking)] == [2]


def test_what_happened_at_log_ins_is_forgotten_after_180_days():
    anna = User.objects.create_user("anna")
    for days in (181, 179):
        LogInEvent.objects.create(user=anna, what="failed", address="192.0.2.1", created_at=ago(days=days))

    assert reap() == {"log_in_event": 1}
    assert LogInEvent.objects.get().created_at > ago(days=180)


def test_what_failed_is_seen_for_thirty_days():
    results(1, newest=ago(days=31), func=RECONCILE)
    results(1, newest=ago(days=29), func=PASS)

    assert reap() == {"django_q_task": 1}
    assert Task.objects.get().func == PASS


@pytest.mark.slow
def test_a_task_that_fails_without_end_leaves_its_newest_500_failures():
    results(1_200, newest=ago(hours=1))

    assert reap() == {"django_q_task": 700}
    assert set(Task.objects.values_list("name", flat=True)) == {str(place) for place in range(500)}


@pytest.mark.slow
def test_a_task_that_fails_without_end_does_not_push_out_what_happened_to_others():
    results(1, newest=ago(days=20), func=RECONCILE)
    results(1, newest=ago(days=20), success=True)
    results(700, newest=ago(hours=1))

    assert reap() == {"django_q_task": 200}
    assert Task.objects.filter(func=RECONCILE).count() == 1
    assert Task.objects.filter(success=True).count() == 1


def test_a_task_that_waits_is_work_however_old():
    async_task(PASS)
    OrmQ.objects.update(lock=ago(days=30))

    assert reap() == {}
    assert OrmQ.objects.count() == 1


@pytest.mark.slow
def test_what_is_part_of_the_record_is_never_deleted(flights, payments):
    a_booked_booking(flights, payments)
    a_cancelled_booking(flights)
    one_pass(flights, payments)
    let_time_pass(days=4_000)
    tables = (Booking, BookingEvent, Payment, SeatCall)
    before = [table.objects.count() for table in tables]

    reap()

    assert [table.objects.count() for table in tables] == before
    assert before == [2, 2, 1, 1]


@pytest.mark.slow
def test_all_that_is_old_is_deleted_batch_by_batch(monkeypatch):
    monkeypatch.setattr(reaper, "REAP_BATCH", 10)
    for number in range(95):
        a_session(f"{number}", ago(days=1, seconds=number % 7))

    assert reap() == {"django_session": 95}


@pytest.mark.slow
def test_a_table_with_many_old_rows_does_not_keep_the_others_from_their_turn(monkeypatch):
    monkeypatch.setattr(reaper, "REAP_BATCH", 10)
    for number in range(95):
        a_window(f"{number}", ago(days=1))
    a_session("over", ago(days=1))
    a_record("old", ago(days=4))
    results(1, newest=ago(days=31))

    # Time for one turn: the first batch of each table.
    reaped = reap_old_rows(deadline=TurnsLeft(1))

    assert +reaped == {"rate_window": 10, "django_session": 1, "django_q_task": 1, "idempotency_record": 1}


def test_the_log_says_what_was_deleted_and_whether_there_was_time_for_all(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(reaper, "REAP_BATCH", 10)
    for number in range(15):
        a_session(f"{number}", ago(days=1))

    reap_old_rows(deadline=TurnsLeft(1))
    reap_old_rows(deadline=Deadline(20))

    said = [record.msg["outcome"] for record in caplog.records if "rows.reaped" in str(record.msg)]
    assert said == ["10 of django_session; the time was up", "5 of django_session"]


class TurnsLeft:
    """A deadline that is over after so many looks at it."""

    def __init__(self, turns):
        self.turns = turns

    def __bool__(self):
        self.turns -= 1
        return self.turns >= 0


def test_a_table_that_fails_does_not_keep_the_others_from_being_reaped(monkeypatch):
    def failing():
        raise RuntimeError("no such table")
        yield

    monkeypatch.setitem(reaper.BATCHES, "rate_window", failing)
    a_session("over", ago(days=1))

    with pytest.raises(ExceptionGroup):
        tasks.reap()

    assert not Session.objects.exists()


@pytest.mark.slow
def test_tables_keep_their_size():
    sizes = []
    for day in range(6):
        now = database_time()
        for number in range(40):
            a_record(f"{day}-{number}", now)
            a_window(f"{day}-{number}", now)
            a_session(f"{day}-{number}", now + timedelta(minutes=30))
        results(300, newest=now)
        reap()
        counted = (IdempotencyRecord, RateWindow, Session, Task)
        sizes.append([table.objects.count() for table in counted])
        a_day_goes_by()

    # Of four days, of none, of the day itself, and of a task its newest 500.
    assert sizes[0] == [40, 40, 40, 300]
    assert sizes[2:] == [[120, 40, 40, 500], [120, 40, 40, 500], [120, 40, 40, 500], [120, 40, 40, 500]]


def a_day_goes_by():
    day = timedelta(days=1)
    IdempotencyRecord.objects.update(created_at=F("created_at") - day)
    RateWindow.objects.update(started_at=F("started_at") - day)
    Session.objects.update(expire_date=F("expire_date") - day)
    Task.objects.update(started=F("started") - day, stopped=F("stopped") - day)
