"""The benchmark as a whole: every target is measured, and nothing is left running."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.processes import REPOSITORY
from tests.benchmarks.test_figures import rows_of

# A minute where nothing else runs.
pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

OURS = ("this service", "old", "FLIGHT_PRICE_SECONDS=0")
NODE = ["Node, pool 128", "Node, pool 5", "Node, pool 64"]
CREATING = ["this service", "old", "FLIGHT_PRICE_SECONDS=0", *NODE, "ceiling"]


def processes_with(word):
    """The ids of the processes in whose environment a word stands."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if word.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # it has ended, or belongs to another user
            continue
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One tiny run; the older checkout is this one."""
    folder = tmp_path_factory.mktemp("bench")
    tiny = ["--rounds", "1", "--seconds", "0.4", "--old", str(REPOSITORY), "--docs", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *tiny],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=400,
    )
    # The service refuses what would wait too long, as it does here where the machine is busy with other tests.
    assert re.fullmatch(r"(not answered with 2xx: \{('[^']*: 503 service_busy': \d+(, )?)+\}\n)?", done.stderr)
    assert done.returncode == bool(done.stderr)
    return folder


@pytest.fixture(scope="module")
def table(run):
    """The rows of the page, by scenario, clients, latency and target."""
    rows = rows_of((run / "measurements.md").read_text())
    columns = next(row for row in rows if "answers a second" in row)
    rows = [row for row in rows if len(row) == len(columns) and row[1].isdigit()]
    return {tuple(row[:4]): dict(zip(columns, row, strict=True)) for row in rows}


def test_every_target_has_its_rows(table):
    def targets(scenario, clients, latency):
        return [target for *cell, target in table if cell == [scenario, clients, latency]]

    for clients, latency in [("16", "0 ms"), ("64", "0 ms"), ("64", "50 ms")]:
        assert targets("create", clients, latency) == CREATING
    for clients in ("16", "64"):
        assert targets("pay", clients, "0 ms") == ["this service", "old", "Node, pool 128", "Node, pool 64"]
    for scenario in ("cancel", "read", "list of 20"):
        assert targets(scenario, "16", "0 ms") == ["this service", "old"]
    for latency in ("0 ms", "50 ms"):
        assert targets("show a flight", "64", latency) == ["stub alone"]


def test_the_references_answer_every_request(table):
    measured = {key: row for key, row in table.items() if row["answers a second"] != "**froze**"}

    assert min(float(row["p50, ms"]) for row in measured.values()) > 0
    assert {row["not 2xx"] for (*_, target), row in measured.items() if target not in OURS} == {"0"}


def test_this_service_and_the_older_checkout_send_the_same(table):
    for (*cell, target), row in table.items():
        ours = table.get((*cell, "this service"))
        if target == "old" and row["not 2xx"] == ours["not 2xx"] == "0":
            assert abs(float(row["statements"]) - float(ours["statements"])) <= 0.5


def test_the_ceiling_sends_the_rows_of_a_create_and_less_around_them(table):
    ours, ceiling = (table["create", "16", "0 ms", name] for name in ("this service", "ceiling"))

    # A connection that was used a moment ago is asked whether it may write: that is no row of a create.
    assert 2 <= float(ours["statements"]) - 1.2 <= float(ceiling["statements"]) <= float(ours["statements"])
    assert 2 <= float(ceiling["round trips"]) <= float(ours["round trips"])


def test_a_latency_of_the_stub_is_felt(table):
    assert float(table["show a flight", "64", "50 ms", "stub alone"]["p50, ms"]) >= 50


def test_nothing_is_left_running(run):
    assert processes_with(str(run)) == []
