"""When periodic work begins, and what the queue hands out: on database time, whatever the worker's clock says."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from bookings.actor import Actor, ActorKind
from bookings.db.clock import database_time
from bookings.models import Booking, WebhookEndpoint
from bookings.services.messages.fan_out import fan_out
from bookings.services.upkeep.pause_schedules import pause_schedule
from bookings.wake import DELIVERING_TASK, MESSAGES_TASK, PLACE, PLACES, TELLING_TASK, ask_for, leave_place, wake_worker
from bookingsite.broker import TickingBroker
from tests.support.bookings import a_saved_row
from tests.support.messages import give_contact
from tests.support.webhooks import an_endpoint, announcements

pytestmark = pytest.mark.django_db

PASS, REAP, RECONCILE = "bookings.tasks.run_pass", "bookings.tasks.reap", "bookings.tasks.reconcile"
RECONCILE_PAYMENTS = "bookings.tasks.reconcile_payments"
TELL = "bookings.tasks.tell"
DELIVER = "bookings.tasks.deliver"
REPORTS = "bookings.tasks.write_reports"
MISSED_NEWS = "bookings.tasks.look_for_missed_news"
STAFF = Actor(ActorKind.STAFF, "anna")

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)

# The longest time to the next run, of each.
LONGEST = {
    PASS: timedelta(seconds=10),
    REAP: timedelta(minutes=5),
    REPORTS: timedelta(minutes=5),
    RECONCILE: timedelta(minutes=5),
    RECONCILE_PAYMENTS: timedelta(hours=1),
    MISSED_NEWS: timedelta(hours=1),
}


@pytest.fixture(autouse=True)
def standard_schedules(monkeypatch):
    """All rows, each of which was begun just now."""
    monkeypatch.setattr("bookingsite.broker.sleep", lambda seconds: None)
    Schedule.objects.all().delete()
    TickingBroker().dequeue()
    OrmQ.objects.all().delete()


@pytest.fixture(params=[timedelta(days=400), timedelta(hours=-9)], ids=["ahead", "behind"])
def wrong_clock(request, monkeypatch):
    """The clock of this machine, wrong by so much; the database's is right."""

    def now():
        return datetime.now(UTC) + request.param

    monkeypatch.setattr(timezone, "now", now)
    monkeypatch.setattr("django_q.models.localtime", lambda value=None: value or now())
    monkeypatch.setattr("time.time", lambda: now().timestamp())
    return request.param


def put(func, next_run):
    Schedule.objects.filter(func=func).update(next_run=next_run)


def begun():
    """What waits in the queue, by name."""
    return sorted(row.task["func"] for row in OrmQ.objects.all())


def look():
    """A worker comes by, and begins what is due; what it takes for itself is begun as well."""
    broker = TickingBroker()
    taken = broker.dequeue() or []
    waiting = begun()
    names = [OrmQ(payload=payload).task["func"] for _, payload in taken]
    OrmQ.objects.all().delete()
    return sorted({*names, *waiting})


@pytest.mark.slow
@pytest.mark.parametrize("func", LONGEST)
def test_a_schedule_begins_when_it_is_due_and_waits_for_its_next_time(func):
    put(func, database_time() - timedelta(seconds=1))

    first, second = look(), look()

    assert func in first
    assert func not in second or func == PASS
    ahead = Schedule.objects.get(func=func).next_run - database_time()
    assert timedelta(seconds=-10) < ahead <= LONGEST[func]


@pytest.mark.slow
@pytest.mark.parametrize("func", LONGEST)
@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=3), timedelta(days=4000)], ids=str)
def test_a_next_time_that_is_further_ahead_than_the_interval_is_due_now(func, ahead):
    put(func, database_time() + ahead)

    assert func in look()

    assert Schedule.objects.get(func=func).next_run <= database_time() + LONGEST[func]


def test_a_next_time_within_the_interval_is_waited_for():
    put(RECONCILE, database_time() + timedelta(seconds=2))

    assert RECONCILE not in look()


def test_a_worker_whose_clock_is_wrong_begins_what_is_due_and_leaves_its_next_time_right(wrong_clock):
    for func in LONGEST:
        put(func, database_time() - timedelta(seconds=1))

    assert look() == sorted(LONGEST)

    now = database_time()
    assert {
        row.func: timedelta(seconds=-10) < row.next_run - now <= LONGEST[row.func] for row in Schedule.objects.all()
    } == dict.fromkeys(LONGEST, True)


def test_a_worker_whose_clock_is_wrong_begins_nothing_that_is_not_due(wrong_clock):
    for func, interval in LONGEST.items():
        put(func, database_time() + interval / 2)

    assert look() == []


