"""Passkeys are kept by their public half, and one that was copied is found out."""

import pytest
from django.contrib.auth.models import User

from bookings.models import LogInEvent, Passkey, RecoveryCode
from bookings.models.access.staff_log_in import Proof
from bookings.ports import ProvenPasskey
from bookings.services.access.log_ins import Visit
from bookings.services.access.passkeys import add_passkey, known_passkeys, use_passkey
from bookings.services.access.second_factor import (
    FactorNeeded,
    WrongCode,
    WrongPasskey,
    factors_of,
    remove_all,
    remove_factor,
)

pytestmark = pytest.mark.django_db

HERE = Visit("192.0.2.1", request_id="request-1")


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna", is_staff=True)


def a_passkey(user, *, credential=b"one", sign_count=0, **more):
    return add_passkey(user, name="laptop", proven=ProvenPasskey(credential, sign_count), visit=HERE, **more)


def test_the_first_factor_brings_recovery_codes_and_the_next_leaves_them(anna):
    first, second = a_passkey(anna), a_passkey(anna, credential=b"two")

    assert (len(first), second) == (10, [])
    assert known_passkeys(anna) == [b"one", b"two"]
    assert RecoveryCode.objects.count() == 10


def test_what_a_password_alone_adds_must_be_the_first(anna):
    first = a_passkey(anna, must_be_first=True)

    with pytest.raises(WrongCode):
        a_passkey(anna, credential=b"two", must_be_first=True)

    assert len(first) == 10
    assert known_passkeys(anna) == [b"one"]


def test_a_passkey_that_is_added_again_is_the_same_one(anna):
    a_passkey(anna)
    a_passkey(anna)

    assert Passkey.objects.count() == 1
    assert LogInEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("before", "now", "is_good"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False)],
)
def test_a_count_that_does_not_go_up_is_that_of_a_copy(anna, before, now, is_good):
    a_passkey(anna, sign_count=before)

    if is_good:
        assert use_passkey(anna, ProvenPasskey(b"one", now)) is Proof.PASSKEY
        assert Passkey.objects.get().sign_count == now
    else:
        with pytest.raises(WrongPasskey):
            use_passkey(anna, ProvenPasskey(b"one", now))
        assert Passkey.objects.get().last_used_at is None


def test_the_passkey_of_another_user_opens_nothing(anna):
    bert = User.objects.create_user("bert")
    a_passkey(bert)

    with pytest.raises(WrongPasskey):
        use_passkey(anna, ProvenPasskey(b"one", 1))


def test_the_last_factor_stays_where_the_group_needs_one(anna, settings):
    a_passkey(anna)
    a_passkey(anna, credential=b"two")
    settings.STAFF_SECOND_FACTOR_GROUPS = ["*"]
    first, second = factors_of(anna).passkeys

    remove_factor(anna, Proof.PASSKEY, first.pk, visit=HERE)
    remove_factor(anna, Proof.PASSKEY, first.pk, visit=HERE)
    with pytest.raises(FactorNeeded):
        remove_factor(anna, Proof.PASSKEY, second.pk, visit=HERE)

    assert [row.pk for row in factors_of(anna).passkeys] == [second.pk]
    assert RecoveryCode.objects.count() == 10
    remove_all(anna)
    assert not factors_of(anna)
    assert RecoveryCode.objects.count() == 0
