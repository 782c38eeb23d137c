"""A passkey proves its user for one site, one question, and with its user verified; nothing else does."""

from dataclasses import replace

import pytest

from bookings.gateways.passkeys.webauthn import WebAuthn
from bookings.ports import PasskeyRefused
from tests.support.authenticator import Authenticator

UP = 1


@pytest.fixture
def site():
    return WebAuthn("bookings.example.org", called="Flight bookings")


@pytest.fixture
def device():
    return Authenticator()


def added(site, device):
    options, state = site.begin_adding(handle=b"7", name="anna", known=[])
    return site.complete_adding(state, device.made(options))


def logged_in(site, device, credential):
    options, state = site.begin_log_in(known=[credential])
    return site.complete_log_in(state, device.signed(options), known=[credential])


def test_a_passkey_that_was_added_logs_in(site, device):
    made = added(site, device)

    used = logged_in(site, replace(device, count=7), made.credential)

    assert (used.credential, made.sign_count, used.sign_count) == (made.credential, 0, 7)


def test_what_is_asked_names_the_site_and_wants_the_user_verified(site, device):
    made = added(site, device)

    options, _ = site.begin_adding(handle=b"7", name="anna", known=[made.credential])
    asked, _ = site.begin_log_in(known=[made.credential])

    assert options["rp"] == {"id": "bookings.example.org", "name": "Flight bookings"}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert len(options["excludeCredentials"]) == 1
    assert (asked["rpId"], asked["userVerification"], len(asked["allowCredentials"])) == (
        *("bookings.example.org", "required"),
        1,
    )


LIES = {
    "another site asks": {"origin": "https://bookings.example.net"},
    "a page without TLS asks": {"origin": "http://bookings.example.org"},
    "made for another site": {"domain": "example.net"},
    "its user is not verified": {"flags": UP},
    "its user is not there": {"flags": 0},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_passkey_is_refused_where(site, device, lie):
    made = added(site, device)

    with pytest.raises(PasskeyRefused):
        added(site, replace(device, **lie))
    with pytest.raises(PasskeyRefused):
        logged_in(site, replace(device, **lie), made.credential)


def test_a_page_below_the_domain_may_ask(site, device):
    below = replace(device, origin="https://office.bookings.example.org:8443")

    assert logged_in(site, below, added(site, below).credential)


def test_another_device_is_refused(site, device):
    made = added(site, device)

    with pytest.raises(PasskeyRefused):
        logged_in(site, replace(device, key=Authenticator().key), made.credential)
    with pytest.raises(PasskeyRefused):
        logged_in(site, Authenticator(), made.credential)


def test_an_answer_to_another_question_is_refused(site, device):
    made = added(site, device)
    options, _ = site.begin_log_in(known=[made.credential])
    _, state = site.begin_log_in(known=[made.credential])

    with pytest.raises(PasskeyRefused):
        site.complete_log_in(state, device.signed(options), known=[made.credential])


@pytest.mark.parametrize(
    "said", [{}, {"id": 1}, {"response": {}}, {"rawId": "a", "id": "a", "response": None}], ids=str
)
def test_what_is_no_answer_is_refused(site, device, said):
    made = added(site, device)
    _, state = site.begin_log_in(known=[made.credential])

    with pytest.raises(PasskeyRefused):
        site.complete_log_in(state, said, known=[made.credential])
    with pytest.raises(PasskeyRefused):
        site.complete_adding(state, said)
