"""The stand-in does what Stripe's documentation says, as Stripe's clients for Node and for the command line see it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paysim.behaviors import BEHAVIORS, CANCELING, KEYS, Behavior
from tests.paysim.clients import CommandLineClient, NodeClient
from tests.paysim.making import a_paid_intent
from tests.paysim.receiver import Receiver
from tests.paysim.run_behaviors import run
from tests.paysim.schema import mistakes
from tests.support.paysim import SECRET, WEBHOOK_SECRET, PaySim, start_paysim

pytestmark = pytest.mark.long

# A process for each call takes a third of a second of CPU, so the command line runs those about states and keys.
BY_COMMAND_LINE = (*CANCELING, *KEYS)


@pytest.fixture(scope="module")
def node(paysim: PaySim) -> Iterator[NodeClient]:
    client = NodeClient(SECRET, paysim.url)
    yield client
    client.close()


@pytest.mark.parametrize("behavior", BEHAVIORS, ids=lambda behavior: behavior.name)
def test_by_node(node: NodeClient, behavior: Behavior):
    run(behavior, node)


@pytest.mark.parametrize("behavior", BY_COMMAND_LINE, ids=lambda behavior: behavior.name)
def test_by_the_command_line(paysim: PaySim, behavior: Behavior, tmp_path: Path):
    run(behavior, CommandLineClient(SECRET, paysim.url, tmp_path))


def test_what_they_are_answered_is_as_stripe_describes_it(tmp_path: Path):
    with start_paysim() as sim:
        clients = [NodeClient(SECRET, sim.url), CommandLineClient(SECRET, sim.url, tmp_path)]
        for client, behaviors in zip(clients, (BEHAVIORS, CANCELING[:1]), strict=True):
            for behavior in behaviors:
                run(behavior, client)
            client.close()
        answers = [json.loads(each["answer"]) for each in sim.requests()]

    assert len(answers) > len(BEHAVIORS)
    assert sorted({line for answer in answers for line in mistakes(answer)}) == []


def test_node_believes_the_signature_of_a_notice_and_of_no_stranger(node: NodeClient):
    with Receiver().running() as receiver, start_paysim("--webhook-url", receiver.url) as sim:
        a_paid_intent(sim)
        (notice,) = receiver.await_notices(1, "payment_intent.succeeded")
    body = notice.body.decode()
    believed, refused = (
        node.call("webhooks.construct_event", (body, notice.signature, secret), {}, "")
        for secret in (WEBHOOK_SECRET, "whsec_of_a_stranger")
    )

    assert (believed[0], believed[1]["type"]) == (200, "payment_intent.succeeded")
    assert (refused[0], refused[1]["class"]) == (0, "StripeSignatureVerificationError")
