"""The page that shows a developer the mails and SMS that were not sent."""

import runpy

import pytest
from django.test import RequestFactory

import bookingsite.urls
from bookings.gateways.messages.folder import FolderMail, FolderSms
from bookings.ports.messages import Mail, Sms
from bookingsite.web.dev_mail import inbox


def page(settings, folder):
    settings.MAIL_FOLDER = folder
    return inbox(RequestFactory().get("/dev/mail")).content.decode()


def test_the_newest_mails_are_shown_as_text(settings, tmp_path):
    assert "There is none yet" in page(settings, tmp_path)
    channel = FolderMail(tmp_path, sender="bookings@example.org")
    channel.send(
        Mail(
            "evt_1",
            "ada@example.org",
            "en",
            "ABCD1234: Ihre Plätze sind reserviert, bis Sie zahlen",
            "<b>text",
            "<p>h",
            "BEGIN:VCALENDAR",
        ),
        seconds=1,
    )
    channel.send(Mail("evt_2", "eve@example.org", "en", "other", "t", "<p>h"), seconds=1)
    FolderSms(tmp_path).send(Sms("evt/3", "+4915123456789", "Ihr Flug <b>"), seconds=1)

    shown = page(settings, tmp_path)
    assert "To +4915123456789, in evt_3.sms" in shown
    assert "<pre>Ihr Flug &lt;b&gt;" in shown
    assert "<h2>ABCD1234: Ihre Plätze sind reserviert, bis Sie zahlen</h2>" in shown
    assert "&lt;b&gt;text" in shown
    assert shown.count("BEGIN:VCALENDAR") == 1
    assert "To eve@example.org, in evt_2.eml" in shown


@pytest.mark.parametrize("debug", [True, False])
def test_it_is_for_development_alone(settings, debug):
    settings.DEBUG = debug
    addresses = runpy.run_path(bookingsite.urls.__file__)["urlpatterns"]
    assert ("dev/mail" in [str(each.pattern) for each in addresses]) is debug
