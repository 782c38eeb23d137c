"""No key, token or secret of a payment is in a log line, a message or the text of a value."""

import io
import logging
import subprocess
import sys
import traceback

import pytest

from bookingsite import logs
from tests.support.canaries import Canaries
from tests.support.stripe import (
    CANCEL,
    CONFIRM,
    INTENT,
    INTENTS,
    REFUNDS,
    REFUNDS_OF_INTENT,
    an_intent,
    an_order,
    error,
    event,
    list_of,
    payment_intent,
    refund,
    signed,
    stripe_at,
)
from tests.support.wire import HANG_UP, answer


@pytest.fixture
def written(monkeypatch):
    """Everything that is logged, as it is written, down to the finest level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Lines(logs.RENDERERS["json"]))
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    return stream


def answers(canaries):
    """Every way in which Stripe answers with something secret in it."""
    found = payment_intent("requires_action", client_secret=canaries("client secret"), id=canaries("id"))
    said = canaries("words of an error")
    return [
        answer(200, found),
        answer(200, payment_intent("succeeded", client_secret=canaries("client secret of a paid one"))),
        answer(402, error(type="card_error", code="card_declined", decline_code=said.upper(), payment_intent=found)),
        answer(400, error(type="invalid_request_error", code=said.upper(), param=f"{said} {said}", doc_url=said)),
        answer(500, error(type=said.upper())),
        answer(200, body=canaries("garbage").encode()),
        HANG_UP,
    ]


@pytest.mark.slow
def test_nothing_secret_is_logged_or_shown(wire, written):
    canaries = Canaries()
    secrets = {
        "api_key": f"rk_test_{canaries('API key')}",
        "publishable_key": f"pk_test_{canaries('publishable key')}",
        "webhook_secrets": [f"whsec_{canaries('webhook secret')}"],
    }
    gateway, token = stripe_at(wire.url, **secrets), f"ctoken_{canaries('token')}"
    shown = [repr(gateway), repr(gateway._account), repr(gateway._api), str(vars(gateway))]
    for said in answers(canaries):
        for method, path in (
            ("POST", INTENTS),
            ("POST", CONFIRM),
            ("GET", INTENT),
            ("POST", CANCEL),
            ("POST", REFUNDS),
        ):
            wire._answers[method, path] = [said]
        wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()))
        shown += map(
            repr,
            [
                gateway.open(an_intent(id_="", by_payer=True), seconds=5),
                gateway.charge(an_intent(), payer_token=token, seconds=5),
                gateway.look(an_intent(by_payer=True), seconds=5),
                gateway.close(an_intent(), seconds=5),
                gateway.refund(an_order(), seconds=5),
            ],
        )
    for headers in (signed(event(), "whsec_other_one_01234"), {"Stripe-Signature": "t=1,v1=2"}):
        try:
            gateway.read_notice(event(about=refund(description=canaries("content"))), headers)
        except Exception:  # noqa: BLE001
            shown.append(traceback.format_exc(chain=True))
            canaries._values.pop("content", None)

    assert canaries.seen_in("\n".join(shown)) == []
    assert canaries.seen_in(written.getvalue()) == []
    assert "gateway.payments.call_failed" in written.getvalue()


PRINTS_NOTHING = """
import logging, sys
from bookingsite import logs
logs.configure("json", level="DEBUG")
from bookings.gateways.payments.stripe import api
import stripe
stripe._util.log_debug("API response body", body="canary_secret")
stripe._util.log_info("Request to Stripe api", url="canary_secret")
"""


@pytest.mark.slow
def test_the_librarys_own_log_of_bodies_is_off_whatever_the_environment_says():
    result = subprocess.run(
        [sys.executable, "-c", PRINTS_NOTHING],
        env={"STRIPE_LOG": "debug", "DJANGO_SETTINGS_MODULE": "bookingsite.settings", "DEBUG": "true", "ENV_FILE": ""},
        capture_output=True,
        text=True,
    )

    assert (result.returncode, "canary" in result.stdout + result.stderr) == (0, False), result.stderr
