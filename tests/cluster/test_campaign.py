"""The campaign in small: the node that is written to is killed, and the next one frozen, under load."""

import subprocess
import sys

import pytest

from devtools.processes import REPOSITORY
from tests.cluster.galera import missing

# It takes a minute and a half, and a loaded machine takes its time.
pytestmark = [pytest.mark.mariadb, pytest.mark.long, pytest.mark.timeout(400)]


def test_nothing_acknowledged_is_lost_when_the_node_that_is_written_to_is_killed_or_freezes():
    if lacks := missing():  # asked here, as it makes networks to find out
        pytest.skip(f"a cluster of three: {lacks}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.cluster.campaign", "--quick", "--rounds", "1", "--faults", "kill", "freeze"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill, 1: in step" in done.stdout
    assert "freeze, 1: in step" in done.stdout
