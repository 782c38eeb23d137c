"""Travelers are told what happens to their bookings: once, while it is so, and never against their will."""

import email
import uuid

import pytest

from bookings.actor import Actor, ActorKind
from bookings.deadline import Deadline
from bookings.errors import BookingNotFound
from bookings.gateways.messages.smtp import MailServer, SmtpMail
from bookings.lifecycle import CancelReason
from bookings.models import Contact, Message, SuppressedAddress
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import Channels, Refused, Sent
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.messages import send as sending
from bookings.services.messages.claim import claim_message, record
from bookings.services.messages.contacts import Address, GivenContact, erase_contact
from bookings.services.messages.reseal import reseal_contacts
from bookings.services.messages.send import send_messages
from bookings.services.shared.sealing import Seal
from devtools.processes import HOST, free_port
from tests.support.announcements import announce
from tests.support.bookings import STAFF, a_booked_booking, an_initiated_booking, let_time_pass, one_pass, pay
from tests.support.messages import EMAIL, ends, give_contact, let_messages_wait, send_due
from tests.support.smtp import DROP, a_mail_server
from tests.support.webhooks import SEAL

pytestmark = pytest.mark.django_db(transaction=True)

NEW = Seal([bytes(range(32, 64)), bytes(range(32))])


def a_held_booking(flights, **given):
    booking = an_initiated_booking(flights)
    give_contact(booking, **given)
    return booking


def told(mail, **wait):
    announce()
    let_messages_wait(**wait or {"seconds": 6})
    send_due(mail)
    return mail.subjects()


def a_paid_and_told(flights, payments):
    booking = a_booked_booking(flights, payments)
    give_contact(booking)
    announce()
    return booking


def test_a_traveler_is_told_of_each_news_at_the_sealed_address(flights, payments, mail):
    booking = a_held_booking(flights, language="de-AT")

    assert told(mail) == ["Ihre Plätze sind reserviert, bis Sie zahlen"]
    pay(booking, payments)
    assert told(mail) == ["Ihre Plätze sind reserviert, bis Sie zahlen", "Ihr Flug ist gebucht"]
    first, second = mail.mails
    assert (first.to, first.language) == (EMAIL, "de")
    assert second.key.startswith("evt_")
    assert first.key != second.key
    assert f"{booking.reference}: " in second.subject
    assert Message.objects.filter(state="sent", receipt="queued").count() == 2
    assert send_due(mail) == 0


def test_a_booking_without_a_contact_and_an_installation_without_mail_send_nothing(flights, mail, settings):
    an_initiated_booking(flights)
    assert told(mail) == []

    a_held_booking(flights)
    settings.MAIL_SERVER = ""
    assert told(mail) == []
    assert not Message.objects.exists()


def test_who_holds_and_pays_at_once_gets_one_mail(flights, payments, mail):
    booking = a_held_booking(flights)
    announce()
    assert send_due(mail) == 0
    pay(booking, payments)

    assert told(mail) == ["your flight is booked"]
    assert ends() == [("skipped", "no longer so"), ("sent", "")]


def test_what_is_not_so_any_more_is_not_sent(flights, payments, mail):
    booking = a_paid_and_told(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FLIGHT_CANCELLED)
    announce()

    assert told(mail) == ["your booking is cancelled"]
    assert "The airline has cancelled this flight." in mail.mails[0].text


def test_a_reminder_is_for_who_wants_one(flights, payments, mail):
    a_held_booking(flights)
    a_held_booking(flights, email="eve@example.org", wants_reminders=True)
    told(mail)
    mail.mails.clear()
    let_time_pass(minutes=11)
    told(mail, seconds=0)

    assert [(each.to, each.subject.partition(": ")[2]) for each in mail.mails] == [
        ("eve@example.org", "pay soon, or your seats are given to others")
    ]


def test_an_expired_booking_is_told_and_too_late_is_too_late(flights, payments, mail):
    a_held_booking(flights)
    announce()
    let_time_pass(minutes=16)
    let_messages_wait(minutes=16)
    one_pass(flights, payments)

    assert told(mail) == ["your booking has ended, as it was not paid for"]
    assert ends() == [("lapsed", "too late"), ("sent", "")]


