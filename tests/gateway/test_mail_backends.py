"""Mail by an e-mail backend of Django, and by one of django-anymail: what is made of what these raise."""

import json
import threading
from types import SimpleNamespace

import pytest
import requests
import responses
from django.core.exceptions import ImproperlyConfigured

from bookings.gateways.messages import backend as backends
from bookings.gateways.messages.backend import BackendMail, MailBackend
from bookings.ports import Mistake, NotSent, Unknown
from bookings.ports.messages import Mail, Refused, Sent

MAIL = Mail("evt_1", "ada@example.org", "de", "Ihre Plätze", "text", "<p>html", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
SENDER = "Bookings <noreply@bookings.example.org>"
POSTMARK, API = "anymail.backends.postmark.EmailBackend", "https://api.postmarkapp.com/email"

NEITHER = "the backend says neither that it was sent nor why not"
TAKEN = {
    "ErrorCode": 0,
    "Message": "OK",
    "MessageID": "1234-abcd",
    "To": MAIL.to,
    "SubmittedAt": "2026-07-01T09:00:00Z",
}


def channel(path=POSTMARK):
    return BackendMail(MailBackend(path), sender=SENDER, reply_to="help@bookings.example.org")


@pytest.fixture
def service(settings):
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "a token", "REQUESTS_TIMEOUT": "2"}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as service:
        yield service


def test_a_mail_goes_to_the_service_that_the_settings_name(service):
    service.post(API, json=TAKEN)

    assert channel().send(MAIL, seconds=5) == Sent("1234-abcd")
    (call,) = service.calls
    said = json.loads(call.request.body)
    assert call.request.headers["X-Postmark-Server-Token"] == "a token"
    assert (said["To"], said["Subject"], said["TextBody"]) == (MAIL.to, MAIL.subject, MAIL.text)
    assert said["ReplyTo"] == "help@bookings.example.org"
    headers = {each["Name"]: each["Value"] for each in said["Headers"]}
    assert headers["Message-ID"] == "<evt_1@bookings.example.org>"
    assert [each["ContentType"].partition(";")[0] for each in said["Attachments"]] == ["text/calendar"]


def test_an_error_with_a_status_is_judged_and_one_without_is_unknown(service):
    inactive = {"ErrorCode": 406, "Message": f"Found inactive addresses: {MAIL.to}. Inactive recipients are known."}
    answers = {
        "no such token": ({"status": 401, "json": {}}, NotSent("answered 401")),
        "too many": ({"status": 429, "json": {}}, NotSent("answered 429")),
        "this mail is wrong": ({"status": 413, "json": {}}, Mistake("answered 413")),
        "a fault": ({"status": 503, "json": {}}, Unknown("answered 503")),
        "too slow": ({"status": 408, "json": {}}, Unknown("answered 408")),
        "an answer that is none": ({"status": 200, "body": "<html>"}, Unknown("answered 200")),
        "no connection": ({"body": requests.ConnectionError()}, Unknown("AnymailRequestsAPIError")),
        "an address that takes nothing": ({"status": 422, "json": inactive}, Refused("AnymailRecipientsRefused")),
        "an address, perhaps": ({"status": 422, "json": {**inactive, "Message": "no"}}, Unknown(NEITHER)),
    }
    found = {}
    for name, (said, _) in answers.items():
        service.reset()
        service.post(API, **said)
        found[name] = channel().send(MAIL, seconds=5)

    assert found == {name: outcome for name, (_, outcome) in answers.items()}


def test_amazon_says_its_status_in_its_own_way(monkeypatch):
    class Throttled(Exception):
        response = {"Error": {"Code": "Throttling"}, "ResponseMetadata": {"HTTPStatusCode": 429}}

    def send(messages):
        raise RuntimeError from Throttled()

    monkeypatch.setattr(backends, "get_connection", lambda path: SimpleNamespace(send_messages=send))

    assert channel("amazon").send(MAIL, seconds=5) == NotSent("answered 429")


def test_what_is_not_set_up_sends_nothing(service):
    for path, why in (
        ("anymail.backends.resend.EmailBackend", "AnymailConfigurationError"),
        ("no.such.Backend", "ModuleNotFoundError"),
        ("anymail.backends.postmark.Other", "ImportError"),
    ):
        assert channel(path).try_out(seconds=5) == NotSent(why)
        assert channel(path).send(MAIL, seconds=5) == NotSent(why)
    assert channel().try_out(seconds=5) is None


def test_any_backend_of_django_is_a_channel(mailoutbox, monkeypatch):
    assert channel("django.core.mail.backends.locmem.EmailBackend").send(MAIL, seconds=5) == Sent()
    assert mailoutbox[0].extra_headers["Message-ID"] == "<evt_1@bookings.example.org>"

    def late(messages):
        raise ImproperlyConfigured

    for sends, outcome in (
        (lambda messages: 0, Unknown(NEITHER)),
        (late, NotSent("ImproperlyConfigured")),
    ):
        monkeypatch.setattr(backends, "get_connection", lambda path, sends=sends: SimpleNamespace(send_messages=sends))
        assert channel("other").send(MAIL, seconds=5) == outcome


def test_a_backend_that_hangs_is_not_waited_for_and_hanging_ones_are_bounded(monkeypatch):
    may_end = threading.Event()
    monkeypatch.setattr(backends, "SENDINGS_AT_ONCE", 1)
    hangs = SimpleNamespace(send_messages=lambda messages: may_end.wait(10))
    monkeypatch.setattr(backends, "get_connection", lambda path: hangs)
    hanging = channel("other")

    assert hanging.send(MAIL, seconds=0.05) == Unknown("timed out")
    assert hanging.send(MAIL, seconds=0.05) == NotSent("too many sendings hang")
    may_end.set()
    assert hanging._places.acquire(timeout=5)
