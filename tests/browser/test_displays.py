"""What staff read off the pages: nothing cut off, nothing pushed aside, nothing that is over shown as under way."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django_q.models import Schedule
from playwright.sync_api import expect

from bookings.db.clock import database_time
from bookings.models import ApiKey, Booking, Refund
from bookings.queries.bookings.selection import Selection
from tests.browser.office import CUSTOMERS
from tests.support.bookings import a_booked_booking, a_call_row, a_payment_row, a_refund_row, a_saved_row
from tests.support.bulk import carry_out, start
from tests.support.callers import a_service_key

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

LIST = "/admin/bookings/booking/"
A_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")

# How wide Chromium makes a date that nothing holds back: mm/dd/yyyy and the sign that opens the calendar.
FREE_WIDTH = """field => {
    const free = field.cloneNode();
    free.style.cssText = 'position: absolute; width: max-content; min-width: 0; max-width: none';
    field.after(free);
    const width = free.offsetWidth;
    free.remove();
    return width;
}"""

HIDDEN_BESIDE = """region => {
    const edge = region.getBoundingClientRect().right;
    return [...region.querySelectorAll('thead th')]
        .filter(cell => cell.getBoundingClientRect().right > edge + 1)
        .map(cell => cell.innerText);
}"""


def a_booking_with_every_flag():
    """Each flag that a booking can have at once, in its longest words."""
    call = a_call_row(state="dead")
    booking = a_saved_row(
        "cancelled",
        hold="giving_back",
        give_back=call,
        user_id=9_007_199_254,
        flight_id=123_456,
        flight_number="6E 2175",
        departure_airport="BLR",
        arrival_airport="HYD",
        departure_at=database_time(),
        seat_price=99_999_900,
        no_of_seats=10,
        currency="INR",
        created_at=database_time() - timedelta(days=3),
    )
    a_refund_row(a_payment_row(booking, "refund_due", has_refund=False), "dead")
    return booking


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_booking_that_needs_attention_pushes_no_column_off_the_list(office, page, zone):
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": zone})
    a_booking_with_every_flag()
    a_saved_row("pending", created_at=database_time() - timedelta(hours=1), expires_at=database_time())
    office.sign_in(page, "Support")

    page.goto(LIST)

    expect(page.get_by_role("link", name="Page of customer 9007199254")).to_have_attribute(
        "href", f"{CUSTOMERS}/9007199254"
    )
    expect(page.get_by_text("Refund failed or dead: needs a decision")).to_be_visible()
    assert (page.locator("tbody .own-time").count() > 0) == (zone != "UTC")
    assert page.get_by_role("region", name="Bookings").evaluate(HIDDEN_BESIDE) == []


def test_the_departure_of_a_flight_stands_in_one_line(office, page):
    a_booking_with_every_flag()
    office.sign_in(page, "Support")

    page.goto(LIST)

    assert page.locator("tbody time:not(.moment)").first.evaluate("time => time.getClientRects().length") == 1


def test_what_a_search_takes_stands_above_its_box(office, page):
    office.sign_in(page, "Supervisor")

    page.goto("/admin/bookings/idempotencyrecord/")

    label, box = page.locator("label[for=searchbar]").bounding_box(), page.locator("#searchbar").bounding_box()
    assert label["y"] + label["height"] <= box["y"]


def test_the_panels_of_a_record_stand_apart(office, page):
    a_service_key(name="gate agent")
    key = ApiKey.objects.get()
    office.sign_in(page, "Auditor")

    page.goto(f"/admin/bookings/apikey/{key.pk}/change/")

    facts, history = (page.locator(".panel").nth(place).bounding_box() for place in (0, 1))
    assert history["y"] - (facts["y"] + facts["height"]) >= 10


def test_the_pages_of_a_list_stand_in_one_line_without_bullets(office, page):
    for _ in range(120):
        a_payment_row(a_saved_row("cancelled"), "failed")
    office.sign_in(page, "Auditor")

    page.goto("/admin/bookings/payment/")

    amount = page.get_by_role("cell", name="4,000 XXX").first
    assert amount.evaluate("one => getComputedStyle(one).whiteSpace") == "nowrap"
    numbers = page.get_by_role("navigation", name="Pages").get_by_role("listitem")
    expect(numbers).to_have_count(2)
    assert len({number.bounding_box()["y"] for number in numbers.all()}) == 1
    assert {number.evaluate("one => getComputedStyle(one).listStyleType") for number in numbers.all()} == {"none"}


@pytest.mark.parametrize("width", [1280, 390])
def test_a_day_of_the_filter_is_shown_whole(office, page, width):
    office.sign_in(page, "Support")
    page.set_viewport_size({"width": width, "height": 800})

    page.goto(f"{LIST}?from=2026-11-28&to=2026-11-29")

    for name in ("From day (UTC)", "To day (UTC)"):
        field = page.get_by_label(name)
        assert field.evaluate("one => one.offsetWidth") >= field.evaluate(FREE_WIDTH)


def test_a_bulk_cancellation_is_looked_at_until_the_last_refund(office, page):
    booking = a_booked_booking(office.flights, office.payments)
    bulk = start(Selection(flight=1))
    carry_out()
    release = a_call_row(state="done", done_at=database_time())
    Booking.objects.filter(pk=booking.pk).update(give_back=release, next_at=None)
    office.sign_in(page, "Supervisor")
    page.goto(f"/admin/bookings/bulkcancel/{bulk.pk}/change/")
    due = page.get_by_role("region", name="Money").get_by_role("definition").nth(2)
    expect(due).to_have_text("40.00 INR")

    Refund.objects.update(state="done", next_at=None, done_at=database_time())

    # Nothing loads it again: the page looks by itself, every ten seconds.
    expect(due).to_have_text("0", timeout=20_000)
    expect(page.locator("[data-refresh]")).to_have_count(0)


@pytest.mark.parametrize("address", ["/admin/bookings/bulkcancel/", "/admin/django_q/schedule/{schedule}/history/"])
def test_a_time_is_written_as_on_all_pages(office, page, address):
    a_saved_row()
    start(Selection(flight=1))
    user = office.sign_in(page, "Supervisor", "view_schedule")
    schedule = Schedule.objects.first()
    LogEntry.objects.log_actions(user.pk, [schedule], 2, "paused")

    page.goto(address.format(schedule=schedule.pk))

    expect(page.locator("#content")).to_contain_text(A_TIME)
    expect(page.locator("#content")).not_to_contain_text(re.compile("a\\.m\\.|p\\.m\\.|noon|midnight"))
