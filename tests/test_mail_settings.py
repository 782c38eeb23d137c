"""Settings of mail: what is refused says what to do and shows no password, and what is right is read."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from bookings.gateways.messages.backend import MailBackend
from bookings.gateways.messages.smtp import MailServer
from bookingsite.config import mail

SERVERS = {
    "": "",
    "smtp://mail.example.org": MailServer("mail.example.org", 587, "started"),
    "smtps://a%40b:canary%3A%2F@mail.example.org": MailServer("mail.example.org", 465, "at once", "a@b", "canary:/"),
    "smtp+plain://127.0.0.1:1025": MailServer("127.0.0.1", 1025, "none"),
    "smtp+plain://a:$canary@localhost": MailServer("localhost", 25, "none", "a", "$canary"),
    "smtp://[::1]:2525": MailServer("::1", 2525, "started"),
    "backend:anymail.backends.postmark.EmailBackend": MailBackend("anymail.backends.postmark.EmailBackend"),
}
NO_SERVERS = (
    *("mail.example.org:587", "http://mail.example.org", "smtp://", "smtp://a:canary@", "smtp://user@mail.example.org"),
    *("smtp://:canary@mail.example.org", "smtp://mail.example.org/canary", "smtp://mail.example.org?tls=canary"),
    *("smtp://mail.example.org:0", "smtp://mail.example.org:65536", "smtp://mail.example.org#canary", "folder:"),
    *("smtp://a:canary%0d%0aQUIT@mail.example.org", "smtp://[::1", "smtp://a:can:ary@mail exam.org"),
    *("smtp+plain://a:canary@mail.example.org", "backend:", "backend:EmailBackend", "backend:canary.a b", "backend:.a"),
)
SENDERS = {
    "": "",
    "bookings@Example.org": "bookings@example.org",
    "Flight bookings <bookings@example.org>": "Flight bookings <bookings@example.org>",
    "Dr. Ada & Söhne <bookings@example.org>": '"Dr. Ada & Söhne" <bookings@example.org>',
}
NO_SENDERS = ("bookings", "a@b", "Name <bookings>", "a@example.org, b@example.org", "A\tB <a@example.org>", "<>")


def test_where_mail_is_handed_over(monkeypatch):
    found = {}
    for value in SERVERS:
        monkeypatch.setenv("EMAIL_URL", value)
        found[value] = mail.mail_server("EMAIL_URL", development=False)

    assert found == SERVERS


def test_what_is_no_mail_server_is_refused_and_not_shown(monkeypatch):
    for value in NO_SERVERS:
        monkeypatch.setenv("EMAIL_URL", value)
        with pytest.raises(ImproperlyConfigured) as caught:
            mail.mail_server("EMAIL_URL", development=False)
        assert str(caught.value).startswith("EMAIL_URL "), value
        assert "canary" not in str(caught.value)


def test_mails_are_written_into_a_folder_in_development_alone(monkeypatch):
    monkeypatch.setenv("EMAIL_URL", "folder:")

    assert mail.mail_server("EMAIL_URL", development=True) == mail.FOLDER


def test_who_mail_is_from(monkeypatch):
    found = {}
    for value in SENDERS:
        monkeypatch.setenv("MAIL_FROM", value)
        found[value] = mail.sender("MAIL_FROM")

    assert found == SENDERS


def test_who_mail_cannot_be_from(monkeypatch):
    for value in NO_SENDERS:
        monkeypatch.setenv("MAIL_FROM", value)
        with pytest.raises(ImproperlyConfigured, match="must look like bookings@"):
            mail.sender("MAIL_FROM")


def test_anymail_is_set_by_the_names_that_it_has(monkeypatch):
    monkeypatch.setenv("ANYMAIL_POSTMARK_SERVER_TOKEN", "$canary")

    assert mail.anymail() == {"REQUESTS_TIMEOUT": 15, "POSTMARK_SERVER_TOKEN": "$canary"}


def test_where_operators_are_told(monkeypatch):
    for value, expected in (("", ""), ("ops@Example.org", "ops@example.org")):
        monkeypatch.setenv("OPERATORS_MAIL", value)
        assert mail.address("OPERATORS_MAIL") == expected
    for value in ("ops", "Ops <ops@example.org>", "a@example.org,b@example.org"):
        monkeypatch.setenv("OPERATORS_MAIL", value)
        with pytest.raises(ImproperlyConfigured, match="must look like operators@"):
            mail.address("OPERATORS_MAIL")
