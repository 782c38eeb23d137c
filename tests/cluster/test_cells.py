"""The campaign in small: one of two cells is killed under load, and comes back."""

import subprocess
import sys

import pytest

from devtools.processes import REPOSITORY

pytestmark = [pytest.mark.mariadb, pytest.mark.long, pytest.mark.timeout(400)]


def test_the_other_cell_never_notices_that_one_is_killed_and_one_key_stays_one_booking():
    done = subprocess.run(
        [sys.executable, "-m", "tests.cluster.cells", "--requests", "400"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "in step" in done.stdout
