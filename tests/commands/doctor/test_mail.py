"""manage.py doctor: whether mails and SMS would be taken, and addresses can be opened."""

from datetime import timedelta

import pytest
from django.db.models import F

from bookings import wiring
from bookings.gateways.messages.folder import FolderMail, FolderSms
from bookings.gateways.messages.smtp import MailServer, SmtpMail
from bookings.models import Contact, Message
from bookings.services.messages.fan_out import fan_out
from bookings.services.shared.sealing import Seal
from devtools.processes import HOST, free_port
from tests.support.messages import give_contact
from tests.support.twilio import a_twilio
from tests.support.webhooks import SEAL, announcements

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("a_working_worker")]


def wire(monkeypatch, mail, seal=SEAL, sms=None):
    monkeypatch.setattr(wiring, "mail", lambda: mail)
    monkeypatch.setattr(wiring, "sms", lambda: sms)
    monkeypatch.setattr(wiring, "seal", lambda: seal)


def test_without_a_mail_server_that_is_said(run, monkeypatch):
    wire(monkeypatch, None)

    _code, lines = run()

    assert lines["mail"] == ("OK", "EMAIL_URL names no mail server: travelers are told nothing", "")
    assert {"messages", "mail addresses", "sms"} & lines.keys() == set()


def test_a_server_that_does_not_answer_fails(run, monkeypatch):
    wire(monkeypatch, SmtpMail(MailServer(HOST, free_port(), "none"), sender="bookings@example.org"))

    code, lines = run()

    assert code == 1
    assert lines["mail"] == (
        "FAIL",
        "the mail server takes none: connection refused",
        "See EMAIL_URL and MAIL_CA_FILE.",
    )


def test_addresses_that_no_key_opens_and_mails_that_wait(run, monkeypatch, settings, tmp_path):
    settings.MAIL_SERVER = "folder:"
    folder = FolderMail(tmp_path, sender="bookings@example.org")
    told = announcements(2, bookings=2)
    for each in told:
        give_contact(each.booking)
    fan_out(told, told[0].created_at)
    wire(monkeypatch, folder)
    _code, lines = run()
    assert [lines[name][0] for name in ("mail", "mail addresses", "messages", "contacts")] == ["OK"] * 4

    Message.objects.update(created_at=F("created_at") - timedelta(minutes=31))
    wire(monkeypatch, folder, Seal([bytes(range(64, 96))]))
    _code, lines = run()
    assert lines["mail addresses"][:2] == ("FAIL", "SEAL_KEYS does not open 2 addresses of those that were tried")
    assert lines["messages"][:2] == ("WARN", "the oldest has waited for 31 min")
    Contact.objects.update(erase_at=F("created_at") - timedelta(hours=3, minutes=1))
    _code, lines = run()
    assert lines["contacts"][:2] == ("FAIL", "the address of a traveler should have been erased 3 h ago")


def test_a_service_for_sms_that_does_not_know_the_account_fails(run, monkeypatch, tmp_path):
    folder = FolderMail(tmp_path, sender="bookings@example.org")
    found = []
    with a_twilio() as twilio:
        for sms in (None, FolderSms(tmp_path), twilio.channel(), twilio.channel(token="another one")):
            wire(monkeypatch, folder, sms=sms)
            found.append(run()[1]["sms"])
        assert twilio.forms == []

    assert [each[0] for each in found] == ["OK", "OK", "OK", "FAIL"]
    assert found[0][1] == "SMS_URL names no one who sends SMS: travelers are told by mail alone"
    assert found[3] == (
        "FAIL",
        "the service for SMS takes none: answered 401 (20003): see the account and the token of SMS_URL",
        "See SMS_URL and SMS_FROM.",
    )
