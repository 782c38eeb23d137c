"""How MariaDB finds rows in tables of 10,000: by an index, never by walking the table."""

import uuid
from datetime import timedelta
from itertools import islice

import pytest
from django_q.models import Task

from bookings.conf import REAP_BATCH
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Announcement, Booking, UserHold
from bookings.observability import gauges
from bookings.queries.announcements import is_news_due
from bookings.queries.seats import calls, held, owed, to_compare
from bookings.services.announcements.find_missed import find_missed_news
from bookings.services.bookings import expire
from bookings.services.bookings.unpaid_limit import refuse_one_too_many
from bookings.services.seats import release
from bookings.services.upkeep import reap
from tests.support.announcements import announce
from tests.support.api import BOOKINGS
from tests.support.bookings import one_pass
from tests.support.fakes import FakeFlights
from tests.support.volume import FEW, plans, rows_of, rows_read, sorts, walks
from tests.volume.fill import AGENT

pytestmark = [pytest.mark.mysql, pytest.mark.usefixtures("ten_thousand_rows"), pytest.mark.django_db]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "PRIMARY"),
        ({"userId": 5}, "booking_of_user"),
        ({"userId": AGENT, "status": "booked"}, "booking_of_user_in_status"),
        ({"flightId": 7, "status": "booked"}, "booking_of_flight"),
        ({"status": "booked"}, "PRIMARY"),
        ({"status": "cancelled"}, "PRIMARY"),
    ],
    ids=str,
)
def test_a_page_of_the_list_is_read_off_an_index_in_its_order(api, query, index):
    found = plans(lambda: api.get(BOOKINGS, query))

    assert [plan["key"] for plan in found] == [index]
    assert walks(found) + sorts(found) == []


def test_what_a_user_has_not_paid_is_found_by_its_index_at_every_create(api):
    # Somebody who has booked and paid much in its time.
    paid = list(Booking.objects.filter(status="booked").values_list("pk", flat=True)[:2_000])
    Booking.objects.filter(pk__in=paid).update(user_id=5)
    UserHold.objects.create(user_id=5)

    def look():
        refuse_one_too_many(5, flight_id=1, seats=1, besides=uuid.uuid4())

    found = plans(look)

    assert [plan["key"] for plan in found] == ["booking_of_user_in_status"]
    assert walks(found) == []
    # The few that are unpaid. The user's own row is locked by an INSERT, which finds it by its unique key.
    assert rows_read(look) < 20


@pytest.mark.slow
def test_a_later_page_costs_what_the_first_costs(api):
    link = api.get(BOOKINGS, {"limit": 100}).json()["data"]["next"]
    for _ in range(20):
        link = api.client.get(link).json()["data"]["next"]

    assert rows_read(lambda: api.client.get(link)) == 101


def test_the_bookings_of_a_flight_are_found_by_an_index(api):
    found = plans(lambda: api.get(BOOKINGS, {"flightId": 7}))

    assert [plan["key"] for plan in found] == ["booking_of_flight"]
    assert [rows_of(plan) <= FEW for plan in found] == [True]


def test_the_bookings_of_a_time_are_found_by_an_index(api):
    five_minutes_ago = database_time() - timedelta(minutes=5)

    found = plans(lambda: api.get(BOOKINGS, {"createdAfter": five_minutes_ago.isoformat()}))

    assert [plan["key"] for plan in found] == ["booking_created"]
    assert [rows_of(plan) <= FEW for plan in found] == [True]


