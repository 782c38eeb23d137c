"""The pages of the queue: named in plain words, for reading; a superuser may let periodic work rest."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django_q.models import OrmQ, Schedule, Task
from django_q.tasks import async_task

from bookings.actor import Actor, ActorKind
from bookings.db.clock import database_time
from bookings.errors import InvalidRequest, StaffOnly
from bookings.queries.upkeep import background
from bookings.services.upkeep.pause_schedules import pause_schedule
from bookings.services.upkeep.start_schedules import start_due_schedules
from tests.support.bookings import STAFF, customer
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

QUEUE = "/admin/django_q/"
PASS = "bookings.tasks.run_pass"


@pytest.fixture
def schedule():
    Schedule.objects.all().delete()
    return Schedule.objects.create(
        name="background pass",
        func=PASS,
        schedule_type="C",
        cron="* * * * * */10",
        repeats=-1,
        next_run=database_time() - timedelta(hours=1),
    )


@pytest.fixture
def desk(admin_user):
    return desk_of(admin_user)


def a_task(number, *, success=True, **columns):
    now = database_time()
    values = {"id": f"{number:032}", "name": f"task {number}", "func": PASS, "started": now, "stopped": now}
    return Task.objects.create(**{**values, "success": success, **columns})


def address_of(schedule):
    return f"{QUEUE}schedule/{schedule.pk}/pause/"


def test_the_start_page_names_them_in_plain_words(desk):
    text = text_of(desk.get("/admin/"))

    for name in ("Background work", "Scheduled tasks", "Successful tasks", "Failed tasks", "Queued tasks"):
        assert name in text
    assert "Django Q" not in text


@pytest.mark.slow
def test_each_list_says_what_the_work_is(desk, schedule):
    a_task(1)
    a_task(2, success=False, result="no database : Traceback (most recent call last): secret path")
    async_task("bookings.tasks.reap", "an argument", q_options={"save": False})
    what = "Expire, give seats back, ask again, settle payments, refund"

    done, failed, waits, periodic = (
        text_of(desk.get(f"{QUEUE}{name}/")) for name in ("success", "failure", "ormq", "schedule")
    )

    assert what in done
    assert what in failed
    assert "no database" in failed
    assert "secret path" not in failed
    assert "Delete old idempotency records, counts, sessions and task results" in waits
    assert what in periodic
    assert "running" in periodic


def test_the_page_of_periodic_work_is_in_plain_words(desk, schedule):
    text = text_of(desk.get(f"{QUEUE}schedule/{schedule.pk}/change/"))

    assert "background pass" in text
    assert "Pause" in text
    assert "Who paused it, and why" in text
    assert f"Next time (UTC) {schedule.next_run:%Y-%m-%d %H:%M:%S}" in text
    assert PASS not in text
    assert "Optional label" not in text


def test_the_page_of_work_that_failed_says_when_and_why(desk):
    task = a_task(1, success=False, result="no database : Traceback (most recent call last): secret path")

    text = text_of(desk.get(f"{QUEUE}failure/{task.pk}/change/"))

    assert f"Started (UTC) {task.started:%Y-%m-%d %H:%M:%S}" in text
    assert "Why no database" in text
    assert "secret path" not in text


@pytest.mark.parametrize("page", ["", "{pk}/change/"])
def test_what_waits_is_shown_without_its_payload(desk, page):
    async_task("bookings.tasks.run_pass", "an argument of it")
    row = OrmQ.objects.get()

    answer = desk.get(f"{QUEUE}ormq/{page.format(pk=row.pk)}")

    assert answer.status_code == 200
    assert row.payload not in answer.content.decode()
    assert "an argument of it" not in text_of(answer)


def test_a_payload_that_nobody_signed_is_shown_as_what_it_is(desk):
    OrmQ.objects.create(key="bookings", payload="made up")

    assert desk.get(f"{QUEUE}ormq/").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("page", ["add/", "{pk}/delete/"])
@pytest.mark.parametrize("model", ["schedule", "success", "failure", "ormq"])
def test_nobody_adds_or_deletes_superusers_included(desk, schedule, model, page):
    a_task(schedule.pk, id=str(schedule.pk), success=model != "failure")
    OrmQ.objects.create(pk=schedule.pk, key="bookings", payload="x")

    answers = [desk.get(f"{QUEUE}{model}/{page.format(pk=schedule.pk)}")]
    answers.append(desk.post(f"{QUEUE}{model}/{page.format(pk=schedule.pk)}", {"post": "yes"}))

    assert [answer.status_code for answer in answers] == [403, 403]
    assert Schedule.objects.count() == 1


def test_nobody_edits_a_schedule_by_hand(desk, schedule):
    answer = desk.post(f"{QUEUE}schedule/{schedule.pk}/change/", {"func": "os.system", "name": "x"})

    schedule.refresh_from_db()
    assert (answer.status_code, schedule.func, schedule.name) == (403, PASS, "background pass")


@pytest.mark.parametrize("model", ["success", "failure"])
def test_no_task_is_run_again_from_a_list(desk, model):
    task = a_task(1, success=model == "success")

    desk.post(f"{QUEUE}{model}/", {"action": "resubmit_task", "_selected_action": task.pk})

    assert (OrmQ.objects.count(), Task.objects.count()) == (0, 1)


def test_a_superuser_lets_periodic_work_rest_and_run_again(desk, schedule):
    asked = text_of(desk.get(address_of(schedule)))
    desk.post(address_of(schedule), {"note": "The peer is being moved.", "to": "rest"})
    schedule.refresh_from_db()
    while_resting = (schedule.repeats, background.passes_are_paused())
    start_due_schedules()
    begun = [row for row in OrmQ.objects.all() if row.task["func"] == PASS]

    desk.post(address_of(schedule), {"note": "It is back.", "to": "run"})

    schedule.refresh_from_db()
    assert "While it is paused no booking expires by itself" in asked
    assert while_resting == (0, True)
    assert begun == []
    assert (schedule.repeats, background.passes_are_paused()) == (-1, False)
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Paused. Why: The peer is being moved.",
        "Resumed. Why: It is back.",
    ]


def test_a_stale_page_does_not_do_the_opposite(desk, schedule):
    desk.post(address_of(schedule), {"note": "first", "to": "rest"})

    answer = desk.post(address_of(schedule), {"note": "second", "to": "rest"}, follow=True)

    schedule.refresh_from_db()
    assert schedule.repeats == 0
    assert "Another member of staff was faster; nothing was changed." in text_of(answer)
    assert LogEntry.objects.count() == 1


def test_a_pause_without_a_reason_is_none(desk, schedule):
    desk.post(address_of(schedule), {"note": " ", "to": "rest"})

    schedule.refresh_from_db()
    assert schedule.repeats == -1


@pytest.mark.slow
@pytest.mark.parametrize("group", ["Supervisor", "Auditor"])
def test_others_look_and_are_told_what_they_lack(schedule, group):
    desk = desk_of(a_person(group=group))

    listed = desk.get(f"{QUEUE}schedule/")
    refused = desk.post(address_of(schedule), {"note": "please", "to": "rest"})

    schedule.refresh_from_db()
    assert (listed.status_code, refused.status_code, schedule.repeats) == (200, 403, -1)
    assert "django_q.change_schedule" in text_of(refused)


def test_support_does_not_see_the_queue():
    assert desk_of(a_person(group="Support")).get(f"{QUEUE}schedule/").status_code == 403


def test_a_schedule_that_is_not_there_is_not_found(desk):
    assert desk.get(f"{QUEUE}schedule/404/pause/").status_code == 404


@pytest.mark.parametrize("actor", [customer(), Actor(ActorKind.SERVICE, "gate agent")])
def test_only_staff_pause(schedule, actor):
    with pytest.raises(StaffOnly):
        pause_schedule(schedule_id=schedule.pk, paused=True, actor=actor)


def test_what_is_not_there_is_not_paused():
    with pytest.raises(InvalidRequest):
        pause_schedule(schedule_id=404, paused=True, actor=STAFF)
