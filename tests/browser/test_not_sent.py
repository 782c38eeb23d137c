"""While a reason is typed the session ends, or another begins: nothing is done, and nothing is lost."""

import re

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from bookings.models import BookingEvent
from tests.browser.office import PASSWORD, a_member
from tests.browser.test_every_page import what_is_wrong
from tests.support.bookings import an_initiated_booking

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

TYPED = "rang at noon\nand wants another day; her name is Łucja"
NOT_SENT = "Not sent: nothing was done."


def log_in(page, user):
    page.get_by_label("Username:").fill(user.username)
    page.get_by_label("Password:").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def log_in_by_form(page, user, address):
    page.goto(f"/admin/login/?next={address}")
    log_in(page, user)
    page.wait_for_url(f"**{address}")


def say(page):
    page.get_by_label("Reason").select_option("duplicate")
    page.get_by_label("Note").fill(TYPED)


def assert_it_stands_there(page):
    expect(page.get_by_role("alert")).to_contain_text(NOT_SENT)
    expect(page.get_by_label("Reason")).to_have_value("duplicate")
    expect(page.get_by_label("Note")).to_have_value(TYPED)


def test_a_session_that_ends_while_a_reason_is_typed_costs_a_log_in_and_no_typing(office, page):
    booking, anna = an_initiated_booking(office.flights), a_member("Support")
    address = f"/admin/bookings/booking/{booking.pk}/cancel/"
    log_in_by_form(page, anna, address)
    say(page)
    Session.objects.all().delete()
    send = page.get_by_role("button", name=f"Cancel {booking.reference}")

    send.click()
    expect(page.get_by_role("alert")).to_contain_text(NOT_SENT)
    assert what_is_wrong(page) == ""
    log_in(page, anna)

    expect(page).to_have_url(office.url + address)
    assert_it_stands_there(page)
    assert what_is_wrong(page) == ""
    assert BookingEvent.objects.filter(what="cancelled").count() == 0
    send.click()
    expect(page.get_by_text(f"{booking.reference} is cancelled.")).to_be_visible()
    assert BookingEvent.objects.get(what="cancelled").note.splitlines() == TYPED.splitlines()


def test_a_log_in_in_another_tab_brings_the_form_back_at_once(office, page):
    booking, anna = an_initiated_booking(office.flights), a_member("Support")
    log_in_by_form(page, anna, f"/admin/bookings/booking/{booking.pk}/cancel/")
    say(page)
    other = page.context.new_page()
    other.goto("/admin/")
    other.get_by_role("button", name="Log out").click()
    log_in_by_form(other, anna, "/admin/")

    page.get_by_role("button", name=f"Cancel {booking.reference}").click()

    assert_it_stands_there(page)
    assert BookingEvent.objects.filter(what="cancelled").count() == 0


def test_each_of_two_log_in_tabs_goes_on_to_its_own_page(office, page):
    booking, anna = an_initiated_booking(office.flights), a_member("Support")
    second = page.context.new_page()
    first_address, second_address = "/admin/bookings/payment/", f"/admin/bookings/booking/{booking.pk}/change/"
    page.goto(first_address)
    second.goto(second_address)

    log_in(page, anna)
    expect(page).to_have_url(office.url + first_address)
    log_in(second, anna)

    expect(second).to_have_url(office.url + second_address)
    expect(second.get_by_role("heading", level=1)).to_have_text(f"Booking {booking.reference}")


def test_a_log_in_page_from_before_a_log_out_asks_again(office, page):
    anna = a_member("Support")
    second = page.context.new_page()
    second.goto("/admin/bookings/payment/")
    log_in_by_form(page, anna, "/admin/")
    page.get_by_role("button", name="Log out").click()

    log_in(second, anna)
    expect(second.get_by_role("alert")).to_contain_text("This log-in page was too old")
    assert what_is_wrong(second) == ""
    log_in(second, anna)

    expect(second).to_have_url(f"{office.url}/admin/bookings/payment/")


def test_a_filter_that_is_not_understood_is_named_and_can_be_left_out(office, page):
    booking = an_initiated_booking(office.flights)
    office.sign_in(page, "Support")

    answer = page.goto("/admin/bookings/booking/?flight=1&stauts=booked")
    assert answer.status == 400
    assert what_is_wrong(page) == ""
    expect(page.get_by_role("alert")).to_contain_text("stauts")
    expect(page.get_by_text(booking.reference)).to_have_count(0)
    page.get_by_role("link", name="Begin without it").click()

    expect(page).to_have_url(re.compile("/admin/bookings/booking/$"))
    expect(page.get_by_text(booking.reference)).to_be_visible()
