"""A token that was verified is known again, for as long as it would be verified again, and no longer."""

import time

import pytest

from bookings.api import tokens
from bookings.api.tokens import (
    LEEWAY_SECONDS,
    TOKENS_REMEMBERED,
    Customer,
    TokenRefused,
    TokenRules,
    Verified,
    VerifiedTokens,
    customer_of,
)
from bookings.gateways.user_service.signing_keys import SharedSecrets, parse_key_set
from bookings.ports import SigningKey, SigningKeysUnavailable
from tests.support.signers import KEY_IDS, by_secret, good_token, key_set, usual_claims

SECRET = "a secret of thirty-two characters, or of more"


class Published:
    """Keys that the user service can withdraw and publish again."""

    def __init__(self, *keys):
        self.keys = list(keys)

    def candidates(self, *, algorithm, key_id):
        return [key for key in self.keys if key.algorithm == algorithm]


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    memory = VerifiedTokens()
    monkeypatch.setattr(tokens, "verified", memory)
    return memory


@pytest.fixture
def rules():
    claims = usual_claims()
    return TokenRules(issuer=claims["iss"], audience=claims["aud"])


@pytest.fixture
def keys():
    return Published(SigningKey("HS256", SECRET))


@pytest.fixture
def token(rules, keys):
    """A good token, which was verified once."""
    token = good_token("HS256", sign=by_secret(SECRET))
    assert customer_of(token, keys=keys, rules=rules).user_id == 1001
    return token


@pytest.fixture
def without_verifying(monkeypatch):
    def refuse(*_arguments, **_named):
        raise tokens.jwt.InvalidTokenError

    monkeypatch.setattr(tokens.jwt, "decode", refuse)


def test_a_token_is_verified_once(token, keys, rules, without_verifying):
    assert customer_of(token, keys=keys, rules=rules).user_id == 1001


def test_another_token_of_the_same_user_is_verified(token, keys, rules, without_verifying):
    other = good_token("HS256", claims={"jti": "2"}, sign=by_secret(SECRET))

    with pytest.raises(TokenRefused):
        customer_of(other, keys=keys, rules=rules)


def test_a_token_ends_when_its_key_is_withdrawn(token, keys, rules):
    keys.keys.clear()

    with pytest.raises(TokenRefused):
        customer_of(token, keys=keys, rules=rules)


def test_twin_without_the_look_at_the_keys_it_would_go_on(token, keys, rules, memory, monkeypatch):
    keys.keys.clear()
    monkeypatch.setattr(memory, "get", lambda token, **_: Customer(memory._tokens[tokens._hash_of(token)].user_id))

    assert customer_of(token, keys=keys, rules=rules).user_id == 1001


def test_a_key_of_the_same_name_that_was_read_again_verifies_again(token, keys, rules, without_verifying):
    keys.keys = [SigningKey("HS256", SECRET)]

    with pytest.raises(TokenRefused):
        customer_of(token, keys=keys, rules=rules)


def test_while_the_keys_are_not_known_no_token_is(token, rules):
    class Away:
        def candidates(self, **_asked):
            raise SigningKeysUnavailable

    with pytest.raises(SigningKeysUnavailable):
        customer_of(token, keys=Away(), rules=rules)


@pytest.mark.parametrize("other", [{"issuer": "https://elsewhere.example"}, {"audience": "others"}], ids=str)
def test_for_other_rules_a_token_is_not_known(token, keys, rules, other):
    others = TokenRules(**{"issuer": rules.issuer, "audience": rules.audience, **other})

    with pytest.raises(TokenRefused):
        customer_of(token, keys=keys, rules=others)


@pytest.mark.parametrize(
    ("begins_in", "ends_in", "is_known"),
    [
        (-60, 60, True),
        (-60, 2 - LEEWAY_SECONDS, True),
        (-60, -LEEWAY_SECONDS, False),
        (LEEWAY_SECONDS - 2, 60, True),
        (LEEWAY_SECONDS + 2, 60, False),
    ],
)
def test_a_token_is_known_while_its_time_lasts(memory, keys, rules, begins_in, ends_in, is_known):
    now = int(time.time())
    memory.keep("a token", Verified(7, rules, keys.keys[0], None, begins_at=now + begins_in, ends_at=now + ends_in))

    assert memory.get("a token", keys=keys, rules=rules) == (Customer(7) if is_known else None)


def test_the_last_thousand_are_known(memory, keys, rules):
    for number in range(TOKENS_REMEMBERED + 1):
        memory.keep(f"token {number}", Verified(number, rules, keys.keys[0], None, 0, int(time.time()) + 60))

    known = [memory.get(f"token {number}", keys=keys, rules=rules) for number in (0, 1, TOKENS_REMEMBERED)]
    assert known == [None, Customer(1), Customer(TOKENS_REMEMBERED)]


def test_what_is_remembered_could_not_be_sent(memory, token):
    assert token not in repr(vars(memory))
    assert token.rpartition(".")[2] not in repr(vars(memory))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_verifies_its_tokens_once_too(rules, algorithm, monkeypatch):
    published = parse_key_set(key_set())
    keys = Published(published[KEY_IDS[algorithm]])
    token = good_token(algorithm)
    customer_of(token, keys=keys, rules=rules)

    monkeypatch.setattr(tokens.jwt, "decode", None)

    assert customer_of(token, keys=keys, rules=rules).user_id == 1001


def test_a_secret_that_was_taken_out_of_the_settings_ends_its_tokens(token, rules):
    with pytest.raises(TokenRefused):
        customer_of(token, keys=SharedSecrets(["another secret of thirty-two characters"]), rules=rules)
