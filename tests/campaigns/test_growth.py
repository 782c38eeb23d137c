"""What the comparison of sizes says of what it measured, and all of it in small."""

import subprocess
import sys

import pytest

from devtools.processes import REPOSITORY
from tests.campaigns.growth import HERE, OVER_HTTP, Effort, judged


@pytest.mark.parametrize(("large", "faults"), [(2.5, []), (3.0, ["1.50 times as long"])], ids=["1.25", "1.5"])
def test_what_takes_too_long_in_large_tables_is_wrong(large, faults):
    # One round of three met something else that the machine did.
    rounds = [[Effort(2.0, 1.0), Effort(large, 1.1)]] * 2 + [[Effort(2.0, 1.0), Effort(20.0, 10.0)]]

    result = judged("read", [10, 1_000], rounds)

    assert result.faults() == faults
    assert result.figures == {
        "median, 10": "2.00",
        "median, 1,000": f"{large:.2f}",
        "median, ratio": f"{large / 2:.2f}",
        "cpu, 10": "1.00",
        "cpu, 1,000": "1.10",
        "cpu, ratio": "1.10",
    }


@pytest.mark.long
def test_everything_is_asked_in_tables_of_each_size():
    options = ["--sizes", "2000,4000", "--rounds", "1", "--seconds", "0.3", "--memory", "1"]
    campaign = [sys.executable, "-m", "tests.campaigns", "growth", *options]

    printed = subprocess.run(campaign, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout

    # Whether that is fast is for a machine that does nothing else.
    assert [name for name in (*OVER_HTTP, *HERE) if f"\n{name} " not in printed] == []
    assert "median, 4,000" in printed
