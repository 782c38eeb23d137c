"""What is PostgreSQL's own: which sessions are refused, what its errors mean, and that no answer is waited for long."""

import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psycopg
import pytest
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connection, transaction

from bookings.db import limits, postgresql_session, transactions
from bookings.db.error_numbers import BROKEN_OFF, CONFLICTS, LOST, NOT_CONNECTED, UnsafeSession
from bookings.db.packets import later, together
from bookings.db.safe_session import refuse_unsafe_session
from bookings.db.transactions import run
from bookings.models import Heartbeat, UserHold
from tests.support.sessions import ask_operator, session_number

SAFE = {
    "server_version_num": "150018",
    "default_transaction_isolation": "read committed",
    "TimeZone": "UTC",
    "synchronous_commit": "on",
    "session_replication_role": "origin",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "default_transaction_read_only": "off",
    "lock_timeout": "2s",
}
VERSION = "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc"


def a_session(version=VERSION, *, is_in_recovery=False, **settings):
    """A session that says so of itself; it notes whether it was closed."""
    row = (version, is_in_recovery, *(SAFE | settings).values())
    cursor = SimpleNamespace(execute=lambda _question: None, fetchone=lambda: row)
    session = SimpleNamespace(vendor="postgresql", alias="default", cursor=lambda: nullcontext(cursor), closed=[])
    session.close = lambda: session.closed.append(True)
    return session


def test_a_safe_session_is_used():
    for settings in ({}, {"synchronous_commit": "remote_apply"}, {"TimeZone": "Etc/UTC"}):
        session = a_session(**settings)
        assert refuse_unsafe_session(None, session) is None
        assert session.closed == []


def test_an_unsafe_session_is_refused_and_says_why():
    for settings, why in (
        ({"default_transaction_isolation": "repeatable read"}, "isolation level is repeatable read"),
        ({"TimeZone": "Asia/Kolkata"}, "time zone is Asia/Kolkata, not UTC"),
        ({"synchronous_commit": "off"}, "synchronous_commit is off: a crash takes bookings back"),
        ({"session_replication_role": "replica"}, "rows would get in that must not be there"),
        ({"server_encoding": "SQL_ASCII"}, "server_encoding is SQL_ASCII, not UTF8"),
        ({"client_encoding": "LATIN1"}, "client_encoding is LATIN1, not UTF8"),
        ({"standard_conforming_strings": "off"}, "texts with a backslash"),
        ({"lock_timeout": "0"}, "as if none had been asked for"),
        ({"server_version_num": "130014"}, "must be PostgreSQL 14 or newer"),
    ):
        session = a_session(**settings)
        with pytest.raises(UnsafeSession, match=why) as refused:
            refuse_unsafe_session(None, session)
        assert (session.closed, refused.value.may_pass) == ([True], False)


def test_a_standby_and_a_session_that_writes_nothing_may_pass():
    for settings in ({"is_in_recovery": True}, {"default_transaction_read_only": "on"}):
        with pytest.raises(UnsafeSession) as refused:
            refuse_unsafe_session(None, a_session(**settings))
        assert refused.value.may_pass


def test_servers_that_only_speak_like_postgresql_are_refused():
    for version in (
        "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15)",
        "PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu",
        "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.53642",
        "PostgreSQL 9.5.0 on x86_64-pc-linux-gnu (Materialize v0.99)",
    ):
        (problem,) = postgresql_session.problems(version, SAFE)
        assert "does not lock as PostgreSQL does" in problem


def test_each_kind_of_process_has_its_limits(monkeypatch):
    settings = {"ENGINE": "bookingsite.postgresql", "OPTIONS": {}, "ASKED_FOR": {"connect_timeout": 9}}
    monkeypatch.setattr(limits, "connections", SimpleNamespace(settings={"default": settings}))

    limits.use(limits.WEB)

    said = settings["OPTIONS"].pop("options").split("-c ")[1:]
    assert (settings["OPTIONS"], settings["FAILS_FAST"]) == (
        {"connect_timeout": 9, "read_timeout": 5, "write_timeout": 5},
        True,
    )
    assert [each.strip() for each in said] == [
        "TimeZone=UTC",
        r"default_transaction_isolation=read\ committed",
        "lock_timeout=2s",
        "statement_timeout=4s",
        "idle_in_transaction_session_timeout=20s",
        "random_page_cost=1.1",
    ]


# --- On a server ----------------------------------------------------------------------------------------

on_postgresql = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
# What a server says of itself; the other two are of the library, and need the 08006 and 08001 that we give.
SAID = sorted({state for state in LOST if isinstance(state, str)} - {BROKEN_OFF, NOT_CONNECTED})


def with_marks(test):
    for mark in on_postgresql:
        test = mark(test)
    return test