def test_what_was_not_sent_waits_longer_each_time_until_it_is_worth_nothing(flights, payments, mail):
    a_paid_and_told(flights, payments)
    mail.says(*[NotSent("connection refused")] * 30)
    for seconds in (6, 31, 121, 601):
        let_messages_wait(seconds=seconds)
        assert send_due(mail) == 0
        assert send_due(mail) == 0

    tries = [each.subject.partition(": ")[2] for each in mail.mails]
    assert tries == ["your flight is booked"] * 4
    assert ends()[-1] == ("pending", "connection refused")
    let_messages_wait(days=4)
    send_due(mail)
    assert ends()[-1] == ("lapsed", "connection refused")
    assert len(mail.mails) == 4


def test_silence_after_the_mail_is_answered_by_one_repeat_with_the_same_id(flights, payments, mail):
    a_paid_and_told(flights, payments)
    mail.says(*[Unknown("timed out")] * 5)
    for minutes in (1, 4.9, 0.2, 6, 60):
        let_messages_wait(minutes=minutes)
        send_due(mail)

    assert [each.key for each in mail.mails] == [mail.mails[0].key] * 2
    assert ends()[-1] == ("unknown", "timed out")


def test_what_died_while_it_sent_counts_as_silence(flights, payments, mail):
    a_paid_and_told(flights, payments)
    let_messages_wait(seconds=6)
    paid = Message.objects.order_by("pk").last()
    for _ in range(2):
        assert claim_message(paid.pk, lease=uuid.uuid4(), seal=SEAL) is not None
        assert claim_message(paid.pk, lease=uuid.uuid4(), seal=SEAL) is None
        let_messages_wait(minutes=5)
    assert claim_message(paid.pk, lease=uuid.uuid4(), seal=SEAL) is None

    assert ends()[-1] == ("unknown", "what sent it has died, or the answer was lost")


def test_a_claim_whose_commit_was_lost_is_found_again(flights, payments, mail):
    a_paid_and_told(flights, payments)
    let_messages_wait(seconds=6)
    paid, lease = Message.objects.order_by("pk").last(), uuid.uuid4()

    first, second = (claim_message(paid.pk, lease=lease, seal=SEAL) for _ in range(2))
    assert first.message_id == second.message_id == paid.pk
    assert Message.objects.get(pk=paid.pk).claims == 1


def test_an_answer_under_an_old_lease_counts_only_if_the_mail_was_taken_over(flights, payments, mail):
    a_paid_and_told(flights, payments)
    let_messages_wait(seconds=6)
    paid = Message.objects.order_by("pk").last()
    old = claim_message(paid.pk, lease=uuid.uuid4(), seal=SEAL)
    let_messages_wait(minutes=5)
    claim_message(paid.pk, lease=uuid.uuid4(), seal=SEAL)

    record(old, NotSent("connection refused"))
    record(old, Refused("no such address"))
    assert (ends()[-1], SuppressedAddress.objects.count()) == (("pending", ""), 0)
    record(old, Sent("late"))
    record(old, Sent("later"))
    assert Message.objects.get(pk=paid.pk).receipt == "late"
    assert claim_message(paid.pk, lease=uuid.uuid4(), seal=SEAL) is None


def test_an_address_that_is_refused_is_sent_nothing_for_a_month(flights, payments, mail):
    a_paid_and_told(flights, payments)
    mail.says(Refused("RCPT: 550 5.1.1 no"))
    told(mail)
    other = a_booked_booking(flights, payments)
    give_contact(other, EMAIL.lower())
    told(mail)

    assert len(mail.mails) == 1
    assert ("refused", "RCPT: 550 5.1.1 no") in ends()
    assert ends()[-1] == ("skipped", "the address takes nothing")


def test_a_mail_that_is_refused_for_itself_suppresses_no_address(flights, payments, mail):
    a_paid_and_told(flights, payments)
    mail.says(Mistake("DATA: 554 spam"))
    told(mail)

    assert ends()[-1] == ("refused", "DATA: 554 spam")
    assert not SuppressedAddress.objects.exists()


def test_an_address_is_sent_so_many_in_a_day(flights, payments, mail, monkeypatch):
    monkeypatch.setattr("bookings.services.messages.claim.MOST_IN_A_DAY", 2)
    for _ in range(3):
        a_paid_and_told(flights, payments)

    assert told(mail) == ["your flight is booked"] * 2
    assert ends()[-1][0] == "skipped"
    assert [why for state, why in ends() if "in a day" in why] == ["the address was sent 2 in a day"]


