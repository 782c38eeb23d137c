"""A flight was late: a supervisor gives a part of the money back, and decides about a refund that failed."""

import pytest
from playwright.sync_api import expect

from bookings.models import Payment, Refund
from tests.browser.axe import barriers
from tests.support.bookings import a_booked_booking, an_owed_refund

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

# The worker goes through once a second, and the page looks every three.
SOON_MILLISECONDS = 30_000


def test_a_part_goes_back_in_three_clicks(office, page):
    booking = a_booked_booking(office.flights, office.payments)
    office.sign_in(page, "Supervisor")
    page.goto(f"/admin/bookings/booking/{booking.pk}/change/")

    page.get_by_role("link", name="Refund…").click()
    page.get_by_label("Part", exact=True).fill("7.50")
    page.get_by_label("Cause").select_option("goodwill")
    page.get_by_label("Note").fill("three hours late")
    page.get_by_role("button", name="Show what will happen").click()
    expect(page.get_by_text("7.50 INR goes back to the customer, usually within seconds.")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("button", name="Refund 7.50 INR").click()

    expect(page.get_by_text("7.50 INR goes back to the customer within seconds.")).to_be_visible()
    with office.worker():
        said = page.get_by_text("Money: 7.50 INR of it refunded on")
        expect(said).to_be_visible(timeout=SOON_MILLISECONDS)
    assert Payment.objects.get().refunded == 750


def test_it_works_with_the_keyboard_alone_and_without_javascript(office, browser):
    booking = a_booked_booking(office.flights, office.payments)
    context = browser.new_context(base_url=office.url, java_script_enabled=False)
    page = context.new_page()
    office.sign_in(page, "Supervisor")
    page.goto(f"/admin/bookings/payment/{Payment.objects.get(booking=booking).pk}/refund/")

    page.get_by_label("All that is left").check()
    page.get_by_label("Cause").select_option("duplicate")
    page.get_by_label("Note").fill("paid twice")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("40.00 INR goes back to the customer")).to_be_visible()
    page.get_by_role("button", name="Refund 40.00 INR").press("Enter")

    expect(page.get_by_text("40.00 INR goes back to the customer within seconds.")).to_be_visible()
    assert Refund.objects.get().amount == 4000
    context.close()


def test_a_refund_that_failed_is_given_back_on_another_way(office, page):
    refund = an_owed_refund("failed", last_error="expired_or_canceled_card")
    office.sign_in(page, "Supervisor")
    page.goto("/admin/")

    page.get_by_role("link", name="failed: what now?").click()
    page.get_by_role("link", name="Decide what to do").click()
    page.get_by_label("It was given back on another way").check()
    page.get_by_label("Reference of the other way").fill("SEPA 4711")
    page.get_by_label("Why").fill("asked the bank")
    page.get_by_role("button", name="Decide").click()

    expect(page.get_by_text("The money counts as refunded on another way.")).to_be_visible()
    refund.refresh_from_db()
    assert (refund.state, refund.reference) == ("elsewhere", "SEPA 4711")
