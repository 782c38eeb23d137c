"""
The stand-in does what Stripe's documentation says, as Stripe's own client for Python sees it; and so does Stripe.

The last needs a key of a test account in STRIPE_TEST_KEY.
"""

import json
import os

import pytest

from tests.paysim.behaviours import BEHAVIOURS, OPERATIONS, Behaviour, Call
from tests.paysim.clients import PythonClient
from tests.paysim.run_behaviours import run
from tests.paysim.schema import mistakes
from tests.support.paysim import SECRET, PaySim, start_paysim

TEST_KEY = os.environ.get("STRIPE_TEST_KEY", "")


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
def test_by_python(paysim: PaySim, behaviour: Behaviour):
    run(behaviour, PythonClient(SECRET, paysim.url))


@pytest.mark.skipif(not TEST_KEY, reason="needs STRIPE_TEST_KEY, a key of a test account of Stripe")
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
def test_stripe_itself(behaviour: Behaviour):
    assert TEST_KEY.startswith(("sk_test_", "rk_test_"))

    run(behaviour, PythonClient(TEST_KEY, None))


def test_every_answer_is_as_stripe_describes_it():
    with start_paysim() as sim:
        client = PythonClient(SECRET, sim.url)
        for behaviour in BEHAVIOURS:
            run(behaviour, client)
        answers = [json.loads(each["answer"]) for each in sim.requests()]

    assert len(answers) > len(BEHAVIOURS)
    assert sorted({line for answer in answers for line in mistakes(answer)}) == []


def test_every_operation_is_in_the_list():
    used = {call.operation for behaviour in BEHAVIOURS for call in behaviour.calls}

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
        run(Behaviour("wrong on purpose", "", (call,)), PythonClient(SECRET, paysim.url))


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
