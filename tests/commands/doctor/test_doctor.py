"""manage.py doctor: every fault has its line, and the line says what to do."""

from datetime import timedelta

import pytest
from django.core.checks import Warning as CheckWarning
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django_q.models import OrmQ, Schedule

from bookings import wiring
from bookings.db.clock import database_time
from bookings.diagnostics import background, database, site
from bookings.gateways.user_service.signing_keys import key_set_from
from bookings.models import Heartbeat
from bookings.queries.upkeep import schema
from bookings.wake import PASSES_TASK
from devtools.processes import HOST, free_port
from tests.support.schedules import schedule_the_pass

pytestmark = pytest.mark.django_db

SECRET = "pa55word"


def one(findings):
    """Verdict, what was found and advice of the only finding."""
    (finding,) = findings
    return finding.verdict, finding.message, finding.hint


def test_on_a_machine_in_good_order_nothing_fails(run, a_working_worker):
    code, lines = run()

    assert code == 0
    assert {subject for subject, (verdict, _, _) in lines.items() if verdict == "FAIL"} == set()
    assert lines["migrations"] == ("OK", "all applied", "")
    assert lines["Redis"] == ("OK", "none: the database counts requests", "")
    assert lines["queue"] == ("OK", "0 waiting", "")


def test_the_screen_has_a_line_for_each_finding_and_the_advice_below(flights, capsys):
    with pytest.raises(CommandError):
        call_command("doctor")

    shown = capsys.readouterr().out.splitlines()
    assert "FAIL  worker                it has never finished a pass: nothing expires, no seats go back" in shown
    assert f"{'':28}-> Start `manage.py run_worker`, or read its log: it says why no pass is finished." in shown
    assert shown[-1].endswith(" OK, 2 WARN, 1 FAIL")


# --- the settings ---------------------------------------------------------------------------------------


def test_development_values_are_named():
    first = next(site.check_settings())

    assert (first.verdict, first.hint) == (
        "WARN",
        "Where others can reach this service, set DEBUG=false, SECRET_KEY, ALLOWED_HOSTS and CURRENCY.",
    )


def test_what_djangos_checks_for_production_say_is_handed_on(settings):
    settings.DEBUG = False
    settings.SECURE_HSTS_SECONDS = 0

    found = {each.message.partition(":")[0]: each for each in site.check_settings()}

    assert found["security.W004"].verdict == "WARN"
    assert found["security.W004"].hint != ""


def test_a_check_that_cannot_even_run_is_a_finding(settings, monkeypatch):
    def refuse(**_):
        raise ValueError("Port could not be cast to integer value")

    monkeypatch.setattr(site.checks, "run_checks", refuse)

    found = [each for each in site.check_settings() if each.verdict == "FAIL"]

    assert one(found) == (
        "FAIL",
        "ValueError: Port could not be cast to integer value",
        "Correct the setting that it speaks of.",
    )


def test_a_check_without_a_hint_points_at_the_command(monkeypatch, settings):
    monkeypatch.setattr(site.checks, "run_checks", lambda **_: [CheckWarning("odd", id="x.W1")])

    found = [each for each in site.check_settings() if each.message.startswith("x.W1")]

    assert one(found) == ("WARN", "x.W1: odd", "See `manage.py check --deploy`.")


def test_static_files_that_were_not_collected_are_named(settings, tmp_path):
    settings.DEBUG, settings.STATIC_ROOT = False, tmp_path

    found = [each for each in site.check_settings() if each.name == "static files"]

    assert one(found)[0] == "FAIL"
    assert found[0].hint == "Run `manage.py collectstatic --noinput`."


@pytest.mark.parametrize(("keys", "verdict"), [(0, "FAIL"), (1, "WARN"), (None, "WARN")])
def test_tokens_that_nobody_can_have_are_named(settings, keys, verdict):
    settings.API_AUTH, settings.JWT_SECRETS, settings.JWT_JWKS = "token", [], ""

    found = one(site.check_callers(keys))

    assert found[0] == verdict
    assert "Set JWT_ISSUER and JWT_JWKS" in found[2]


def test_keys_of_customers_that_cannot_be_read_are_named(settings, monkeypatch):
    settings.API_AUTH, settings.JWT_JWKS = "token", f"http://{HOST}:{free_port()}/jwks"
    monkeypatch.setattr(wiring, "signing_keys", lambda: key_set_from(settings.JWT_JWKS))

    found = one(site.check_callers(2))

    assert found[:2] == ("FAIL", "the customers' keys of JWT_JWKS cannot be read (SigningKeysUnavailable)")
    assert found[2].startswith("Ask for that address")


# --- the database ---------------------------------------------------------------------------------------


def test_a_database_that_is_away_is_one_fault_and_the_rest_is_still_looked_at(run, monkeypatch):
    monkeypatch.setattr(connection, "ensure_connection", _refuse)

    code, lines = run()

    assert code == 1
    assert lines["database"][0] == "FAIL"
    assert lines["database"][2].startswith("Is the server up, and are host, port, name, user and password")
    assert lines["worker"][2] == "Repair the database first."
    assert lines["Flight Service"][0] == "OK"


