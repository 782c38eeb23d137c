"""How mail is handed over, and what is made of each way in which a server can fail."""

import email
import time
from collections.abc import Iterator
from email.policy import default

import pytest

from bookings.gateways.messages.smtp import MailServer, SmtpMail
from bookings.gateways.webhooks.names import Names
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import Mail, Refused, Sent
from devtools.processes import HOST, free_port
from tests.support.certificates import a_certificate
from tests.support.smtp import DROP, PASSWORD, SILENT, USER, Drip, Inbox, a_mail_server

SENDER = '"Bookings, Ltd." <noreply@bookings.example.org>'
MAIL = Mail(
    key="msg.1",
    to="ada@example.org",
    language="en",
    subject="Your booking ABC 123: plätze",
    text="Hello\n.\nYour seats — all of them.\n..\n" + "long " * 400,
    html="<p>Hello",
    calendar="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
)

# What a server does, and what is made of it. The phases are in their order.
FAULTS = {
    "hangs up at once": ({"greeting": DROP}, NotSent("hung up")),
    "has no time": ({"greeting": "421 4.3.2 later"}, NotSent("greeting: 421 4.3.2 later")),
    "is no mail server": ({"greeting": b"SSH-2.0-OpenSSH\r\n"}, NotSent("greeting: no answer of SMTP")),
    "says too much": ({"EHLO": b"250-more\r\n" * 8_000}, NotSent("hung up")),
    "says a line too long": ({"EHLO": b"250 " + b"a" * 9_000}, NotSent("SMTPResponseException")),
    "does not like to be greeted": ({"EHLO": "550 no"}, NotSent("EHLO: 550 no")),
    "lets this sender wait": ({"MAIL": "451 4.7.1 slowly"}, NotSent("MAIL: 451 4.7.1 slowly")),
    "does not let it send": ({"MAIL": "550 5.7.1 <noreply@bookings.example.org> no"}, NotSent("MAIL: 550 5.7.1 … no")),
    "finds the mail too large": ({"MAIL": "552 5.3.4 too large"}, Mistake("MAIL: 552 5.3.4 too large")),
    "drops at the address": ({"RCPT": DROP}, NotSent("hung up")),
    "knows no such address": ({"RCPT": "550 5.1.1 <ada@example.org> no"}, Refused("RCPT: 550 5.1.1 … no")),
    "says so in a number": ({"RCPT": "550 no"}, Refused("RCPT: 550 no")),
    "has it switched off": ({"RCPT": "554 5.2.1 disabled"}, Refused("RCPT: 554 5.2.1 disabled")),
    "blocks this machine": ({"RCPT": "550 5.7.1 blocked"}, NotSent("RCPT: 550 5.7.1 blocked")),
    "relays nothing": ({"RCPT": "554 relay denied"}, NotSent("RCPT: 554 relay denied")),
    "lets strangers wait": ({"RCPT": "450 4.2.0 greylisted"}, NotSent("RCPT: 450 4.2.0 greylisted")),
    "wants no mail": ({"DATA": "554 5.3.0 none"}, Mistake("DATA: 554 5.3.0 none")),
    "wants none now": ({"DATA": "451 none"}, NotSent("DATA: 451 none")),
    "refuses what it says": ({"dot": "554 5.7.1 spam"}, Mistake("DATA: 554 5.7.1 spam")),
    "looks at the address late": ({"dot": "550 5.1.1 ada@example.org?"}, Refused("DATA: 550 5.1.1 …")),
    "cannot store it now": ({"dot": "452 4.3.1 full"}, NotSent("DATA: 452 4.3.1 full")),
    "drops after the dot": ({"dot": DROP}, Unknown("hung up")),
    "says no SMTP after the dot": ({"dot": b"what?\r\n"}, Unknown("answered -1")),
    "says go on after the dot": ({"dot": "354 go on"}, Unknown("answered 354")),
    "hangs at the good-bye": ({"QUIT": SILENT}, Sent("2.0.0 queued as 4711")),
}  # fmt: skip
# These take the time that they are given.
SLOW = {
    "is silent": ({"greeting": SILENT}, NotSent("timed out")),
    "drips fast": ({"EHLO": Drip(b"250-\r\n" * 10_000, every_seconds=0)}, NotSent("timed out")),
    "drips": ({"EHLO": Drip(b"250 ok" * 1_000, every_seconds=0.05)}, NotSent("timed out")),
    "is silent after the dot": ({"dot": SILENT}, Unknown("timed out")),
}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Inbox, int]]:
    with a_mail_server() as server:
        yield server


