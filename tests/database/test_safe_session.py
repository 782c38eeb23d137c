"""A database session on which decisions would be wrong is refused, whoever has changed it."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections

from bookings.db.error_numbers import UnsafeSession
from bookings.db.safe_session import read_only_problems, server_problems
from tests.support.servers import database_url
from tests.test_start import start

pytestmark = [pytest.mark.mysql, pytest.mark.django_db]

ENCRYPTED = "ssl_mode=REQUIRED"
SAFE = "SET time_zone='+00:00'"


@pytest.fixture
def fresh():
    """A connection that is not open, with options of its own."""
    copy = connections["default"].copy()
    copy.settings_dict = {**copy.settings_dict, "OPTIONS": {**copy.settings_dict["OPTIONS"]}}
    yield copy
    copy.close()


def reason(connection):
    with pytest.raises(ImproperlyConfigured) as refused:
        connection.ensure_connection()
    return str(refused.value)


def test_what_the_settings_ask_for_is_accepted(fresh):
    fresh.ensure_connection()

    assert fresh.is_usable()


def test_another_isolation_level_is_refused(fresh):
    fresh.settings_dict["OPTIONS"]["isolation_level"] = "repeatable read"

    assert "its isolation level is REPEATABLE-READ, not READ-COMMITTED" in reason(fresh)


def test_another_time_zone_is_refused(fresh):
    fresh.settings_dict["OPTIONS"]["init_command"] = "SET time_zone='+05:30'"

    assert "its time zone is +05:30, not +00:00" in reason(fresh)


def test_a_mode_that_cuts_values_off_is_refused(fresh):
    fresh.settings_dict["OPTIONS"]["init_command"] = f"{SAFE}, sql_mode=''"

    assert "its sql_mode is not strict" in reason(fresh)


def test_a_session_whose_transactions_do_not_end_is_refused(fresh):
    fresh.settings_dict["OPTIONS"]["init_command"] = f"{SAFE}, completion_type='CHAIN'"

    assert "its completion_type is CHAIN: what follows a transaction would never be committed" in reason(fresh)


def test_a_refused_session_stays_refused(fresh):
    fresh.settings_dict["OPTIONS"]["init_command"] = "SET time_zone='+05:30'"
    reason(fresh)

    assert "its time zone is +05:30" in reason(fresh)


@pytest.mark.parametrize(
    "name", [pytest.param("check_constraint_checks", marks=pytest.mark.mariadb), "foreign_key_checks", "unique_checks"]
)
def test_a_session_that_lets_rows_in_which_must_not_be_there_is_refused(fresh, name):
    fresh.settings_dict["OPTIONS"]["init_command"] = f"{SAFE}, {name}=0"

    assert f"its {name} is off: rows would get in that must not be there" in reason(fresh)


@pytest.mark.parametrize(("asked_for", "got"), [("latin1", "latin1"), ("utf8mb3", "utf8mb3")])
def test_a_session_that_speaks_other_characters_is_refused(fresh, asked_for, got):
    fresh.settings_dict["OPTIONS"]["charset"] = asked_for

    said = reason(fresh)

    for name in ("character_set_client", "character_set_connection", "character_set_results"):
        assert f"its {name} is {got}, not utf8mb4" in said


@pytest.mark.parametrize("value", ["1", "ON"])
def test_a_session_that_cannot_write_is_refused_and_may_be_another_tomorrow(fresh, value):
    name = "tx_read_only" if connections["default"].mysql_is_mariadb else "transaction_read_only"
    fresh.settings_dict["OPTIONS"]["init_command"] = f"{SAFE}, {name}={value}"

    with pytest.raises(UnsafeSession, match=f"its {name} is on: nothing can be written") as refused:
        fresh.ensure_connection()

    assert refused.value.may_pass
    assert fresh.connection is None


def test_a_refusal_is_an_error_of_the_database_so_that_requests_hear_503(fresh):
    fresh.settings_dict["OPTIONS"]["init_command"] = f"{SAFE}, sql_mode=''"

    with pytest.raises(OperationalError) as refused:
        fresh.ensure_connection()

    assert not refused.value.may_pass


@pytest.mark.parametrize("characters", ["latin1", "utf8mb3"])
def test_a_database_whose_new_tables_would_be_narrow_is_refused_with_the_cure(fresh, characters):
    name = "narrow_" + characters
    with connections["default"].cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET {characters}")
    try:
        fresh.settings_dict["NAME"] = name
        said = reason(fresh)
    finally:
        with connections["default"].cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")

    assert f"new tables would be {characters}, not utf8mb4" in said
    assert "ALTER DATABASE … CHARACTER SET utf8mb4" in said


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)  # in a transaction no server becomes read-only
# A MySQL has certificates of its own making, so that a session is encrypted.
@pytest.mark.mariadb
def test_a_web_server_does_not_start_on_one_and_waits_for_a_failover():
    lasting = start("-c", "import bookingsite.wsgi", DATABASE_URL=f"{database_url()}?{ENCRYPTED}")
    with connections["default"].cursor() as cursor:
        cursor.execute("SET GLOBAL read_only=1")
        try:
            passing = start("-c", "import bookingsite.wsgi", DATABASE_URL=database_url())
        finally:
            cursor.execute("SET GLOBAL read_only=0")

    assert lasting.returncode != 0
    assert "it is not encrypted, which ssl_mode asks for" in lasting.stderr
    assert passing.returncode == 0
    assert "database.not_there_yet" in passing.stderr


def test_one_look_is_one_statement(fresh):
    fresh.force_debug_cursor = True

    fresh.ensure_connection()

    looks = [each["sql"] for each in fresh.queries if "SHOW" in each["sql"]]
    assert len(looks) == 1


@pytest.mark.parametrize(
    ("version", "comment"),
    [
        ("10.6.0-MariaDB", "mariadb.org binary distribution"),
        ("10.11.6-MariaDB-0+deb12u1", "Debian 12"),
        ("5.5.5-10.11.6-MariaDB-log", ""),
        ("11.4.2-MariaDB-ubu2404", ""),
        ("12.0.1-MariaDB", ""),
        ("8.0.16", "MySQL Community Server - GPL"),
        ("8.0.36-28", "Percona Server (GPL), Release 28"),
        ("8.0.28", "Source distribution"),
        ("8.4.0", "Homebrew"),
        ("9.1.0", ""),
    ],
)
def test_servers_that_lock_and_check_as_they_should(version, comment):
    assert list(server_problems(version, comment)) == []


@pytest.mark.parametrize(
    ("version", "comment"),
    [
        ("5.7.25-TiDB-v7.5.0", "TiDB Server (Apache License 2.0) Community Edition"),
        ("8.0.11-TiDB-v8.1.0", ""),
        ("8.0.30-Vitess", ""),
        ("8.0.34-vitess", "Version: 19.0.0"),
        ("8.0.11-tidb-serverless", ""),
        ("5.7.25-OceanBase-v4.2.1.0", "OceanBase_CE 4.2.1"),
        ("5.7.32", "SingleStoreDB source distribution (compatible; MySQL Enterprise & MySQL Commercial)"),
        ("5.5.58", "MemSQL source distribution"),
        ("8.0.33", "StarRocks version 3.2.4"),
        ("5.7.99", "Doris version doris-2.1.0"),
        ("8.0.31-ClickHouse", ""),
        ("8.0.3-PolarDB-X-5.4.19", ""),
        ("8.0.33", "Dolt"),
    ],
)
def test_servers_that_only_speak_like_mysql_are_refused(version, comment):
    (problem,) = server_problems(version, comment)

    assert problem.startswith(f"its server is {version} (")
    assert "does not lock as MySQL does" in problem
    assert "use MariaDB 10.6+ or MySQL 8.0.16+" in problem


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        ("10.5.23-MariaDB", "SKIP LOCKED"),
        ("5.5.5-10.4.32-MariaDB-log", "SKIP LOCKED"),
        ("10.3.39-MariaDB-0+deb10u1", "SKIP LOCKED"),
        ("8.0.15", "CHECK constraints"),
        ("5.7.44-log", "CHECK constraints"),
        ("5.6.10", "CHECK constraints"),
    ],
)
def test_servers_that_are_too_old_are_refused(version, lacks):
    (problem,) = server_problems(version)

    assert f"its server is {version}, without {lacks}" in problem


@pytest.mark.parametrize("version", ["", "unknown", "MySQL"])
def test_a_server_that_says_no_version_is_refused(version):
    (problem,) = server_problems(version)

    assert "no version of MariaDB or MySQL" in problem


@pytest.mark.parametrize(
    "found",
    [
        {"read_only": "ON"},
        {"read_only": "NO_LOCK_NO_ADMIN"},
        {"super_read_only": "ON"},
        {"innodb_read_only": "1"},
        {"transaction_read_only": "ON"},
    ],
    ids=lambda found: next(iter(found)),
)
def test_a_primary_that_takes_no_writes_is_named(found):
    (problem,) = read_only_problems(found)

    assert next(iter(found)) in problem


def test_a_primary_that_takes_writes_is_not():
    assert list(read_only_problems({"read_only": "OFF", "super_read_only": "0", "tx_read_only": "OFF"})) == []
