"""Travelers who want it are told what is urgent by SMS too: once, whatever happens, and never after they said STOP."""

import uuid

import pytest

from bookings.deadline import Deadline
from bookings.lifecycle import CancelReason
from bookings.models import Contact, Message, SuppressedAddress
from bookings.ports import NotSent, Unknown
from bookings.ports.messages import Channels, Refused, Sent
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.messages.claim import claim_message, record
from bookings.services.messages.reseal import reseal_contacts
from bookings.services.messages.send import send_messages
from bookings.services.shared.sealing import Seal
from tests.support.announcements import announce
from tests.support.bookings import STAFF, a_booked_booking, an_initiated_booking, let_time_pass
from tests.support.messages import EMAIL, PHONE, FakeMail, give_contact, let_messages_wait, send_due
from tests.support.twilio import NUMBER, a_twilio
from tests.support.webhooks import SEAL
from tests.support.wire import HANG_UP

pytestmark = pytest.mark.django_db(transaction=True)


def a_paid_and_told(flights, payments, **given):
    booking = a_booked_booking(flights, payments)
    give_contact(booking, **{"phone": PHONE, **given})
    announce()
    return booking


def ends(channel="sms"):
    return list(Message.objects.filter(channel=channel).order_by("pk").values_list("state", "last_error"))


def told(mail, sms):
    announce()
    let_messages_wait(seconds=6)
    send_due(mail, sms)


def test_a_traveler_who_wants_it_is_told_by_sms_of_what_is_urgent(flights, payments, mail, sms):
    booking = a_paid_and_told(flights, payments, language="de")
    told(mail, sms)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FLIGHT_CANCELLED)
    told(mail, sms)

    paid, cancelled = sms.came
    assert (paid.to, cancelled.to) == (PHONE, PHONE)
    assert paid.text.startswith(f"{booking.reference}: Flug 1 ist gebucht.")
    assert cancelled.text.startswith(f"{booking.reference}: Die Airline hat Flug 1 gestrichen.")
    assert [each.key for each in sms.came] == [each.key for each in mail.mails][-2:]
    assert set(ends()) == {("sent", "")}


def test_only_those_hear_by_sms_who_want_it_where_it_is_sent_and_of_nothing_else(
    flights, payments, mail, sms, settings
):
    without, other = a_paid_and_told(flights, payments, phone=""), a_paid_and_told(flights, payments)
    cancel_booking(booking_id=other.pk, actor=STAFF, reason=CancelReason.CUSTOMER_REQUEST)
    told(mail, sms)
    settings.SMS_SERVICE = ""
    a_paid_and_told(flights, payments)
    told(mail, sms)

    assert sms.came == []
    assert ends() == [("skipped", "no longer so")]
    assert Contact.objects.get(pk=without.pk).phone_mark == ""
    assert len(mail.mails) == 3


def test_a_reminder_by_sms_is_for_who_wants_both(flights, mail, sms):
    for phone, reminds in ((PHONE, True), ("+4915100000002", False), ("", True)):
        give_contact(an_initiated_booking(flights), phone=phone, wants_reminders=reminds)
    told(mail, sms)
    let_time_pass(minutes=11)
    told(mail, sms)

    assert [each.to for each in sms.came] == [PHONE]
    assert "is not paid for yet. Pay until" in sms.came[0].text


def test_an_sms_of_unknown_outcome_is_never_repeated(flights, payments, mail, sms):
    a_paid_and_told(flights, payments)
    sms.says(Unknown("answer too slow"))
    for minutes in (1, 6, 60, 600):
        let_messages_wait(minutes=minutes)
        send_due(mail, sms)

    assert len(sms.came) == 1
    assert ends() == [("unknown", "answer too slow")]


def test_what_died_while_it_sent_an_sms_leaves_it_unknown(flights, payments, mail, sms):
    a_paid_and_told(flights, payments)
    let_messages_wait(seconds=6)
    paid = Message.objects.get(channel="sms")
    died = claim_message(paid.pk, lease=uuid.uuid4(), seal=SEAL)
    let_messages_wait(minutes=5)
    send_due(mail, sms)

    assert sms.came == []
    assert ends() == [("unknown", "what sent it has died, or the answer was lost")]
    record(died, NotSent("connection refused"))
    assert ends() == [("unknown", "what sent it has died, or the answer was lost")]
    record(died, Sent("SM1"))
    assert ends() == [("sent", "")]
    assert PHONE not in repr(died)


