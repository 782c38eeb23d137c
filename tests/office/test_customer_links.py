"""A user leads to its page in another system, wherever its number is read; where none is configured, nowhere."""

import csv
import io

import pytest

from bookings.queries.bookings.selection import Selection
from tests.support.bookings import a_call_row, a_saved_row
from tests.support.bulk import start
from tests.support.people import a_person, desk_of

pytestmark = pytest.mark.django_db

PAGES = {
    "list": "/admin/bookings/booking/",
    "customer": "/admin/customer/?user=4711",
    "search": "/admin/search/?q=7",
    "booking": "/admin/bookings/booking/{booking}/change/",
    "cancel": "/admin/bookings/booking/{booking}/cancel/",
    "decision about a reservation": "/admin/bookings/booking/{stuck}/take/retry/",
    "release": "/admin/bookings/seatcall/{call}/change/",
    "bulk cancellation": "/admin/bookings/bulkcancel/new/?flight=7",
    "bulk cancellation, started": "/admin/bookings/bulkcancel/{bulk}/change/",
}
FILES = {
    "export": ("/admin/bookings/booking/export/?flight=7", "customer_url"),
    "results": ("/admin/bookings/bulkcancel/{bulk}/results.csv", "customer"),
}


@pytest.fixture
def supervisor():
    return desk_of(a_person(group="Supervisor"))


@pytest.fixture
def rows(db):
    """The number of each kind of row, all of user 4711."""
    booking = a_saved_row(flight_id=7, user_id=4711)
    call = a_call_row()
    a_saved_row("cancelled", hold="giving_back", give_back=call, user_id=4711)
    stuck = a_saved_row("pending", hold="stuck", flight_id=7, user_id=4711)
    bulk = start(Selection(flight=7))
    return {"booking": booking.pk, "call": call.pk, "stuck": stuck.pk, "bulk": bulk.pk}


@pytest.mark.slow
@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES)
def test_a_page_links_to_the_customer(supervisor, rows, settings, address):
    settings.CUSTOMER_URL_TEMPLATE = ""
    before = supervisor.get(address.format(**rows)).content.decode()
    settings.CUSTOMER_URL_TEMPLATE = "https://crm.example.org/?customer={id}"

    after = supervisor.get(address.format(**rows)).content.decode()

    assert 'href="/admin/customer/?user=4711"' in before
    assert "crm.example.org" not in before
    assert 'href="https://crm.example.org/?customer=4711" target="_blank" rel="noopener noreferrer"' in after


@pytest.mark.parametrize(("address", "column"), FILES.values(), ids=FILES)
def test_a_file_has_the_address_of_the_customer(supervisor, rows, settings, address, column):
    settings.CUSTOMER_URL_TEMPLATE = "https://crm.example.org/?customer={id}"

    answer = supervisor.get(address.format(**rows))

    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert {line[column] for line in lines} == {"https://crm.example.org/?customer=4711"}
