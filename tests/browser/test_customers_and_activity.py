"""From a note on a booking to the customer's page, to one's own day, and back by the keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.bookings import an_initiated_booking

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]


def test_what_is_noted_is_on_the_customers_page_and_in_ones_own_day(office, page):
    me = office.sign_in(page, "Support")
    booking = an_initiated_booking(office.flights, user_id=4711)
    page.goto(f"/admin/bookings/booking/{booking.pk}/change/")

    page.get_by_label("New note").fill("wants an invoice")
    page.get_by_role("button", name="Keep the note").click()
    page.get_by_role("link", name="4711", exact=True).click()

    expect(page.get_by_role("heading", name="Customer 4711")).to_be_visible()
    expect(page.get_by_role("region", name="Internal notes")).to_contain_text("wants an invoice")

    page.get_by_role("link", name="Activity").click()
    page.get_by_role("link", name="My day").click()

    expect(page.get_by_role("region", name="By colleague")).to_contain_text(f"{me.username}")
    expect(page.get_by_role("row", name=booking.reference)).to_contain_text("wants an invoice")

    page.keyboard.press("j")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(rf"/booking/{booking.pk}/change/$"))


def test_a_colleagues_day_is_one_click_away_and_stays_that_day(office, page):
    office.sign_in(page, "Supervisor")
    booking = an_initiated_booking(office.flights)
    page.goto(f"/admin/bookings/booking/{booking.pk}/change/")
    page.get_by_label("New note").fill("a note")
    page.get_by_role("button", name="Keep the note").click()

    page.get_by_role("link", name="Activity").click()
    page.get_by_role("region", name="By colleague").get_by_role("link", name="Note 1").click()
    expect(page.get_by_role("row", name=booking.reference)).to_be_visible()
    page.get_by_role("link", name="Day before").click()

    expect(page.get_by_text("Nothing that matches has happened.")).to_be_visible()
    expect(page.get_by_label("What")).to_have_value("noted")

    page.get_by_role("link", name="Day after").click()

    expect(page.get_by_role("row", name=booking.reference)).to_be_visible()