def server_says(state):
    """Let the server answer with an error of this SQLSTATE: a real one, by way of the library."""
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'as in a failover' USING ERRCODE='{state}'; END $$")


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(transactions, "LOST_PAUSE_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(transactions, "PAUSE_SECONDS", (0.0, 0.0))


@contextmanager
def as_the_role_is(setting):
    """Have the role ask for this in each session that it opens, as an operator may have said long ago."""
    name = setting.partition("=")[0]
    role = connection.settings_dict["USER"]
    ask_operator(f"ALTER ROLE {role} SET {setting}")
    try:
        connection.close()
        yield
    finally:
        ask_operator(f"ALTER ROLE {role} RESET {name}")
        connection.close()


@with_marks
def test_what_the_service_asks_for_at_connect_is_stronger_than_the_role_and_what_it_leaves_is_looked_at():
    for setting in ("timezone='Asia/Kolkata'", "default_transaction_isolation='serializable'", "lock_timeout=0"):
        with as_the_role_is(setting):
            assert session_number()
    for setting, may_pass in (("synchronous_commit=off", False), ("default_transaction_read_only=on", True)):
        with as_the_role_is(setting), pytest.raises(UnsafeSession) as refused:
            session_number()
        assert refused.value.may_pass is may_pass


@with_marks
def test_an_error_that_ends_a_session_has_the_block_run_again_on_another_one(no_pauses):
    for state in SAID:
        sessions = []

        def block(state=state, sessions=sessions):
            sessions.append(session_number())
            if len(sessions) == 1:
                server_says(state)

        run("failover", block)

        assert len(set(sessions)) == 2, state


@with_marks
def test_a_conflict_is_repeated_in_the_same_session(no_pauses):
    for state in (state for state in CONFLICTS if isinstance(state, str)):
        sessions = []

        def block(state=state, sessions=sessions):
            sessions.append(session_number())
            if len(sessions) == 1:
                server_says(state)

        run("conflict", block)

        assert len(sessions) == 2, state
        assert len(set(sessions)) == 1, state


@with_marks
def test_a_mistake_and_a_value_are_not_repeated(no_pauses):
    for state, kind in (("22003", DataError), ("23514", IntegrityError)):
        tries = []

        def block(state=state, tries=tries):
            tries.append(1)
            server_says(state)

        with pytest.raises(kind) as refused:
            run("value", block)

        assert (tries, refused.value.args[0]) == ([1], state)


@with_marks
def test_a_server_that_takes_no_writes_any_more_is_left(no_pauses):
    """25006 comes as an error of another class than those that are repeated."""
    sessions = []

    def block():
        sessions.append(session_number())
        if len(sessions) == 1:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
        UserHold.objects.create(user_id=1)

    run("demoted", block)

    assert len(set(sessions)) == 2
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only=on")
    assert connection.is_usable() is False
    connection.close()


@with_marks
def test_an_answer_that_does_not_come_costs_the_connection(monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", connection.settings_dict["OPTIONS"] | {"read_timeout": 1})
    began = time.monotonic()

    with pytest.raises(OperationalError, match="no answer in time") as lost, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(3)")

    assert lost.value.args[0] == BROKEN_OFF
    assert time.monotonic() - began < 10.0
    assert connection.connection is None


@with_marks
def test_a_port_where_nobody_listens_is_told_by_its_number(monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", 1)

    with pytest.raises(OperationalError) as refused:
        session_number()

    assert refused.value.args[0] == NOT_CONNECTED


@with_marks
def test_a_commit_that_the_server_answers_by_undoing_everything_is_no_commit():
    def block():
        UserHold.objects.create(user_id=1)
        later("SELECT 1")
        connection.needs_rollback = False
        # As where an error is swallowed: the library's own cursor tells the wrapper nothing of it.
        connection.send_waiting()
        with pytest.raises(psycopg.Error):
            connection.connection.execute("SELECT 1/0")

    with pytest.raises(Exception, match="had failed before its COMMIT"):
        run("swallowed", block)

    assert not UserHold.objects.exists()


@with_marks
def test_many_rows_at_once_come_after_what_waits():
    def block():
        later("INSERT INTO user_hold (user_id) VALUES (%s)", [1])
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE user_hold SET user_id = %s WHERE user_id = %s", [(2, 1), (3, 2)])

    run("many", block)

    assert list(UserHold.objects.values_list("user_id", flat=True)) == [3]


@with_marks
def test_an_error_inside_a_block_of_djangos_own_ends_it_and_leaves_nothing_open():
    @transaction.atomic
    def block():
        Heartbeat.objects.create(name="x", finished_at="2026-01-01T00:00:00Z")
        server_says("57P01")

    with pytest.raises(OperationalError, match="57P01"):
        block()

    assert not connection.in_atomic_block
    assert not Heartbeat.objects.filter(name="x").exists()


@with_marks
@pytest.mark.parametrize(
    "text", ["2030-01-01 00:00:00+00", "2030-01-01 00:00:00.5+00", "0001-01-01 23:59:59.000001+00"]
)
def test_a_moment_is_read_in_utc(text):
    (answer,) = together((f"SELECT '{text}'::timestamptz", ()))

    assert answer.rows[0][0] == datetime.fromisoformat(text)
    assert answer.rows[0][0].tzinfo is UTC


@with_marks
def test_a_moment_is_read_in_utc_by_a_session_that_is_elsewhere():
    with connection.cursor() as cursor:
        cursor.execute("SET TimeZone TO 'Asia/Kolkata'")
        cursor.execute("SELECT '2030-01-01 00:00:00+00'::timestamptz")
        ((moment,),) = cursor.fetchall()
    connection.close()

    assert moment.utcoffset() == timedelta(0)


@with_marks
def test_a_moment_that_python_does_not_know_is_an_error():
    for text in ("infinity", "10000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"):
        with pytest.raises(DataError):
            together((f"SELECT '{text}'::timestamptz", ()))


@with_marks
def test_an_answer_that_is_not_read_is_an_error():
    with pytest.raises(DatabaseError):
        together(("COPY heartbeat TO STDOUT", ()))
    connection.close()