def test_what_a_web_server_with_a_wrong_clock_has_queued_is_taken_at_once(wrong_clock, monkeypatch):
    async_task(REAP)
    monkeypatch.undo()

    ((number, payload),) = TickingBroker().dequeue()

    assert OrmQ(payload=payload).task["func"] == REAP
    assert OrmQ.objects.get(pk=number).lock > database_time()


def test_a_worker_with_a_wrong_clock_keeps_what_it_has_taken_from_the_others(wrong_clock, monkeypatch):
    async_task(REAP)
    TickingBroker().dequeue()
    monkeypatch.undo()
    OrmQ.objects.filter(pk=PLACE).delete()

    assert TickingBroker()._take(database_time()) == []
    assert timedelta(0) < OrmQ.objects.get().lock - database_time() <= timedelta(seconds=300)


def test_a_task_that_is_locked_for_longer_than_any_worker_locks_one_is_taken():
    async_task(REAP)
    OrmQ.objects.update(lock=database_time() + timedelta(days=1))

    ((_, payload),) = TickingBroker().dequeue()

    assert OrmQ(payload=payload).task["func"] == REAP


def test_a_task_of_a_worker_that_died_is_taken_again_when_its_lock_is_over():
    async_task(REAP)
    TickingBroker().dequeue()
    OrmQ.objects.update(lock=database_time() - timedelta(seconds=1))

    assert TickingBroker().dequeue()


def test_the_queue_counts_what_waits_and_what_is_taken(wrong_clock):
    broker = TickingBroker()
    async_task(REAP)
    async_task(RECONCILE)

    broker._take(database_time())

    assert (broker.queue_size(), broker.lock_size()) == (1, 1)


def test_a_wake_up_that_always_waits_does_not_come_before_the_others():
    async_task(REAP)
    wake_worker()
    OrmQ.objects.update(lock=database_time())  # as where both come in one instant

    ((_, payload),) = TickingBroker().dequeue()

    assert OrmQ(payload=payload).task["func"] == REAP


def test_a_worker_looks_once_a_slot(monkeypatch):
    looks = []
    broker = TickingBroker()

    for second in (0, 1, 9, 10, 11, 20):
        monkeypatch.setattr("bookingsite.broker.database_time", lambda at=second: NOON + timedelta(seconds=at))
        monkeypatch.setattr("bookingsite.broker.start_due_schedules", lambda at=second: looks.append(at))
        broker.dequeue()

    assert looks == [0, 10, 20]


def test_a_cluster_to_which_another_leaves_no_pass_runs_one_of_its_own_in_each_second_slot(monkeypatch):
    """And none while it is given passes, or while they are paused."""
    broker, taken = TickingBroker(), []

    def slot(number, *, given=False):
        monkeypatch.setattr("bookingsite.broker.database_time", lambda: NOON + timedelta(seconds=10 * number))
        if given:
            wake_worker()
            OrmQ.objects.update(lock=NOON)
        names = [OrmQ(payload=payload).task["func"] for _ in range(2) for _, payload in broker.dequeue()]
        taken.append(names.count(PASS))

    monkeypatch.setattr("bookingsite.broker.start_due_schedules", lambda: None)
    for number in range(5):
        slot(number)
    for number in range(5, 8):
        slot(number, given=True)
    slot(8)
    Schedule.objects.filter(func=PASS).update(repeats=0)
    for number in range(9, 12):
        slot(number)

    assert taken == [0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0]
    assert not OrmQ.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("func", LONGEST)
def test_a_deleted_schedule_is_made_again_and_begun(func):
    Schedule.objects.filter(func=func).delete()

    assert func in look()

    assert sorted(Schedule.objects.values_list("func", flat=True)) == sorted(LONGEST)
    assert Schedule.objects.get(func=func).repeats == -1


@pytest.mark.slow
def test_all_deleted_schedules_are_made_again_in_a_worker_that_runs(settings):
    settings.EXPIRY_INTERVAL_SECONDS = 3
    broker = TickingBroker()
    broker.dequeue()
    Schedule.objects.all().delete()
    broker._slot = (-1, -1)

    broker.dequeue()

    assert dict(Schedule.objects.values_list("name", "cron")) == {
        "background pass": "* * * * * */3",
        "delete old rows": "4-59/5 * * * * 5",
        "write reports": "3-59/5 * * * * 5",
        "compare seats": "2-59/5 * * * * 5",
        "compare payments": "17 * * * * 5",
        "look for missed news": "47 * * * * 5",
    }


@pytest.mark.slow
@pytest.mark.parametrize("func", LONGEST)
@pytest.mark.parametrize("next_run", [timedelta(hours=-1), timedelta(days=9)], ids=["due", "ahead"])
def test_a_schedule_that_rests_goes_on_resting(func, next_run):
    pause_schedule(schedule_id=Schedule.objects.get(func=func).pk, paused=True, actor=STAFF)
    put(func, database_time() + next_run)

    assert func not in look()

    assert Schedule.objects.get(func=func).repeats == 0