@pytest.fixture
def inbox(server: tuple[Inbox, int]) -> Inbox:
    inbox, _ = server
    inbox.does, inbox.taken, inbox.said = {}, [], []
    return inbox


@pytest.fixture
def channel(server: tuple[Inbox, int]) -> SmtpMail:
    return SmtpMail(MailServer(HOST, server[1], "none"), sender=SENDER, reply_to="help@bookings.example.org")


def test_a_mail_arrives_as_it_was_written(inbox, channel):
    assert channel.send(MAIL, seconds=5) == Sent("2.0.0 queued as 4711")
    ((sender, to, content),) = inbox.taken
    read = email.message_from_bytes(content, policy=default)
    text, html, calendar = (part for part in read.walk() if not part.is_multipart())
    assert (sender, to) == ("noreply@bookings.example.org", ["ada@example.org"])
    assert (read["From"], read["To"], read["Subject"]) == (SENDER, MAIL.to, MAIL.subject)
    assert (read["Message-ID"], read["Reply-To"]) == ("<msg.1@bookings.example.org>", "help@bookings.example.org")
    assert (read["Auto-Submitted"], read["Content-Language"]) == ("auto-generated", "en")
    assert text.get_content().splitlines() == MAIL.text.splitlines()
    assert (html.get_content().splitlines(), html.get_content_type()) == ([MAIL.html], "text/html")
    assert (calendar.get_content_type(), calendar.get_param("method")) == ("text/calendar", "PUBLISH")
    assert (calendar.get_filename(), calendar.get_content().splitlines()) == ("flight.ics", MAIL.calendar.splitlines())
    assert content.isascii()
    assert max(map(len, content.splitlines())) < 999


def test_each_fault_has_its_meaning(inbox, channel):
    found = {}
    for name, (does, _) in FAULTS.items():
        inbox.does = does
        found[name] = channel.send(MAIL, seconds=10)

    assert found == {name: outcome for name, (_, outcome) in FAULTS.items()}


def test_a_slow_server_gets_its_time_and_no_more(inbox, channel):
    found, longest = {}, 0.0
    for name, (does, _) in SLOW.items():
        inbox.does, began = does, time.monotonic()
        found[name] = channel.send(MAIL, seconds=0.3)
        longest = max(longest, time.monotonic() - began)

    assert found == {name: outcome for name, (_, outcome) in SLOW.items()}
    assert longest < 2


def test_a_look_up_that_takes_all_the_time_leaves_none_for_the_mail(inbox, channel, monkeypatch):
    def slowly(host, port, *, seconds):
        time.sleep(seconds + 0.01)
        return [host]

    monkeypatch.setattr(channel._names, "addresses", slowly)

    assert channel.send(MAIL, seconds=0.05) == NotSent("timed out")
    assert inbox.taken == []


def test_what_breaks_within_the_mail_was_not_taken_over():
    large = Mail("msg.2", MAIL.to, "en", "s", "a line of it\n" * 30_000, "<p>")

    with a_mail_server(narrow=True) as (inbox, port):
        inbox.does = {"body": DROP}
        assert SmtpMail(MailServer(HOST, port, "none"), sender=SENDER).send(large, seconds=5) == NotSent("hung up")


