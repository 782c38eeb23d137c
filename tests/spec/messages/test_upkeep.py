"""What the worker does with messages beside sending them: it is woken, measures, and erases what is old."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from bookings import tasks, wiring
from bookings.conf import contact_retention
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.lifecycle import News
from bookings.models import Announcement, Booking, Contact, Message, SuppressedAddress
from bookings.observability import gauges
from bookings.queries.messages import is_message_due
from bookings.services.messages.fan_out import fan_out
from bookings.services.messages.rules import erase_at
from bookings.services.upkeep.reap import reap_old_rows
from tests.support.announcements import announce
from tests.support.bookings import a_booked_booking, an_initiated_booking, let_time_pass, one_pass
from tests.support.messages import a_told, give_contact, send_due
from tests.support.webhooks import SEAL, announcements

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def a_message(**columns) -> Message:
    (told,) = announcements(1)
    give_contact(told.booking)
    fan_out([told], told.created_at)
    Message.objects.update(**columns)
    return Message.objects.get()


def numbers() -> dict[str, float]:
    known = {name: values[0][1] for name, _, values in gauges.numbers() if name.startswith(("messages_", "contacts_"))}
    return {name: round(number, -1) for name, number in known.items()}


def reap() -> None:
    reap_old_rows(deadline=Deadline(20))


def test_the_task_sends_what_is_due_and_nothing_where_no_mail_is_sent(mail, monkeypatch):
    monkeypatch.setattr(wiring, "seal", lambda: SEAL)
    monkeypatch.setattr(wiring, "mail", lambda: None)
    a_message(next_at=F("created_at"))
    assert is_message_due(database_time())
    assert tasks.send_messages() == 0

    monkeypatch.setattr(wiring, "mail", lambda: mail)
    monkeypatch.setattr(wiring, "sms", lambda: None)
    assert tasks.send_messages() == 1
    assert not is_message_due(database_time())


def test_numbers_say_what_waits_and_what_is_kept_too_long(mail):
    assert numbers() == {"messages_oldest_waiting_seconds": 0, "contacts_overdue_seconds": 0}
    a_message(created_at=F("created_at") - timedelta(seconds=100))
    Contact.objects.update(erase_at=database_time() - timedelta(seconds=200))

    assert numbers() == {"messages_oldest_waiting_seconds": 100, "contacts_overdue_seconds": 200}


def test_a_contact_is_erased_on_its_date_and_what_waits_is_skipped(mail):
    a_message(next_at=F("created_at"))
    reap()
    assert Contact.objects.count() == 1

    Contact.objects.update(erase_at=database_time() - timedelta(seconds=1))
    reap()
    assert not Contact.objects.exists()
    assert send_due(mail) == 0
    assert Message.objects.get().last_error == "there is no such contact"


def test_what_was_told_long_ago_goes(mail):
    a_message()
    SuppressedAddress.objects.create(address_mark="a" * 64, why="550", until=database_time() - DAY)
    SuppressedAddress.objects.create(address_mark="b" * 64, channel="sms", why="STOP", until=None)
    for days, left in ((29, 1), (31, 0)):
        long_ago = database_time() - days * DAY
        Message.objects.update(created_at=long_ago)
        QuerySet(Announcement).update(created_at=long_ago)
        reap()
        reap()
        assert (Message.objects.count(), Announcement.objects.count()) == (left, left)
    # Who wants nothing is asked nothing again.
    assert list(SuppressedAddress.objects.values_list("why", flat=True)) == ["STOP"]


def test_a_contact_is_kept_until_after_the_flight_or_the_end(flights, payments, mail, settings):
    settings.CONTACT_RETENTION_DAYS = 7
    paid, unpaid = a_booked_booking(flights, payments), an_initiated_booking(flights)
    for booking in (paid, unpaid):
        give_contact(booking)
    announce()
    let_time_pass(minutes=16)
    one_pass(flights, payments)
    announce()

    def kept(booking):
        return Contact.objects.get(pk=booking.pk).erase_at

    row = Booking.objects.get(pk=paid.pk)
    flies_at = row.departure_at or Announcement.objects.get(booking=row, type="booking.paid").occurred_at + 365 * DAY
    ended = Announcement.objects.get(booking_id=unpaid.pk, type="booking.expired")
    # Its contact was dated before the time passed.
    assert abs(kept(paid) - flies_at - 7 * DAY) < timedelta(hours=1)
    assert kept(unpaid) == ended.occurred_at + 7 * DAY


def test_a_contact_that_comes_after_the_payment_is_kept_until_after_the_flight(flights, payments, mail):
    paid = a_booked_booking(flights, payments)
    announce()
    for departs_at in (None, database_time() + 90 * DAY):
        Contact.objects.all().delete()
        Booking.objects.filter(pk=paid.pk).update(departure_at=departs_at)
        give_contact(paid)
        flies_at = departs_at or database_time() + 365 * DAY
        assert abs(Contact.objects.get().erase_at - flies_at - contact_retention()) < timedelta(minutes=1)


def test_a_refund_dates_the_end_of_a_contact_unless_the_booking_goes_on():
    ended, goes_on = (a_told(News.REFUNDED, status=status, amount=100) for status in ("cancelled", "booked"))
    assert erase_at(ended, kept=DAY) == ended.occurred_at + DAY
    assert erase_at(goes_on, kept=DAY) is None


def test_the_database_refuses_what_cannot_be(mail):
    message = a_message()
    wrong = (
        {"state": "lost"},
        {"channel": "fax"},
        {"next_at": None},
        {"state": "sent", "next_at": None},
        {"ended_at": F("created_at")},
    )
    for columns in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            Message.objects.filter(pk=message.pk).update(**columns)
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.create(announcement=message.announcement, worthless_at=message.worthless_at, next_at=None)
    mark = {"address_mark": "a" * 64, "why": "550", "until": message.created_at}
    SuppressedAddress.objects.create(**mark)
    with pytest.raises(IntegrityError), transaction.atomic():
        SuppressedAddress.objects.create(**mark)
    with pytest.raises(IntegrityError), transaction.atomic():
        SuppressedAddress.objects.create(**{**mark, "address_mark": "b" * 64}, channel="fax")
