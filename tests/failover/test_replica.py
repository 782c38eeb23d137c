"""Lists, and lists alone, come from the replica while it has all that is committed: a real primary and replica."""

import csv
import io
import os
import signal
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, connections
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from bookings.db import replica
from bookings.db.replica import read_list
from bookings.models import Booking
from devtools.mariadb_pair import run
from tests.support.api import BOOKINGS, shown
from tests.support.bookings import many_rows
from tests.support.people import desk_of, text_of

pytestmark = [pytest.mark.slow, pytest.mark.mariadb]

READ_ONLY_TRANSACTION = 1792

# On the replica alone: what shows it was read there.
MARK = 9


@contextmanager
def replication_stopped(pair):
    """Let the replica receive what the primary does, and not apply it."""
    run(pair.replica, "STOP SLAVE SQL_THREAD")
    try:
        yield
    finally:
        run(pair.replica, "START SLAVE SQL_THREAD")
        pair.catch_up()


@contextmanager
def replica_dead(pair):
    pair.replica.kill()
    try:
        yield
    finally:
        pair.replica.start()
        pair.catch_up()


@contextmanager
def replica_stuck(pair):
    """Let the replica take connections, and say nothing."""
    os.kill(pair.replica.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pair.replica.pid, signal.SIGCONT)


def mark(pair):
    """Change all bookings on the replica alone."""
    pair.catch_up()
    change = f"UPDATE booking SET no_of_seats={MARK}, total_cost={MARK} * seat_price"
    run(pair.replica, "SET sql_log_bin=0", change)


def listed(api, **query):
    """Id and seats of each booking of a list."""
    return [(row["id"], row["noOfSeats"]) for row in shown(api.get(BOOKINGS, query))["results"]]


@pytest.fixture
def desk(pair):
    person, _ = get_user_model().objects.get_or_create(username="anna", is_staff=True, is_superuser=True)
    return desk_of(person)


def test_the_list_of_the_api_is_read_from_the_replica(pair, api):
    booking = shown(api.create())
    mark(pair)

    assert listed(api) == [(booking["id"], MARK)]


def test_the_list_of_the_back_office_and_its_export_are_read_from_the_replica(pair, desk):
    many_rows(2)
    mark(pair)

    page = desk.get("/admin/bookings/booking/")
    export = b"".join(desk.get("/admin/bookings/booking/export/").streaming_content).decode()

    assert [line.booking.no_of_seats for line in page.context["lines"]] == [MARK, MARK]
    assert [row["no_of_seats"] for row in csv.DictReader(io.StringIO(export))] == [str(MARK), str(MARK)]


def test_one_booking_is_read_from_the_primary(pair, api, desk):
    booking = shown(api.create())
    mark(pair)

    read, timeline = api.get(f"{BOOKINGS}/{booking['id']}"), api.get(f"{BOOKINGS}/{booking['id']}/events")
    page = desk.get(f"/admin/bookings/booking/{booking['id']}/change/")

    assert (shown(read)["noOfSeats"], timeline.status_code) == (2, 200)
    assert page.context["booking"].no_of_seats == 2
    assert booking["reference"] in text_of(page)


def test_a_list_costs_one_statement_more_on_the_primary_and_one_on_the_replica(pair, api):
    api.get(BOOKINGS)

    with (
        CaptureQueriesContext(connections["default"]) as primary,
        CaptureQueriesContext(connections["replica"]) as other,
    ):
        api.get(BOOKINGS)

    assert [query["sql"] for query in primary] == ["SELECT @@gtid_binlog_pos"]
    assert [query["sql"].split("(")[0].split(" `")[0] for query in other] == ["SELECT MASTER_GTID_WAIT", "SELECT"]


def test_a_client_reads_its_own_writes_although_the_replica_is_behind(pair, api):
    api.get(BOOKINGS)

    with replication_stopped(pair), capture_logs() as lines:
        booking = shown(api.create())
        first, second = listed(api), listed(api)

    assert first == second == [(booking["id"], 2)]
    assert [line["event"] for line in lines if line["event"].startswith("replica")] == ["replica.left"]


def test_without_the_wait_a_client_would_not_find_its_own_booking(pair, api, monkeypatch):
    monkeypatch.setattr(replica, "_await", lambda position: None)

    with replication_stopped(pair):
        api.create()
        found = listed(api)

    assert found == []