# MySQL finds few bookings of one user by that user.
@pytest.mark.parametrize(
    "more",
    [{}, {"status": ["booked", "cancelled"]}, pytest.param({"userId": 5}, marks=pytest.mark.mariadb)],
    ids=str,
)
def test_what_has_changed_is_read_off_its_index_and_a_later_page_too(api, more):
    paid = list(Booking.objects.filter(status="booked").values_list("pk", flat=True)[:150])
    Booking.objects.filter(pk__in=paid).update(updated_at=database_time(), user_id=5)
    a_minute_ago = (database_time() - timedelta(minutes=1)).isoformat()
    link = api.get(BOOKINGS, {"updatedAfter": a_minute_ago, "limit": 50, **more}).json()["data"]["next"]

    first = plans(lambda: api.get(BOOKINGS, {"updatedAfter": a_minute_ago, "limit": 50, **more}))
    second = plans(lambda: api.client.get(link))

    # MariaDB may filter by the ids of the user's own index as well.
    assert ["booking_changed" in plan["key"] for plan in first + second] == [True] * 2
    assert walks(first + second) == []


def test_several_statuses_of_a_user_are_found_by_an_index(api):
    found = plans(lambda: api.get(BOOKINGS, {"userId": 5, "status": ["booked", "initiated"]}))

    assert [plan["key"] in ("booking_of_user", "booking_of_user_in_status") for plan in found] == [True]
    assert walks(found) == []


def test_a_reference_is_found_by_its_index(api):
    reference = Booking.objects.values_list("reference", flat=True)[500]

    assert rows_read(lambda: api.get(BOOKINGS, {"reference": reference})) <= 2


@pytest.mark.parametrize("more", [{}, {"userId": AGENT}, {"status": "booked"}], ids=str)
def test_what_a_client_calls_a_booking_is_found_by_its_index(api, more):
    called = Booking.objects.exclude(client_reference="").values_list("client_reference", flat=True)[500]

    found = plans(lambda: api.get(BOOKINGS, {"clientReference": called, **more}))

    assert ["booking_of_client_reference" in plan["key"] for plan in found] == [True]
    assert [rows_of(plan) <= FEW for plan in found] == [True]


def test_the_pass_finds_what_is_due_by_the_deadline_index():
    found = plans(lambda: expire._due_ids(500))

    assert [plan["key"] for plan in found] == ["booking_deadline", "booking_deadline"]
    assert walks(found) + sorts(found) == []


def test_the_pass_finds_silent_gateways_by_the_to_do_list():
    found = plans(expire._unanswered_payments)

    assert [plan["key"] for plan in found if plan["table"] == "payment"] == ["payment_to_do", "payment_to_do"]
    assert [plan for plan in found if rows_of(plan) > FEW] == []


@pytest.mark.slow
def test_the_to_do_list_is_an_index():
    found = plans(lambda: owed.owed_by_flight(database_time()))

    assert [plan["key"] for plan in found] == ["booking_to_do"]
    assert walks(found) + sorts(found) == []


def test_calls_to_send_again_are_found_by_their_to_do_list():
    found = plans(lambda: release.resend_open_calls(flights=FakeFlights(), deadline=Deadline(20)))

    assert [plan["key"] for plan in found] == ["seat_call_to_do"]
    assert walks(found) + sorts(found) == []


@pytest.mark.slow
@pytest.mark.parametrize("flight", [None, 30], ids=["all flights", "one flight"])
@pytest.mark.parametrize(
    ("query", "index"),
    [
        (calls.stuck_reservations, "booking_to_do"),
        (calls.unanswered_reservations, "booking_to_do"),
        (calls.dead_releases, "seat_call_to_do"),
        (calls.unanswered_releases, "seat_call_to_do"),
    ],
    ids=lambda shown: getattr(shown, "__name__", ""),
)
def test_calls_that_need_staff_are_found_by_the_to_do_lists(query, index, flight):
    found = plans(lambda: calls.first_of(query(flight)))

    assert [plan["key"] for plan in found] == [index]
    assert walks(found) + sorts(found) == []


def test_the_comparison_finds_its_flights_by_indexes():
    found = plans(lambda: list(to_compare.in_turn(database_time(), after=0)))

    by_turns = [plan for plan in found if plan["key"] == "booking_of_flight"]
    assert {plan["Extra"] for plan in by_turns} == {"Using where; Using index for group-by"}
    assert {plan["key"] for plan in found if plan not in by_turns} == {"PRIMARY"}
    assert sorts(found) == []


