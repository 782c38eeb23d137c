"""One code of an app opens one log-in, however many bring it at once."""

from collections import Counter
from functools import partial
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django_otp.plugins.otp_totp.models import TOTPDevice

from bookings.services.access.second_factor import WrongCode, use_code
from tests.races.crowd import all_at_once
from tests.support.second_factor import KEY
from tests.support.totp import code_of

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def anna():
    anna = User.objects.create_user("anna")
    TOTPDevice.objects.create(user=anna, name="app", key=KEY)
    return anna


def outcomes(user):
    """What twelve requests with one code are answered."""

    def tried(code):
        try:
            return use_code(user, code)
        except WrongCode:
            return "refused"

    return Counter(all_at_once([partial(tried, code_of(KEY))] * 12))


def test_one_of_many_requests_with_one_code_gets_in(anna):
    assert outcomes(anna) == {"totp": 1, "refused": 11}


def test_twin_without_the_lock_several_get_in(anna, monkeypatch):
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)
    verify = TOTPDevice.verify_token
    all_have_read = Barrier(12, timeout=10)

    def after_all_have_read(device, code):
        all_have_read.wait()
        return verify(device, code)

    monkeypatch.setattr(TOTPDevice, "verify_token", after_all_have_read)

    assert outcomes(anna)["totp"] > 1
