"""Staff have a message sent once more: as a new one, while it is so, and never to fill a mailbox."""

import uuid

import pytest

from bookings.actor import Actor, ActorKind
from bookings.errors import MessageNotFound, NotSentOnceMore, UserMismatch
from bookings.lifecycle import CancelReason
from bookings.models import BookingEvent, Contact, Message
from bookings.ports import Unknown
from bookings.ports.messages import Refused
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.messages import contacts
from bookings.services.messages.again import send_once_more
from bookings.services.messages.contacts import erase_contact, erase_contacts_of
from bookings.services.shared.sealing import Seal
from tests.support.announcements import announce
from tests.support.bookings import STAFF, a_booked_booking, an_initiated_booking, let_time_pass
from tests.support.messages import FakeSms, ends, give_contact, let_messages_wait, send_due
from tests.support.webhooks import SEAL

TAKES_NOTHING = "The address takes nothing: it was refused within 30 days, or its owner has said STOP."

pytestmark = pytest.mark.django_db(transaction=True)


def a_paid_and_told(flights, payments, mail, email="ada@example.org"):
    """Make a booking whose traveler was sent the mail about its payment, and give that message too."""
    booking = a_booked_booking(flights, payments)
    give_contact(booking, email)
    announce()
    let_messages_wait(seconds=6)
    send_due(mail)
    return booking, Message.objects.filter(announcement__booking=booking).latest("pk")


def again(booking, message, *, key="", seal=SEAL, why="never came"):
    send_once_more(
        booking_id=booking.pk,
        message_id=message.pk,
        actor=STAFF,
        why=why,
        action_key=key or uuid.uuid4().hex,
        seal=seal,
    )


def refusal(booking, message, **given):
    with pytest.raises(NotSentOnceMore) as refused:
        again(booking, message, **given)
    return refused.value.explanation


def recorded(booking):
    rows = BookingEvent.objects.filter(booking=booking, what__in=["contact_erased", "message_repeated"])
    return list(rows.order_by("pk").values_list("what", "actor_name", "note"))


def test_a_message_is_sent_once_more_under_an_id_of_its_own_and_once_for_each_page(flights, payments, mail):
    booking, first = a_paid_and_told(flights, payments, mail)
    for _ in range(2):
        again(booking, first, key="page-1")
    assert refusal(booking, first) == "It waits to be sent already."
    send_due(mail)

    keys = [each.key for each in mail.mails]
    assert keys == [keys[0], f"{keys[0]}.1"]
    assert [each.subject for each in mail.mails] == [mail.mails[0].subject] * 2
    assert recorded(booking) == [("message_repeated", STAFF.name, "never came")]
    rows = Message.objects.filter(announcement=first.announcement_id).order_by("pk")
    assert list(rows.values_list("state", "repeat")) == [("sent", 0), ("sent", 1)]


def test_an_unknown_one_is_sent_however_old_its_news_and_three_times_at_most(flights, payments, mail):
    mail.says(Unknown("timed out"))
    booking, first = a_paid_and_told(flights, payments, mail)
    mail.says(Unknown("timed out"))
    let_messages_wait(minutes=6)
    send_due(mail)
    let_messages_wait(days=5)
    for _ in range(3):
        again(booking, first)
        send_due(mail)

    assert refusal(booking, first) == "It was sent once more 3 times already."
    assert len(mail.mails) == 5
    assert [state for state, _ in ends()] == ["skipped", "unknown", *["sent"] * 3]


def test_what_is_not_so_any_more_is_not_sent_then_either(flights, payments, mail):
    booking, paid = a_paid_and_told(flights, payments, mail)
    held = an_initiated_booking(flights)
    give_contact(held, "eve@example.org")
    announce()
    let_messages_wait(seconds=6)
    send_due(mail)
    again(booking, paid)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    send_due(mail)
    let_time_pass(minutes=16)

    assert ends()[-1] == ("skipped", "no longer so")
    assert refusal(booking, paid) == "What it says is not so any more."
    assert refusal(held, Message.objects.get(announcement__booking=held)) == "What it says is not so any more."
    assert len(mail.mails) == 2


