"""A transaction begins with its first statement, ends with its last, and what its statements mean stays the same."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import MySQLdb
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.transaction import TransactionManagementError
from MySQLdb.connections import Connection

from bookings.db import patience, transactions
from bookings.db.packets import later, together
from bookings.db.transactions import run
from bookings.models import UserHold
from bookings.services.shared import idempotency
from bookingsite.mysql import packets as packets_module
from tests.races.crowd import on_own_connection
from tests.support.packets import Packets, packets_of
from tests.support.sessions import ask_operator, kill_session, session_number

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

INSERT = "INSERT INTO user_hold (user_id) VALUES (%s)"
DEADLOCK = {
    "mysql": "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO=1213, MESSAGE_TEXT='Deadlock found'",
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE='40P01'; END $$",
}
COUNT = ("SELECT COUNT(*) FROM user_hold", ())


def users() -> list[int]:
    return sorted(UserHold.objects.values_list("user_id", flat=True))


def committed() -> list[int]:
    """What another session sees."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(on_own_connection, users).result()


def insert(user: int) -> None:
    UserHold.objects.bulk_create([UserHold(user_id=user)])


@pytest.fixture
def packets(monkeypatch) -> Packets:
    connection.ensure_connection()
    return packets_of(monkeypatch)


def test_a_transaction_begins_with_its_first_statement_and_the_session_stays_in_autocommit(packets):
    run("two", lambda: [insert(1), insert(2)])

    begin = {"mysql": "START TRANSACTION", "postgresql": "BEGIN"}[connection.vendor]
    assert [packet.split(";")[0].split(" INTO")[0] for packet in packets] == [begin, "INSERT", "COMMIT"]
    session = connection.connection
    assert session.get_autocommit() if connection.vendor == "mysql" else session.autocommit
    insert(3)
    assert committed() == [1, 2, 3]


