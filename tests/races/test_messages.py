"""Processes that send mail beside each other, and beside who erases a contact: each mail is sent by one of them."""

import threading
import uuid
from collections import Counter
from functools import partial

import pytest

from bookings.db.transactions import in_transaction
from bookings.models import Contact, Message
from bookings.services.messages import claim as claiming
from bookings.services.messages.claim import claim_message
from bookings.services.messages.contacts import erase_contact
from bookings.services.messages.fan_out import fan_out
from tests.races.crowd import all_at_once
from tests.races.guards import forget_everything, rounds, without_row_locks
from tests.support.bookings import STAFF
from tests.support.messages import FakeMail, give_contact, send_due
from tests.support.webhooks import SEAL, announcements

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

SENDERS = 4


@pytest.fixture
def mail(settings) -> FakeMail:
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    return FakeMail()


def to_send(count: int) -> list[Message]:
    """Write so many messages about holds, of so many bookings with a contact each, all of them due."""
    told = announcements(count, bookings=count)
    for number, each in enumerate(told):
        give_contact(each.booking, f"traveler{number}@example.org")
    fan_out(told, told[0].created_at)
    Message.objects.update(next_at=told[0].created_at)
    return list(Message.objects.order_by("pk"))


@pytest.mark.slow
def test_four_processes_at_once_send_each_mail_once(mail):
    messages = to_send(40)

    outcomes = all_at_once([partial(send_due, mail)] * SENDERS)
    send_due(mail)

    assert [each for each in outcomes if isinstance(each, Exception)] == []
    assert Counter(each.to for each in mail.mails) == {f"traveler{number}@example.org": 1 for number in range(40)}
    assert set(Message.objects.values_list("state", "claims")) == {("sent", 1)}
    assert len(messages) == 40


def claims_of(message: Message, claim) -> int:
    claims = all_at_once([lambda: claim(message.pk, lease=uuid.uuid4(), seal=SEAL)] * SENDERS)
    assert [each for each in claims if isinstance(each, Exception)] == []
    return sum(each is not None for each in claims)


def test_one_of_many_claims_gets_a_message(mail):
    (message,) = to_send(1)
    for _ in rounds(3):
        Message.objects.update(lease=None, unknowns=0, next_at=message.created_at)

        assert claims_of(message, claim_message) == 1


def test_twin_that_claims_without_a_lock_sends_twice(mail, monkeypatch):
    (message,) = to_send(1)
    gate = threading.Barrier(SENDERS, timeout=10)

    usual = claiming._why_not

    def once_all_have_read(*given):
        gate.wait()
        return usual(*given)

    without_row_locks(monkeypatch)
    monkeypatch.setattr(claiming, "_why_not", once_all_have_read)

    assert claims_of(message, claim_message) == SENDERS


def test_once_a_contact_is_erased_no_sending_begins(mail):
    for _ in rounds(5):
        (message,) = to_send(1)
        erased_at: list[bool] = []

        def erase(message=message, erased_at=erased_at):
            erase_contact(booking_id=message.announcement.booking_id, actor=STAFF)
            erased_at.append(True)

        def claim(message=message, erased_at=erased_at):
            was_erased = bool(erased_at)
            claimed = claim_message(message.pk, lease=uuid.uuid4(), seal=SEAL)
            return was_erased and claimed is not None

        outcomes = all_at_once([erase, *[claim] * 3])

        assert [each for each in outcomes if each] == []
        assert not Contact.objects.filter(pk=message.announcement.booking_id).exists()
        assert claim_message(message.pk, lease=uuid.uuid4(), seal=SEAL) is None
        forget_everything()


def test_a_claim_waits_for_who_erases_the_contact(mail):
    (message,) = to_send(1)
    is_locked, may_end, found = threading.Event(), threading.Event(), []

    @in_transaction("contact.erase")
    def erase_slowly():
        Contact.objects.select_for_update().get(pk=message.announcement.booking_id).delete()
        is_locked.set()
        may_end.wait(10)

    def claim():
        is_locked.wait(10)
        found.append("asked")
        return claim_message(message.pk, lease=uuid.uuid4(), seal=SEAL)

    def let_go():
        is_locked.wait(10)
        while not found:
            may_end.wait(0.01)
        may_end.set()

    outcomes = all_at_once([erase_slowly, claim, let_go])

    assert outcomes == [None, None, None]
    message.refresh_from_db()
    assert (message.state, message.last_error) == ("skipped", "there is no such contact")


def claimed_while_it_is_erased(message, monkeypatch) -> tuple[bool, bool]:
    """Let a claim that has read the contact wait for who erases it; tell whether it then sends, to an erased one."""
    has_read, is_erased, usual = threading.Event(), threading.Event(), claiming._why_not
    was_erased = []

    def why_not(*given):
        has_read.set()
        was_erased.append(is_erased.wait(0.5))
        return usual(*given)

    def erase():
        has_read.wait(10)
        erase_contact(booking_id=message.announcement.booking_id, actor=STAFF)
        is_erased.set()

    monkeypatch.setattr(claiming, "_why_not", why_not)
    claim = partial(claim_message, message.pk, lease=uuid.uuid4(), seal=SEAL)
    _, claimed = all_at_once([erase, claim])
    return claimed is not None, was_erased[0]


def test_a_claim_that_has_read_an_address_is_over_before_that_is_erased(mail, monkeypatch):
    (message,) = to_send(1)

    assert claimed_while_it_is_erased(message, monkeypatch) == (True, False)
    assert not Contact.objects.exists()


def test_twin_that_claims_without_a_lock_begins_to_send_to_an_erased_contact(mail, monkeypatch):
    (message,) = to_send(1)
    without_row_locks(monkeypatch)

    assert claimed_while_it_is_erased(message, monkeypatch) == (True, True)
