"""A payment gateway in trouble is left alone for a while, and never holds all the threads of a process."""

import os
import threading

import pytest
from structlog.testing import capture_logs

from bookings.gateways.payments.guard import CallRefused, PaymentGuard
from bookings.observability.metrics import REGISTRY
from bookings.ports import AwaitsPayer, CallWord, Declined, NotSent, Unknown
from tests.support.stripe import (
    CONFIRM,
    INTENT,
    INTENTS,
    REFUNDS_OF_INTENT,
    TOKEN,
    an_intent,
    an_order,
    error,
    list_of,
    payment_intent,
    stripe_at,
)
from tests.support.wire import HANG_UP, STAY_SILENT, answer


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def stripe(wire, now):
    return stripe_at(wire.url, guard=PaymentGuard("stripe", clock=lambda: now[0], places=2))


def look(stripe, seconds=5.0):
    return stripe.look(an_intent(), seconds=seconds)


def number(name, **labels):
    return REGISTRY.get_sample_value(f"bookings_payment_{name}", {"gateway": "stripe", **labels}) or 0


def calls(operation, outcome):
    return number("calls_total", operation=operation, outcome=outcome)


@pytest.mark.parametrize("said", [HANG_UP, answer(503, body=b"no"), answer(500, error(type="api_error"))])
def test_after_five_failures_in_a_row_nothing_is_sent_for_a_while(wire, stripe, now, said):
    wire.say("GET", INTENT, *[said] * 5, answer(200, payment_intent()))
    for _ in range(5):
        look(stripe)

    assert not stripe.is_available()
    assert look(stripe) == NotSent("circuit breaker open")
    assert len(wire.calls) == 5
    assert number("breaker_state") == 2

    now[0] += 60
    assert stripe.is_available()
    assert [look(stripe) for _ in range(3)] == [AwaitsPayer()] * 3
    assert number("breaker_state") == 0


@pytest.mark.parametrize("status", [401, 403, 429])
def test_an_account_that_is_turned_away_is_left_alone_too(wire, stripe, status):
    wire.say("GET", INTENT, answer(status, error(type="invalid_request_error")))

    for _ in range(5):
        look(stripe)

    assert not stripe.is_available()


@pytest.mark.parametrize(
    "said",
    [
        answer(402, error(type="card_error", code="card_declined")),
        answer(400, error(type="invalid_request_error")),
        answer(404, error(type="invalid_request_error")),
        answer(409, error(type="idempotency_error")),
    ],
)
def test_declined_cards_and_mistakes_come_from_a_stripe_that_is_well(wire, stripe, said):
    wire.say("POST", CONFIRM, said)

    for _ in range(20):
        stripe.charge(an_intent(), payer_token=TOKEN, seconds=5)

    assert stripe.is_available()
    assert len(wire.calls) == 20


def test_a_call_that_had_hardly_any_time_says_nothing_about_stripe(wire, stripe):
    wire.say("GET", INTENT, STAY_SILENT)

    assert [look(stripe, seconds=0.05) for _ in range(6)] == [Unknown("answer too slow")] * 6
    assert stripe.is_available()


@pytest.mark.slow
def test_a_crowd_does_not_wait_for_a_slow_stripe(wire, stripe):
    wire.say("GET", INTENT, STAY_SILENT)
    threads = [threading.Thread(target=look, args=(stripe, 1.0)) for _ in range(2)]
    for thread in threads:
        thread.start()
    wire.await_calls(2)

    assert not stripe.is_available()
    assert look(stripe) == NotSent("too many calls at once")

    for thread in threads:
        thread.join(10)
    assert len(wire.calls) == 2
    assert stripe.is_available()


def test_calls_are_counted_and_timed_by_what_was_asked_and_how_it_ended(wire, stripe):
    wire.say("POST", INTENTS, answer(200, payment_intent()))
    wire.say("POST", CONFIRM, answer(402, error(type="card_error", code="card_declined")))
    wire.say(
        "GET", INTENT, answer(404, error(type="invalid_request_error")), answer(429, error(code="rate_limit")), HANG_UP
    )
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()))
    ends = [("open", "done"), ("charge", "refused"), ("look", "mistake"), ("look", "not_sent"), ("look", "unknown")]
    counted = [calls(*end) for end in ends]
    timed = number("call_duration_seconds_count", operation="look")

    stripe.open(an_intent(id_=""), seconds=5)
    assert stripe.charge(an_intent(), payer_token=TOKEN, seconds=5) == Declined("card_declined")
    for _ in range(3):
        look(stripe)
    stripe.look_at_refund(an_order(), seconds=5)

    assert [calls(*end) for end in ends] == [before + 1 for before in counted]
    assert number("call_duration_seconds_count", operation="look") == timed + 3


def test_what_goes_wrong_is_logged_by_its_name_and_a_declined_card_is_not(wire, stripe):
    wire.say("POST", CONFIRM, answer(402, error(type="card_error", code="card_declined")))
    wire.say("GET", INTENT, answer(401, error(type="invalid_request_error")))

    with capture_logs() as lines:
        stripe.charge(an_intent(), payer_token=TOKEN, seconds=5)
        look(stripe)

    assert lines == [
        {
            "event": "gateway.payments.call_failed",
            "log_level": "warning",
            "what": "look",
            "outcome": "mistake",
            "reason": "401 invalid_request_error",
        }
    ]


def test_a_call_that_ends_by_an_exception_has_failed():
    guard = PaymentGuard("stripe", clock=lambda: 1000.0, places=1)
    counted = calls("look", "unknown")

    for _ in range(5):
        with pytest.raises(ZeroDivisionError), guard.call("look"):
            1 / 0  # noqa: B018

    assert not guard.is_available()
    assert calls("look", "unknown") == counted + 5
    with pytest.raises(CallRefused, match="circuit breaker open"), guard.call("look"):
        pytest.fail("admitted")


def test_a_forked_process_shows_its_own_breaker(monkeypatch):
    guard = PaymentGuard("stripe", clock=lambda: 1000.0, places=1)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with guard.call("look") as call:
        call.ended(CallWord.DONE, healthy=True)

    assert guard._shown == (-1, 0)


def test_half_of_a_processs_threads_may_wait_for_stripe(settings):
    settings.WEB_THREADS = 32
    assert PaymentGuard("stripe").bulkhead._places == 16
    settings.WEB_THREADS = 1
    assert PaymentGuard("stripe").bulkhead._places == 1
