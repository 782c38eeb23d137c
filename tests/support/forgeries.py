"""Tokens and keys that somebody made up, changed, or kept too long; each is made when a test asks for it."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import F

from bookings.actor import Scope
from bookings.models import ApiKey
from bookings.services.access.api_keys import issue_api_key, revoke_api_key, rotate_api_key
from tests.support.bookings import STAFF
from tests.support.signers import (
    KEY_IDS,
    LEFT_OUT,
    by_key,
    by_secret,
    encoded,
    good_token,
    private_key,
    public_jwk,
    public_pem,
    sealed,
    usual_claims,
)

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


def service_key() -> tuple[ApiKey, str]:
    return issue_api_key(name="gate", scopes=list(Scope), life=timedelta(1), requests_per_minute=None, actor=STAFF)


def revoked() -> str:
    key, text = service_key()
    revoke_api_key(key_id=key.key_id, actor=STAFF)
    return text


def expired() -> str:
    _, text = service_key()
    ApiKey.objects.update(expires_at=F("expires_at") - timedelta(days=2))
    return text


def rotated_away() -> str:
    key, text = service_key()
    rotate_api_key(key_id=key.key_id, grace=timedelta(0), life=None, actor=STAFF)
    return text


def changed(change: Callable[[str], str]) -> Callable[[], str]:
    return lambda: change(service_key()[1])


def with_the_id_of_another() -> str:
    key, _ = service_key()
    return f"fbs_{key.key_id}_{service_key()[1][-43:]}"


def in_capitals() -> str:
    """A key's id in capitals; one that has letters, which a random one may not."""
    key, text = service_key()
    ApiKey.objects.filter(pk=key.pk).update(key_id="0123456789abcdef")
    return f"fbs_0123456789ABCDEF_{text[-43:]}"


KEYS: dict[str, Callable[[], str]] = {
    "wrong secret": changed(lambda text: f"{text[:-43]}{'A' * 43}"),
    "last letter of the secret changed": changed(lambda text: text[:-1] + ("B" if text[-1] == "A" else "A")),
    "unknown id": changed(lambda text: f"fbs_{'0' * 16}_{text[-43:]}"),
    "too short": changed(lambda text: text[:-1]),
    "too long": changed(lambda text: f"{text}A"),
    "id in capitals": in_capitals,
    "prefix in capitals": changed(lambda text: f"FBS{text[3:]}"),
    "without the prefix": changed(lambda text: text[4:]),
    "prefix alone": lambda: "fbs_",
    "blank at the end": changed(lambda text: f"{text} "),
    "blank in front": changed(lambda text: f" {text}"),
    "line break at the end": changed(lambda text: f"{text}\n"),
    "NUL at the end": changed(lambda text: f"{text}\0"),
    "digits that are not ASCII": changed(lambda text: f"fbs_{chr(0x660) * 16}_{text[-43:]}"),
    "with % for the id": changed(lambda text: f"fbs_{'%' * 16}_{text[-43:]}"),
    "revoked": revoked,
    "expired": expired,
    "old secret after its grace": rotated_away,
    "with the id of another": with_the_id_of_another,
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
    **{f"service key: {what}": make for what, make in KEYS.items()},
}
"""What is wrong with it, and who makes it."""
