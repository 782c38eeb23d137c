"""The examples for receivers in docs/webhooks.md, run as they stand: they believe us, and no one else."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bookings.gateways.webhooks.networks import network
from bookings.gateways.webhooks.sender import HttpWebhooks
from bookings.ports.webhooks import Accepted, Letter, TurnedDown, written
from devtools.processes import HOST, REPOSITORY, free_port
from tests.support.waiting import await_that
from tests.webhooks.test_signatures import NODE, NODE_MODULES

GUIDE = (REPOSITORY / "docs" / "webhooks.md").read_text()
SECRET, STRANGER = b"s" * 32, b"t" * 32


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return found


@contextmanager
def receiver(command: list[str], folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Run an example; give its address, and what it has printed once it is over."""
    port, printed = free_port(), []
    environment = {**os.environ, "WEBHOOK_SECRET": written(SECRET), "PORT": str(port)}
    # With a group of its own, as node is the child of a script.
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield f"http://{HOST}:{port}/", printed
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            printed += process.communicate(timeout=10)[0].splitlines()


def sent(url: str, key: str, secret: bytes, *, age: int = 0) -> object:
    body = f'{{"id":"{key}","type":"booking.paid","sequence":2}}'.encode()
    letter = Letter(url=url, key=key, body=body, sent_at=int(time.time()) - age, secrets=(secret,))
    webhooks = HttpWebhooks(ports=(int(url.rpartition(":")[2].strip("/")),), private=(network("127.0.0.1/32"),))
    return webhooks.send(letter, seconds=5)


def verify(command: list[str], folder: Path) -> None:
    with receiver(command, folder) as (url, printed):
        await_that(lambda: isinstance(sent(url, "evt_1", SECRET), Accepted), lambda: "no answer")
        assert sent(url, "evt_1", SECRET) == Accepted(204)  # once more
        assert sent(url, "evt_2", SECRET) == Accepted(204)
        assert sent(url, "evt_3", STRANGER) == TurnedDown(401, "")
        assert sent(url, "evt_4", SECRET, age=301) == TurnedDown(401, "")

    assert printed == ["booking.paid 2"] * 2


def test_the_example_in_python(tmp_path: Path):
    (tmp_path / "receiver.py").write_text(example("python"))

    verify([sys.executable, "receiver.py"], tmp_path)


@pytest.mark.long
def test_the_example_in_node(tmp_path: Path):
    (tmp_path / "receiver.mjs").write_text(example("javascript"))
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)

    verify([str(NODE), "receiver.mjs"], tmp_path)