def test_it_counts_among_those_of_a_day(flights, payments, mail, monkeypatch):
    monkeypatch.setattr("bookings.services.messages.claim.MOST_IN_A_DAY", 2)
    booking, first = a_paid_and_told(flights, payments, mail)
    for _ in range(2):
        again(booking, first)
        send_due(mail)

    assert len(mail.mails) == 2
    assert ends()[-1] == ("skipped", "the address was sent 2 in a day")


def test_it_says_what_is_in_the_way(flights, payments, mail, settings):
    mail.says(Refused("RCPT: 550 5.1.1 no"))
    booking, first = a_paid_and_told(flights, payments, mail)
    assert refusal(booking, first) == TAKES_NOTHING
    assert refusal(booking, first, seal=Seal([bytes(32)])) == "No key of this installation opens the address."
    give_contact(booking, "eve@example.org")
    again(booking, first)
    send_due(mail)
    assert mail.mails[-1].to == "eve@example.org"

    erase_contact(booking_id=booking.pk, actor=STAFF)
    assert refusal(booking, first) == "No contact is kept of this booking."
    other = an_initiated_booking(flights)
    with pytest.raises(MessageNotFound):
        again(other, first)
    settings.MAIL_SERVER = ""
    assert refusal(booking, first) == "Nothing is sent here in this way."


def test_an_sms_too_is_sent_once_more_while_there_is_a_number(flights, payments, mail, settings):
    settings.SMS_SERVICE, sms = "folder:", FakeSms(Unknown("timed out"))
    booking = a_booked_booking(flights, payments)
    give_contact(booking, phone="+4915123456789")
    announce()
    let_messages_wait(seconds=6)
    send_due(mail, sms)
    lost = Message.objects.get(channel="sms")
    again(booking, lost)
    send_due(mail, sms)

    first, second = sms.came
    assert (second.to, second.key) == (first.to, f"{first.key}.1")
    assert [*Message.objects.filter(channel="sms").order_by("pk").values_list("state", flat=True)] == [
        "unknown",
        "sent",
    ]
    assert len(mail.mails) == 1
    give_contact(booking)
    assert refusal(booking, lost) == "The contact has no number any more."
    settings.SMS_SERVICE = ""
    assert refusal(booking, lost) == "Nothing is sent here in this way."


def test_who_erased_a_contact_and_why_is_on_record_and_nothing_is_sent_afterwards(flights, payments, mail):
    booking, first = a_paid_and_told(flights, payments, mail)
    again(booking, first)

    assert erase_contact(booking_id=booking.pk, actor=STAFF, why="asked by phone")
    assert not erase_contact(booking_id=booking.pk, actor=STAFF, why="asked twice")
    assert send_due(mail) == 0
    assert ends()[-1] == ("skipped", "the contact was erased")
    erased = ("contact_erased", STAFF.name, "asked by phone")
    assert recorded(booking) == [("message_repeated", STAFF.name, "never came"), erased]


def test_all_contacts_of_a_user_are_erased_in_steps_each_on_record(flights, payments, mail, monkeypatch):
    monkeypatch.setattr(contacts, "ERASED_AT_ONCE", 2)
    mine = [an_initiated_booking(flights, user_id=7) for _ in range(5)]
    other = an_initiated_booking(flights, user_id=8)
    for booking in (*mine, other):
        give_contact(booking, f"canary{booking.pk}@example.org")
    announce()
    service = Actor(ActorKind.SERVICE, "accounts")

    with pytest.raises(UserMismatch):
        erase_contacts_of(user_id=7, actor=Actor(ActorKind.CUSTOMER, "8", user_id=8))
    assert Contact.objects.count() == 6
    assert [erase_contacts_of(user_id=7, actor=service) for _ in range(2)] == [5, 0]
    assert list(Contact.objects.values_list("pk", flat=True)) == [other.pk]
    assert [recorded(booking) for booking in mine] == [[("contact_erased", "accounts", "")]] * 5
    let_messages_wait(seconds=6)
    send_due(mail)
    assert [each.to for each in mail.mails] == [f"canary{other.pk}@example.org"]
