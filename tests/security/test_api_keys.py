"""The keys of services: shown once, kept as hashes, rotated without an outage, revoked at once."""

import hashlib
from datetime import timedelta

import pytest
from django.db.models import F

from bookings.actor import Scope
from bookings.db.clock import database_time
from bookings.errors import InvalidRequest
from bookings.models import ApiKey
from bookings.services.access.api_keys import (
    UnknownApiKey,
    _revoke,
    _rotate,
    _Rotation,
    _salted,
    issue_api_key,
    recognize_api_key,
    revoke_api_key,
    rotate_api_key,
)
from tests.support.bookings import STAFF

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def issue(**changes):
    usual = {
        "name": "gate agent",
        "scopes": {Scope.BOOKINGS_READ},
        "life": 30 * DAY,
        "requests_per_minute": None,
        "actor": STAFF,
    }
    return issue_api_key(**{**usual, **changes})


def rotate(key, *, grace=DAY, life=None):
    return rotate_api_key(key_id=key.key_id, grace=grace, life=life, actor=STAFF)


def let_keys_age(age):
    """Move every time of every key into the past."""
    ApiKey.objects.update(
        **{name: F(name) - age for name in ("created_at", "expires_at", "previous_expires_at", "last_used_at")}
    )


def test_a_key_is_recognised_with_what_it_may_do():
    key, text = issue(scopes={Scope.BOOKINGS_READ, Scope.PAYMENTS_WRITE})

    found = recognize_api_key(text)

    assert text == f"fbs_{key.key_id}_{text[-43:]}"
    assert found == key
    assert found.granted == {Scope.BOOKINGS_READ, Scope.PAYMENTS_WRITE}


def test_the_database_has_no_secret_and_two_hashes_of_one_secret_would_differ():
    key, text = issue()
    secret = text[-43:]

    stored = " ".join(str(value) for value in ApiKey.objects.values_list().get())

    salt, digest = key.secret_hash.split("$")
    assert secret not in stored
    assert len(salt) == 32
    assert digest == hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()
    assert hashlib.sha256(secret.encode()).hexdigest() not in stored


@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: f"{text} ", lambda text: text[4:]])
def test_a_text_that_is_not_quite_the_key_is_not_recognised(change):
    _, text = issue()

    assert recognize_api_key(change(text)) is None


def test_a_key_ends_on_database_time():
    _, text = issue(life=30 * DAY)

    let_keys_age(29 * DAY)
    before = recognize_api_key(text)
    let_keys_age(DAY)
    after = recognize_api_key(text)

    assert (before is not None, after) == (True, None)


def test_a_revoked_key_ends_at_once_with_the_secret_before_it():
    key, first = issue()
    _, second = rotate(key)

    revoke_api_key(key_id=key.key_id, actor=STAFF)

    assert [recognize_api_key(text) for text in (first, second)] == [None, None]


def test_a_key_cannot_be_revoked_or_rotated_once_it_is_revoked():
    key, _ = issue()
    revoke_api_key(key_id=key.key_id, actor=STAFF)

    with pytest.raises(UnknownApiKey):
        revoke_api_key(key_id=key.key_id, actor=STAFF)
    with pytest.raises(UnknownApiKey):
        rotate(key)


def test_after_a_rotation_both_secrets_work_until_the_grace_is_over():
    key, first = issue()
    rotated, second = rotate(key, grace=DAY)

    during = [recognize_api_key(text) == key for text in (first, second)]
    let_keys_age(DAY)
    after = [recognize_api_key(text) == key for text in (first, second)]

    assert rotated.key_id == key.key_id
    assert (during, after) == ([True, True], [False, True])


def test_a_second_rotation_ends_the_first_secret():
    key, first = issue()
    _, second = rotate(key)
    _, third = rotate(key)

    assert [recognize_api_key(text) == key for text in (first, second, third)] == [False, True, True]


def test_a_leaked_secret_is_rotated_away_at_once_without_grace():
    key, leaked = issue()

    rotate(key, grace=timedelta(0))

    assert recognize_api_key(leaked) is None


