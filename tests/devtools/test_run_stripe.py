"""What `make run PAYMENTS=stripe` adds to a run."""

import pytest

from bookingsite.config import payments
from devtools import run_all, run_stripe

SETTINGS = run_stripe.settings(paysim="http://127.0.0.1:8002", web="http://127.0.0.1:8000", currency="INR")


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch):
    for name in ("PAYMENTS", "CURRENCY", "PAYMENT_GATEWAY"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_there_is_no_stand_in_for_stripe():
    assert run_all._pays_by_stripe() is False


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setenv("PAYMENTS", "paypal")

    with pytest.raises(run_all.CannotRun, match=r"^PAYMENTS=paypal is not known; PAYMENTS=stripe starts"):
        run_all._pays_by_stripe()


def test_its_settings_are_such_as_a_start_accepts(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)

    assert payments.stripe_key("STRIPE_API_KEY", publishable=False) == run_stripe.KEY
    assert payments.stripe_key("STRIPE_PUBLISHABLE_KEY", publishable=True) == run_stripe.PUBLISHABLE_KEY
    assert payments.stripe_webhook_secrets("STRIPE_WEBHOOK_SECRET") == [run_stripe.WEBHOOK_SECRET]
    assert payments.stripe_address("STRIPE_API_URL", development=True) == "http://127.0.0.1:8002"
    assert payments.return_address("PAYMENT_RETURN_URL", development=True).startswith("http://127.0.0.1:8000/")


def test_they_go_before_what_the_environment_says(monkeypatch):
    monkeypatch.setenv("PAYMENT_GATEWAY", "demo")

    kept = run_all._environment(flights="http://127.0.0.1:1", payments=SETTINGS)

    assert {name: kept[name] for name in SETTINGS} == SETTINGS
