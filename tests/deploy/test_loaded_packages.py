"""A process of the web server loads what its settings ask for: each package it does without is memory."""

import json
import os
import subprocess
import sys

import pytest

from tests.docs.pages import REPOSITORY

pytestmark = pytest.mark.slow

LOADED = "import bookingsite.wsgi, json, sys; print(json.dumps(sorted(sys.modules)))"
SETTINGS = {"ENV_FILE": "", "DEBUG": "true", "DATABASE_URL": "sqlite://:memory:"}


def loaded(**settings):
    environment = {**os.environ, **SETTINGS, **settings}
    words = [sys.executable, "-c", LOADED]
    told = subprocess.run(words, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(told.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def usual():
    return loaded()


def test_a_package_that_no_setting_asks_for_is_not_loaded(usual):
    assert not {"redis", "fido2", "segno", "stripe", "psycopg", "airportsdata"} & usual


def test_the_package_of_a_postgresql_that_is_named_is_loaded():
    assert "psycopg" in loaded(DATABASE_URL="postgresql://bookings@127.0.0.1:1/bookings")


def test_the_package_of_a_redis_that_is_named_is_loaded():
    assert "redis" in loaded(REDIS_URL="redis://127.0.0.1:1/0")


def test_the_package_of_an_account_that_is_named_is_loaded_before_the_first_payment():
    account = {
        "STRIPE_API_KEY": "rk_test_0123456789",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_0123456789",
        "STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef",
    }

    assert "stripe" in loaded(PAYMENT_GATEWAY="stripe", CURRENCY="EUR", **account)


def test_what_is_used_was_loaded_before_the_first_request(usual):
    assert {"bookings.api.views", "bookings.office.site", "bookings.gateways.flight_service.http", "jwt"} <= usual