def test_an_expired_key_is_rotated_only_with_a_new_life():
    key, _ = issue(life=DAY)
    let_keys_age(2 * DAY)

    with pytest.raises(InvalidRequest):
        rotate(key)
    _, text = rotate(key, life=DAY)

    assert recognize_api_key(text) == key


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a" * 81}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "\u3164\u2800"}, "name"),
        ({"scopes": set()}, "scopes"),
        ({"life": timedelta(0)}, "life"),
        ({"life": timedelta(days=733)}, "life"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(changes, field):
    with pytest.raises(InvalidRequest) as refused:
        issue(**changes)

    assert list(refused.value.fields) == [field]
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("grace", [timedelta(days=31), timedelta(seconds=-1)])
def test_a_grace_has_an_end(grace):
    key, _ = issue()

    with pytest.raises(InvalidRequest):
        rotate(key, grace=grace)


def test_its_last_use_is_noted_once_a_minute(django_assert_num_queries):
    _, text = issue()
    with django_assert_num_queries(2):
        recognize_api_key(text)
    with django_assert_num_queries(1):
        recognize_api_key(text)
    noted = ApiKey.objects.get().last_used_at

    let_keys_age(timedelta(minutes=1))
    recognize_api_key(text)

    assert ApiKey.objects.get().last_used_at >= noted


def test_a_scope_of_another_release_grants_nothing():
    key, text = issue()
    ApiKey.objects.filter(pk=key.pk).update(scopes="bookings:read seats:sell")

    assert recognize_api_key(text).granted == {Scope.BOOKINGS_READ}


def test_a_key_is_never_deleted():
    key, _ = issue()

    with pytest.raises(TypeError):
        key.delete()


def test_a_rotation_that_is_asked_for_twice_keeps_the_secret_that_was_promised_a_grace():
    key, first = issue()
    seen = key.secret_mark
    rotate_api_key(key_id=key.key_id, grace=DAY, life=None, actor=STAFF, seen=seen)

    with pytest.raises(InvalidRequest) as refused:
        rotate_api_key(key_id=key.key_id, grace=DAY, life=None, actor=STAFF, seen=seen)

    assert refused.value.fields == {"key": "It was rotated meanwhile; nothing was changed."}
    assert recognize_api_key(first) == key


def test_a_secret_that_had_ended_does_not_work_again_when_its_key_lives_on():
    key, old = issue(life=DAY)
    let_keys_age(2 * DAY)

    rotate(key, grace=DAY, life=30 * DAY)

    assert recognize_api_key(old) is None


def test_a_rotation_that_runs_again_after_a_lost_commit_finds_its_own():
    key, first = issue()
    again = _Rotation(secret_hash=_salted("s" * 43), grace=DAY, life=None, seen=key.secret_mark)

    for _ in range(2):
        _rotate(key.key_id, again, actor=STAFF, note="")

    assert [recognize_api_key(text) == key for text in (first, f"fbs_{key.key_id}_{'s' * 43}")] == [True, True]


def test_a_revocation_that_runs_again_after_a_lost_commit_has_succeeded():
    key, _ = issue()
    now = database_time()

    revoked = [_revoke(key.key_id, at=now, actor=STAFF, note="") for _ in range(2)]

    assert [key.revoked_at for key in revoked] == [now, now]
    assert [event.what for event in key.events.order_by("pk")] == ["issued", "revoked"]


def test_everything_that_is_done_with_a_key_leaves_one_event_that_says_who_and_why():
    key, _ = issue(note="for the new gates")
    rotate_api_key(key_id=key.key_id, grace=DAY, life=None, actor=STAFF, note="a laptop was stolen")
    revoke_api_key(key_id=key.key_id, actor=STAFF, note="the gates are closed")

    events = key.events.order_by("pk").values_list("what", "actor_kind", "actor_name", "note")
    assert list(events) == [
        ("issued", "staff", "anna", "for the new gates"),
        ("rotated", "staff", "anna", "a laptop was stolen"),
        ("revoked", "staff", "anna", "the gates are closed"),
    ]
