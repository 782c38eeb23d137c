"""What is not Stripe's answer, or comes too slowly, is no answer; and none of it keeps anybody waiting."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings.gateways.http_exchange import Answer
from bookings.gateways.payments.stripe import api
from bookings.ports import Charged, NotSent, Unknown
from tests.support.stripe import (
    CANCEL,
    CONFIRM,
    INTENT,
    INTENTS,
    REFUNDS,
    REFUNDS_OF_INTENT,
    TOKEN,
    an_intent,
    an_order,
    list_of,
    payment_intent,
    stripe_at,
)
from tests.support.wire import HANG_UP, STAY_SILENT, Drip, answer, took

# Of what is given; the rest is this machine's.
GRACE_SECONDS = 0.6

PAID = json.dumps(payment_intent("succeeded")).encode()


def deep(levels):
    """An answer whose innermost list is on this level."""
    return b'{"object":"payment_intent","id":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


# Answers that prove nothing, each with what is said of it.
NO_ANSWERS = {
    "not JSON": (answer(200, body=b"<html>ok</html>"), "answer 200 is not Stripe's"),
    "not UTF-8": (answer(200, body=PAID.replace(b"eur", b"\xff\xfe")), "answer 200 is not Stripe's"),
    "a list": (answer(200, [payment_intent("succeeded")]), "answer 200 is not Stripe's"),
    "no object": (answer(200, {"status": "succeeded"}), "answer 200 is not Stripe's"),
    "an object of no kind": (answer(200, payment_intent("succeeded", object=7)), "answer 200 is not Stripe's"),
    "too deep": (answer(200, body=deep(50_000)), "answer 200 is not Stripe's"),
    "too deep for the library alone": (answer(200, body=deep(600)), "answer 200 is not Stripe's"),
    "an endless number": (answer(200, body=b'{"object":"x","id":' + b"9" * 5000 + b"}"), "answer 200 is not Stripe's"),
    "promised": (answer(202, payment_intent("succeeded")), "answer 202 is not Stripe's"),
    "partial": (answer(206, payment_intent("succeeded")), "answer 206 is not Stripe's"),
    "elsewhere": (answer(302, payment_intent("succeeded"), Location="/v1/other"), "answer 302 is not Stripe's"),
    "a 402 that is not JSON": (answer(402, body=b"Payment Required"), "answer 402 is not Stripe's"),
    "a 402 without an error": (answer(402, {"object": "error"}), "answer 402 is not Stripe's"),
    "a 402 with words alone": (answer(402, {"error": "card_declined"}), "answer 402 is not Stripe's"),
    "a 400 of a proxy": (answer(400, body=b""), "answer 400 is not Stripe's"),
    "a 502 of a proxy": (answer(502, body=b"bad gateway"), "answer 502 is not Stripe's"),
    "huge": (answer(200, body=PAID + b" " * 1_100_000), "answer too large"),
    "cut": (answer(200, body=PAID).replace(b"Content-Length: ", b"Content-Length: 9"), "answer cut"),
    "hung up": (HANG_UP, "hung up without an answer"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "answer is not HTTP/1"),
}


def everything(gateway, seconds=5.0):
    """Ask for everything that can be asked of a payment."""
    return [
        gateway.open(an_intent(id_=""), seconds=seconds),
        gateway.charge(an_intent(), payer_token=TOKEN, seconds=seconds),
        gateway.look(an_intent(), seconds=seconds),
        gateway.close(an_intent(), seconds=seconds),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("said", "why"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_not_stripes_answer_proves_nothing(wire, stripe, said, why):
    for method, path in (("POST", INTENTS), ("POST", CONFIRM), ("GET", INTENT), ("POST", CANCEL)):
        wire.say(method, path, said)
        wire.hangs_up_after.add(path)

    assert everything(stripe) == [Unknown(why)] * 4


@pytest.mark.parametrize(("said", "why"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_not_stripes_answer_refunds_nothing(wire, stripe, said, why):
    wire.say("GET", REFUNDS_OF_INTENT, answer(200, list_of()))
    wire.say("POST", REFUNDS, said)
    wire.hangs_up_after.add(REFUNDS)

    assert stripe.refund(an_order(), seconds=5) == Unknown(why)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*payment_intent(), "object", "error", "data", "has_more"])


class Says:
    """In the place of the exchange over the network: answers each request at once, with this."""

    def __init__(self, status, content):
        self._answer = Answer(status, {}, json.dumps(content).encode(), was_kept=False)

    def send(self, _question, *, seconds):
        return self._answer


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changed=st.dictionaries(NAMES, ODD, max_size=4), status=st.sampled_from([200, 400, 402, 500]))
def test_whatever_a_field_holds_nothing_is_raised_and_nothing_odd_counts_as_money(changed, status):
    gateway = stripe_at("http://127.0.0.1:1")
    gateway._api._transport._http = Says(status, {**payment_intent("processing"), **changed})

    outcomes = everything(gateway)

    assert not any(isinstance(outcome, Charged) for outcome in outcomes)


# --- time -----------------------------------------------------------------------------------------------

SLOW = {
    "a body that drips": Drip(answer(200, body=PAID), at_once=120, every_seconds=0.02),
    "a head that drips": Drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500, at_once=17, every_seconds=0.02),
    "nothing": STAY_SILENT,
}


@pytest.mark.slow
@pytest.mark.parametrize("said", SLOW.values(), ids=SLOW)
def test_a_call_ends_in_its_time_and_may_have_been_carried_out(wire, stripe, said):
    for method, path in (("POST", INTENTS), ("POST", CONFIRM), ("GET", INTENT), ("POST", CANCEL)):
        wire.say(method, path, said)
    outcomes = []

    seconds = took(lambda: outcomes.extend(everything(stripe, seconds=0.3)))

    assert outcomes == [Unknown("answer too slow")] * 4
    assert seconds < 4 * (0.3 + GRACE_SECONDS)


@pytest.mark.slow
def test_two_seconds_are_two_seconds_of_a_dripping_stripe(wire, stripe):
    """The library's own transport, with the same limit, took 20.5 s of such an answer."""
    wire.say("POST", CONFIRM, SLOW["a body that drips"])

    seconds = took(lambda: stripe.charge(an_intent(), payer_token=TOKEN, seconds=2.0))

    assert 2.0 <= seconds < 2.0 + GRACE_SECONDS


@pytest.mark.slow
def test_a_look_after_a_charge_has_only_what_is_left_of_its_time(wire, stripe):
    unexpected = {"error": {"type": "invalid_request_error", "code": "payment_intent_unexpected_state"}}
    whole = answer(400, unexpected)
    wire.say("POST", CONFIRM, Drip(whole, at_once=len(whole) - 10, every_seconds=0.03))
    wire.say("GET", INTENT, STAY_SILENT)
    outcomes = []

    seconds = took(lambda: outcomes.append(stripe.charge(an_intent(), payer_token=TOKEN, seconds=0.8)))

    assert outcomes == [Unknown("answer too slow")]
    assert seconds < 0.8 + GRACE_SECONDS


@pytest.mark.parametrize(
    ("url", "why"),
    [("http://127.0.0.1:1", "connection refused"), ("http://no-such-host.invalid", "no such host")],
)
def test_what_did_not_leave_this_machine_was_not_sent(url, why):
    assert everything(stripe_at(url)) == [NotSent(why)] * 4


def test_the_largest_page_of_a_list_is_not_too_large():
    many = [payment_intent("succeeded", description="x" * 2000) for _ in range(100)]
    assert len(json.dumps(list_of(*many))) < api.LARGEST_ANSWER_BYTES
