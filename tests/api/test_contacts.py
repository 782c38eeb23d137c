"""The contact of a booking: given, changed, erased; never shown, and never another's address."""

import hashlib
import json

import pytest
from django.apps import apps

from bookings import wiring
from bookings.actor import Scope
from bookings.models import Booking, Contact, IdempotencyRecord
from bookings.ports import NotSent
from bookings.ports.messages import Refused
from bookings.services.messages.contacts import open_address
from tests.support.announcements import announce
from tests.support.api import refused, shown
from tests.support.callers import CallerApi, a_service_key, a_token
from tests.support.messages import FakeMail, let_messages_wait, send_due

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "canary.ada@example.org"
GIVEN = {"email": EMAIL, "locale": "de-AT"}


@pytest.fixture(autouse=True)
def mail(settings, monkeypatch) -> FakeMail:
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    return FakeMail()


def test_a_contact_is_told_and_shown_in_no_answer(api, mail, caplog):
    created = api.create(contact=GIVEN, key="one")
    booking = shown(created)
    announce()
    let_messages_wait(seconds=6)
    send_due(mail, seal=wiring.seal())
    answers = [
        created,
        api.get(f"/api/v1/bookings/{booking['id']}"),
        api.get(f"/api/v1/bookings/{booking['id']}/events"),
        api.get("/api/v1/events"),
        api.pay(booking),
    ]

    assert [each.to for each in mail.mails] == [EMAIL]
    assert mail.mails[0].language == "de"
    assert [each.status_code for each in answers] == [201, 200, 200, 200, 201]
    assert not any("canary" in each.content.decode() for each in answers)
    assert "canary" not in caplog.text
    assert "canary" not in json.dumps(list(IdempotencyRecord.objects.values()), default=str)
    contact = Contact.objects.get()
    assert (contact.language, contact.wants_reminders) == ("de-AT", False)
    assert b"canary" not in bytes(contact.sealed)


def test_the_contact_is_part_of_the_request(api):
    assert api.create(contact=GIVEN, key="one").status_code == 201
    again = api.create(contact=GIVEN, key="one")
    other = api.create(contact={**GIVEN, "email": "eve@example.org"}, key="one")

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert refused(other) == (422, "idempotency_key_reused")
    assert Booking.objects.count() == Contact.objects.count() == 1


def test_a_contact_that_is_none_is_refused(api):
    wrong = (
        *(
            None,
            [],
            "ada@example.org",
            {},
            {"email": 7},
            {"email": "ada"},
            {"email": "a b@example.org"},
            {"email": "a@ü.example"},
        ),
        *({"email": "ada@example.org\r\nBcc: eve@example.org"}, {"email": EMAIL, "phone": "1"}),
        *({"email": EMAIL, "locale": "../de"}, {"email": EMAIL, "locale": ""}, {"email": EMAIL, "locale": None}),
        *({"email": EMAIL, "reminders": "yes"}, {"email": EMAIL, "locale": "en" + "-a" * 20}),
    )
    for contact in wrong:
        answer = api.create(contact=contact)
        assert refused(answer) == (400, "invalid_request"), contact
        assert list(answer.json()["error"]["fields"]) == ["contact"], contact
        assert "canary" not in answer.content.decode()
    assert not Booking.objects.exists()


def test_a_contact_is_changed_and_erased(api):
    booking = shown(api.create())
    where = f"/api/v1/bookings/{booking['id']}/contact"
    for email in (EMAIL, "eve@example.org"):
        answer = api.send("PUT", where, {"userId": booking["userId"], "contact": {"email": email, "reminders": True}})
        assert (answer.status_code, answer.json()["data"]) == (200, {})
    assert refused(api.send("PUT", where, {"userId": booking["userId"]})) == (400, "invalid_request")
    contact = Contact.objects.select_related("booking").get()
    assert open_address(contact, seal=wiring.seal()).email == "eve@example.org"
    assert contact.wants_reminders

    assert [api.send("DELETE", where, b"").status_code for _ in range(2)] == [200, 200]
    assert not Contact.objects.exists()


def test_an_installation_without_mail_takes_no_contact(api, settings):
    settings.MAIL_SERVER = ""

    assert refused(api.create(contact=GIVEN)) == (400, "invalid_request")


def test_a_customer_gives_the_address_that_is_proven_and_only_to_bookings_of_its_own(api, settings):
    settings.API_AUTH = "token"
    proven = CallerApi(a_token(1001, email=EMAIL.upper(), email_verified=True))
    claimed = CallerApi(a_token(1002, email=EMAIL, email_verified=False))
    booking = shown(proven.create(contact=GIVEN))
    where = f"/api/v1/bookings/{booking['id']}/contact"

    assert refused(proven.create(contact={"email": "eve@example.org"})) == (400, "invalid_request")
    assert claimed.create(userId=1002, contact={"email": "eve@example.org"}).status_code == 201
    assert refused(claimed.send("PUT", where, {"contact": GIVEN})) == (404, "booking_not_found")
    assert refused(claimed.send("DELETE", where, b"")) == (404, "booking_not_found")
    assert proven.send("PUT", where, {"contact": GIVEN}).status_code == 200
    reader = CallerApi(a_service_key(Scope.BOOKINGS_READ))
    assert reader.send("DELETE", where, b"").status_code == 403
    assert proven.send("DELETE", where, b"").status_code == 200


def test_no_row_of_the_database_tells_an_address(api, mail):
    for number in range(20):
        api.create(userId=2000 + number, contact={"email": f"canary{number}@example.org"}, key=f"key-{number}")
    mail.says(Refused("RCPT: 550 5.1.1 no"), NotSent("timed out"))
    announce()
    let_messages_wait(seconds=6)
    send_due(mail, seal=wiring.seal())

    rows = [row for model in apps.get_models(include_auto_created=True) for row in model._base_manager.values()]
    stored = " ".join(
        bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
        for row in rows
        for value in row.values()
    )
    assert len(mail.mails) == 20
    assert Contact.objects.count() == 20
    assert "canary" not in stored
    assert "example.org" not in stored
    guesses = {hashlib.sha256(f"canary{number}@example.org".encode()).hexdigest() for number in range(20)}
    assert not guesses & set(Contact.objects.values_list("address_mark", flat=True))
