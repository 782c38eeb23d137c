"""What must be one of its kind is: a recovery code of a user, a passkey, an identity."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError

from bookings.db.clock import database_time
from bookings.models import Passkey, RecoveryCode, StaffIdentity

pytestmark = pytest.mark.django_db


def rows():
    anna, bert = User.objects.create_user("anna"), User.objects.create_user("bert")
    passkey = {"name": "key", "credential": b"1", "credential_hash": "1", "sign_count": 0}
    return {
        "recovery_code_unique": [RecoveryCode(user=anna, code_hash="1") for _ in range(2)],
        "passkey_unique": [Passkey(user=who, created_at=database_time(), **passkey) for who in (anna, bert)],
        "staff_identity_unique": [StaffIdentity(user=who, issuer="x", identity_hash="1") for who in (anna, bert)],
    }


@pytest.mark.parametrize("constraint", ["recovery_code_unique", "passkey_unique", "staff_identity_unique"])
def test_there_is_one_of_each(constraint):
    first, second = rows()[constraint]
    first.save()

    with pytest.raises(IntegrityError, match=r"_unique|UNIQUE"):
        second.save()


def test_two_users_may_have_the_same_code():
    first, _ = rows()["recovery_code_unique"]
    first.save()

    RecoveryCode(user=User.objects.get(username="bert"), code_hash="1").save()

    assert RecoveryCode.objects.count() == 2
