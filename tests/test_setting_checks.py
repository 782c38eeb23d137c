"""Settings that are each allowed, and together wrong or unsafe: one test for each id, and what it means for a start."""

import re
from pathlib import Path

import pytest
from django.conf import UserSettingsHolder
from django.conf import settings as django_settings
from django.core import checks as django_checks
from django.core.exceptions import ImproperlyConfigured

from bookings.gateways.messages.backend import MailBackend
from bookings.gateways.messages.smtp import MailServer
from bookings.gateways.messages.twilio import TwilioAccount
from bookingsite.config import checks
from devtools.processes import REPOSITORY
from tests.support.twilio import ACCOUNT
from tests.test_start import start

LIVE = {
    "STRIPE_API_KEY": "rk_live_0123456789",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_0123456789",
    "STRIPE_WEBHOOK_SECRETS": ["whsec_0123456789abcdef"],
}
TEST = LIVE | {"STRIPE_API_KEY": "rk_test_0123456789", "STRIPE_PUBLISHABLE_KEY": "pk_test_0123456789"}
MAIL_SERVER = MailServer("mail.example.org", 587, "started")
MAILS = {"MAIL_SERVER": MAIL_SERVER, "MAIL_FROM": "a@example.org", "SEAL_KEYS": [b"k" * 32]}
SMS = TwilioAccount("https://api.twilio.com", ACCOUNT, ACCOUNT, "a token")

