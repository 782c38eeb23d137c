"""The menu and the times of the back office, as a browser shows them: wide, narrow, without JavaScript, elsewhere."""

import pytest

from tests.browser.axe import barriers
from tests.browser.keyboard import enter, tab_to
from tests.browser.test_every_page import IS_TOO_WIDE
from tests.support.bookings import an_initiated_booking
from tests.support.calls import a_stuck_reservation

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page_with(browser, office):
    """A page of a browser that is set up otherwise, of a supervisor."""
    contexts = []

    def open_page(**options):
        context = browser.new_context(base_url=office.url, **options)
        contexts.append(context)
        page = context.new_page()
        office.sign_in(page, "Supervisor")
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_the_menu_leads_by_keyboard_to_every_page(office, page):
    office.sign_in(page, "Supervisor")
    page.goto("/admin/")

    tab_to(page, "More")
    page.keyboard.press("Enter")
    tab_to(page, "Seat comparisons")
    enter(page)

    assert page.url == f"{office.url}/admin/bookings/reconciliation/"


def test_what_is_behind_more_closes_by_escape_and_elsewhere(office, page):
    office.sign_in(page, "Supervisor")
    page.goto("/admin/")
    comparisons = page.get_by_role("link", name="Seat comparisons")

    page.get_by_text("More", exact=True).click()
    assert comparisons.is_visible()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    assert not comparisons.is_visible()
    page.get_by_text("More", exact=True).click()
    page.get_by_role("heading", name="Under way").click()
    assert not comparisons.is_visible()


def test_on_a_phone_the_menu_is_on_top_and_nothing_is_pushed_aside(page_with):
    a_stuck_reservation()
    page = page_with(viewport={"width": 390, "height": 844})

    page.goto("/admin/")
    calls = page.get_by_role("link", name="Calls 1 to decide")
    page.get_by_text("More", exact=True).click()

    assert calls.bounding_box()["y"] < page.get_by_role("heading", name="Needs a decision").bounding_box()["y"]
    assert page.get_by_role("link", name="Seat comparisons").is_visible()
    assert not page.evaluate(IS_TOO_WIDE)


def test_the_menu_works_without_javascript(page_with, office):
    page = page_with(java_script_enabled=False)

    page.goto("/admin/")
    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="Seat comparisons").click()

    assert page.url == f"{office.url}/admin/bookings/reconciliation/"


@pytest.mark.parametrize("address", ["/admin/bookings/booking/", "/admin/bookings/booking/{booking}/change/"])
def test_the_readers_own_time_stands_beside_each_that_is_in_utc(page_with, office, address):
    booking = an_initiated_booking(office.flights)
    page = page_with(timezone_id="Asia/Kolkata")

    page.goto(address.format(booking=booking.pk))
    times = page.locator("#content time").all()

    assert len(times) > 1
    for time in times:
        there, here = page.evaluate(
            """time => [time.dateTime, time.querySelector('.own-time').textContent]""", time.element_handle()
        )
        zone = "toLocaleString('sv-SE', {timeZone: 'Asia/Kolkata', dateStyle: 'short', timeStyle: 'short'})"
        expected = page.evaluate(f"at => new Date(at).{zone}", there)
        day, clock = expected.split()
        assert here.strip() in (f"({clock} your time)", f"({day} {clock} your time)")
        assert (day in here) == (day != there[:10])
    assert page.get_by_text("Beside each stands your own in brackets, by the clock of this device.").is_visible()


def test_where_the_device_is_in_utc_there_is_nothing_beside(page_with, office):
    an_initiated_booking(office.flights)
    page = page_with(timezone_id="UTC")

    page.goto("/admin/bookings/booking/")

    assert page.locator(".own-time").count() == 0
    assert not page.get_by_text("Beside each stands your own").is_visible()


def test_a_part_that_is_read_again_has_the_own_times_too(page_with, office):
    booking = an_initiated_booking(office.flights)
    office.sim.kill()
    try:
        page = page_with(timezone_id="Asia/Kolkata")
        page.goto(f"/admin/bookings/booking/{booking.pk}/cancel/")
        page.get_by_label("Reason").select_option("fraud")
        page.get_by_role("button", name=f"Cancel {booking.reference}").click()
        page.wait_for_selector("#booking[data-refresh]")
        page.evaluate("document.querySelector('#booking').insertAdjacentHTML('beforeend', '<i id=old></i>')")
        page.wait_for_selector("#old", state="detached")
    finally:
        office.sim.start()

    assert page.locator("#booking time").count() == page.locator("#booking time .own-time").count() > 1
