"""manage.py api_keys and dev_token: what an operator and a developer see."""

from io import StringIO

import jwt
import pytest
from django.core.management import CommandError, call_command

from bookings.models import ApiKey
from bookings.services.access.api_keys import recognize_api_key
from tests.support.api import BOOKINGS, shown
from tests.support.callers import CallerApi

pytestmark = pytest.mark.django_db


def run(*words):
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().splitlines()


def create(*words):
    return run("api_keys", "create", "--name", "gate agent", "--scopes", "bookings:read", *words)[-1]


def test_the_last_line_of_create_is_a_key_that_works():
    text = create("--days", "10", "--rate", "600")

    key = recognize_api_key(text)
    assert (key.name, key.scopes, key.requests_per_minute) == ("gate agent", "bookings:read", 600)
    assert (key.expires_at - key.created_at).days == 10
    assert key.created_by.endswith("(command line)")


@pytest.mark.parametrize(
    "words",
    [
        ("--scopes", "bookings:read,bookings:write"),
        ("--scopes", "bookings:read", "bookings:write"),
        ("--scope", "bookings:read", "--scope", "bookings:write"),
    ],
)
def test_scopes_may_be_spelled_in_any_usual_way(words):
    text = run("api_keys", "create", "--name", "a", *words)[-1]

    assert recognize_api_key(text).scopes == "bookings:read bookings:write"


def test_the_list_shows_every_key_and_no_secret():
    texts = [create(), create()]
    revoked = ApiKey.objects.earliest("pk")
    run("api_keys", "revoke", revoked.key_id)

    lines = run("api_keys", "list")

    assert [line.split()[:2] for line in lines[:2]] == [
        [revoked.key_id, "revoked"],
        [ApiKey.objects.latest("pk").key_id, "good"],
    ]
    assert lines[2] == "2 keys"
    assert all(text[-43:] not in "\n".join(lines) for text in texts)


def test_rotate_keeps_the_id_and_the_old_secret_for_a_while():
    old = create()
    key = ApiKey.objects.get()

    new = run("api_keys", "rotate", key.key_id, "--grace-hours", "2")[-1]

    assert recognize_api_key(old) == recognize_api_key(new) == key
    assert new != old


def test_revoke_ends_it():
    text = create()

    run("api_keys", "revoke", ApiKey.objects.get().key_id)

    assert recognize_api_key(text) is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("rotate", "0" * 16), "There is no key 0000000000000000"),
        (("revoke", "0" * 16), "There is no key 0000000000000000"),
        (("create", "--name", "a", "--scopes", "seats:sell"), "scopes: seats:sell: use bookings:read"),
        (("create", "--name", "a", "--scopes", "bookings:read", "--days", "0"), "life: At most 732 days"),
        (("create", "--name", "a", "--scopes", "bookings:read", "--days", "9999999999"), "days: Too many"),
        (("create", "--name", "", "--scopes", "bookings:read"), "name: 1 to 80"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words, reason):
    with pytest.raises(CommandError) as refused:
        run("api_keys", *words)

    assert reason in str(refused.value)
    assert ApiKey.objects.count() == 0


def test_the_last_line_of_dev_token_is_a_token_that_works(settings, flights, token_auth):
    settings.DEBUG = True

    token = run("dev_token", "--user", "1007")[-1]

    assert shown(CallerApi(token).post(BOOKINGS, {"flightId": 1, "noOfSeats": 1}))["userId"] == 1007
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize("words", [("--user", "0"), ("--user", str(2**53)), ("--user", "1", "--minutes", "0")])
def test_dev_token_says_what_it_cannot_make(settings, words):
    settings.DEBUG = True

    with pytest.raises(CommandError):
        run("dev_token", *words)


def test_dev_token_cannot_sign_with_public_keys(settings):
    settings.DEBUG, settings.JWT_SECRETS = True, []

    with pytest.raises(CommandError, match="Set JWT_SECRET"):
        run("dev_token", "--user", "1")


def test_a_service_has_one_key_for_all_cells(monkeypatch):
    text = f"fbs_{'0a' * 8}_{'s' * 43}"
    given = ("api_keys", "create", "--name", "shop", "--scopes", "bookings:read", "--given")

    monkeypatch.setattr("sys.stdin", StringIO(f"{text}\n"))
    printed = run(*given)

    assert (recognize_api_key(text).key_id, text in "".join(printed)) == ("0a" * 8, False)
    for wrong in (text, "fbs_0a_s", ""):
        monkeypatch.setattr("sys.stdin", StringIO(wrong))
        with pytest.raises(CommandError, match="given: The key of another cell, whole, that is not here yet"):
            run(*given)