def test_the_comparison_reads_no_more_rows_than_it_has_time_to_look_at_flights():
    """Backwards from the newest, and five hundred flights by their numbers."""
    assert rows_read(lambda: list(islice(to_compare.in_turn(database_time(), after=0), 5))) <= 4 * FEW


def test_one_flight_is_compared_by_its_own_rows():
    found = plans(lambda: held.seats_of(7))

    assert [plan["key"] for plan in found if plan["table"] == "booking"] == ["booking_of_flight"]
    assert [plan for plan in found if plan["key"] is None] == []
    assert rows_read(lambda: held.seats_of(7)) <= FEW


# MySQL reads a table of so few rows as a whole.
@pytest.mark.mariadb
def test_the_last_comparison_is_read_off_its_index():
    found = plans(held.last_reconciliation)

    assert walks(found) + sorts(found) == []


def test_no_step_of_a_pass_walks_a_table(flights, payments):
    found = plans(lambda: one_pass(flights, payments))

    assert walks(found) == []


@pytest.mark.parametrize(
    ("table", "index"),
    [
        ("rate_window", "rate_window_age"),
        ("django_session", "django_session_expire_date_a5c62663"),
        ("idempotency_record", "idempotency_record_age"),
    ],
)
def test_the_reaper_finds_what_is_old_by_its_age_and_deletes_it_by_its_key(table, index):
    found = plans(lambda: next(reap.BATCHES[table]()))

    # A plain read, a locking one, and the deletion.
    assert [plan["key"] for plan in found] == [index, "PRIMARY", "PRIMARY"]
    assert sorts(found) == []


def test_a_batch_of_the_reaper_reads_its_rows_and_no_others():
    # Rows that were deleted and are not purged yet are read as well.
    assert rows_read(lambda: next(reap.BATCHES["idempotency_record"]())) <= 3 * REAP_BATCH + REAP_BATCH // 10


@pytest.mark.slow
def test_the_results_of_tasks_are_walked_a_few_times_however_many_batches_are_deleted():
    old = database_time() - timedelta(days=60)
    Task.objects.bulk_create(
        Task(id=f"{number:032}", name="t", func="pass", started=old, stopped=old) for number in range(5_000)
    )

    read = rows_read(lambda: sum(reap.BATCHES["django_q_task"]()))

    assert not Task.objects.exists()
    # Their kinds, the newest of a kind, the walk, the locks, the deletions; some of it sorted on the way.
    assert read <= 8 * 5_000


def test_a_look_for_news_reads_a_row_and_the_announcer_what_there_is_to_tell():
    assert rows_read(lambda: is_news_due(database_time())) <= 5
    before = Announcement.objects.count()
    told = list(Booking.objects.filter(status="booked").values_list("pk", flat=True)[:10])
    Booking.objects.filter(pk__in=told).update(announce_at=database_time(), announced_event_id=0)

    assert rows_read(lambda: is_news_due(database_time())) <= 5
    found = plans(announce)

    assert Announcement.objects.count() == before + 10
    assert walks(found) == []
    assert rows_read(announce) <= 5


def test_what_was_never_told_is_looked_for_along_the_last_day(settings):
    found = plans(lambda: find_missed_news(deadline=Deadline(20)))

    # Bookings of a day in a year of 10,000, and their events.
    assert walks(found, most=1_200) == []


# MySQL reads a table of so few rows as a whole.
@pytest.mark.mariadb
def test_the_metrics_walk_no_table():
    found = plans(gauges.numbers)

    # What is unpaid is counted: 1,000 of the 10,000 are.
    assert walks(found, most=1_200) == []


@pytest.mark.slow
def test_a_key_is_found_by_its_unique_index(api):
    api.create(key="k")

    found = plans(lambda: api.create(key="k"))

    assert [plan["key"] for plan in found] == ["idempotency_record_key_unique"]