def test_nothing_is_sent_to_an_erased_contact(flights, payments, mail):
    booking = a_paid_and_told(flights, payments)
    let_messages_wait(seconds=6)
    in_flight = claim_message(Message.objects.order_by("pk").last().pk, lease=uuid.uuid4(), seal=SEAL)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    announce()

    assert erase_contact(booking_id=booking.pk, actor=STAFF)
    assert not erase_contact(booking_id=booking.pk, actor=STAFF)
    record(in_flight, Unknown("timed out"))
    let_messages_wait(minutes=6)
    assert send_due(mail) == 0
    assert not Contact.objects.exists()
    assert {state for state, _ in ends()} == {"skipped"}
    assert {why for _, why in ends()} == {"the contact was erased", "there is no such contact"}


def test_a_contact_is_its_bookings_alone(flights, mail):
    booking = an_initiated_booking(flights)
    stranger = Actor(ActorKind.CUSTOMER, "7", user_id=7)

    with pytest.raises(BookingNotFound):
        erase_contact(booking_id=booking.pk, actor=stranger)


def test_an_address_is_changed_and_stays_sealed(flights, payments, mail):
    booking = a_paid_and_told(flights, payments)
    before = Contact.objects.get(pk=booking.pk)
    give_contact(booking, "eve@example.org")
    after = Contact.objects.get(pk=booking.pk)
    told(mail)

    assert [each.to for each in mail.mails] == ["eve@example.org"]
    assert (before.created_at, before.erase_at) == (after.created_at, after.erase_at)
    assert before.address_mark != after.address_mark
    assert b"eve" not in bytes(after.sealed)
    assert "eve" not in repr(GivenContact(Address("eve@example.org", "+49 30 1")))


def test_an_address_that_no_key_opens_waits_and_a_new_key_takes_over(flights, payments, mail):
    a_paid_and_told(flights, payments)
    let_messages_wait(seconds=6)
    assert send_due(mail, seal=Seal([bytes(range(64, 96))])) == 0
    assert "pending" in {state for state, _ in ends()}

    assert reseal_contacts(seal=NEW) == 1
    assert reseal_contacts(seal=NEW) == 0
    let_messages_wait(minutes=5)
    assert send_due(mail, seal=Seal([bytes(range(32, 64))])) == 1
    assert mail.mails[0].to == EMAIL


def test_a_message_that_cannot_be_written_keeps_no_other_waiting(flights, payments, mail, monkeypatch):
    broken = a_paid_and_told(flights, payments)
    a_paid_and_told(flights, payments)
    usual = sending.written

    def written(announcement, **given):
        if announcement.booking_id == broken.pk:
            raise LookupError
        return usual(announcement, **given)

    monkeypatch.setattr(sending, "written", written)

    assert told(mail) == ["your flight is booked"]
    assert ("pending", "it cannot be written") in ends()


def test_a_server_that_hangs_up_after_the_mail_has_two_copies_of_one_id_at_most(flights, payments, mail):
    a_paid_and_told(flights, payments)
    with a_mail_server() as (inbox, port):
        channel = SmtpMail(MailServer(HOST, port, "none"), sender="noreply@bookings.example.org")
        inbox.does = {"dot": DROP}
        for minutes in (1, 6, 6, 60):
            let_messages_wait(minutes=minutes)
            assert send_messages(channels=Channels(channel), seal=SEAL, deadline=Deadline(5)) == 0

    ids = [email.message_from_bytes(content)["Message-ID"] for _, _, content in inbox.taken]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert ends()[-1] == ("unknown", "hung up")


def test_a_server_that_is_back_gets_what_has_waited(flights, payments, mail):
    for _ in range(6):
        a_paid_and_told(flights, payments)
    let_messages_wait(seconds=6)
    port = free_port()
    channel = SmtpMail(MailServer(HOST, port, "none"), sender="noreply@bookings.example.org")
    assert send_messages(channels=Channels(channel), seal=SEAL, deadline=Deadline(5)) == 0
    assert "connection refused" in {why for _, why in ends()}

    let_messages_wait(seconds=31)
    with a_mail_server() as (inbox, port):
        channel = SmtpMail(MailServer(HOST, port, "none"), sender="noreply@bookings.example.org")
        assert send_messages(channels=Channels(channel), seal=SEAL, deadline=Deadline(10)) == 6
        assert len({email.message_from_bytes(content)["Message-ID"] for _, _, content in inbox.taken}) == 6