def test_a_block_that_says_nothing_sends_nothing(packets):
    run("nothing", lambda: None)
    with pytest.raises(ZeroDivisionError):
        run("nothing", lambda: 1 // 0)

    assert packets == []


def test_nothing_is_seen_of_a_transaction_before_its_end_nor_after_it_failed():
    def block():
        insert(1)
        assert committed() == []
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run("failing", block)

    assert (users(), committed()) == ([], [])


def test_a_first_statement_that_fails_leaves_nothing_open():
    insert(1)

    with pytest.raises(IntegrityError):
        run("twice", lambda: insert(1))

    insert(2)
    assert committed() == [1, 2]


def test_an_inner_block_is_undone_alone():
    @transaction.atomic
    def fail_after(act):
        act()
        raise ZeroDivisionError

    def block():
        with transaction.atomic():
            insert(1)
        for act in (lambda: later(INSERT, [2]), lambda: insert(3)):
            with pytest.raises(ZeroDivisionError):
                fail_after(act)

    run("nested", block)

    assert committed() == [1]


def test_a_connection_that_is_lost_at_the_beginning_is_replaced(monkeypatch):
    monkeypatch.setattr(transactions, "LOST_PAUSE_SECONDS", (0.0, 0.0))
    connection.ensure_connection()
    kill_session(session_number())

    run("lost", lambda: insert(1))

    assert committed() == [1]


def test_what_waits_travels_with_the_next_statement_and_keeps_its_place(packets):
    def block():
        first, second = later(INSERT, [1]), later(*COUNT)
        third = later(INSERT, [2])
        assert packets == []
        (fourth,) = together(COUNT)
        return [each.rows for each in (first, second, third, fourth)], first.count

    seen, count = run("waiting", block)

    assert (seen, count) == ([(), ((1,),), (), ((2,),)], 1)
    assert len(packets) == 2


def test_what_waits_at_the_end_travels_with_the_commit(packets):
    answer = run("last", lambda: (insert(1), later(INSERT, [2]))[1])

    assert answer.count == 1
    assert [packet.count(";") for packet in packets] == [1, 1]
    assert packets[1].endswith(";COMMIT")
    assert committed() == [1, 2]


def test_an_answer_that_is_wanted_sends_what_waits(packets):
    assert run("wanted", lambda: later(*COUNT).rows) == ((0,),)

    assert len(packets) == 2


def test_what_waits_is_forgotten_with_its_transaction(packets):
    answers = []

    def block():
        answers.append(later(INSERT, [1]))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run("failing", block)

    assert packets == []
    with pytest.raises(ProgrammingError, match="forgotten"):
        _ = answers[0].count
    insert(2)
    assert committed() == [2]


def test_an_answer_that_was_forgotten_does_not_take_the_beginning_of_the_next_transaction_along():
    answers = []

    def block():
        answers.append(later(INSERT, [1]))
        raise ZeroDivisionError

    def next_block():
        with pytest.raises(ProgrammingError, match="forgotten"):
            _ = answers[0].count
        insert(2)
        raise ZeroDivisionError

    for each in (block, next_block):
        with pytest.raises(ZeroDivisionError):
            run("failing", each)

    assert committed() == []


@pytest.mark.parametrize("ends", [lambda: None, lambda: insert(3), users], ids=["commit", "write", "read"])
def test_what_waited_and_fails_ends_its_transaction(ends):
    insert(1)

    def block():
        insert(2)
        later(INSERT, [1])
        ends()

    with pytest.raises(IntegrityError):
        run("refused", block)

    assert committed() == [1]
    insert(4)
    assert committed() == [1, 4]


def test_a_conflict_in_the_last_packet_is_repeated(monkeypatch):
    monkeypatch.setattr(transactions, "PAUSE_SECONDS", (0.0, 0.0))
    tries = []

    def block():
        tries.append(1)
        insert(1)
        if len(tries) == 1:
            later(DEADLOCK[connection.vendor])

    run("deadlock", block)

    assert (len(tries), committed()) == (2, [1])


def test_outside_a_transaction_nothing_waits():
    with pytest.raises(TransactionManagementError):
        later(INSERT, [1])


def test_statements_without_a_transaction_travel_together_too(packets):
    first, second = together((INSERT, [1]), COUNT)

    assert (first.count, second.rows, len(packets)) == (1, ((1,),), 1)
    assert committed() == [1]


@pytest.mark.parametrize(
    "text",
    ["x'; DROP TABLE user_hold; -- ", "x\\'; DROP TABLE user_hold; -- ", 'x"; COMMIT; SELECT "', "\N{OVERLINE}'\\"],
)
def test_a_clients_text_is_a_value_however_many_statements_a_packet_may_have(text):
    keyed = idempotency.KeyedRequest.of(principal=text, endpoint=text[:10], key=text, validated={})
    insert(1)

    def block():
        idempotency.begin(keyed, call_key=None)
        return later("SELECT %s", [text]), later("SELECT principal FROM idempotency_record")

    answers = run("text", block)

    assert [each.rows for each in answers] == [((text,),)] * 2
    assert committed() == [1]


@pytest.mark.mysql
def test_a_session_does_not_begin_the_next_transaction_at_the_end_of_one():
    """As a server may be told to do, for all sessions."""
    ask_operator("SET GLOBAL completion_type='CHAIN'")
    try:
        connection.close()
        run("chained", lambda: insert(1))
        together((INSERT, [2]))
        assert committed() == [1, 2]
    finally:
        ask_operator("SET GLOBAL completion_type='NO_CHAIN'")


@pytest.mark.mysql
def test_with_chained_transactions_a_write_would_be_lost():
    """The twin: the session's own word taken back."""
    with connection.cursor() as cursor:
        cursor.execute("SET completion_type='CHAIN'")
    run("chained", lambda: insert(1))
    together((INSERT, [2]))

    assert committed() == [1]
    connection.close()


@pytest.mark.mysql
@pytest.mark.slow
def test_an_answer_that_is_missing_is_an_error_of_the_connection(monkeypatch):
    monkeypatch.setattr(transactions, "LOST_PAUSE_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(Connection, "next_result", lambda _: -1, raising=False)

    with patience.at_most(0.1), pytest.raises(InterfaceError, match="fewer answers"):
        run("short", lambda: insert(1))

    assert connection.connection is None
    monkeypatch.undo()
    assert committed() == []


def fail(_answer):
    raise ZeroDivisionError


def stop_in_the_middle(end) -> None:
    """Let something fail here while the answers of a packet are being read."""

    def block():
        later(*COUNT, then=fail)
        later(*COUNT)
        end()

    with pytest.raises(ZeroDivisionError):
        run("stopped", block)


ENDS = pytest.mark.parametrize(
    "end", [lambda: None, lambda: together(COUNT), users], ids=["commit", "packet", "cursor"]
)


@ENDS
def test_what_an_error_leaves_of_a_packet_is_no_answer_to_the_next_statement(end):
    connection.ensure_connection()
    session = connection.connection
    stop_in_the_middle(end)

    together((INSERT, [1]))

    assert (users(), connection.connection is session) == ([1], True)


# A cursor reads what is left when it is closed.
@pytest.mark.mysql
@pytest.mark.parametrize("end", [lambda: None, lambda: together(COUNT)], ids=["commit", "packet"])
def test_a_packet_that_is_not_read_to_its_end_costs_the_connection(end, monkeypatch):
    """The twin."""
    monkeypatch.setattr(packets_module, "_leave_nothing_unread", lambda _: None)
    connection.ensure_connection()
    session = connection.connection
    stop_in_the_middle(end)

    with contextlib.suppress(DatabaseError):
        together((INSERT, [1]))

    assert connection.connection is not session


@pytest.mark.mysql
@ENDS
def test_a_connection_whose_answers_cannot_be_read_is_replaced(end, monkeypatch):
    def unread(_database):
        raise MySQLdb.OperationalError(2014, "out of sync")

    monkeypatch.setattr(transactions, "LOST_PAUSE_SECONDS", (0.0, 0.0))
    connection.ensure_connection()
    session = connection.connection
    tries = []

    def block():
        tries.append(1)
        later(*COUNT, then=fail if len(tries) == 1 else None)
        insert(1)
        end()

    with monkeypatch.context() as patched:
        patched.setattr(packets_module, "_leave_nothing_unread", unread)
        run("unread", block)

    assert (len(tries), connection.connection is session, users()) == (2, False, [1])


def test_one_that_cannot_be_written_takes_the_others_along(packets):
    with pytest.raises(ProgrammingError):
        together((INSERT, [1]), ("SELECT %s", [1, 2]))

    together(COUNT)
    assert (len(packets), committed()) == (1, [])


def test_a_wrapper_sees_what_waits(packets):
    seen = []

    def note(execute, text, *others):
        seen.append(text)
        return execute(text, *others)

    with connection.execute_wrapper(note):
        run("seen", lambda: later(INSERT, [1]))

    assert (seen, committed()) == ([INSERT], [1])


@pytest.mark.mysql
def test_a_database_that_takes_no_packets_gets_one_statement_after_the_other(packets, monkeypatch):
    monkeypatch.setattr(connections["default"], "vendor", "another")

    def block():
        written, (counted,) = later(INSERT, [1]), together(COUNT)
        return written.count, counted.rows

    assert run("one by one", block) == (1, ((1,),))
    assert len(packets) == 3
