"""Service keys that were made up, changed, or kept too long: every one is refused, and good ones are not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from bookings.actor import Scope
from bookings.models import ApiKey
from bookings.services.access.api_keys import issue_api_key, revoke_api_key, rotate_api_key
from tests.support.api import BOOKINGS, refused
from tests.support.bookings import STAFF
from tests.support.callers import CallerApi

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("token_auth")]


def ask(credential):
    return CallerApi(credential).get(BOOKINGS)


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


@pytest.mark.slow
@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_what_proves_nothing_is_refused(make):
    answer = ask(make())

    assert refused(answer) == (401, "token_invalid")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="bookings"')


def test_a_service_key_passes_and_so_does_its_old_secret_within_the_grace():
    key, old = service_key()
    _, new = rotate_api_key(key_id=key.key_id, grace=timedelta(days=1), life=None, actor=STAFF)

    assert [ask(text).status_code for text in (old, new)] == [200, 200]
