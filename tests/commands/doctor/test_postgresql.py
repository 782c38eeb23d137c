"""What the doctor finds at a PostgreSQL: settings of the server, and a session that was tampered with."""

import pytest
from django.db import connection

from bookings.diagnostics import database, postgresql

SAFE = {
    "server_version": "15.18",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "synchronous_standby_names": "",
    "max_connections": "103",
    "superuser_reserved_connections": "3",
    "client_encoding": "UTF8",
    "autovacuum": "on",
}


def said_of(**settings):
    return [(each.verdict, each.message) for each in postgresql.durability(SAFE | settings)]


def test_a_server_in_good_order_says_what_it_promises():
    assert said_of() == [("OK", "PostgreSQL 15.18; each commit on disk, no synchronous standby")]
    assert said_of(synchronous_standby_names="ANY 1 (a, b)") == [
        ("OK", "PostgreSQL 15.18; each commit on disk, and at a standby (ANY 1 (a, b))")
    ]


def test_what_loses_commits_at_a_power_cut_is_a_fault():
    for name in ("fsync", "full_page_writes"):
        ((verdict, message),) = said_of(**{name: "off"})
        assert (verdict, message.partition(":")[0]) == ("FAIL", f"{name}=off")


def test_a_standby_that_is_not_waited_for_is_noticed_and_so_is_a_server_that_never_cleans_up():
    found = said_of(synchronous_commit="remote_write", synchronous_standby_names="a")
    assert [verdict for verdict, _ in found] == ["WARN", "OK"]
    assert found[0][1].startswith("synchronous_commit=remote_write with synchronous standbys")
    assert said_of(synchronous_commit="local")[0][0] == "OK"
    assert [verdict for verdict, _ in said_of(autovacuum="off")] == ["WARN", "OK"]


def test_connections_that_run_out_and_a_lost_time_limit_are_noticed():
    for in_use, lock_wait, verdict, message in (
        (80, 5, "OK", "80 of 100 connections in use, lock wait 5 s"),
        (81, 5, "WARN", "81 of 100 connections in use"),
        (3, 50, "WARN", "lock_timeout=50 s in this session, where 5 s was asked for"),
    ):
        found = postgresql.limits(SAFE, in_use=in_use, lock_wait=lock_wait)
        assert (found.verdict, found.message) == (verdict, message)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_private_server_is_in_good_order_until_its_session_is_tampered_with():
    assert {each.verdict for each in database.check_server()} == {"OK"}

    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50s'")
    try:
        assert {each.name for each in database.check_server() if each.verdict == "WARN"} == {"database limits"}
    finally:
        connection.close()
