"""What clients, balancers and staff hear while the database restarts, fails over, or is not fit to be used."""

import pytest
from django.db import DataError, InterfaceError, OperationalError, connection
from django.test import Client

from bookings.api import readiness, views
from bookings.db import patience
from bookings.db.error_numbers import UnsafeSession
from bookings.db.hang import hang
from bookings.diagnostics import health
from bookings.models import IdempotencyRecord
from bookings.office import site
from bookings.office.upkeep import start_page
from bookings.queries.bookings import visible
from tests.support.api import BOOKINGS, refused, shown
from tests.support.people import text_of

pytestmark = pytest.mark.django_db

OUTAGES = [
    OperationalError(2002, "Can't connect to server"),
    OperationalError(2013, "Lost connection to server during query"),
    OperationalError(1290, "The MariaDB server is running with the --read-only option"),
    OperationalError(1205, "Lock wait timeout exceeded"),
    OperationalError(1969, "Query execution was interrupted (max_statement_time exceeded)"),
    InterfaceError(0, ""),
    UnsafeSession("its sql_mode is not strict"),
]
NAMES = [f"{type(error).__name__} {error.args[0]}" for error in OUTAGES]


def raises(error):
    def fail(*_args, **_kwargs):
        raise error

    return fail


@pytest.mark.parametrize("error", OUTAGES, ids=NAMES)
def test_a_database_that_is_away_is_503_and_may_be_asked_again(api, monkeypatch, error):
    monkeypatch.setattr(views, "create_booking", raises(error))

    answer = api.create()

    assert refused(answer) == (503, "temporarily_unavailable")
    assert answer["Retry-After"] == "5"
    assert answer.json()["error"]["retryable"] is True


def read(api, booking):
    return api.get(f"{BOOKINGS}/{booking['id']}", {"userId": booking["userId"]})


@pytest.fixture
def cut(monkeypatch):
    """Cut the connection under what is named, so many times; gives how often it was asked."""

    def cut(owner, name, times, error=OUTAGES[1]):
        asked, real = [], getattr(owner, name)

        def answer(*args, **kwargs):
            asked.append(args)
            if len(asked) <= times:
                raise error
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, answer)
        return asked

    return cut


@pytest.mark.django_db(transaction=True)
def test_what_only_reads_is_asked_once_more_on_a_new_connection(api, cut, admin_client):
    booking = shown(api.create())
    asked = cut(visible, "booking_shown_to", 1)

    assert shown(read(api, booking))["reference"] == booking["reference"]
    assert len(asked) == 2

    asked = cut(site, "start_context", 1)
    assert admin_client.get("/admin/").status_code == 200
    assert len(asked) == 2


@pytest.mark.django_db(transaction=True)
def test_it_is_asked_twice_at_most(api, cut):
    booking = shown(api.create())
    asked = cut(visible, "booking_shown_to", 9)

    assert refused(read(api, booking)) == (
        503,
        "temporarily_unavailable",
    )
    assert len(asked) == 2


@pytest.mark.django_db(transaction=True)
def test_what_a_lock_or_a_limit_ended_is_not_asked_again(api, cut):
    booking = shown(api.create())
    asked = cut(visible, "booking_shown_to", 9, error=OperationalError(1969, "max_statement_time exceeded"))

    assert refused(read(api, booking)) == (
        503,
        "temporarily_unavailable",
    )
    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
def test_what_changes_something_is_repeated_by_its_client_alone(api, cut):
    asked = cut(views, "create_booking", 1)

    assert refused(api.create()) == (503, "temporarily_unavailable")
    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_is_looked_up_once_more(api, cut):
    booking = shown(api.create(key="first"))
    asked = cut(IdempotencyRecord.objects, "filter", 1)

    assert shown(api.create(key="first")) == booking
    assert len(asked) == 2

    asked = cut(IdempotencyRecord.objects, "filter", 9)
    assert refused(api.create(key="first")) == (503, "temporarily_unavailable")
    assert len(asked) == 2


@pytest.mark.django_db(transaction=True)
def test_a_key_whose_lookup_a_limit_ended_is_not_looked_up_again(api, cut):
    booking = shown(api.create(key="first"))
    asked = cut(IdempotencyRecord.objects, "filter", 1, error=OperationalError(1969, "max_statement_time exceeded"))

    assert refused(api.create(key="first")) == (503, "temporarily_unavailable")
    assert len(asked) == 1
    assert shown(api.create(key="first")) == booking


@pytest.mark.django_db(transaction=True)
def test_a_server_that_hangs_is_asked_once(api, cut, monkeypatch):
    booking = shown(api.create())
    monkeypatch.setattr(hang, "_is_on", True)
    asked = cut(visible, "booking_shown_to", 1)

    assert refused(read(api, booking)) == (503, "temporarily_unavailable")
    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_asked_again_once_a_request_has_waited_long_enough(api, cut, monkeypatch):
    booking = shown(api.create())
    monkeypatch.setattr(patience, "REQUEST_SECONDS", 0.0)
    asked = cut(visible, "booking_shown_to", 1)

    assert refused(read(api, booking)) == (
        503,
        "temporarily_unavailable",
    )
    assert len(asked) == 1


def test_a_value_that_cannot_be_stored_is_no_outage_and_is_not_to_be_sent_again(api, monkeypatch):
    monkeypatch.setattr(views, "create_booking", raises(DataError(1366, "Incorrect string value")))

    answer = api.create()

    assert refused(answer) == (500, "internal_error")
    assert "Retry-After" not in answer
    assert answer.json()["error"]["retryable"] is False
    assert "repeating it does not help" in answer.json()["error"]["explanation"]


