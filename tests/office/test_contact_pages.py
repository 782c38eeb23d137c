"""What staff do about a booking's traveler: erase the contact, send a message once more, and find an address."""

import json

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from bookings import wiring
from bookings.models import BookingEvent, Contact, Message
from tests.support.announcements import announce
from tests.support.bookings import an_initiated_booking
from tests.support.messages import FakeMail, ends, give_contact, let_messages_wait, send_due
from tests.support.people import a_person, desk_of, fields_of, text_of
from tests.support.webhooks import SEAL

pytestmark = pytest.mark.django_db

BY_EMAIL, LIST = "/admin/search-by-email/", "/admin/bookings/booking/"
CANARY = "canary.ada@example.org"


@pytest.fixture(autouse=True)
def mail(settings, monkeypatch) -> FakeMail:
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    monkeypatch.setattr(wiring, "seal", lambda: SEAL)
    return FakeMail()


@pytest.fixture
def desk():
    """The browser of a supervisor."""
    return desk_of(a_person("sue", group="Supervisor"))


def page_of(booking, page="change"):
    return f"{LIST}{booking.pk}/{page}/"


def a_told(flights, mail, email=CANARY):
    booking = an_initiated_booking(flights)
    give_contact(booking, email)
    announce()
    let_messages_wait(seconds=6)
    send_due(mail)
    return booking, Message.objects.get(announcement__booking=booking)


def events():
    return list(BookingEvent.objects.order_by("pk").values_list("what", "actor_name", "note"))


def test_a_contact_is_erased_with_a_reason_that_stands_in_the_timeline(desk, flights, mail, caplog):
    booking, _ = a_told(flights, mail)
    address = page_of(booking, "contact")
    assert f'href="{address}"' in desk.get(page_of(booking)).content.decode()

    assert "This field is required" in text_of(desk.post(address, {"note": " "}))
    assert Contact.objects.exists()
    answer = desk.post(address, {"note": "asked by phone"}, follow=True)

    assert "The contact is erased." in text_of(answer)
    assert "Contact of the traveler erased by staff sue asked by phone" in text_of(answer)
    assert f'href="{address}"' not in answer.content.decode()
    assert events() == [("contact_erased", "sue", "asked by phone")]
    assert not Contact.objects.exists()
    assert "there is nothing to erase" in text_of(desk.get(address))
    assert "There was no contact any more" in text_of(desk.post(address, {"note": "again"}, follow=True))
    assert len(events()) == 1
    assert "canary" not in caplog.text + answer.content.decode()


def test_a_message_is_sent_once_more_with_a_reason_once_for_each_page(desk, flights, mail):
    booking, message = a_told(flights, mail)
    address = page_of(booking, f"message/{message.pk}")
    assert f'href="{address}"' in desk.get(page_of(booking)).content.decode()
    page = desk.get(address)
    assert "It is sent within seconds to the address or number that is kept now" in text_of(page)

    assert "This field is required" in text_of(desk.post(address, fields_of(page)))
    for _ in range(2):
        answer = desk.post(address, {**fields_of(page), "note": "never came"}, follow=True)
        assert "It is sent within seconds" in text_of(answer)
    assert "It waits to be sent already" in text_of(desk.get(page_of(booking, f"message/{message.pk + 1}")))
    send_due(mail)

    assert [each.to for each in mail.mails] == [CANARY] * 2
    assert ends() == [("sent", "")] * 2
    assert events() == [("message_repeated", "sue", "never came")]
    shown = text_of(desk.get(page_of(booking)))
    assert "Mail to the traveler (once more)" in shown
    Contact.objects.all().delete()
    refused = desk.post(address, {**fields_of(desk.get(address)), "note": "again"})
    assert refused.status_code == 409
    assert "No contact is kept of this booking. Nothing was changed." in text_of(refused)
    assert desk.get(page_of(an_initiated_booking(flights), f"message/{message.pk}")).status_code == 404
    assert desk.get(page_of(booking, "contact").replace(f"/{booking.pk}/", "/x/")).status_code == 404


def test_who_has_no_right_sees_which_it_is_and_changes_nothing(flights, mail):
    booking, message = a_told(flights, mail)
    support = desk_of(a_person("sam", group="Support"))

    assert "needs the right bookings.manage_contacts" in text_of(support.get(page_of(booking)))
    for page in ("contact", f"message/{message.pk}"):
        for answer in (support.get(page_of(booking, page)), support.post(page_of(booking, page), {"note": "x"})):
            assert answer.status_code == 403
            assert "manage_contacts" in text_of(answer)
    assert events() == []
    assert Contact.objects.exists()


def test_an_address_finds_its_bookings_and_stands_in_no_address_page_or_log(desk, flights, mail, caplog):
    first, _ = a_told(flights, mail)
    a_told(flights, mail, "eve@example.org")

    only = desk.post(BY_EMAIL, {"traveler_email": f" {CANARY.upper()} "})
    assert (only.status_code, only.headers["Location"]) == (302, page_of(first))
    second, _ = a_told(flights, mail, "Canary.Ada@EXAMPLE.org")
    both = desk.post(BY_EMAIL, {"traveler_email": CANARY})

    assert [first.reference in text_of(both), second.reference in text_of(both)] == [True, True]
    for typed in ("canary", "canary.a@example.org", "", "canary@"):
        none = desk.post(BY_EMAIL, {"traveler_email": typed})
        assert (none.status_code, "No booking has a traveler" in text_of(none)) == (200, True), typed
        assert "canary" not in none.content.decode()
    assert "canary" not in both.content.decode().lower() + caplog.text
    assert 'action="/admin/search-by-email/"' in desk.get(LIST).content.decode()
    assert desk_of(a_person("nobody")).post(BY_EMAIL, {"traveler_email": CANARY}).status_code == 403


def test_a_search_by_address_after_the_session_has_ended_keeps_it_nowhere(desk):
    answer = Client().post(BY_EMAIL, {"traveler_email": CANARY})

    kept = [json.dumps(session.get_decoded()) for session in Session.objects.all()]
    assert answer.status_code in (200, 302, 403)
    assert "canary" not in "".join([*kept, answer.content.decode(), str(answer.headers)])
