"""The way to the identity provider: where it leads, what it tells, and what is said when there is none."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Lock
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from bookings import wiring
from bookings.gateways.identity_provider.openid import LOOK_AGAIN_SECONDS
from bookings.ports import IdentityProviderAway
from tests.support.identity_provider import SECRET
from tests.support.log_in import LOGIN
from tests.support.people import text_of

pytestmark = pytest.mark.django_db

SSO, BACK, PAGE = "/admin/sso/", "/admin/sso/back/", "/admin/bookings/booking/"


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://elsewhere.example.org"},
        {"token_endpoint": None},
        {"jwks_uri": "ftp://elsewhere.example.org"},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly_is_not_used(provider, document):
    provider.document = document

    answer = Client().get(SSO)

    assert answer.status_code == 503
    assert "does not answer now" in text_of(answer)


@pytest.mark.parametrize("raw", [b"no JSON", b"[1]"], ids=repr)
def test_a_provider_that_sends_something_else_is_not_used(provider, raw):
    provider.raw = raw

    assert Client().get(SSO).status_code == 503


def test_a_provider_that_does_not_listen_is_said_to_be_away(provider, settings):
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    wiring.identity_provider.cache_clear()

    assert Client().get(SSO).status_code == 503


def test_strangers_have_a_provider_that_fails_asked_once_in_a_while(provider, monkeypatch):
    provider.raw = b"no JSON"
    assert Client().get(SSO).status_code == 503
    provider.raw = b""

    assert Client().get(SSO).status_code == 503  # not asked

    a_while_later = time.monotonic() + LOOK_AGAIN_SECONDS
    monkeypatch.setattr("bookings.gateways.identity_provider.openid.time.monotonic", lambda: a_while_later)
    assert Client().get(SSO).status_code == 302


@pytest.mark.parametrize("is_known", [True, False])
def test_a_provider_that_is_slow_holds_one_thread(provider, monkeypatch, is_known):
    office = wiring.identity_provider()
    begin = partial(office.address_of_log_in, state="s", nonce="n", verifier="v", comes_back_to="b")
    if is_known:
        begin()
        monkeypatch.setattr("bookings.gateways.identity_provider.openid.DOCUMENT_SECONDS", 0.0)
    is_asked, goes_on, send = Event(), Event(), office._http.send

    def slow(*args, **kwargs):
        assert not is_asked.is_set(), "asked by two threads"
        is_asked.set()
        goes_on.wait(10)
        return send(*args, **kwargs)

    monkeypatch.setattr(office._http, "send", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(begin)
        is_asked.wait(10)
        began = time.monotonic()
        try:
            if is_known:
                assert begin()
            else:
                with pytest.raises(IdentityProviderAway):
                    begin()
            assert time.monotonic() - began < 2
        finally:
            goes_on.set()
        assert first.result()


class WatchedLock:
    """A lock that says when a thread has come for it."""

    def __init__(self):
        self.is_wanted, self._lock = Event(), Lock()

    def acquire(self, timeout):
        self.is_wanted.set()
        return self._lock.acquire(timeout=timeout)

    def release(self):
        self._lock.release()


def test_who_waits_for_the_first_answer_uses_it(provider, monkeypatch):
    office, lock = wiring.identity_provider(), WatchedLock()
    monkeypatch.setattr("bookings.gateways.identity_provider.openid.WAIT_SECONDS", 10)
    monkeypatch.setattr(office, "_lock", lock)
    lock.acquire(timeout=0)
    lock.is_wanted.clear()
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(office.address_of_log_in, state="s", nonce="n", verifier="v", comes_back_to="b")
        assert lock.is_wanted.wait(10)
        office._known = office._read(None)
        monkeypatch.setattr(office._http, "send", None)
        lock.release()

        assert second.result(10).startswith(provider.url)


def test_the_provider_learns_our_address_and_no_secret(provider):
    there = urlsplit(Client().get(SSO).headers["Location"])

    said = parse_qs(there.query)
    assert said["redirect_uri"] == [f"http://testserver{BACK}"]
    assert said["scope"] == ["openid profile email"]
    assert SECRET not in there.query


def test_a_log_in_that_is_begun_writes_no_row(provider, django_assert_num_queries):
    Client().get(SSO)
    with django_assert_num_queries(0):
        Client().get(SSO)


def test_without_a_provider_there_is_no_such_page(client):
    assert [client.get(page).status_code for page in (SSO, BACK)] == [404, 404]
    assert "single sign-on" not in text_of(client.get(LOGIN))


def test_the_log_in_offers_it(provider, client):
    assert 'href="/admin/sso/?next=/admin/' in client.get(f"{LOGIN}?next={PAGE}").content.decode()
