"""Settings of webhooks that are refused by themselves, with a reason that says what to do and shows no key."""

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured

from bookingsite.config import webhooks
from tests.test_start import start

NEW, OLD = bytes(range(32)), bytes(range(32, 64))
REFUSED = {
    ("ports", "443,eighty"): "must look like 443,8443",
    ("ports", "0"): "must look like 443,8443",
    ("ports", "65536"): "must look like 443,8443",
    ("private_networks", "10.0.0.1/8"): "must look like 10.20.0.0/16",
    ("private_networks", "0.0.0.0/0"): "never all addresses",
    ("private_networks", "::/0"): "never all addresses",
    ("ca_file", "/no/such/file"): "must be a file with certificates",
    ("ca_file", __file__): "must be a file with certificates",
    ("proxy", "socks5://proxy.example.org"): "must look like http://host:port",
    ("proxy", "http://user:canary@proxy.example.org"): "must look like http://host:port",
    ("seal_keys", "canary"): "must have 32 random bytes in base64",
    ("seal_keys", base64.b64encode(NEW[:31]).decode()): "must have 32 random bytes in base64",
    ("seal_keys", base64.b64encode(b"a" * 32).decode()): "must have 32 random bytes in base64",
}


def read(monkeypatch: pytest.MonkeyPatch, reader: str, value: str, **options: bool) -> object:
    monkeypatch.setenv("SETTING", value)
    return getattr(webhooks, reader)("SETTING", **options)


def test_what_is_wrong_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch):
    for (reader, value), reason in REFUSED.items():
        options = {"development": False} if reader == "seal_keys" else {}
        with pytest.raises(ImproperlyConfigured) as caught:
            read(monkeypatch, reader, value, **options)
        assert reason in str(caught.value), (reader, value)
        assert "canary" not in str(caught.value)


def test_what_is_right_is_read(monkeypatch: pytest.MonkeyPatch):
    pair = f"{base64.urlsafe_b64encode(NEW).decode()}, {base64.b64encode(OLD).decode()}"

    assert read(monkeypatch, "ports", "") == [443]
    assert read(monkeypatch, "ports", "443, 8443") == [443, 8443]
    assert [str(each) for each in read(monkeypatch, "private_networks", "10.0.0.0/8,fd00::/8")] == [
        "10.0.0.0/8",
        "fd00::/8",
    ]
    assert read(monkeypatch, "proxy", "http://proxy.example.org:4750") == "http://proxy.example.org:4750"
    assert (read(monkeypatch, "proxy", ""), read(monkeypatch, "ca_file", "")) == ("", "")
    assert read(monkeypatch, "seal_keys", pair, development=False) == [NEW, OLD]
    assert read(monkeypatch, "seal_keys", "", development=False) == []
    assert read(monkeypatch, "seal_keys", "", development=True) == [webhooks.DEVELOPMENT_SEAL_KEY]


@pytest.mark.slow
def test_a_proxy_and_private_networks_do_not_go_together():
    result = start(
        "manage.py", "check", WEBHOOK_PROXY="http://proxy.example.org", WEBHOOK_PRIVATE_NETWORKS="10.0.0.0/8"
    )

    assert result.returncode != 0
    assert "(bookings.E012) WEBHOOK_PROXY with WEBHOOK_PRIVATE_NETWORKS" in result.stderr
