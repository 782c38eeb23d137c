"""
A worker is killed (SIGKILL) while it sends a mail or an SMS: a mail comes at most twice, with one id, an SMS once.

Real processes, a mail server and a stand-in for Twilio that outlive them. ROUNDS=20 does each twenty times.
"""

import email
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bookings.deadline import Deadline
from bookings.gateways.messages.smtp import MailServer, SmtpMail
from bookings.models import Booking, Message
from bookings.ports.messages import Channels
from bookings.services.messages import outgoing
from bookings.services.messages.send import send_messages
from devtools.processes import HOST
from tests.crashes.world import SIGKILLED, World
from tests.races.guards import rounds
from tests.support.announcements import announce
from tests.support.bookings import a_booked_booking
from tests.support.messages import SENDER, give_contact, let_messages_wait
from tests.support.smtp import Inbox, a_mail_server
from tests.support.twilio import Twilio, a_twilio
from tests.support.webhooks import SEAL

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

# What is left of a message in the end, and how often it came, when its sender died at a point.
OF_A_MAIL = {
    "message.claim": ("sent", 1),
    "mail.sent": ("sent", 2),
    "mail.answered": ("sent", 2),
    "message.record": ("sent", 1),
}
OF_AN_SMS = {
    "message.claim": ("unknown", 0),
    "sms.sent": ("unknown", 1),
    "sms.answered": ("unknown", 1),
    "message.record": ("sent", 1),
}


@dataclass
class Post:
    """Who carries messages, and outlives those that hand them over."""

    inbox: Inbox
    mail_port: int
    twilio: Twilio

    def copies(self) -> Counter[str]:
        """Count the mails that came, by their ids."""
        return Counter(email.message_from_bytes(content)["Message-ID"] for _, _, content in self.inbox.taken)

    def posts(self) -> Counter[str]:
        """Count the requests that came for SMS, by their texts, which name a booking."""
        return Counter(form["Body"] for form in self.twilio.forms)


@pytest.fixture
def post(settings) -> Iterator[Post]:
    settings.MAIL_SERVER, settings.MAIL_FROM, settings.SMS_SERVICE = "folder:", SENDER, "folder:"
    with a_mail_server() as (inbox, port), a_twilio() as twilio:
        yield Post(inbox, port, twilio)


# One traveler is sent twenty messages in a day.
_travelers = itertools.count(1)


def dies(world: World, post: Post, point: str, *, by_sms: bool = False) -> Booking:
    """Let a worker die at a point while it tells the traveler of a booking that it is paid."""
    booking = a_booked_booking(world.flights, world.payments)
    number = next(_travelers)
    give_contact(booking, f"traveler{number}@example.org", phone=f"+491510{number:06}" if by_sms else "")
    announce()
    let_messages_wait(seconds=6)
    code = world.mortals.live(point=point, act="send messages", mail_port=post.mail_port, sms_url=post.twilio.url)
    assert code == SIGKILLED
    return booking


def recover(post: Post) -> None:
    """Let other workers come by until nothing is left to do."""
    mail = SmtpMail(MailServer(HOST, post.mail_port, "none"), sender=SENDER)
    for minutes in (0.1, 6, 6, 60):
        let_messages_wait(minutes=minutes)
        send_messages(channels=Channels(mail, post.twilio.channel()), seal=SEAL, deadline=Deadline(10))


def left(booking: Booking, channel: str) -> str:
    about = {"announcement__booking": booking, "announcement__type": "booking.paid"}
    return Message.objects.get(channel=channel, **about).state


def test_a_worker_that_dies_once_an_sms_and_a_mail_have_left_repeats_the_mail_alone(world, post):
    first, second = dies(world, post, "sms.sent", by_sms=True), dies(world, post, "mail.sent")
    recover(post)

    assert (left(first, "sms"), left(first, "mail"), left(second, "mail")) == ("unknown", "sent", "sent")
    assert list(post.posts().values()) == [1]
    assert sorted(post.copies().values()) == [1, 2]


@pytest.mark.slow
def test_a_mail_comes_at_most_twice_with_one_id_wherever_its_sender_dies(world, post):
    for point, (state, times) in OF_A_MAIL.items():
        for _ in rounds(1):
            post.inbox.taken.clear()
            booking = dies(world, post, point)
            recover(post)

            assert (point, left(booking, "mail"), list(post.copies().values())) == (point, state, [times])


@pytest.mark.slow
def test_an_sms_comes_at_most_once_wherever_its_sender_dies(world, post):
    for point, (state, times) in OF_AN_SMS.items():
        for _ in rounds(1):
            post.twilio.forms.clear()
            booking = dies(world, post, point, by_sms=True)
            recover(post)

            assert (point, left(booking, "sms"), len(post.twilio.forms)) == (point, state, times)
            assert left(booking, "mail") == "sent"


@pytest.mark.slow
def test_twin_that_repeats_an_sms_sends_it_twice(world, post, monkeypatch):
    monkeypatch.setattr(outgoing, "MOST_UNKNOWNS", {"mail": 2, "sms": 2})
    dies(world, post, "sms.sent", by_sms=True)
    recover(post)

    assert list(post.posts().values()) == [2]
