"""Runs schemathesis against a served API, as processes of their own, and reads what they report."""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from devtools.processes import REPOSITORY, Command, ends_with_parent
from tests.support.waiting import comes_true

DOCUMENT = "/api/v1/openapi.json"
CONFIG = Path(__file__).with_name("schemathesis.toml")
PHASES = {"examples", "coverage", "fuzzing", "stateful"}
OWN_CHECKS = {"refused_for_a_reason", "nobody_is_forbidden_anything", "answers_name_their_request"}

# Refused to customers as such.
FOR_SERVICES = "^/api/v1/(events|webhook-endpoints)"

# Nobody listens there: what is not for this machine fails at once.
NOWHERE = "http://127.0.0.1:9"
# Enough to see what was found.
MESSAGE_CHARACTERS = 6000


@dataclass(frozen=True)
class Callers:
    """
    Whom one process of schemathesis speaks for, by name: one token, or several.

    Of several, customers, each must not see what is another's (the check object_level_authorization).
    """

    tokens: dict[str, str]
    examples: int
    seed: int = 1


@dataclass
class Outcome:
    """What came of the cases of all processes."""

    cases: int = 0
    failures: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    operations: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, other: "Outcome") -> None:
        """Count another outcome with this one."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


def fuzz(url: str, callers: Iterable[Callers], *, folder: Path, limit: float) -> Outcome:
    """
    Send generated requests for all these callers at once.

    :param folder: where everything goes that is written
    :param limit: seconds after which it has failed
    """
    started = time.monotonic()
    running: list[tuple[Path, Command]] = []
    outcome = Outcome()
    try:
        for number, each in enumerate(callers):
            home = folder / str(number)
            running.append((home, _start(url, each, home)))
        if not comes_true(lambda: all(each.exit_status() is not None for _, each in running), limit):
            outcome.failures.append(f"not done after {limit:.0f} s")
    finally:
        for _, process in running:
            process.kill()
    for home, process in running:
        _read(home / "report.ndjson", outcome)
        if process.exit_status() != 0:
            said = process.printed(last=0)
            found = said[max(said.find("= ERRORS ="), said.find("= FAILURES ="), 0) :][:MESSAGE_CHARACTERS]
            outcome.failures.append(f"exit status {process.exit_status()}\n{found}")
    outcome.seconds = time.monotonic() - started
    return outcome


def _start(url: str, callers: Callers, home: Path) -> Command:
    home.mkdir()
    config, headers = CONFIG.read_text(), []
    if len(callers.tokens) == 1:
        (token,) = callers.tokens.values()
        headers = ["--header", f"Authorization: Bearer {token}"]
    else:
        config += _peers(callers.tokens, home / "callers.json")
    (home / "schemathesis.toml").write_text(config)
    process = Command(
        *(*ends_with_parent(signal.SIGKILL), sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", "schemathesis.toml", "run", url + DOCUMENT, *headers),
        *("--seed", str(callers.seed), "--max-examples", str(callers.examples), "--no-color"),
        *("--generation-database", "none", "--report", "ndjson", "--report-ndjson-path", "report.ndjson"),
        env=_environment(home),
        folder=home,
    )
    process.start()
    return process


def _peers(tokens: dict[str, str], file: Path) -> str:
    """Write the file of those who must not see each other's bookings, and give the lines that name it."""
    entries = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
        for name, token in tokens.items()
    ]
    file.write_text(json.dumps({"auth": entries}))
    auth = f"\n[auth.wfc]\npath = {json.dumps(str(file))}\npeers = {json.dumps(list(tokens))}\n"
    return f"{auth}\n[[operations]]\ninclude-path-regex = {json.dumps(FOR_SERVICES)}\nenabled = false\n"


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("SCHEMATHESIS")}
    return {
        **kept,
        "HOME": str(home),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "http_proxy": NOWHERE,
        "https_proxy": NOWHERE,
        "all_proxy": NOWHERE,
        "no_proxy": "127.0.0.1",
    }


def _read(report: Path, outcome: Outcome) -> None:
    for scenario in _scenarios(report):
        recorder = scenario["recorder"]
        for case_id, exchange in recorder.get("interactions", {}).items():
            outcome.cases += 1
            outcome.phases[scenario["phase"]] += 1
            answer = exchange.get("response")
            if answer is None:
                outcome.failures.append(f"no answer: {exchange['request']['method']} {exchange['request']['uri']}")
                continue
            outcome.statuses[answer["status_code"]] += 1
            outcome.operations[recorder["label"], answer["status_code"]] += 1
            for check in recorder.get("checks", {}).get(case_id, []):
                outcome.checks[check["name"]] += 1
                if check["status"] != "success":
                    outcome.failures.append(f"{recorder['label']}: {check['name']}: {exchange['request']['uri']}")


def _scenarios(report: Path) -> Iterator[dict[str, Any]]:
    if not report.exists():
        return
    with report.open() as lines:
        for line in lines:
            event = json.loads(line)
            if "ScenarioFinished" in event:
                yield event["ScenarioFinished"]


def table(outcome: Outcome) -> str:
    """Show how often each operation gave each status."""
    statuses = sorted(outcome.statuses)
    labels = sorted({label for label, _ in outcome.operations})
    lines = [f"{'operation':<58}" + "".join(f"{status:>7}" for status in statuses)]
    for label in labels:
        counts = "".join(f"{outcome.operations[label, status] or '':>7}" for status in statuses)
        lines.append(f"{label:<58}{counts}")
    total = "".join(f"{outcome.statuses[status]:>7}" for status in statuses)
    return "\n".join([*lines, f"{'all':<58}{total}"])
