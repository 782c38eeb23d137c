"""What the doctor finds at a MariaDB: settings of the server, tables, and a session that was tampered with."""

from datetime import timedelta

import pytest
from django.db import connection, connections

from bookings.db.clock import database_time
from bookings.diagnostics import background, database, health
from bookings.models import Heartbeat
from devtools.processes import free_port

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

IN_ORDER = {
    "version": "10.11.6-MariaDB",
    "innodb_flush_log_at_trx_commit": "1",
    "sync_binlog": "1",
    "log_bin": "ON",
    "read_only": "OFF",
}


@pytest.fixture
def server():
    """Run a statement; what it changes for the whole server is put back."""

    def run(statement):
        with connection.cursor() as cursor:
            cursor.execute(statement)

    yield run
    run("SET GLOBAL innodb_flush_log_at_trx_commit=1")
    run("ALTER TABLE heartbeat CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    connection.close()


def findings(subject):
    """What the doctor says about one subject, the worst first."""
    found = [each for each in database.check_server() if each.name == subject]
    return sorted(found, key=lambda each: each.verdict == "OK")


def test_a_server_as_it_must_be_is_in_order():
    found = [*database.check_server(), health.database(), health.migrations()]

    assert {each.verdict for each in found} == {"OK"}


def test_commits_that_a_power_cut_takes_back_are_named(server):
    server("SET GLOBAL innodb_flush_log_at_trx_commit=2")

    worst = findings("database server")[0]

    assert worst.verdict == "FAIL"
    assert worst.message.startswith("innodb_flush_log_at_trx_commit=2: a power cut takes bookings back")
    assert worst.hint == "Set innodb_flush_log_at_trx_commit=1 in the server's configuration."


@pytest.mark.parametrize(
    ("variable", "value", "advice"),
    [
        ("sync_binlog", "0", "Set sync_binlog=1 in the server's configuration."),
        (
            "read_only",
            "ON",
            "Point DATABASE_URL at the primary, or promote this one: SET GLOBAL read_only=OFF.",
        ),
    ],
)
def test_a_server_that_must_not_be_used_so_is_named(variable, value, advice):
    (worst, *_) = database.durability({**IN_ORDER, variable: value})

    assert (worst.verdict, worst.hint) == ("FAIL", advice)


def test_without_a_binary_log_it_need_not_be_on_disk():
    (only,) = database.durability({**IN_ORDER, "log_bin": "OFF", "sync_binlog": "0"})

    assert (only.verdict, only.message) == ("OK", "10.11.6-MariaDB; each commit on disk, no binary log")


def test_a_table_with_other_characters_is_named(server):
    server("ALTER TABLE heartbeat CONVERT TO CHARACTER SET latin1")

    worst = health.migrations()

    assert (worst.verdict, worst.message) == ("FAIL", "not InnoDB with utf8mb4: heartbeat")
    assert worst.hint.startswith("ALTER TABLE … ENGINE=InnoDB, CONVERT TO CHARACTER SET utf8mb4")


def test_a_session_with_other_characters_is_named(server):
    server("SET NAMES latin1")

    worst = findings("characters")[0]

    assert (worst.verdict, worst.message) == ("FAIL", "the session speaks latin1, not utf8mb4")


def test_a_long_wait_for_locks_is_named(server):
    server("SET innodb_lock_wait_timeout=50")

    worst = findings("database limits")[0]

    assert worst.verdict == "WARN"
    assert worst.message == "innodb_lock_wait_timeout=50 in this session, where 5 was asked for"
    assert worst.hint.startswith("A proxy in between drops what is set at connect")


def test_connections_that_run_out_are_named(monkeypatch):
    monkeypatch.setattr(database, "CONNECTIONS_IN_USE", 0.0)

    worst = findings("database limits")[0]

    assert worst.verdict == "WARN"
    assert worst.hint == "Raise max_connections, or run fewer web processes or threads."


def test_a_session_that_is_not_safe_is_named_in_the_words_of_the_refusal(monkeypatch):
    connection.close()
    options = {**connection.settings_dict["OPTIONS"], "isolation_level": "repeatable read"}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)

    found = health.database()

    assert found.verdict == "FAIL"
    assert "its isolation level is REPEATABLE-READ, not READ-COMMITTED" in found.message
    assert found.hint.startswith("The server's init_connect, or a proxy in between")


def test_a_wrong_password_is_named_and_not_shown(monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "USER", "nobody")
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "pa55word")

    found = health.database()

    assert found.verdict == "FAIL"
    assert "Access denied" in found.message
    assert "pa55word" not in repr(found)
    assert found.hint.startswith("Is the server up, and are host, port, name, user and password of DATABASE_URL")


@pytest.fixture
def replica(monkeypatch):
    """A second name for the database, as of a replica that has everything and can be written to."""
    monkeypatch.setitem(connections.databases, "replica", connection.settings_dict)
    # Under its own name, as a test may use no other database.
    connections["replica"] = connection.copy()
    yield connections["replica"]
    connections["replica"].close()
    del connections["replica"]


def test_without_a_replica_there_is_nothing_to_say():
    assert list(background.check_replica()) == []


def test_a_replica_that_can_be_written_to_is_named(replica):
    (only,) = background.check_replica()

    assert (only.verdict, only.message) == ("WARN", "it can be written to")
    assert only.hint == "SET GLOBAL read_only=ON there: one stray write parts the two."


def test_a_replica_that_lags_is_named(replica, monkeypatch):
    Heartbeat.objects.update_or_create(name="pass", defaults={"finished_at": database_time()})
    later = database_time() + timedelta(minutes=5)
    monkeypatch.setattr(background.background, "last_pass_finished_at", lambda: later)

    found = list(background.check_replica())

    assert found[-1].verdict == "WARN"
    assert "as the worker's last, the primary one of" in found[-1].message
    assert found[-1].hint == "See SHOW REPLICA STATUS there: both threads must run."


def test_a_replica_that_is_away_is_named(replica):
    replica.settings_dict = {**replica.settings_dict, "PORT": free_port()}

    (only,) = background.check_replica()

    assert only.verdict == "WARN"
    assert only.hint == "Lists are read from the primary meanwhile; repair the replica."
