"""The way in, by keyboard alone, and who stays outside."""

import re

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import expect

from tests.browser.keyboard import enter, tab_to
from tests.browser.office import PASSWORD, a_member
from tests.browser.test_every_page import what_is_wrong
from tests.support.bookings import a_saved_row, an_initiated_booking

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]


def log_in(page, name, password):
    page.goto("/admin/")
    # The browser puts the focus there, and what is typed before is lost.
    expect(page.get_by_label("Username:")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    enter(page)


def test_support_logs_in_and_comes_to_a_booking_by_keyboard_alone(office, page):
    anna = a_member("Support")
    booking = an_initiated_booking(office.flights)

    log_in(page, anna.username, PASSWORD)
    expect(page).to_have_title("Start | Flight bookings")
    tab_to(page, "Bookings")
    enter(page)
    page.keyboard.press("/")
    page.keyboard.type(booking.reference)
    enter(page)

    expect(page).to_have_url(f"{office.url}/admin/bookings/booking/{booking.pk}/change/")


def test_a_wrong_password_is_refused_in_words(page):
    anna = a_member("Support")

    log_in(page, anna.username, "a guess")

    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    expect(page.get_by_label("Username:")).to_have_value(anna.username)


def test_the_code_is_asked_for_in_a_box_that_has_the_focus(office, page):
    anna = a_member("Support")
    TOTPDevice.objects.create(user=anna, name="app")

    log_in(page, anna.username, PASSWORD)

    expect(page.get_by_label("Code")).to_be_focused()
    assert what_is_wrong(page) == ""


def test_a_link_for_a_new_password_is_used_by_the_colleague_it_is_for(office, page):
    anna = a_member("Support")
    office.sign_in(page, "Supervisor")

    page.goto(f"/admin/log-in/{anna.pk}/link/")
    page.get_by_label("Why").fill("anna stood before me")
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("pre").inner_text().strip()
    assert what_is_wrong(page) == ""
    page.context.clear_cookies()
    page.goto(link)
    assert what_is_wrong(page) == ""
    page.get_by_label("New password", exact=True).fill("battery staple 17")
    page.get_by_label("New password confirmation").fill("battery staple 17")
    page.get_by_role("button", name="Set the password").click()
    page.context.clear_cookies()
    log_in(page, anna.username, "battery staple 17")

    expect(page).to_have_title("Start | Flight bookings")


@pytest.mark.parametrize(("typed", "stays"), [("", False), ("half a sentence", True)], ids=["idle", "typing"])
def test_a_page_that_looks_again_goes_to_the_log_in_unless_something_is_typed(office, page, typed, stays):
    office.sign_in(page)
    address = f"{office.url}/admin/bookings/booking/{a_saved_row('pending').pk}/change/"
    page.goto(address)
    page.get_by_label("New note").fill(typed)
    page.context.clear_cookies()

    with page.expect_response(lambda answer: answer.status == 302 and "x-refresh" in answer.request.headers):
        pass

    page.wait_for_load_state()
    expect(page).to_have_url(address if stays else re.compile("/admin/login/"))
    expect(page.get_by_label("New note")).to_have_count(1 if stays else 0)


def test_who_is_in_no_group_reads_which_right_is_missing(office, page):
    office.sign_in(page, None)

    answer = page.goto("/admin/bookings/booking/")

    assert answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    expect(page.get_by_text("Can view booking (bookings.view_booking)")).to_be_visible()