@pytest.mark.parametrize("error", OUTAGES, ids=NAMES)
def test_a_page_of_the_back_office_says_so_too(admin_client, monkeypatch, error):
    monkeypatch.setattr(site, "start_context", raises(error))

    answer = admin_client.get("/admin/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"].startswith("text/html")
    assert "The database does not answer right now." in text_of(answer)
    assert "2013" not in text_of(answer)


def test_the_log_in_says_so_too(client, monkeypatch):
    monkeypatch.setattr(site.wiring, "rate_limiter", raises(OperationalError(2002, "no")))

    answer = client.post("/admin/login/", {"username": "admin", "password": "wrong"})

    assert answer.status_code == 503
    assert "check whether it was carried out" in text_of(answer)


def test_somebody_who_cannot_be_looked_up_gets_the_same_page(admin_client, monkeypatch):
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", raises(OperationalError(2006, "")))

    assert admin_client.get("/admin/").status_code == 503


@pytest.mark.parametrize(
    ("path", "kind", "middleware"),
    [
        ("/admin/", "text/html", "django.contrib.messages.middleware.MessageMiddleware"),
        ("/api/v1/bookings", "application/json", "django.middleware.security.SecurityMiddleware"),
    ],
    ids=["page", "API"],
)
def test_what_a_middleware_runs_into_is_said_in_the_same_words(monkeypatch, path, kind, middleware):
    monkeypatch.setattr(f"{middleware}.process_request", raises(OperationalError(2013, "no")))

    answer = Client(raise_request_exception=False).get(path)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"].startswith(kind)
    if kind == "application/json":
        assert refused(answer) == (503, "temporarily_unavailable")
        assert answer.json()["error"]["retryable"] is True


def test_another_error_of_a_middleware_is_still_an_error_of_ours(monkeypatch):
    monkeypatch.setattr(
        "django.contrib.messages.middleware.MessageMiddleware.process_request", raises(ValueError("ours"))
    )

    assert Client(raise_request_exception=False).get("/admin/").status_code == 500


@pytest.mark.parametrize("error", OUTAGES, ids=NAMES)
def test_readiness_is_json_whatever_the_database_says(api, monkeypatch, error):
    monkeypatch.setattr(health.quick, "ask", raises(error))

    answer = api.get("/health/ready")

    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "failed")
    assert "details" not in answer.json()


def test_whoever_operates_is_told_why_a_session_is_refused(api, monkeypatch, settings):
    settings.DEBUG = True
    monkeypatch.setattr(health.quick, "ask", raises(UnsafeSession("its sql_mode is not strict")))

    details = api.get("/health/ready").json()["details"]["database"]

    assert details == {"error": "UnsafeSession", "why": "its sql_mode is not strict"}


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_asks_nobody_who_it_is_while_the_database_is_away(api, monkeypatch, path):
    asked = []
    monkeypatch.setattr(health.quick, "ask", raises(OperationalError(2013, "no")))
    monkeypatch.setattr(readiness, "recognize_api_key", asked.append)

    api.client.get(path, headers={"Authorization": "Bearer fbs_x"})

    assert asked == []


@pytest.mark.long
@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("init_command", "SET time_zone='+00:00', sql_mode=''", "its sql_mode is not strict"),
        (
            "init_command",
            "SET time_zone='+00:00', check_constraint_checks=0",
            "its check_constraint_checks is off",
        ),
        ("isolation_level", "repeatable read", "its isolation level is REPEATABLE-READ"),
        ("init_command", "SET time_zone='+05:30'", "its time zone is +05:30"),
        ("init_command", "SET time_zone='+00:00', tx_read_only=1", "its tx_read_only is on"),
    ],
)
def test_sessions_that_are_not_safe_are_503_everywhere(
    monkeypatch, settings, transactional_db, api, option, value, why
):
    """With a real session that the server gives, and that is refused."""
    settings.DEBUG = True
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {**connection.settings_dict["OPTIONS"], option: value})

    ready, answer, page = api.get("/health/ready"), api.create(), Client().get("/admin/login/")
    posted = Client().post("/admin/login/", {"username": "a", "password": "b"})

    assert ready.status_code == 503
    assert why in ready.json()["details"]["database"]["why"]
    assert refused(answer) == (503, "temporarily_unavailable")
    assert (page.status_code, posted.status_code) == (200, 503)
    assert connection.connection is None


@pytest.mark.mysql
@pytest.mark.parametrize("characters", ["utf8mb3", "latin1"])
def test_tables_that_cannot_hold_every_text_are_not_ready(transactional_db, api, settings, characters):
    settings.DEBUG = True
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE booking_event MODIFY note VARCHAR(500) CHARACTER SET {characters} NOT NULL")
    try:
        answer = api.get("/health/ready").json()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE booking_event MODIFY note VARCHAR(500) CHARACTER SET utf8mb4 NOT NULL")

    assert answer["checks"]["migrations"] == "failed"
    assert answer["details"]["migrations"]["notInnodbWithUtf8mb4"] == ["booking_event"]
    assert "CONVERT TO CHARACTER SET utf8mb4" in answer["details"]["migrations"]["do"]


def test_the_start_page_is_made_of_what_was_replaced_here():
    assert site.start_context is start_page.start_context
