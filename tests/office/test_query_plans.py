"""How MariaDB finds what the back office shows: by an index in tables of 10,000 rows, never by a walk."""

import pytest

from bookings.db.clock import database_time
from bookings.models import Booking
from bookings.office.addresses import selection_in
from bookings.office.base import BoundedPaginator
from bookings.office.upkeep.open_work import KINDS, counts
from bookings.queries.bookings.pages import count_up_to, page_of
from bookings.queries.bookings.quick_views import counts_of_views
from bookings.queries.bookings.search import NEWEST, find
from bookings.queries.bookings.selection import OF_THE_DAY, VIEWS, Selection
from bookings.queries.seats.of_flight import flight_here
from bookings.queries.upkeep.open_work import first_booking_made_at, unanswered_payments, waiting_of, work
from bookings.queries.upkeep.start_page import today
from tests.support.people import a_person, desk_of
from tests.support.volume import plans, rows_read, walks

pytestmark = [pytest.mark.mysql, pytest.mark.usefixtures("ten_thousand_rows"), pytest.mark.django_db]

# Of 10,000 bookings 1,000 await payment, and all were made within three hours: their ranges are that long.
MANY = 1_200


@pytest.mark.slow
@pytest.mark.parametrize(
    "typed", ["QD7T4X", "0O17QX", "000123", "77", "9007199254740993", "a/key=of~a-client", "req-0123456789", "7 12A"]
)
def test_a_search_reads_off_indexes(typed):
    assert walks(plans(lambda: find(typed))) == []


# As below: MySQL reads a table of a few hundred rows as a whole, and has its own choice among indexes. tests/volume
# judges both by the rows that they read.
@pytest.mark.mariadb
def test_the_seats_of_a_flight_are_found_on_indexes():
    found = plans(lambda: flight_here(7))

    assert walks(found) == []
    assert rows_read(lambda: flight_here(7)) < MANY


def test_a_search_for_a_flight_number_reads_no_more_of_many_bookings_than_it_shows():
    oldest = Booking.objects.earliest("pk").pk
    Booking.objects.filter(pk__lt=oldest + 3_000).update(flight_number="UK 808")

    assert rows_read(lambda: find("UK 808")) < 100
    assert len(find("UK 808").by_flight_number) == NEWEST


@pytest.mark.mariadb
@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "PRIMARY"),
        ({"user": "5"}, "booking_of_user"),
        ({"flight": "7"}, "booking_of_flight"),
        ({"flight": "7", "status": "booked"}, "booking_of_flight"),
        ({"reason": "fraud"}, "booking_of_reason"),
        ({"status": "pending"}, "booking_deadline"),
        ({"status": "cancelled", "reason": "fraud"}, "booking_of_reason"),
        ({"to": "2001-01-01"}, "booking_created"),
        ({"view": "unknown"}, "booking_to_do"),
    ],
    ids=str,
)
def test_a_page_of_the_list_is_found_on_an_index(query, index):
    found = plans(lambda: page_of(selection_in(query), now=database_time(), size=50))

    assert found[0]["key"] == index
    assert walks(found) == []


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_a_quick_view_is_a_range_of_an_index(view):
    selection, now = Selection(view=view), database_time()

    found = plans(lambda: [page_of(selection, now=now), count_up_to(1_000, selection.rows(now))])

    # What happened today may be all that ever did.
    assert walks(found, most=7_000 if view in OF_THE_DAY else MANY) == []


def test_the_counts_of_the_quick_views_read_no_table_from_end_to_end():
    found = plans(lambda: counts_of_views(database_time()))

    assert [plan for plan in found if plan["key"] is None] == []


def test_a_flight_of_long_ago_is_not_searched_for_from_the_newest_booking_on():
    found = plans(lambda: page_of(Selection(flight=7), now=database_time(), size=1))

    assert found[0]["key"] == "booking_of_flight"


def test_the_day_is_counted_on_indexes_alone():
    found = plans(lambda: today(database_time()))

    assert {plan["key"] for plan in found} == {"booking_created", "booking_event_of_day"}
    assert [plan for plan in found if "Using index" not in plan["Extra"]] == []


LISTS = (
    *("payment/", "payment/?needs=payer", "payment/?is=succeeded", "payment/?is=failed"),
    *("refund/", "refund/?needs=undecided", "refund/?is=done", "refund/?is=again"),
    *("refund/?from=gateway", "refund/?why=paid_too_late"),
    *("dispute/", "dispute/?needs=dispute", "dispute/?needs=bank"),
    *("gatewaynotice/", "gatewaynotice/?is=done", "gatewaynotice/?is=foreign", "gatewaynotice/?is=dead"),
    *("paymentcomparison/", "paymentcomparison/?needs=money"),
    *("webhookendpoint/", "webhookendpoint/?is=failing", "webhookdelivery/"),
    *("webhookdelivery/?endpoint=2", "webhookdelivery/?endpoint=2&is=dead", "webhookdelivery/?endpoint=2&is=delivered"),
    *("webhookdelivery/?is=dead", "webhookdelivery/?is=delivered"),
)


@pytest.mark.slow
def test_a_page_of_what_others_did_or_were_told_reads_a_page(monkeypatch):
    # How many pages there are is counted up to 10,000 rows, on an index alone: here up to a page and a half.
    monkeypatch.setattr(BoundedPaginator, "MOST_ROWS", 150)
    desk, read = desk_of(a_person(group="Supervisor")), {}
    desk.get("/admin/")  # the first page of a session writes it
    for address in LISTS:
        counts.look_again()  # or the menu would now and then
        read[address] = rows_read(lambda address=address: desk.get(f"/admin/bookings/{address}"))

    # A hundred rows of four tables at most, each found and read; all disputes are more than that.
    assert {address: rows for address, rows in read.items() if rows > 1_000} == {}


@pytest.mark.mariadb
def test_what_is_waiting_is_counted_on_to_do_lists():
    assert walks(plans(work)) == []
    assert walks(plans(unanswered_payments)) == []
    assert walks(plans(first_booking_made_at)) == []


def test_what_the_menu_counts_is_read_off_to_do_lists():
    found = plans(lambda: waiting_of([kind.rows for kind in KINDS.values()]))

    assert [plan for plan in found if plan["key"] is None and not str(plan["table"]).startswith("<")] == []
    assert walks(found) == []


@pytest.mark.mariadb
@pytest.mark.parametrize("word", KINDS)
def test_the_oldest_of_a_kind_are_found_on_its_to_do_list(word):
    assert walks(plans(lambda: KINDS[word].oldest(20))) == []
