"""The contact of a booking: given, changed, erased; never shown, and never another's address."""

import hashlib
import json

import pytest
from django.apps import apps

from bookings import wiring
from bookings.actor import Scope
from bookings.models import Booking, BookingEvent, Contact, IdempotencyRecord
from bookings.ports import NotSent
from bookings.ports.messages import Refused
from bookings.services.messages.contacts import open_address
from tests.support.announcements import announce
from tests.support.api import refused, shown
from tests.support.bookings import let_time_pass
from tests.support.callers import CallerApi, a_service_key, a_token
from tests.support.messages import FakeMail, FakeSms, let_messages_wait, send_due

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "canary.ada@example.org"
GIVEN = {"email": EMAIL, "locale": "de-AT"}
PHONE = "+4915199990815"


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


NO_PHONES = (
    *(None, 4915199990815, "", "0151 9999081", "+49 151 99990815", "+0151999908", "+491519", "+4915199990815123"),
    *("+4915199990815\n", "+٤٩١٥١٩٩٩٩٠٨١٥", "00491519999081", "+4915199990815;ext=1"),
)


def test_a_contact_that_is_none_is_refused(api, settings):
    settings.SMS_SERVICE = "folder:"
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
        *({"email": EMAIL, "reminders": True}, {"email": EMAIL, "locale": "en" + "-a" * 20}),
        *({"email": EMAIL, "wants": each} for each in ("sms", None, ["fax"], [["sms"]], [1], ["reminders"] * 2)),
        *({"email": EMAIL, "phone": each} for each in NO_PHONES),
        *({"email": EMAIL, "wants": ["sms"]}, {"phone": PHONE, "wants": ["sms"]}),
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
        answer = api.send(
            "PUT", where, {"userId": booking["userId"], "contact": {"email": email, "wants": ["reminders"]}}
        )
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


def test_who_wants_it_is_told_by_sms_and_the_number_is_shown_nowhere(api, mail, settings, caplog):
    settings.SMS_SERVICE, sms = "folder:", FakeSms()
    wanted = {**GIVEN, "phone": PHONE, "wants": ["sms", "reminders"]}
    created = api.create(contact=wanted, key="one")
    booking = shown(created)
    answers = [created, api.pay(booking), api.get(f"/api/v1/bookings/{booking['id']}"), api.get("/api/v1/events")]
    again, other = (api.create(contact=each, key="one") for each in (wanted, {**wanted, "phone": "+4915199990000"}))
    announce()
    let_messages_wait(seconds=6)
    send_due(mail, sms, seal=wiring.seal())

    assert [each.to for each in sms.came] == [PHONE]
    assert (again.headers["Idempotent-Replayed"], refused(other)) == ("true", (422, "idempotency_key_reused"))
    seen = [*(each.content.decode() for each in (*answers, other)), caplog.text]
    seen.append(json.dumps(list(IdempotencyRecord.objects.values()), default=str))
    assert [each for each in seen if PHONE[1:] in each] == []
    assert Contact.objects.get().wants_reminders


def test_a_number_that_is_not_to_be_used_is_not_kept(api, settings):
    for number, wants in (("one", {}), ("two", {"wants": ["reminders"]})):
        assert api.create(contact={**GIVEN, "phone": PHONE, **wants}, key=number).status_code == 201
    assert refused(api.create(contact={**GIVEN, "phone": PHONE, "wants": ["sms"]})) == (400, "invalid_request")

    contacts = Contact.objects.select_related("booking")
    assert {open_address(each, seal=wiring.seal()).phone for each in contacts} == {""}
    assert set(contacts.values_list("phone_mark", flat=True)) == {""}