@pytest.mark.slow
def test_a_schedule_that_cannot_be_read_does_not_keep_the_others_back():
    for func in LONGEST:
        put(func, database_time() - timedelta(seconds=1))
    Schedule.objects.filter(func=REAP).update(cron="every now and then")

    assert look() == sorted([RECONCILE, RECONCILE_PAYMENTS, REPORTS, MISSED_NEWS, PASS])


@pytest.mark.slow
def test_a_schedule_of_another_kind_runs_at_its_own_interval_and_as_often_as_it_says():
    Schedule.objects.filter(func=REAP).update(
        schedule_type="I", minutes=30, cron=None, repeats=2, args="1", kwargs="{'a': 'b'}"
    )
    put(REAP, database_time() + timedelta(minutes=40))

    TickingBroker().dequeue()

    row = Schedule.objects.get(func=REAP)
    assert timedelta(minutes=29) < row.next_run - database_time() <= timedelta(minutes=30)
    assert row.repeats == 1


@pytest.mark.parametrize("error", [OperationalError(2006, "gone"), InterfaceError(0, "")], ids=["gone", "closed"])
def test_a_worker_whose_database_is_away_looks_again_and_does_not_end(monkeypatch, error):
    waited, broker = [], TickingBroker()
    wake_worker()
    with monkeypatch.context() as away:
        away.setattr("bookingsite.broker.sleep", waited.append)
        away.setattr("bookingsite.broker.database_time", raising(error))
        while_away = [broker.dequeue(), broker.dequeue()]

    ((number, _payload),) = broker.dequeue()

    assert while_away == [[], []]
    assert waited == [1.0, 1.0]
    assert number == 0


def raising(error):
    def fail():
        raise error

    return fail


@pytest.mark.slow
def test_the_worker_itself_sees_that_there_is_news_and_has_it_told():
    assert TELL not in look()
    a_saved_row("initiated", announce_at=database_time())

    taken = [*TickingBroker().dequeue(), *TickingBroker().dequeue()]

    assert TELL in [OrmQ(payload=payload).task["func"] for _, payload in taken]
    # What was taken is gone: its place is free for the next news.
    Booking.objects.update(announce_at=None)
    while TickingBroker().dequeue():
        pass
    assert not OrmQ.objects.filter(pk=PLACES[TELL]).exists()


def test_the_worker_itself_sees_that_a_webhook_is_due_and_has_it_sent():
    endpoint = an_endpoint(active=False).endpoint

    assert DELIVER in look()
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(rest_until=database_time() + timedelta(seconds=30))
    OrmQ.objects.all().delete()
    assert DELIVER not in look()


@pytest.mark.slow
def test_what_sends_webhooks_keeps_its_place_until_it_begins_no_more_or_died():
    """Without a place that is kept, receivers that hang would take every worker from the passes."""
    an_endpoint(active=False)
    broker = TickingBroker()

    def begins() -> bool:
        return DELIVER in [OrmQ(payload=task).task["func"] for _, task in broker.dequeue() or []]

    assert begins()
    assert not begins()
    leave_place(DELIVERING_TASK)
    assert begins()
    OrmQ.objects.filter(pk=PLACES[DELIVER]).update(lock=database_time())  # after KEPT_FOR
    assert begins()


def test_news_that_is_to_be_told_later_waits():
    a_saved_row("initiated", announce_at=database_time() + timedelta(minutes=5))

    assert TELL not in look()


def test_what_tells_the_news_waits_in_the_queue_once():
    ask_for(TELLING_TASK)
    ask_for(TELLING_TASK)
    wake_worker()

    assert begun() == [PASS, TELL]


def test_mails_are_looked_for_now_and_then_and_only_where_mail_is_sent(settings, monkeypatch):
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "bookings@example.org"
    (told,) = announcements(1)
    give_contact(told.booking)
    fan_out([told], told.created_at - timedelta(minutes=1))
    moment = [100.0]
    monkeypatch.setattr("bookingsite.broker.monotonic", lambda: moment[0])
    broker = TickingBroker()

    def looks(later: float) -> bool:
        moment[0] += later
        OrmQ.objects.all().delete()
        broker.dequeue()
        # Whether it is taken now or waits: its place is kept.
        return OrmQ.objects.filter(pk=PLACES[MESSAGES_TASK]).exists()

    assert [looks(later) for later in (0, 4.9, 0.2)] == [True, False, True]
    settings.MAIL_SERVER = ""
    assert not looks(10)