def test_a_replica_that_has_caught_up_is_used_again_after_its_rest(pair, api, clock):
    with replication_stopped(pair):
        booking = shown(api.create())
        listed(api)
    mark(pair)

    resting = listed(api)
    clock.now += 5
    rested = listed(api)

    assert resting == [(booking["id"], 2)]
    assert rested == [(booking["id"], MARK)]


def test_pages_go_on_when_the_first_came_from_the_replica_and_the_next_from_the_primary(pair, api):
    many_rows(5)
    expected = list(Booking.objects.order_by("-pk").values_list("pk", flat=True))
    mark(pair)
    page = shown(api.get(BOOKINGS, {"limit": 3}))
    query = {name: values[0] for name, values in parse_qs(urlsplit(page["next"]).query).items()}

    with replication_stopped(pair):
        api.create()
        rest = listed(api, **query)

    assert [(row["id"], row["noOfSeats"]) for row in page["results"]] == [(pk, MARK) for pk in expected[:3]]
    assert rest == [(pk, 2) for pk in expected[3:]]


def test_lists_go_on_when_the_replica_is_killed(pair, api, clock):
    booking = shown(api.create())
    mark(pair)
    listed(api)

    with capture_logs() as lines, replica_dead(pair):
        found = [listed(api)]
        clock.now += 5
        found.append(listed(api))
    clock.now += 5

    assert found == [[(booking["id"], 2)]] * 2
    assert [line["event"] for line in lines if line["event"].startswith("replica")] == ["replica.left"]
    assert listed(api) == [(booking["id"], MARK)]


def test_a_replica_that_hangs_is_waited_for_once(pair, api, clock):
    connections["replica"].settings_dict["OPTIONS"]["read_timeout"] = 1
    booking = shown(api.create())
    mark(pair)
    listed(api)

    with replica_stuck(pair), capture_logs() as lines:
        found = [listed(api), listed(api)]
        is_asked_again = connections["replica"].connection is not None
        clock.now += 5
        found.append(listed(api))

    assert found == [[(booking["id"], 2)]] * 3
    assert not is_asked_again
    assert [line["event"] for line in lines if line["event"].startswith("replica")] == ["replica.left"]


def test_an_export_goes_on_when_the_replica_is_killed_in_the_middle(pair, desk, monkeypatch):
    monkeypatch.setattr("bookings.queries.bookings.pages.CHUNK", 2)
    many_rows(5)
    mark(pair)

    lines = desk.get("/admin/bookings/booking/export/").streaming_content
    begun = [next(lines) for _ in range(3)]
    with replica_dead(pair):
        rest = list(lines)

    seats = [row["no_of_seats"] for row in csv.DictReader(io.StringIO(b"".join(begun + rest).decode()))]
    assert seats == ["9", "9", "2", "2", "2"]


def test_a_primary_without_a_binary_log_serves_its_lists_itself(pair, api, monkeypatch):
    monkeypatch.setattr(replica, "_position", lambda: "")
    booking = shown(api.create())
    mark(pair)

    assert listed(api) == [(booking["id"], 2)]


@pytest.mark.parametrize("user", ["root", "bookings", "reader"])
def test_a_write_through_the_replica_is_refused_whoever_the_user_is(pair, user):
    run(pair.replica, "SET GLOBAL read_only=0")
    connections["replica"].settings_dict["USER"] = user
    try:
        with pytest.raises(OperationalError) as refused:
            Booking.objects.using("replica").update(no_of_seats=1)
    finally:
        run(pair.replica, "SET GLOBAL read_only=1")

    assert refused.value.args[0] in (READ_ONLY_TRANSACTION, 1142)


def test_a_session_of_a_replica_that_takes_writes_is_not_used(pair, api):
    connections["replica"].settings_dict["OPTIONS"]["init_command"] = "SET time_zone='+00:00'"
    booking = shown(api.create())
    mark(pair)

    found = listed(api)

    assert found == [(booking["id"], 2)]
    with pytest.raises(ImproperlyConfigured, match="not read-only"):
        connections["replica"].ensure_connection()


def test_a_row_from_the_replica_cannot_be_written(pair, api):
    api.create()
    pair.catch_up()
    (row,) = read_list(lambda: list(Booking.objects.all()))

    with pytest.raises(RuntimeError, match="read from a replica"):
        row.save(update_fields=["no_of_seats"])


def test_migrations_are_refused_by_the_replica(pair):
    with pytest.raises(MigrationSchemaMissing):
        call_command("migrate", database="replica", verbosity=0)
