"""A customer is on the telephone: find the booking, cancel it, and say what becomes of seats and money."""

import pytest
from playwright.sync_api import expect

from bookings.lifecycle import CancelReason
from bookings.models import BookingEvent
from bookings.services.bookings.cancel import cancel_booking
from tests.browser.keyboard import enter
from tests.support.bookings import a_booked_booking, an_initiated_booking, customer

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

# The worker goes through once a second, and the page looks every three.
SOON_MILLISECONDS = 30_000

SEND_TWICE = """async () => {
    const form = document.querySelector('form:has([name=action_key])');
    const send = () => fetch(form.action || location.href, { method: 'POST', body: new FormData(form) });
    return (await Promise.all([send(), send()])).map((answer) => answer.status);
}"""


def cancel_page_of(booking):
    return f"/admin/bookings/booking/{booking.pk}/cancel/"


def say(page, reason, note=""):
    page.get_by_label("Reason").select_option(reason)
    page.get_by_label("Note").fill(note)


def cancellations(booking):
    return BookingEvent.objects.filter(booking=booking, what="cancelled").count()


def test_from_the_search_to_cancelled_in_three_clicks(office, page):
    booking = a_booked_booking(office.flights, office.payments)
    office.sign_in(page, "Support")
    page.goto("/admin/")

    page.get_by_role("searchbox").fill(booking.reference.lower())
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Cancel booking").click()
    say(page, "customer_request", "wants another day")
    page.get_by_role("button", name=f"Cancel {booking.reference}").click()

    expect(page.get_by_text(f"{booking.reference} is cancelled.")).to_be_visible()
    expect(page.get_by_text("Seats: release pending, next try")).to_be_visible()
    expect(page.get_by_text("Money: a refund of 40.00 INR is due")).to_be_visible()
    booking.refresh_from_db()
    assert (booking.status, booking.cancel_reason) == ("cancelled", "customer_request")


def test_it_works_with_the_keyboard_alone_and_without_javascript(office, browser):
    booking = an_initiated_booking(office.flights)
    context = browser.new_context(base_url=office.url, java_script_enabled=False)
    page = context.new_page()
    office.sign_in(page, "Support")

    page.goto(cancel_page_of(booking))
    page.get_by_label("Reason").select_option("duplicate")
    page.get_by_role("button", name=f"Cancel {booking.reference}").press("Enter")

    expect(page.get_by_text(f"{booking.reference} is cancelled.")).to_be_visible()
    context.close()
    assert cancellations(booking) == 1


def test_from_the_list_to_cancelled_with_twelve_keys_at_most(office, page):
    newest = [an_initiated_booking(office.flights) for _ in range(2)]
    booking = newest[0]
    office.sign_in(page, "Support")
    page.goto("/admin/bookings/booking/")
    pressed = []

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)
            pressed.append(key)

    def follow():
        pressed.append("Enter")
        enter(page)

    press("j", "j")
    follow()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Booking {booking.reference}")
    press("c")
    follow()
    expect(page.get_by_label("Reason")).to_be_focused()
    press("d")
    expect(page.get_by_label("Reason")).to_have_value("duplicate")
    press("Tab", "Tab")
    follow()

    expect(page.get_by_text(f"{booking.reference} is cancelled.")).to_be_visible()
    assert len(pressed) <= 12
    assert cancellations(booking) == 1


def test_keys_that_move_the_focus_are_letters_where_something_is_typed(office, page):
    booking = an_initiated_booking(office.flights)
    office.sign_in(page, "Support")
    page.goto(f"/admin/bookings/booking/{booking.pk}/change/")

    page.get_by_label("New note").press_sequentially("jack / c")

    expect(page.get_by_label("New note")).to_be_focused()
    expect(page.get_by_label("New note")).to_have_value("jack / c")


def test_with_the_flight_service_down_it_cancels_and_the_page_shows_later_that_seats_are_back(office, page, worker):
    booking = an_initiated_booking(office.flights)
    office.sign_in(page, "Support")
    with office.flights_down():
        page.goto(cancel_page_of(booking))
        say(page, "flight_cancelled")
        page.get_by_role("button", name=f"Cancel {booking.reference}").click()

        expect(page.get_by_text("Seats: release pending, next try")).to_be_visible()
        given_back = page.get_by_text("Seats: 2 seats went back at")
        expect(given_back).to_have_count(0)

    # Nobody loads it anew: the page looks by itself.
    expect(given_back).to_be_visible(timeout=SOON_MILLISECONDS)
    assert office.sim.flight(1)["given_back"] == 2


def test_a_stale_page_changes_nothing_and_keeps_what_was_typed(office, page):
    booking = an_initiated_booking(office.flights)
    office.sign_in(page, "Support")
    page.goto(cancel_page_of(booking))
    say(page, "other", "typed with care")
    cancel_booking(booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST)

    page.get_by_role("button", name=f"Cancel {booking.reference}").click()

    changed = page.get_by_role("alert")
    expect(changed).to_contain_text("Nothing was changed: the booking has changed since this page was shown.")
    expect(changed).to_contain_text("Cancelled: customer request by customer 1001")
    expect(page.get_by_label("New note")).to_have_value("typed with care")
    assert cancellations(booking) == 1


def test_a_form_that_is_sent_twice_at_once_has_one_effect(office, page):
    booking = an_initiated_booking(office.flights)
    office.sign_in(page, "Support")
    page.goto(cancel_page_of(booking))
    say(page, "duplicate")

    statuses = page.evaluate(SEND_TWICE)

    assert statuses == [200, 200]
    assert cancellations(booking) == 1


def test_a_double_click_has_one_effect(office, page):
    booking = an_initiated_booking(office.flights)
    office.sign_in(page, "Support")
    page.goto(cancel_page_of(booking))
    say(page, "duplicate")

    page.get_by_role("button", name=f"Cancel {booking.reference}").dblclick()

    expect(page.get_by_role("heading", level=1)).to_have_text(f"Booking {booking.reference}")
    assert cancellations(booking) == 1


def test_an_auditor_sees_why_not_and_gets_no_further_by_the_address(office, page):
    booking = an_initiated_booking(office.flights)
    office.sign_in(page, "Auditor")

    page.goto(f"/admin/bookings/booking/{booking.pk}/change/")
    button = page.get_by_role("button", name="Cancel booking")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description("Your rights do not cover it: can cancel bookings.")
    page.goto(cancel_page_of(booking))

    expect(page.get_by_text("This needs the right Can cancel bookings")).to_be_visible()
    assert cancellations(booking) == 0
