"""Tokens that an attacker made up, changed, or kept too long: every one is refused, and good ones are not."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from bookings import wiring
from tests.support.api import BOOKINGS, refused
from tests.support.callers import CallerApi
from tests.support.signers import (
    KEY_IDS,
    LEFT_OUT,
    OLDER_SECRET,
    SECRET,
    by_key,
    by_secret,
    encoded,
    good_token,
    key_set,
    private_key,
    public_jwk,
    public_pem,
    published,
    sealed,
    usual_claims,
)

pytestmark = pytest.mark.django_db

ALGORITHMS = ("HS256", *KEY_IDS)
NOBODY = by_secret("nobody's secret, and long enough for HS256")


def raw_claims(**raw: str) -> bytes:
    """The usual claims as JSON, with values that are written as they stand: 1e400 is no number to a library."""
    usual = {name: json.dumps(value) for name, value in usual_claims().items()}
    return "{{{}}}".format(",".join(f'"{k}":{v}' for k, v in {**usual, **raw}.items())).encode()


def in_seconds(seconds: int) -> int:
    return int(time.time()) + seconds


# Whom a token is about: no user at all.
DIGITS = ("", "0", "-1", "+1", "1.0", " 1", "1 ", "1\n", "01", "1e3", "1_0", "0x1", "\u0661\u0660", "\uff11")
SUBJECTS = (
    1001,
    *DIGITS,
    str(2**53),
    str(2**63),
    "1" + "0" * 30,
    "admin",
    ["1001"],
    {"id": {"is": "1001"}},
    None,
    True,
)
# Properly signed, by the key that the token names: what it says is what is wrong. Each with every algorithm.
CLAIMS: dict[str, Callable[[], Any]] = {
    "not valid yet": lambda: {"nbf": in_seconds(600)},
    "nbf is null": lambda: {"nbf": None},
    "nbf is text": lambda: {"nbf": str(in_seconds(-600))},
    "issued in the far future": lambda: {"iat": in_seconds(365 * 24 * 3600)},
    "iat is text": lambda: {"iat": str(in_seconds(-600))},
    "no exp": lambda: {"exp": LEFT_OUT},
    "expired beyond the leeway": lambda: {"exp": in_seconds(-40)},
    "exp is text": lambda: {"exp": str(in_seconds(600))},
    "exp is null": lambda: {"exp": None},
    "exp is true": lambda: {"exp": True},
    "exp is a list": lambda: {"exp": [in_seconds(600)]},
    "exp is 1e400": lambda: raw_claims(exp="1e400"),
    "exp is NaN": lambda: raw_claims(exp="NaN"),
    "exp is Infinity": lambda: raw_claims(exp="Infinity"),
    "exp is negative": lambda: {"exp": -in_seconds(600)},
    "exp has 40 digits": lambda: {"exp": 10**40},
    "exp has 2600 digits": lambda: raw_claims(exp="9" * 2600),
    "another issuer": lambda: {"iss": "https://users.example.org"},
    "no issuer": lambda: {"iss": LEFT_OUT},
    "a list of issuers": lambda: {"iss": [usual_claims()["iss"]]},
    "another audience": lambda: {"aud": "payroll"},
    "other audiences": lambda: {"aud": ["payroll", "bookings2"]},
    "an audience of an object": lambda: {"aud": {"bookings": True}},
    "no audience": lambda: {"aud": LEFT_OUT},
    "an empty audience": lambda: {"aud": ""},
    "no sub": lambda: {"sub": LEFT_OUT},
    **{f"sub is {subject!a}": lambda subject=subject: {"sub": subject} for subject in SUBJECTS},
    "no JSON": lambda: b"{",
    "a list": lambda: b"[1]",
    "not UTF-8": lambda: b"\xff{}",
    "nested deeply": lambda: b'{"a":' * 400 + b"1" + b"}" * 400,
    "longer than 4096 characters": lambda: {"padding": "x" * 4096},
}
HEADERS: dict[str, Any] = {
    "crit": {"crit": ["exp"], "exp": 1},
    "crit is empty": {"crit": []},
    "b64": {"b64": True},
    "cty: JWT": {"cty": "JWT"},
    "zip": {"zip": "DEF"},
    "enc": {"enc": "A256GCM"},
    "typ of another kind": {"typ": "dpop+jwt"},
    "typ of a logout": {"typ": "logout+jwt"},
    "typ is null": {"typ": None},
    "typ is a list": {"typ": ["JWT"]},
    "kid is a number": {"kid": 1},
    "kid is a list": {"kid": ["rsa-1"]},
    "alg is a list": {"alg": ["RS256"]},
    "no alg": {"alg": LEFT_OUT},
}
# Names of keys that there are not. With a secret a key id means nothing, so these go with the set's algorithms.
KIDS: dict[str, Any] = {
    "unknown": "rsa-2",
    "empty": "",
    "null": None,
    "left out": LEFT_OUT,
    "a path": "../../../../dev/null",
    "SQL": "' UNION SELECT 'x' -- ",
    "very long": "k" * 2000,
    "half a character": "\ud800",
}


def foreign(algorithm: str, **header: Any) -> str:
    """A token that an attacker signed with a key of his own."""
    return good_token(algorithm, header=header, sign=by_key(private_key(algorithm, "an attacker"), algorithm))


def wrong_family(algorithm: str, key_of: str) -> str:
    """A token with a signature that is right for another algorithm than the key is for."""
    sign = by_key(private_key(key_of), algorithm)
    return good_token(key_of, header={"alg": algorithm}, sign=sign)


def parts(token: str = "") -> list[str]:
    return (token or good_token("HS256")).split(".")


def swapped_payload(algorithm: str) -> str:
    head, _, signature = parts(good_token(algorithm))
    return f"{head}.{parts(good_token(algorithm, claims={'sub': '1002'}))[1]}.{signature}"


def unsigned(spelling: str, seal: bytes) -> str:
    return sealed({"alg": spelling, "typ": "JWT", "kid": "rsa-1"}, usual_claims(), lambda content: seal)


def nested() -> str:
    inner = good_token("RS256").encode()
    return good_token("RS256", header={"cty": "JWT"}, claims=inner)


TOKENS: dict[str, Callable[[], str]] = {
    **{
        f"alg {spelling!r}, signature {seal!r}": lambda spelling=spelling, seal=seal: unsigned(spelling, seal)
        for spelling in ("none", "None", "nOnE", "NONE", "")
        for seal in (b"", b"x")
    },
    "alg none, over a good signature": lambda: good_token("RS256", header={"alg": "none"}),
    **{
        f"HS256 with the public key of {of}": lambda of=of: good_token(
            of, header={"alg": "HS256"}, sign=by_secret(public_pem(of))
        )
        for of in KEY_IDS
    },
    **{
        f"HS256 with the JWK of {of}": lambda of=of: good_token(
            of, header={"alg": "HS256"}, sign=by_secret(json.dumps(public_jwk(of)))
        )
        for of in KEY_IDS
    },
    "HS256 with an empty secret": lambda: good_token("HS256", sign=by_secret("")),
    "HS384 with the secret": lambda: good_token("HS256", header={"alg": "HS384"}, sign=by_secret(digest="sha384")),
    "HS512 with the secret": lambda: good_token("HS256", header={"alg": "HS512"}, sign=by_secret(digest="sha512")),
    "hs256 in small letters": lambda: good_token("HS256", header={"alg": "hs256"}),
    "RS384 with the key": lambda: wrong_family("RS384", "RS256"),
    "RS512 with the key": lambda: wrong_family("RS512", "RS256"),
    "PS256 with the key": lambda: wrong_family("PS256", "RS256"),
    "ES384 with the key": lambda: wrong_family("ES384", "ES256"),
    "RS256 that names the EC key": lambda: good_token("RS256", header={"kid": "ec-1"}),
    "EdDSA that says RS256": lambda: good_token("EdDSA", header={"alg": "RS256"}),
    "HS256 that says RS256": lambda: good_token("RS256", sign=by_secret()),
    **{f"{of} by an attacker": lambda of=of: foreign(of) for of in KEY_IDS},
    "HS256 by an attacker": lambda: good_token("HS256", sign=NOBODY),
    "with the attacker's key inside": lambda: foreign("RS256", jwk=public_jwk("RS256", "an attacker")),
    "without a kid, with the attacker's key inside": lambda: foreign(
        "ES256", kid=LEFT_OUT, jwk=public_jwk("ES256", "an attacker")
    ),
    **{f"payload swapped, {of}": lambda of=of: swapped_payload(of) for of in ALGORITHMS},
    "no signature": lambda: ".".join([*parts()[:2], ""]),
    "a signature of zeros, ES256": lambda: good_token("ES256", sign=lambda content: bytes(64)),
    "the signature of another token": lambda: ".".join(
        [*parts()[:2], parts(good_token("HS256", claims={"sub": "7"}))[2]]
    ),
    "truncated": lambda: good_token("RS256")[:-4],
    "a nested token": nested,
    "two parts": lambda: ".".join(parts()[:2]),
    "four parts": lambda: good_token("HS256") + ".e30",
    "five parts": lambda: ".".join([encoded(b'{"alg":"dir","enc":"A256GCM"}'), "", *parts()[1:], "e30"]),
    "two dots": lambda: "..",
    "a word": lambda: "token",
    "header is no JSON": lambda: good_token("HS256", header=b"alg: HS256"),
    "header is a list": lambda: good_token("HS256", header=b'["HS256"]'),
    "header is nested deeply": lambda: good_token("HS256", header=b"[" * 2500),
    "header is a deep object": lambda: good_token("HS256", header=b'{"alg":' + b"[" * 1200 + b"]" * 1200 + b"}"),
    "alg twice, none first": lambda: sealed(b'{"alg":"none","alg":"HS256"}', usual_claims(), lambda content: b""),
    "alg twice, none last": lambda: sealed(b'{"alg":"HS256","alg":"none"}', usual_claims(), by_secret()),
    "padded at the end": lambda: good_token("EdDSA") + "==",
    "padded in the middle": lambda: good_token("HS256").replace(".", "=.", 1),
    "with letters of the other base64": lambda: good_token("HS256") + "+/",
    "with a line break": lambda: good_token("HS256").replace(".", "\n.", 1),
    "with a blank at the end": lambda: good_token("HS256") + " ",
    "a second token behind a comma": lambda: f"{good_token('HS256')},{good_token('HS256')}",
    "a letter that is not ASCII": lambda: good_token("HS256").replace(".", "é.", 1),
    "as long as the headers may be": lambda: good_token("HS256") + "A" * 12_000,
}


def _claims(algorithm: str, changes: Callable[[], Any]) -> Callable[[], str]:
    return lambda: good_token(algorithm, claims=changes())


def _header(algorithm: str, changes: Any) -> Callable[[], str]:
    return lambda: good_token(algorithm, header=changes)


FORGED: dict[str, Callable[[], str]] = {
    **{f"{what}, {of}": _claims(of, changes) for what, changes in CLAIMS.items() for of in ALGORITHMS},
    **{f"header: {what}, {of}": _header(of, changes) for what, changes in HEADERS.items() for of in ALGORITHMS},
    **{f"kid is {what}, {of}": _header(of, {"kid": kid}) for what, kid in KIDS.items() for of in KEY_IDS},
    **TOKENS,
}


@pytest.fixture(autouse=True)
def user_service(settings, token_auth):
    """Both kinds of keys at once: two shared secrets, and a set with an RSA, an EC and an Ed25519 key."""
    settings.JWT_SECRETS = [SECRET, OLDER_SECRET]
    settings.JWT_JWKS = key_set().decode()
    wiring.signing_keys.cache_clear()
    yield
    wiring.signing_keys.cache_clear()


# What is signed as it should be, and says a time that is over; `true` is 1 to Python.
IN_THE_PAST = ("expired beyond the leeway", "exp is true", "exp is negative")


def ask(credential):
    return CallerApi(credential).get(BOOKINGS)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), FORGED.items(), ids=FORGED)
def test_what_proves_nothing_is_refused(name, make):
    answer = ask(make())

    assert refused(answer) == (401, "token_expired" if name.startswith(IN_THE_PAST) else "token_invalid")
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

    assert refused(answer) == (401, "token_invalid")
    assert site.paths() == []


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_without_secrets_a_secret_that_everybody_knows_is_none(settings, algorithm):
    settings.JWT_SECRETS = []
    wiring.signing_keys.cache_clear()

    refusals = [ask(good_token("HS256", sign=by_secret(secret))) for secret in (SECRET, "")]

    assert [refused(answer) for answer in refusals] == [(401, "token_invalid")] * 2
    assert ask(good_token(algorithm)).status_code == 200


@pytest.mark.parametrize("algorithm", KEY_IDS)
def test_without_a_key_set_its_keys_are_nobodys(settings, algorithm):
    settings.JWT_JWKS = ""
    wiring.signing_keys.cache_clear()

    assert refused(ask(good_token(algorithm))) == (401, "token_invalid")
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


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_a_good_token_passes(algorithm, changes):
    made = {name: part() if callable(part) else part for name, part in changes.items()}

    assert ask(good_token(algorithm, **made)).status_code == 200


def test_a_token_of_the_secret_before_passes():
    assert ask(good_token("HS256", sign=by_secret(OLDER_SECRET))).status_code == 200