# What each is about, in production: settings that bring it about, and the like that do not.
CHECKS = {
    "bookings.E001": ({"JWT_ISSUER": ""}, {"JWT_ISSUER": "", "JWT_SECRETS": [], "JWT_JWKS": ""}),
    "bookings.E002": (
        {"MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT": 9, "MAX_SEATS_PER_BOOKING": 10},
        {"MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT": 0, "MAX_SEATS_PER_BOOKING": 10},
    ),
    "bookings.E003": ({"PAYMENT_GATEWAY": "demo"}, {"PAYMENT_GATEWAY": "demo", "DEBUG": True}),
    "bookings.E004": (
        {"OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "bookings", "OIDC_CLIENT_SECRET": ""},
        {"OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "bookings", "OIDC_CLIENT_SECRET": "secret"},
    ),
    "bookings.E005": (
        {"OIDC_CREATE_ACCOUNTS": True, "OIDC_GROUPS": {}},
        {"OIDC_CREATE_ACCOUNTS": True, "OIDC_GROUPS": {"desk": "Support"}},
    ),
    "bookings.E006": ({"PAYMENT_GATEWAY": "stripe", "STRIPE_API_KEY": ""}, {"PAYMENT_GATEWAY": "stripe", **LIVE}),
    "bookings.E007": ({"DEBUG": True, **LIVE}, {"DEBUG": True, **TEST}),
    "bookings.E008": (
        {"PAYMENT_TEST_MODE": True, **LIVE},
        {"PAYMENT_TEST_MODE": True, **TEST},
    ),
    "bookings.E009": (TEST, {"PAYMENT_TEST_MODE": True, **TEST}),
    "bookings.E010": (
        {"PAYMENT_GATEWAY": "stripe", "DEBUG": True, "CURRENCY": "XXX", **TEST},
        {"PAYMENT_GATEWAY": "stripe", "DEBUG": True, "CURRENCY": "EUR", **TEST},
    ),
    "bookings.E011": (
        {"STRIPE_METHODS": ["card", "ideal"]},
        {"STRIPE_METHODS": ["card", "ideal"], "PAYMENT_RETURN_URL": "https://shop.example.org/back"},
    ),
    "bookings.E012": (
        {"WEBHOOK_PROXY": "http://proxy.example.org:3128", "WEBHOOK_PRIVATE_NETWORKS": ["10.20.0.0/16"]},
        {"WEBHOOK_PROXY": "http://proxy.example.org:3128"},
    ),
    "bookings.E013": (
        {"MAIL_SERVER": MAIL_SERVER, "MAIL_FROM": "", "SEAL_KEYS": [b"k" * 32]},
        {"MAIL_SERVER": "", "MAIL_FROM": ""},
    ),
    "bookings.E014": (
        {**MAILS, "SEAL_KEYS": []},
        MAILS,
    ),
    "bookings.E015": (
        {**MAILS, "MAIL_SERVER": MailBackend("anymail.backends.no_such.EmailBackend")},
        {**MAILS, "MAIL_SERVER": MailBackend("anymail.backends.postmark.EmailBackend")},
    ),
    "bookings.E016": (
        {"SMS_SERVICE": SMS, "SMS_FROM": "Flights"},
        {**MAILS, "SMS_SERVICE": SMS, "SMS_FROM": "Flights"},
    ),
    "bookings.E017": (
        {**MAILS, "SMS_SERVICE": SMS, "SMS_FROM": ""},
        {**MAILS, "SMS_SERVICE": "folder:", "SMS_FROM": ""},
    ),
    "bookings.W001": (
        {"FLIGHT_SERVICE_URL": "http://flights.example.org"},
        {"FLIGHT_SERVICE_URL": "http://flights.example.org", "FLIGHT_SERVICE_PLAINTEXT_HOST": "flights.example.org"},
    ),
    "bookings.W002": ({"API_AUTH": "open"}, {"API_AUTH": "token"}),
    "bookings.W004": ({"PROXY_HOPS": 0}, {"PROXY_HOPS": 0, "SECURE_SSL_REDIRECT": False}),
    "bookings.W005": (
        {"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}},
        {"DATABASES": {"default": {"ENGINE": "bookingsite.mysql"}}},
    ),
    "bookings.W006": ({"PAYMENT_GATEWAY": "instant"}, {"PAYMENT_GATEWAY": "instant", "DEBUG": True}),
    "bookings.W008": (
        {"MAIL_SERVER": MailServer("mail.example.org", 25, "none")},
        {"MAIL_SERVER": MailServer("127.0.0.1", 25, "none")},
    ),
    "bookings.W007": ({"PAYMENT_TEST_MODE": True, **TEST}, LIVE),
}


@pytest.fixture
def production(settings):
    """Settings of production that nothing is said of."""
    settings.DEBUG, settings.SECURE_SSL_REDIRECT, settings.PROXY_HOPS = False, True, 1
    settings.JWT_SECRETS, settings.JWT_ISSUER = ["a secret"], "https://users.example.org"
    settings.API_AUTH, settings.FLIGHT_SERVICE_URL = "token", "https://flights.example.org"
    settings.PAYMENT_GATEWAY = "stripe"
    for name, value in LIVE.items():
        setattr(settings, name, value)
    return settings


def patch(monkeypatch, **values):
    """Let the checks see these settings over all others; those that other code sees stay as they are."""
    over = UserSettingsHolder(django_settings._wrapped)
    for name, value in values.items():
        setattr(over, name, value)
    monkeypatch.setattr(checks, "settings", over)


def found():
    return {message.id: message for message in [*checks.wrong_together(), *checks.unsafe(), *checks.unwise()]}


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_wrong_or_unsafe_is_said_with_what_to_do(production, monkeypatch, check):
    wrong, _right = CHECKS[check]
    patch(monkeypatch, **wrong)

    message = found()[check]
    assert message.hint
    assert message.is_serious() is check.startswith("bookings.E")


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_like_it_and_right_is_not(production, monkeypatch, check):
    _wrong, right = CHECKS[check]
    patch(monkeypatch, **right)

    assert check not in found()


def test_development_is_told_only_what_is_wrong(production):
    production.DEBUG, production.API_AUTH, production.PROXY_HOPS = True, "open", 0
    production.JWT_ISSUER, production.PAYMENT_GATEWAY = "", "instant"
    for name, value in TEST.items():
        setattr(production, name, value)

    assert list(found()) == ["bookings.E001"]


def test_keys_of_two_modes_are_mixed(production, monkeypatch):
    patch(monkeypatch, STRIPE_PUBLISHABLE_KEY=TEST["STRIPE_PUBLISHABLE_KEY"])

    assert "bookings.E008" in found()


@pytest.mark.parametrize("missing", LIVE)
def test_an_account_needs_all_its_keys(production, monkeypatch, missing):
    patch(monkeypatch, **{missing: "" if isinstance(LIVE[missing], str) else []})

    assert "bookings.E006" in found()


@pytest.mark.slow
def test_a_replica_that_is_the_primary_now_is_said():
    of_one_server = {
        "DATABASE_URL": "mysql://writer:a@host/name",
        "DATABASE_REPLICA_URL": "mysql://reader:b@host:3306/name",
    }

    result = start("manage.py", "check", **of_one_server)

    assert result.returncode == 0
    assert "bookings.W003" in result.stderr
    assert "names the database of DATABASE_URL" in result.stderr


def test_every_id_has_a_test():
    ids = set(re.findall(r'"(bookings\.[EW]\d{3})"', Path(checks.__file__).read_text()))

    assert ids == {*CHECKS, "bookings.W003"}


def test_operators_find_every_id_in_the_table():
    table = re.findall(r"^\| `(bookings\.[EW]\d{3})` \|", (REPOSITORY / "docs/operations.md").read_text(), re.MULTILINE)

    assert table == sorted({*CHECKS, "bookings.W003"})


@pytest.mark.slow
def test_a_command_does_not_start_with_what_is_wrong():
    result = start("manage.py", "check", JWT_ISSUER="")

    assert result.returncode == 1
    assert "(bookings.E001) JWT_ISSUER is not set" in result.stderr


def test_a_web_process_does_not_start_with_what_is_wrong(production):
    production.JWT_ISSUER = ""

    with pytest.raises(ImproperlyConfigured, match=r"^bookings\.E001: JWT_ISSUER is not set"):
        checks.refuse_what_is_wrong()


@pytest.mark.slow
def test_a_web_server_without_a_command_does_not_start_either():
    result = start("-c", "import bookingsite.wsgi", JWT_ISSUER="")

    assert result.returncode != 0
    assert "bookings.E001" in result.stderr.strip().splitlines()[-1]


def test_django_runs_them_all(production, monkeypatch):
    patch(monkeypatch, PROXY_HOPS=0, API_AUTH="open", JWT_ISSUER="")

    everyday = {m.id for m in django_checks.run_checks(tags=["security"])}
    deployed = {m.id for m in django_checks.run_checks(tags=["security"], include_deployment_checks=True)}

    assert {"bookings.E001", "bookings.W002"} <= everyday
    assert "bookings.W004" not in everyday
    assert {"bookings.E001", "bookings.W002", "bookings.W004"} <= deployed
