"""Recovery codes are made once, though the answer to a COMMIT gets lost."""

import pytest
from django.contrib.auth.models import User

from bookings.models import LogInEvent, RecoveryCode
from bookings.services.access import second_factor
from bookings.services.access.log_ins import Visit

pytestmark = pytest.mark.django_db


def test_a_transaction_that_runs_again_makes_the_same_codes():
    anna, codes = User.objects.create_user("anna"), ["A" * 16, "B" * 16]

    for _ in range(2):
        second_factor._make_codes(anna, codes, visit=Visit("192.0.2.1"))

    assert RecoveryCode.objects.count() == 2
    assert LogInEvent.objects.count() == 1
