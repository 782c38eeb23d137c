"""
The stand-in does what Stripe's documentation says, as Stripe's own client for Python sees it; and so does Stripe.

The last needs a key of a test account in STRIPE_TEST_KEY.
"""

import os

import pytest

from tests.paysim.behaviors import BEHAVIORS, OPERATIONS, Behavior, Call
from tests.paysim.clients import PythonClient
from tests.paysim.run_behaviors import run
from tests.paysim.schema import mistakes
from tests.support.paysim import SECRET, PaySim

TEST_KEY = os.environ.get("STRIPE_TEST_KEY", "")


@pytest.mark.slow
@pytest.mark.parametrize("behavior", BEHAVIORS, ids=lambda behavior: behavior.name)
def test_by_python_and_every_answer_is_as_stripe_describes_it(paysim: PaySim, behavior: Behavior):
    client = PythonClient(SECRET, paysim.url)
    run(behavior, client)

    assert len(client.answers) == len(behavior.calls)
    assert [line for answer in client.answers for line in mistakes(answer)] == []


@pytest.mark.skipif(not TEST_KEY, reason="needs STRIPE_TEST_KEY, a key of a test account of Stripe")
@pytest.mark.parametrize("behavior", BEHAVIORS, ids=lambda behavior: behavior.name)
def test_stripe_itself(behavior: Behavior):
    assert TEST_KEY.startswith(("sk_test_", "rk_test_"))

    run(behavior, PythonClient(TEST_KEY, None))


def test_every_operation_is_in_the_list():
    used = {call.operation for behavior in BEHAVIORS for call in behavior.calls}

    assert OPERATIONS.keys() - used == {"webhook_endpoints.list", "charges.retrieve"}


@pytest.mark.parametrize(
    "call",
    [
        Call("payment_intents.create", params={"amount": 1099, "currency": "usd"}, gives={"amount": 1100}),
        Call("payment_intents.create", params={"amount": 1099, "currency": "usd"}, status=402),
        Call("payment_intents.create", params={"amount": 1099}),
    ],
    ids=["another value", "another status", "an error"],
)
def test_a_wrong_answer_is_found_out(paysim: PaySim, call: Call):
    with pytest.raises(AssertionError):
        run(Behavior("wrong on purpose", "", (call,)), PythonClient(SECRET, paysim.url))


@pytest.mark.parametrize(
    "shown",
    [
        {"object": "refund", "id": "re_1", "amount": "10", "created": 1, "currency": "usd"},
        {"object": "refund", "id": "re_1", "amount": 10, "created": 1, "currency": "usd", "livemode": False},
        {"object": "refund", "id": "re_1", "amount": 10, "created": 1},
        {"object": "refunt", "id": "re_1"},
        {"error": {"type": "no_such_error"}},
    ],
    ids=["type", "unknown field", "missing field", "unknown object", "unknown error"],
)
def test_an_answer_that_stripe_would_not_give_is_found_out(shown):
    assert mistakes(shown) != []
