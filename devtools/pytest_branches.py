"""
A pytest plugin: a run fails if its tests leave a line or a branch of the code that `[tool.slipcover]` names untaken.

It is for whole runs: `make test-whole` loads it with `-p`. It measures the processes that run
tests, none that they start.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import slipcover

RULES = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["slipcover"]
# What cannot happen unless the code is wrong, and says so.
NEVER_REACHED = re.compile("|".join(RULES["exclude-also"]))
# mypy shows that the cases are all there are; the lines below each of them are measured.
ALL_CASES_GIVEN = re.compile(r"\s*match .*:$")
RESULTS = pytest.StashKey[list[dict[str, Any]]]()

# Never exchanges the code of a function that has been seen often: another thread may be in it.
MEASURED = slipcover.Slipcover(
    branch=True, source=RULES["source"], exclude_also=RULES["exclude-also"], d_miss_threshold=-1
)
# Now, and not in a hook: Django, whose plugin comes first, loads the service.
slipcover.ImportManager(MEASURED, slipcover.FileMatcher(sources=RULES["source"])).__enter__()


def pytest_configure(config: pytest.Config) -> None:
    """Make room for what each process of the run has seen."""
    config.stash[RESULTS] = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a process of pytest-xdist has seen; one that died has nothing to give."""
    if said := getattr(node, "workeroutput", {}).get("branches"):
        node.config.stash[RESULTS].append(json.loads(said))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was seen, or, where all of it meets, judge it."""
    seen = MEASURED.get_coverage()
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["branches"] = json.dumps(seen)
        return
    for other in session.config.stash[RESULTS]:
        slipcover.merge_coverage(seen, other)
    for name, file in seen["files"].items():
        lines = Path(name).read_text().splitlines()
        file["missing_branches"] = [branch for branch in file["missing_branches"] if _may_be_taken(branch, lines)]
    untaken = {name: file for name, file in seen["files"].items() if file["missing_lines"] or file["missing_branches"]}
    session.config.stash[RESULTS] = [{**seen, "files": untaken}]
    if untaken and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _may_be_taken(branch: tuple[int, int], lines: list[str]) -> bool:
    start, end = branch
    return not (ALL_CASES_GIVEN.match(lines[start - 1]) or NEVER_REACHED.search(lines[end - 1]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what no test has taken."""
    (untaken,) = config.stash[RESULTS]
    if untaken["files"]:
        terminalreporter.section("lines and branches that no test has taken")
        slipcover.print_coverage(untaken, outfile=terminalreporter)