def _refuse():
    raise OperationalError(2002, "Can't connect to server")


def test_a_migration_that_is_missing_is_named(run, a_working_worker, monkeypatch):
    monkeypatch.setattr(schema, "_complete", set())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'bookings' AND name >= '0003'")

    code, lines = run()

    assert code == 1
    assert lines["migrations"][1].startswith("not applied: bookings.0003_")
    assert lines["migrations"][2] == "Run `manage.py migrate` of this release."


@pytest.mark.parametrize(("seconds", "verdict"), [(0, "OK"), (3, "WARN"), (-3, "WARN"), (31, "FAIL"), (-31, "FAIL")])
def test_a_clock_that_is_off_is_named(monkeypatch, seconds, verdict):
    # Of the machine that asks: half a second of doubt would be a loaded machine.
    now = database.datetime.now(database.UTC)
    still = type("Still", (), {"now": staticmethod(lambda _zone: now)})
    monkeypatch.setattr(database, "datetime", still)
    monkeypatch.setattr(database, "database_time", lambda: now + timedelta(seconds=seconds))

    found = database.check_clock()

    assert found.verdict == verdict
    assert ("NTP" in found.hint) == (verdict != "OK")


# --- worker, queue, Redis -------------------------------------------------------------------------------


def test_a_worker_that_never_finished_a_pass_is_named(run):
    code, lines = run()

    assert code == 1
    assert lines["worker"][2].startswith("Start `manage.py run_worker`")


def test_a_worker_that_has_fallen_silent_is_named(run):
    Heartbeat.objects.create(name="pass", finished_at=database_time() - timedelta(minutes=10))

    code, lines = run()

    assert code == 1
    assert lines["worker"][1].startswith("last finished a pass 60")
    assert lines["worker"][2].startswith("Start `manage.py run_worker`")


def test_a_schedule_that_somebody_paused_is_named(a_working_worker):
    Schedule.objects.filter(func=PASSES_TASK).delete()
    schedule_the_pass(every_seconds=10)
    Schedule.objects.update(repeats=0)

    paused = next(background.check_queue())

    assert (paused.verdict, paused.name) == ("WARN", "passes")
    assert paused.hint == "Resume it in the back office, under Scheduled tasks."


def test_a_queue_that_grows_is_named(a_working_worker):
    OrmQ.objects.bulk_create([OrmQ(key="bookings", payload="", lock=database_time()) for _ in range(21)])

    *_, queue = background.check_queue()

    assert (queue.verdict, queue.message) == ("FAIL", "21 waiting")
    assert queue.hint.startswith("The worker does not keep up")


def test_a_task_that_no_worker_would_take_is_named(a_working_worker):
    OrmQ.objects.create(key="bookings", payload="", lock=database_time() + timedelta(hours=1))

    *_, queue = background.check_queue()

    assert queue.verdict == "FAIL"
    assert queue.message.startswith("1 tasks are locked for longer than any worker locks one")


@pytest.mark.parametrize("func", ["bookings.tasks.run_pass", "bookings.tasks.reap", "bookings.tasks.reconcile"])
def test_a_schedule_that_a_clock_has_put_far_ahead_is_named(run, a_working_worker, schedules, func):
    next_run = database_time() + timedelta(hours=3)
    Schedule.objects.filter(func=func).update(next_run=next_run)

    code, lines = run()

    verdict, found, advice = lines["schedules"]
    assert (code, verdict) == (1, "FAIL")
    assert f"'{Schedule.objects.get(func=func).name}' comes next at {next_run:%Y-%m-%d %H:%M:%S}" in found
    assert "run_worker" in advice


def test_a_schedule_that_rests_is_not_late(schedules):
    Schedule.objects.update(repeats=0, next_run=database_time() + timedelta(days=3))

    assert one(background.check_schedules()) == ("OK", "each is there, and comes in time", "")


def test_a_schedule_that_nobody_can_read_is_named(schedules):
    Schedule.objects.filter(func=PASSES_TASK).update(cron="now and then")

    verdict, found, _ = one(background.check_schedules())

    assert verdict == "FAIL"
    assert found.startswith("'background pass' cannot be read")


def test_a_schedule_that_was_deleted_is_said_to_come_back(schedules):
    Schedule.objects.filter(func=PASSES_TASK).delete()

    assert one(background.check_schedules()) == ("OK", "a worker makes again: background pass", "")


def test_a_redis_that_is_away_is_named_without_its_password(settings):
    settings.REDIS_URL = f"redis://:{SECRET}@{HOST}:{free_port()}/0"

    found = background.check_redis()

    assert (found.verdict, found.message) == (
        "WARN",
        "no answer (ConnectionError); the database counts requests meanwhile",
    )
    assert found.hint == "Is it up, and are host, port and password of REDIS_URL right?"
    assert SECRET not in repr(found)
