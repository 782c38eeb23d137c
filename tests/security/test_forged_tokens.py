"""Credentials that somebody made up, changed, or kept too long: every one is refused, and good ones are not."""

import time
from datetime import timedelta

import pytest

from bookings import wiring
from bookings.services.access.api_keys import rotate_api_key
from tests.support.api import BOOKINGS, refused
from tests.support.bookings import STAFF
from tests.support.callers import CallerApi
from tests.support.forgeries import ALGORITHMS, FORGED, service_key
from tests.support.signers import (
    KEY_IDS,
    OLDER_SECRET,
    SECRET,
    by_key,
    by_secret,
    good_token,
    key_set,
    private_key,
    published,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def user_service(settings, token_auth):
    """Both kinds of keys at once: two shared secrets, and a set with an RSA, an EC and an Ed25519 key."""
    settings.JWT_SECRETS = [SECRET, OLDER_SECRET]
    settings.JWT_JWKS = key_set().decode()
    wiring.signing_keys.cache_clear()
    yield
    wiring.signing_keys.cache_clear()


def ask(credential):
    return CallerApi(credential).get(BOOKINGS)


def in_seconds(seconds):
    return int(time.time()) + seconds


@pytest.mark.parametrize("make", FORGED.values(), ids=FORGED)
def test_what_proves_nothing_is_refused(make):
    answer = ask(make())

    assert refused(answer) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="bookings"')


def test_a_token_of_100_kb_is_no_token_yet():
    answer = ask(good_token("HS256") + "A" * 100_000)

    assert refused(answer) == (431, "headers_too_large")


@pytest.mark.parametrize("member", ["jku", "x5u"])
@pytest.mark.parametrize("algorithm", KEY_IDS)
def test_a_token_cannot_say_where_its_key_is(algorithm, member):
    attacker = by_key(private_key(algorithm, "an attacker"), algorithm)
    with published(body=key_set()) as site:
        header = {"kid": "attacker-1", member: f"{site.url}/keys"}

        answer = ask(good_token(algorithm, header=header, sign=attacker))

    assert refused(answer) == (401, "not_authenticated")
    assert site.asked == []


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_without_secrets_a_secret_that_everybody_knows_is_none(settings, algorithm):
    settings.JWT_SECRETS = []
    wiring.signing_keys.cache_clear()

    refusals = [ask(good_token("HS256", sign=by_secret(secret))) for secret in (SECRET, "")]

    assert [refused(answer) for answer in refusals] == [(401, "not_authenticated")] * 2
    assert ask(good_token(algorithm)).status_code == 200


@pytest.mark.parametrize("algorithm", KEY_IDS)
def test_without_a_key_set_its_keys_are_nobodys(settings, algorithm):
    settings.JWT_JWKS = ""
    wiring.signing_keys.cache_clear()

    assert refused(ask(good_token(algorithm))) == (401, "not_authenticated")
    assert ask(good_token("HS256")).status_code == 200


GOOD = {
    "as usual": {},
    "audience among others": {"claims": {"aud": ["payroll", "bookings"]}},
    "expired within the leeway": {"claims": lambda: {"exp": in_seconds(-20)}},
    "valid in a moment": {"claims": lambda: {"nbf": in_seconds(20)}},
    "exp with a fraction": {"claims": lambda: {"exp": in_seconds(600) + 0.5}},
    "the highest id": {"claims": {"sub": str(2**53 - 1)}},
    "an access token": {"header": {"typ": "at+jwt"}},
    "an access token by its long name": {"header": {"typ": "application/at+jwt"}},
    "members of the header that mean nothing here": {"header": {"jku": "http://127.0.0.1:9/", "x": 1}},
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_a_good_token_passes(algorithm, changes):
    made = {name: part() if callable(part) else part for name, part in changes.items()}

    assert ask(good_token(algorithm, **made)).status_code == 200


def test_a_token_of_the_secret_before_passes():
    assert ask(good_token("HS256", sign=by_secret(OLDER_SECRET))).status_code == 200


def test_a_service_key_passes_and_so_does_its_old_secret_within_the_grace():
    key, old = service_key()
    _, new = rotate_api_key(key_id=key.key_id, grace=timedelta(days=1), life=None, actor=STAFF)

    assert [ask(text).status_code for text in (old, new)] == [200, 200]
