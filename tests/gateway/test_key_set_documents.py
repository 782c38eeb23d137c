"""What is taken for a key set, and what is not: over HTTP, and as a document."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from bookings.gateways.user_service.signing_keys import InvalidKeySet, key_set_from, parse_key_set
from bookings.ports import SigningKeysUnavailable
from tests.support.signers import key_set, private_key, public_jwk, published

ED = public_jwk("EdDSA")
KIB = 1024


def padded(size):
    """A good key set of exactly so many bytes."""
    content = key_set()
    return content + b" " * (size - len(content))


@pytest.mark.parametrize("status", [201, 203, 204, 301, 304, 401, 404, 500, 503])
def test_no_answer_but_a_200_is_read(status):
    with published(status, body=b"" if status in (204, 304) else key_set()) as site:
        keys = key_set_from(site.url)

        with pytest.raises(SigningKeysUnavailable):
            keys.candidates(algorithm="EdDSA", key_id="ed-1")

    assert site.paths() == ["/"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (padded(64 * KIB + 1), {}),
        (padded(1024 * KIB), {}),
        (b"<html></html>", {}),
        (b"", {}),
        (key_set(), {"Content-Encoding": "gzip"}),
        (key_set(), {"Content-Length": "100000"}),
    ],
    ids=["a byte too large", "a MiB", "a page", "nothing", "not what it says it is", "cut off"],
)
def test_an_answer_that_is_no_key_set_is_none(body, headers):
    with published(body=body, headers=headers) as site:
        keys = key_set_from(site.url)

        with pytest.raises(SigningKeysUnavailable):
            keys.candidates(algorithm="EdDSA", key_id="ed-1")


def test_an_answer_of_64_kib_is_read():
    with published(body=padded(64 * KIB)) as site:
        (found,) = key_set_from(site.url).candidates(algorithm="EdDSA", key_id="ed-1")

    assert found.algorithm == "EdDSA"


def test_nobody_there_is_no_key_set():
    with published() as site:
        keys = key_set_from(site.url)

    with pytest.raises(SigningKeysUnavailable):
        keys.candidates(algorithm="EdDSA", key_id="ed-1")


def private_jwk():
    return {**ED, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}


def weak_rsa():
    key = rsa.generate_private_key(65537, 1024).public_key()
    return {**RSAAlgorithm.to_jwk(key, as_dict=True), "kid": "weak"}


def p384():
    return {
        **ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True),
        "kid": "p384",
    }


SECRET = "the key set contains a secret; publish public keys only"
KEY_ID = "a key id is not 1 to 128 visible ASCII characters"
NOT_ONE = "it is not a JSON Web Key Set whose signing keys have a kid"
NONE_USABLE = "the key set has no signing key for RS256, ES256 or EdDSA"

# Each stands beside a good key, which does not save it.
REFUSED = {
    "a private key": (private_jwk, SECRET),
    "a private key for encryption": (lambda: {**private_jwk(), "use": "enc"}, SECRET),
    "a key of the same name": (lambda: {**ED, "kid": "good"}, "two signing keys have the same kid"),
    "a shared secret": (lambda: {"kty": "oct", "kid": "o", "k": "c2VjcmV0", "alg": "HS256"}, SECRET),
    "an RSA key of 1024 bits": (weak_rsa, "an RSA key is shorter than 2048 bits"),
    "no kid": (lambda: public_jwk("RS256", kid=None), NOT_ONE),
    "no kty": (lambda: {"kid": "x"}, NOT_ONE),
    "a kid that is a number": (lambda: {**ED, "kid": 1}, NOT_ONE),
    "a kid that is a list": (lambda: {**ED, "kid": ["ed-1"]}, NOT_ONE),
    "an empty kid": (lambda: {**ED, "kid": ""}, KEY_ID),
    "a kid with a blank": (lambda: {**ED, "kid": "ed 1"}, KEY_ID),
    "a kid with a line break": (lambda: {**ED, "kid": "ed-1\n"}, KEY_ID),
    "a kid of 129 characters": (lambda: {**ED, "kid": "k" * 129}, KEY_ID),
    "a point that is not on the curve": (lambda: {**public_jwk("ES256"), "y": ED["x"]}, NOT_ONE),
    "half a key": (lambda: {"kty": "OKP", "crv": "Ed25519", "kid": "x"}, NOT_ONE),
    "no object": (lambda: "ed-1", NOT_ONE),
}


@pytest.mark.parametrize(("make", "why"), REFUSED.values(), ids=REFUSED)
def test_a_set_with_such_a_key_is_refused_as_a_whole(make, why):
    with pytest.raises(InvalidKeySet) as refusal:
        parse_key_set(key_set({**ED, "kid": "good"}, make()))

    assert str(refusal.value) == why


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"keys", b"[]", b"null", b"{}", b'{"keys": 1}', b'{"keys": {"kid": 1}}', b"\xff", b"NaN"),
        b'{"keys":' * 2000,
    ],
)
def test_what_is_no_json_web_key_set_is_refused(content):
    with pytest.raises(InvalidKeySet) as refusal:
        parse_key_set(content)

    assert str(refusal.value) == NOT_ONE


# Of kinds that are not known here, or for something else: others may use them.
IGNORED = {
    "of another curve": p384,
    "of another kind": lambda: {"kty": "PQ", "kid": "pq"},
    "for encryption": lambda: public_jwk("RS256", kid="enc", use="enc"),
    "for encryption, without a kid": lambda: public_jwk("RS256", kid=None, use="enc"),
    "for other operations": lambda: public_jwk("RS256", kid="ops", key_ops=["encrypt"]),
    "RSA for PS256": lambda: public_jwk("RS256", kid="ps", alg="PS256"),
    "RSA for HS256": lambda: public_jwk("RS256", kid="hs", alg="HS256"),
    "RSA for ES256": lambda: public_jwk("RS256", kid="es", alg="ES256"),
    "EC for RS256": lambda: public_jwk("ES256", kid="rs", alg="RS256"),
    "Ed25519 for none": lambda: public_jwk("EdDSA", kid="none", alg="none"),
}


@pytest.mark.parametrize("make", IGNORED.values(), ids=IGNORED)
def test_a_key_that_is_not_for_us_is_passed_over(make):
    assert list(parse_key_set(key_set(make(), ED))) == ["ed-1"]


@pytest.mark.parametrize("make", IGNORED.values(), ids=IGNORED)
def test_a_set_with_no_other_keys_is_refused(make):
    with pytest.raises(InvalidKeySet) as refusal:
        parse_key_set(key_set(make()))

    assert str(refusal.value) == NONE_USABLE


def test_an_empty_set_is_refused():
    with pytest.raises(InvalidKeySet) as refusal:
        parse_key_set(b'{"keys": []}')

    assert str(refusal.value) == NONE_USABLE


def test_a_refusal_does_not_tell_what_is_in_the_set():
    secret = private_jwk()

    with pytest.raises(InvalidKeySet) as refusal:
        parse_key_set(json.dumps({"keys": [secret]}).encode())

    assert secret["d"] not in repr(refusal.value)


def test_each_key_is_for_the_algorithm_of_its_kind():
    found = parse_key_set(key_set())

    assert {key_id: key.algorithm for key_id, key in found.items()} == {
        "rsa-1": "RS256",
        "ec-1": "ES256",
        "ed-1": "EdDSA",
    }
    assert found["ed-1"].key == private_key("EdDSA").public_key()