def test_without_a_server_nothing_is_sent():
    nowhere = {
        HOST: "connection refused",
        "no-such-host.invalid": "no such host",
        "255.255.255.255": "connection broken",
    }
    for host, why in nowhere.items():
        channel = SmtpMail(MailServer(host, free_port(), "started"), sender=SENDER)
        assert channel.send(MAIL, seconds=5) == NotSent(why)
        assert channel.try_out(seconds=5) == NotSent(why)


def test_what_is_no_address_and_what_would_break_a_header_never_leaves(inbox, channel):
    for to in (
        "ada@example.org>\r\nRCPT TO:<b@example.org",
        "ada@example.org> X",
        "ada",
        "äda@example.org",
        "a@b@c.org",
    ):
        assert channel.send(Mail("k", to, "en", "s", "t", "h"), seconds=5) == Refused("not an address")
    assert channel.send(Mail("k", MAIL.to, "en", "s\r\nBcc: b@example.org", "t", "h"), seconds=5) == Mistake(
        "BadHeaderError"
    )
    assert [each for each in inbox.said if not each.startswith("QUIT")] == []  # that one is of the test before


def test_a_server_with_tls_is_trusted_by_its_certificate_alone(tmp_path):
    files = a_certificate(tmp_path, HOST)
    trusted = str(files[0])
    for at_once, tls in ((False, "started"), (True, "at once")):
        with a_mail_server(certificate=files, at_once=at_once) as (inbox, port):
            server = MailServer(HOST, port, tls, USER, PASSWORD)
            wrong = MailServer(HOST, port, tls, USER, "another one")
            stranger = SmtpMail(server, sender=SENDER)

            assert stranger.send(MAIL, seconds=5) == NotSent("certificate not trusted")
            assert inbox.logged_in == []
            assert SmtpMail(server, sender=SENDER, ca_file=trusted).try_out(seconds=5) is None
            assert SmtpMail(server, sender=SENDER, ca_file=trusted).send(MAIL, seconds=5) == Sent(
                "2.0.0 queued as 4711"
            )
            refused = SmtpMail(wrong, sender=SENDER, ca_file=trusted)
            assert refused.send(MAIL, seconds=5) == NotSent("login refused: 535")
            assert len(inbox.taken) == 1
            assert PASSWORD not in repr(server)


def test_each_address_of_a_server_is_tried(inbox, server, channel, monkeypatch):
    monkeypatch.setattr(Names, "addresses", lambda *_, **__: ("127.0.0.2", HOST))

    assert channel.send(MAIL, seconds=5) == Sent("2.0.0 queued as 4711")


def test_a_server_that_offers_no_tls_hears_no_password(inbox, server, tmp_path):
    channel = SmtpMail(MailServer(HOST, server[1], "started", USER, PASSWORD), sender=SENDER)
    assert channel.send(MAIL, seconds=5) == NotSent("no TLS")
    channel = SmtpMail(MailServer(HOST, server[1], "at once", USER, PASSWORD), sender=SENDER)
    assert channel.send(MAIL, seconds=5) == NotSent("no TLS")

    with a_mail_server(certificate=a_certificate(tmp_path, HOST)) as (other, port):
        other.does = {"STARTTLS": "454 4.7.0 not now"}
        channel = SmtpMail(MailServer(HOST, port, "started", USER, PASSWORD), sender=SENDER)
        assert channel.send(MAIL, seconds=5) == NotSent("STARTTLS: 454 4.7.0 not now")
    said = [each.split()[0] for each in (*inbox.said, *other.said)]
    assert [each for each in said if each != "QUIT"] == ["EHLO", "EHLO", "STARTTLS"]


def test_a_server_without_a_way_to_log_in_is_sent_nothing(inbox, server):
    channel = SmtpMail(MailServer(HOST, server[1], "none", USER, PASSWORD), sender=SENDER)

    assert channel.send(MAIL, seconds=5) == NotSent("no way to log in")
    assert inbox.taken == []