def test_an_sms_that_was_provably_not_sent_waits_and_goes_out_once(flights, payments, mail, sms):
    a_paid_and_told(flights, payments)
    sms.says(NotSent("answered 429 (20429)"), NotSent("connection refused"))
    for seconds in (6, 31, 121, 601):
        let_messages_wait(seconds=seconds)
        send_due(mail, sms)

    assert len(sms.came) == 3
    assert ends() == [("sent", "")]


def test_a_service_for_sms_that_is_silent_keeps_no_mail_waiting(flights, payments, mail, sms):
    for number in range(5):
        a_paid_and_told(flights, payments, phone=f"+491510000001{number}", email=f"t{number}@example.org")
    sms.says(*[Unknown("answer too slow")] * 5)
    told(mail, sms)

    # After a first few that hear nothing the others wait for the next task.
    assert len(sms.came) == 4
    assert len(mail.mails) == 5
    assert send_messages(channels=Channels(mail), seal=SEAL, deadline=Deadline(5)) == 0
    assert ends()[-1] == ("pending", "SMS_URL names no one who sends SMS")


def test_who_says_stop_is_sent_no_sms_for_good_and_mails_go_on(flights, payments, mail, sms):
    a_paid_and_told(flights, payments)
    sms.says(Refused("answered 400 (21610): STOP", is_for_good=True))
    told(mail, sms)
    a_paid_and_told(flights, payments)
    told(mail, sms)

    assert ends() == [("refused", "answered 400 (21610): STOP"), ("skipped", "the address takes nothing")]
    assert list(SuppressedAddress.objects.values_list("channel", "until")) == [("sms", None)]
    assert set(ends("mail")) == {("sent", ""), ("skipped", "no longer so")}


def test_a_number_and_an_address_are_each_sent_so_many_in_a_day(flights, payments, mail, sms, monkeypatch):
    monkeypatch.setattr("bookings.services.messages.claim.MOST_IN_A_DAY", 2)
    for number in range(3):
        a_paid_and_told(flights, payments, email=f"t{number}@example.org")
    told(mail, sms)

    assert len(sms.came) == 2
    assert sorted(ends()) == [("sent", "")] * 2 + [("skipped", "the address was sent 2 in a day")]
    assert len(mail.mails) == 3


def test_a_number_that_is_withdrawn_is_sent_nothing_and_a_new_key_marks_it_anew(flights, payments, mail, sms):
    booking, kept = a_paid_and_told(flights, payments), a_paid_and_told(flights, payments)
    give_contact(booking)
    before = Contact.objects.get(pk=kept.pk)
    new = Seal([bytes(range(32, 64)), bytes(range(32))])
    assert reseal_contacts(seal=new) == 2
    after = Contact.objects.get(pk=kept.pk)
    let_messages_wait(seconds=6)
    send_messages(channels=Channels(mail, sms), seal=new, deadline=Deadline(5))

    assert before.phone_mark != after.phone_mark
    assert len(after.phone_mark) == 64
    assert Contact.objects.get(pk=booking.pk).phone_mark == ""
    assert sorted(ends()) == [("sent", ""), ("skipped", "there is no such contact")]
    assert PHONE.encode() not in bytes(after.sealed)


def test_a_service_that_hangs_up_has_one_request(flights, payments, sms):
    a_paid_and_told(flights, payments, email=EMAIL)
    with a_twilio() as twilio:
        twilio.planned = [HANG_UP]
        for minutes in (1, 6, 60):
            let_messages_wait(minutes=minutes)
            send_messages(channels=Channels(FakeMail(), twilio.channel()), seal=SEAL, deadline=Deadline(5))

    assert [(form["To"], form["From"]) for form in twilio.forms] == [(PHONE, NUMBER)]
    assert ends() == [("unknown", "hung up without an answer")]
