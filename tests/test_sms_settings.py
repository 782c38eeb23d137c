"""Settings of SMS: what is refused says what to do and shows no token, and what is right is read."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from bookings.gateways.messages.twilio import TwilioAccount
from bookingsite.config import sms
from tests.support.twilio import ACCOUNT, SERVICE

KEY = ACCOUNT.replace("AC", "SK")
SERVICES = {
    "": "",
    f"twilio://{ACCOUNT}:canary@api.twilio.com": TwilioAccount("https://api.twilio.com", ACCOUNT, ACCOUNT, "canary"),
    f"twilio://{ACCOUNT}:%24c%40nary@api.dublin.ie1.twilio.com:8443/": TwilioAccount(
        "https://api.dublin.ie1.twilio.com:8443", ACCOUNT, ACCOUNT, "$c@nary"
    ),
    f"twilio://{KEY}:canary@api.twilio.com/{ACCOUNT}": TwilioAccount("https://api.twilio.com", ACCOUNT, KEY, "canary"),
    f"twilio+plain://{ACCOUNT}:canary@127.0.0.1:8003": TwilioAccount(
        "http://127.0.0.1:8003", ACCOUNT, ACCOUNT, "canary"
    ),
    f"twilio+plain://{ACCOUNT}:canary@[::1]:8003": TwilioAccount("http://[::1]:8003", ACCOUNT, ACCOUNT, "canary"),
}
NO_SERVICES = (
    *("folder:", "twilio://", "https://api.twilio.com", f"{ACCOUNT}:canary@api.twilio.com"),
    *(f"twilio://{ACCOUNT}@api.twilio.com", "twilio://:canary@api.twilio.com", "twilio://me:canary@api.twilio.com"),
    *(f"twilio://{KEY}:canary@api.twilio.com", f"twilio://{KEY}:canary@api.twilio.com/2010-04-01"),
    *(f"twilio://{ACCOUNT}:canary@api.twilio.com:0", f"twilio://{ACCOUNT}:canary@api.twilio.com?canary"),
    *(f"twilio://{ACCOUNT}:canary@api.twilio.com#canary", f"twilio://{ACCOUNT}:canary@[::1"),
    *(f"twilio://{ACCOUNT}:canary%0d%0a@api.twilio.com", f"twilio+plain://{ACCOUNT}:canary@api.twilio.com"),
    f"https://{ACCOUNT}:canary@api.twilio.com",
)
SENDERS = ("", "+4915123456789", "12345", "Flights", "Air 2000", SERVICE)
NO_SENDERS = ("015123456789", "+49 151", "12", "a name too long", f"{SERVICE}0", "Flüge", "<Flights>", "Flights\n2")


def test_who_sends_sms(monkeypatch):
    found = {}
    for value in SERVICES:
        monkeypatch.setenv("SMS_URL", value)
        found[value] = sms.sms_service("SMS_URL", development=False)

    assert found == SERVICES
    assert "canary" not in repr(found.values())


def test_what_is_no_such_service_is_refused_and_not_shown(monkeypatch):
    for value in NO_SERVICES:
        monkeypatch.setenv("SMS_URL", value)
        with pytest.raises(ImproperlyConfigured) as caught:
            sms.sms_service("SMS_URL", development=False)
        assert str(caught.value).startswith("SMS_URL "), value
        assert "canary" not in str(caught.value)


def test_sms_are_written_into_a_folder_in_development_alone(monkeypatch):
    monkeypatch.setenv("SMS_URL", "folder:")

    assert sms.sms_service("SMS_URL", development=True) == "folder:"


def test_which_number_sms_are_from(monkeypatch):
    for value in SENDERS:
        monkeypatch.setenv("SMS_FROM", value)
        assert sms.sms_sender("SMS_FROM") == value
    for value in NO_SENDERS:
        monkeypatch.setenv("SMS_FROM", value)
        with pytest.raises(ImproperlyConfigured, match=r"^SMS_FROM is "):
            sms.sms_sender("SMS_FROM")
