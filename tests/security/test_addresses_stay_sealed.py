"""Addresses of travelers and owners: in no log, answer, event or webhook, nor in a copy of the database."""

import uuid

import pytest
from django.apps import apps

from bookings import wiring
from bookings.actor import Scope
from bookings.db.clock import database_time
from bookings.db.rows import insert_many
from bookings.deadline import Deadline
from bookings.models import Booking, Contact, Message, WebhookEndpoint
from bookings.services.messages.contacts import Address, GivenContact, contact_of, open_address
from bookings.services.messages.report import write_reports
from bookings.services.messages.send_reports import send_reports
from tests.support.announcements import announce
from tests.support.api import shown
from tests.support.bookings import an_initiated_booking
from tests.support.callers import CallerApi, a_service_key
from tests.support.messages import FakeMail, let_messages_wait, send_due
from tests.support.people import a_person, desk_of, fields_of
from tests.support.webhooks import FakeWebhooks, let_webhooks_wait
from tests.support.webhooks import send_due as deliver

pytestmark = pytest.mark.django_db(transaction=True)

TRAVELERS = [f"canary.{number}@example.org" for number in range(10)]
OWNER = "canary.owner@example.org"
# The letters of a reference.
AS_LETTERS = str.maketrans("0123456789", "ABCDEFGHJK")


def everything_stored() -> str:
    """Give what a dump of the database would have in it, as one text."""
    rows = [row for model in apps.get_models(include_auto_created=True) for row in model._base_manager.values()]
    return " ".join(
        bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
        for row in rows
        for value in row.values()
    )


def test_no_address_is_told_by_anything_and_after_erasing_nothing_is_sent(settings, monkeypatch, api, caplog, capfd):
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    seal, mail, receivers = wiring.seal(), FakeMail(), FakeWebhooks()
    monkeypatch.setattr(wiring, "webhooks", lambda: receivers)
    answers = [api.post("/api/v1/webhook-endpoints", {"url": "https://hooks.example.org/a", "contactEmail": OWNER})]
    deliver(receivers, seal=seal)
    for number, email in enumerate(TRAVELERS):
        answers.append(api.create(userId=2000 + number, contact={"email": email}, key=f"key-{number}"))
    bookings = [shown(answer) for answer in answers[1:]]
    announce()
    let_messages_wait(seconds=6)
    send_due(mail, seal=seal)
    deliver(receivers, seal=seal)
    assert len(receivers.letters) == 11
    assert {open_address(each, seal=seal).email for each in Contact.objects.select_related("booking")} == set(TRAVELERS)

    # Staff look for one, have a mail sent once more, and erase the contact.
    desk, first = desk_of(a_person("sue", group="Supervisor")), bookings[0]["id"]
    answers.append(desk.post("/admin/search-by-email/", {"traveler_email": TRAVELERS[0]}))
    again = f"/admin/bookings/booking/{first}/message/{Message.objects.get(announcement__booking=first).pk}/"
    page = desk.get(again)
    answers += [page, desk.post(again, {**fields_of(page), "note": "never came"})]
    send_due(mail, seal=seal)
    answers.append(desk.post(f"/admin/bookings/booking/{first}/contact/", {"note": "asked by phone"}))
    answers += [api.get(f"/api/v1/bookings/{first}/events"), api.get("/api/v1/events")]
    answers += [api.get("/api/v1/webhook-endpoints"), desk.get(f"/admin/bookings/booking/{first}/change/")]
    endpoint = WebhookEndpoint.objects.get()
    WebhookEndpoint.objects.update(failing_since=endpoint.created_at)
    let_webhooks_wait(hours=2)
    write_reports(deadline=Deadline(5))
    send_reports(mail=mail, seal=seal, deadline=Deadline(5))
    answers.append(desk.get(f"/admin/bookings/webhookendpoint/{endpoint.pk}/change/"))
    assert sorted(each.to for each in mail.mails) == sorted([*TRAVELERS, TRAVELERS[0], OWNER])
    stored = everything_stored()

    # The users are deleted elsewhere: nothing is sent any more, whatever happens to the bookings.
    accounts = CallerApi(a_service_key(Scope.CONTACTS_ERASE, name="accounts"))
    for booking in bookings:
        answers.append(accounts.send("DELETE", f"/api/v1/users/{booking['userId']}/contacts", b""))
        answers.append(api.pay(booking))
    announce()
    let_messages_wait(seconds=6)
    assert send_due(mail, seal=seal) == 0
    assert not Contact.objects.exists()
    told = [
        *(answer.content.decode() + str(answer.headers) for answer in answers),
        *(letter.body.decode() for letter in receivers.letters),
        *(f"{each.subject} {each.text} {each.html}" for each in mail.mails),
        *(caplog.text, *capfd.readouterr(), stored, everything_stored()),
    ]
    assert [part for part in told if "canary" in part.lower()] == []
    assert {answer.status_code for answer in answers} == {200, 201, 302}


@pytest.mark.slow
def test_what_is_stored_tells_none_of_a_thousand_addresses(flights):
    first, now = an_initiated_booking(flights), database_time()
    bookings = [copy_of(first, number) for number in range(1000)]
    insert_many(bookings, known_by="reference")
    given = [Address(f"canary.{number}@example.org", f"+4930{number:07}") for number in range(1000)]
    Contact.objects.bulk_create(
        contact_of(booking, GivenContact(address), seal=wiring.seal(), now=now)
        for booking, address in zip(bookings, given, strict=True)
    )

    stored = everything_stored().lower()

    assert first.reference.lower() in stored
    words = [word for address in given for word in (address.email, address.phone)]
    assert [word for word in words if word in stored or word.encode().hex() in stored] == []


def copy_of(booking: Booking, number: int) -> Booking:
    copy = Booking.objects.get(pk=booking.pk)
    copy.pk, copy.hold_key, copy.reference = None, uuid.uuid4(), f"{number:08}".translate(AS_LETTERS)
    return copy