def test_a_customer_gives_the_number_that_is_proven(api, settings):
    settings.API_AUTH, settings.SMS_SERVICE = "token", "folder:"
    wanted = {**GIVEN, "phone": PHONE, "wants": ["sms"]}
    proven = CallerApi(a_token(1001, phone_number=PHONE, phone_number_verified=True))
    other = CallerApi(a_token(1002, phone_number="+4915199990000", phone_number_verified=True))
    claimed = CallerApi(a_token(1003, phone_number="+4915199990000", phone_number_verified="true"))
    odd = CallerApi(a_token(1004, phone_number="+49 (151) 1;ext=5", phone_number_verified=True))

    assert proven.create(contact=wanted).status_code == 201
    assert refused(other.create(userId=1002, contact=wanted)) == (400, "invalid_request")
    assert other.create(userId=1002, contact={**wanted, "wants": []}).status_code == 201
    assert claimed.create(userId=1003, contact=wanted).status_code == 201
    assert odd.create(userId=1004, contact=wanted).status_code == 201


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


def test_the_contacts_of_a_user_are_erased_by_a_service_that_may_or_by_the_user(api, settings, mail, caplog):
    settings.API_AUTH = "token"
    mine, others = CallerApi(a_token(1001)), CallerApi(a_token(1002))
    accounts = CallerApi(a_service_key(Scope.CONTACTS_ERASE, name="accounts"))
    for caller, user in ((mine, 1001), (mine, 1001), (others, 1002)):
        assert caller.create(userId=user, contact=GIVEN).status_code == 201

    def erase(caller, user="1001"):
        return caller.send("DELETE", f"/api/v1/users/{user}/contacts", b"")

    assert refused(erase(others)) == (400, "user_mismatch")
    assert {refused(erase(accounts, wrong)) for wrong in ("ada", "0.5", "0")} == {(400, "invalid_request")}
    assert refused(erase(CallerApi(a_service_key(Scope.BOOKINGS_WRITE, name="other")))) == (403, "forbidden")
    assert Contact.objects.count() == 3
    assert [(erase(accounts).status_code, Contact.objects.count()) for _ in range(2)] == [(200, 1)] * 2
    assert (erase(others, "1002").json()["data"], Contact.objects.count()) == ({}, 0)
    announce()
    let_messages_wait(seconds=6)
    assert send_due(mail, seal=wiring.seal()) == 0
    told = list(BookingEvent.objects.filter(what="contact_erased").order_by("pk").values_list("actor_kind", "note"))
    assert told == [("service", ""), ("service", ""), ("customer", "")]
    shown_events = mine.get(f"/api/v1/bookings/{Booking.objects.earliest('pk').pk}/events").content.decode()
    assert "contact" not in shown_events
    assert "canary" not in caplog.text + shown_events


def test_no_row_of_the_database_tells_an_address_or_a_number(api, mail, settings):
    settings.SMS_SERVICE, sms = "folder:", FakeSms()
    for number in range(8):
        to = {"email": f"canary{number}@example.org", "phone": f"+49815815{number:03}", "wants": ["sms", "reminders"]}
        api.create(userId=2000 + number, contact=to, key=f"key-{number}")
    sms.says(Refused("answered 400 (21610): STOP", is_for_good=True))
    mail.says(Refused("RCPT: 550 5.1.1 no"), NotSent("timed out"))
    announce()
    let_messages_wait(seconds=6)
    send_due(mail, sms, seal=wiring.seal())
    let_time_pass(minutes=11)
    announce()
    send_due(mail, sms, seal=wiring.seal())

    rows = [row for model in apps.get_models(include_auto_created=True) for row in model._base_manager.values()]
    stored = " ".join(
        bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
        for row in rows
        for value in row.values()
    )
    assert (len(mail.mails), len(sms.came)) == (15, 8)
    assert Contact.objects.count() == 8
    assert "canary" not in stored
    assert "example.org" not in stored
    assert "49815815" not in stored
    guesses = {hashlib.sha256(f"canary{number}@example.org".encode()).hexdigest() for number in range(8)}
    assert not guesses & set(Contact.objects.values_list("address_mark", flat=True))
