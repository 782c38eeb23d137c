"""What this service signs is believed by the libraries of the standard, and by no one who has another secret."""

import json
import random
import secrets
import subprocess
import time
from typing import NamedTuple

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from bookings.gateways.webhooks.signatures import signed
from bookings.ports.webhooks import written
from devtools.processes import REPOSITORY

NODE = REPOSITORY / ".venv" / "bin" / "node"
NODE_MODULES = REPOSITORY / ".venv" / "npm" / "tests" / "webhooks" / "node_modules"

CURRENT, PREVIOUS, STRANGER = (secrets.token_bytes(32) for _ in range(3))
TOO_OLD_SECONDS = 301
LETTERS = 'abc {}[]":,0.\\é漢🛫\n'


class Sample(NamedTuple):
    secret: str
    headers: dict[str, str]
    body: str


def samples(kind: str, count: int) -> list[Sample]:
    """Sign so many bodies with both secrets, as while one is exchanged, and spoil them by their kind."""
    draw = random.Random(kind)
    made = []
    for number in range(count):
        body = json.dumps({"text": "".join(draw.choices(LETTERS, k=draw.randrange(900)))}, ensure_ascii=number % 2 == 0)
        sent_at = int(time.time()) - (TOO_OLD_SECONDS if kind == "too old" else 0)
        headers = signed(f"evt_{number}", sent_at, body.encode(), secrets=(CURRENT, PREVIOUS))
        if kind == "another id":
            headers["webhook-id"] += "0"
        secret = {"previous secret": PREVIOUS, "another secret": STRANGER}.get(kind, CURRENT)
        made.append(Sample(written(secret), headers, body))
    return made


def by_python(sample: Sample) -> bool:
    try:
        Webhook(sample.secret).verify(sample.body, sample.headers)
    except WebhookVerificationError:
        return False
    return True


def by_node(asked: list[Sample]) -> list[bool]:
    lines = "".join(json.dumps(sample._asdict()) + "\n" for sample in asked)
    command = [NODE, REPOSITORY / "tests" / "webhooks" / "verify.mjs", NODE_MODULES]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)
    return [line == "believed" for line in done.stdout.splitlines()]


KINDS = {
    "current secret": True,
    "previous secret": True,
    "another secret": False,
    "another id": False,
    "too old": False,
}


def test_the_library_for_python_believes_what_is_genuine_and_nothing_else():
    for kind, believed in KINDS.items():
        assert [by_python(sample) for sample in samples(kind, 20)] == [believed] * 20, kind


def test_without_the_previous_secret_a_receiver_that_has_not_changed_it_refuses():
    """The twin: what a rotation would do if only the new secret signed."""
    headers = signed("evt_1", int(time.time()), b"{}", secrets=(CURRENT,))

    assert not by_python(Sample(written(PREVIOUS), headers, "{}"))


@pytest.mark.long
def test_both_libraries_believe_two_thousand_and_refuse_three_thousand():
    for kind, believed in KINDS.items():
        made = samples(kind, 1000)
        assert [by_python(sample) for sample in made] == [believed] * 1000, kind
        assert by_node(made) == [believed] * 1000, kind
