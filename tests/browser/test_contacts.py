"""A traveler calls: the mail never came, then the address is to be forgotten; and which bookings has it?"""

import pytest
from playwright.sync_api import expect

from bookings.models import BookingEvent, Contact, Message
from tests.browser.axe import barriers
from tests.support.messages import EMAIL, a_refused_message

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]


def test_a_supervisor_sends_a_mail_once_more_and_erases_the_contact(office, page, settings):
    message = a_refused_message(settings)
    booking = message.announcement.booking
    office.sign_in(page, "Supervisor")
    page.goto("/admin/bookings/booking/")

    page.get_by_label("Traveler's e-mail address").fill(EMAIL.lower())
    page.get_by_role("button", name="Find bookings").click()
    expect(page).to_have_url(f"{office.url}/admin/bookings/booking/{booking.pk}/change/")
    page.get_by_role("link", name="Send once more…").click()
    page.get_by_label("Why").fill("never came")
    assert barriers(page) == []
    page.get_by_role("button", name="Send once more").click()

    expect(page.get_by_text("It is sent within seconds, if it is still so then.")).to_be_visible()
    expect(page.get_by_text("Mail to the traveler (once more)")).to_be_visible()
    page.get_by_role("link", name="Erase the contact…").click()
    page.get_by_label("Why").fill("asked by phone")
    page.get_by_role("button", name="Erase the contact").click()

    expect(page.get_by_text("The contact is erased.", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Erase the contact…")).to_have_count(0)
    assert list(BookingEvent.objects.order_by("pk").values_list("what", "note")) == [
        ("message_repeated", "never came"),
        ("contact_erased", "asked by phone"),
    ]
    assert [*Message.objects.order_by("pk").values_list("state", flat=True)] == ["refused", "skipped"]
    assert not Contact.objects.exists()
    assert EMAIL.lower() not in page.content().lower()
