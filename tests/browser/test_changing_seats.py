"""A customer is on the telephone and wants another seat: from the page of the booking, with a mouse and without."""

import pytest
from playwright.sync_api import expect

from tests.browser.keyboard import enter, tab_to
from tests.support.bookings import an_initiated_booking
from tests.support.exchanges import rows, take_there

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def booking(office, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    office.sim.reset(capacity=30)
    return an_initiated_booking(office.flights, seats=1, numbers=("2A",))


def test_another_seat_in_three_clicks(office, page, booking):
    office.sign_in(page, "Support")
    page.goto(f"/admin/bookings/booking/{booking.pk}/change/")

    page.get_by_role("link", name="Change seats").click()
    page.get_by_role("checkbox", name="4C, aisle, free").click()
    expect(page.get_by_text("1 of 1 chosen")).to_be_visible()
    page.get_by_role("button", name="Move 2A to 4C").click()

    expect(page.get_by_text(f"{booking.reference} has 4C now.")).to_be_visible()
    assert rows() == ["4C"]
    # And the way to the plan, on which it has a ring.
    page.get_by_role("link", name="On the plan").click()
    drawing = page.get_by_role("img", name="Seats of flight")
    expect(drawing).to_be_visible()
    expect(drawing.locator(".seat-ring")).to_have_count(1)
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("row", name="4C economy taken, of a booking here (this booking)")).to_be_visible()


def test_with_the_keyboard_alone(office, page, booking):
    office.sign_in(page, "Support")
    page.goto(f"/admin/bookings/booking/{booking.pk}/change/")

    tab_to(page, "Change seats")
    enter(page)
    tab_to(page, "2A, window, of this booking")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    tab_to(page, "Move 2A to 4B")
    enter(page)

    expect(page.get_by_text(f"{booking.reference} has 4B now.")).to_be_visible()
    assert rows() == ["4B"]


def test_a_seat_that_is_taken_meanwhile_is_named_and_another_one_does_without_javascript(office, browser, booking):
    context = browser.new_context(base_url=office.url, java_script_enabled=False)
    page = context.new_page()
    office.sign_in(page, "Support")
    page.goto(f"/admin/bookings/booking/{booking.pk}/seats/")
    take_there(office.flights, "4C")

    page.get_by_role("checkbox", name="4C,").check()
    page.get_by_role("button", name="Change the seats").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed. 4C is taken")
    page.get_by_role("checkbox", name="4D,").check()
    page.get_by_role("button", name="Change the seats").click()

    expect(page.get_by_text(f"{booking.reference} has 4D now.")).to_be_visible()
    context.close()
    assert rows() == ["4D"]


def test_with_the_flight_service_down_the_plan_says_what_is_known(office, page, booking):
    office.sign_in(page, "Support")
    with office.flights_down():
        page.goto(f"/admin/bookings/flight/1/?booking={booking.pk}")

        expect(page.get_by_text("The Flight Service does not answer.")).to_be_visible()
        expect(page.get_by_role("row", name="2A")).to_be_visible()
        page.goto(f"/admin/bookings/booking/{booking.pk}/seats/")
        expect(page.get_by_text("only it knows which seats are free")).to_be_visible()
