"""A connection that leads nowhere is let go of, whoever it told so; a value that cannot be stored is no outage."""

import time

import MySQLdb
import pytest
from django.db import DataError, InterfaceError, OperationalError, connection, transaction

from bookings.db import patience, transactions
from bookings.db.error_numbers import CONFLICTS, LOST, OF_VALUES, UnsafeSession
from bookings.db.transactions import run
from bookings.deadline import Deadline
from bookings.models import Heartbeat
from bookings.services.shared.best_effort import for_each
from bookingsite.kept_connection import Errors
from bookingsite.mysql.base import DatabaseWrapper
from tests.races.crowd import on_own_connection
from tests.support.sessions import kill_session, session_number

pytestmark = [pytest.mark.mysql, pytest.mark.django_db(transaction=True)]

# What a server says of itself; the library's own are above 2000.
SAID_BY_A_SERVER = sorted(number for number in LOST if isinstance(number, int) and not 2000 <= number < 3000)


def server_says(number):
    """Let the server answer with an error of this number: a real one, by way of the library."""
    with connection.cursor() as cursor:
        cursor.execute(f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO={number:d}, MESSAGE_TEXT='as in a failover'")


def session():
    """The number of the session that this thread is in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        return cursor.fetchone()[0]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(transactions, "LOST_PAUSE_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(transactions, "PAUSE_SECONDS", (0.0, 0.0))


@pytest.mark.parametrize("number", SAID_BY_A_SERVER)
def test_a_read_outside_any_transaction_does_not_keep_it(number):
    before = session()

    with pytest.raises((OperationalError, InterfaceError)):
        server_says(number)

    assert connection.connection is None
    assert session() != before


@pytest.mark.parametrize("number", SAID_BY_A_SERVER)
def test_a_transaction_is_run_again_on_another_one(number):
    sessions = []

    def block():
        sessions.append(session())
        if len(sessions) == 1:
            server_says(number)
        return "done"

    assert run("failover", block) == "done"

    assert len(set(sessions)) == 2


@pytest.mark.parametrize("number", [1180, 1290, 3101])
def test_a_commit_that_is_refused_is_run_again_on_another_one(monkeypatch, number):
    sessions = []
    commit = DatabaseWrapper._commit

    def refuse_once(self):
        if len(sessions) == 1:
            with self.wrap_database_errors:
                self.connection.query(f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO={number}")
        commit(self)

    monkeypatch.setattr(DatabaseWrapper, "_commit", refuse_once)

    run("failover", lambda: sessions.append(session()))

    assert len(set(sessions)) == 2


def test_without_letting_go_the_demoted_server_is_asked_again(monkeypatch):
    """The twin: Django asks whether it still answers, and it does."""
    monkeypatch.setattr(DatabaseWrapper, "leave", lambda self, error, after_seconds: None)
    before = session()

    with pytest.raises(OperationalError):
        server_says(1290)
    connection.close_if_unusable_or_obsolete()

    assert session() == before


@pytest.mark.parametrize("number", [number for number in CONFLICTS if isinstance(number, int)])
def test_a_conflict_keeps_it(number):
    before = session()

    with pytest.raises(OperationalError):
        server_says(number)

    assert session() == before


def test_a_connection_that_was_closed_under_somebodys_feet_is_replaced():
    connection.ensure_connection()
    connection.connection.close()

    with pytest.raises((OperationalError, InterfaceError)):
        session()

    assert session()


def test_the_librarys_own_word_for_a_closed_connection_is_heard():
    copy = connection.copy()
    copy.ensure_connection()

    with pytest.raises(InterfaceError), Errors(copy):
        raise MySQLdb.InterfaceError(0, "")

    assert copy.connection is None


def test_a_kept_connection_to_a_server_that_became_read_only_is_not_used(read_only_server):
    before = session()
    read_only_server("ON")

    assert connection.is_usable() is False

    read_only_server("OFF")
    assert (connection.is_usable(), session()) == (True, before)


def test_a_server_that_is_read_only_is_refused_at_connect_and_looked_at_again(read_only_server):
    connection.close()
    read_only_server("ON")

    with pytest.raises(UnsafeSession, match=r"its server is read-only \(read_only\)") as refused:
        session()

    assert refused.value.may_pass
    read_only_server("OFF")
    assert session()


def test_a_transaction_waits_for_a_server_that_is_promoted_meanwhile(read_only_server, monkeypatch):
    connection.close()
    read_only_server("ON")
    monkeypatch.setattr(transactions.time, "sleep", lambda _seconds: read_only_server("OFF"))

    assert run("failover", session)


@pytest.fixture
def read_only_server():
    """Switch the server to and fro, as an operator does, from elsewhere."""
    at = connection.settings_dict
    operator = MySQLdb.connect(host=at["HOST"], port=int(at["PORT"]), user=at["USER"])

    def switch(value):
        operator.cursor().execute(f"SET GLOBAL read_only={value}")

    yield switch
    switch("OFF")
    operator.close()


@pytest.mark.slow
def test_a_request_gives_up_in_time_and_says_what_it_was(monkeypatch):
    monkeypatch.setattr(transactions, "LOST_PAUSE_SECONDS", (0.05, 0.1))
    attempts = []

    def block():
        attempts.append(1)
        server_says(1290)

    began = time.monotonic()
    with patience.at_most(1.0), pytest.raises(OperationalError, match="1290"):
        run("failover", block)

    assert time.monotonic() - began < 3.0
    assert len(attempts) > 5


def test_all_transactions_of_a_request_share_its_time():
    with patience.at_most(0.0):
        first = patience.of_a_transaction()
        time.sleep(0.01)

    assert first - time.monotonic() <= patience.LEAST_SECONDS
    with patience.at_most(50.0):
        assert 45.0 < patience.of_a_transaction() - time.monotonic() <= 50.0


def test_a_lock_that_somebody_keeps_is_not_waited_for_where_the_time_would_not_suffice():
    attempts = []

    def block():
        attempts.append(1)
        server_says(1205)

    with patience.at_most(1.5), pytest.raises(OperationalError, match="1205"):
        run("locked", block)

    assert len(attempts) == 1


def test_a_pass_goes_on_with_its_next_step_on_another_connection():
    connection.ensure_connection()
    seen = []

    def step(number):
        seen.append(session())
        if number == 1:
            kill_session(session_number())
            session()
        return 1

    with pytest.raises(ExceptionGroup):
        on_own_connection(lambda: for_each([1, 2, 3], step, deadline=Deadline(60)))

    assert len(seen) == 3
    assert seen[1] == seen[2] != seen[0]


def test_an_error_inside_a_block_of_djangos_own_ends_it_and_leaves_nothing_open():
    @transaction.atomic
    def block():
        Heartbeat.objects.create(name="x", finished_at="2026-01-01T00:00:00Z")
        server_says(1290)

    with pytest.raises(OperationalError, match="1290"):
        block()

    assert not connection.in_atomic_block
    assert not Heartbeat.objects.filter(name="x").exists()


@pytest.mark.parametrize("number", OF_VALUES)
def test_a_value_that_cannot_be_stored_is_an_error_of_the_value(number):
    before, attempts = session(), []

    def block():
        attempts.append(1)
        server_says(number)

    with pytest.raises(DataError):
        run("value", block)

    assert (len(attempts), session()) == (1, before)


@pytest.mark.parametrize(
    ("characters", "text"),
    [("latin1", "\N{GRINNING FACE}"), ("utf8mb3", "\N{GRINNING FACE}"), ("latin1", "\u0416")],
    ids=["emoji in latin1", "emoji in utf8mb3", "cyrillic in latin1"],
)
def test_characters_that_a_column_does_not_hold_are_no_outage(characters, text):
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE narrow (said VARCHAR(10) CHARACTER SET {characters})")
        with pytest.raises(DataError):
            cursor.execute("INSERT INTO narrow VALUES (%s)", [text])
