"""The alerts and the dashboard speak of metrics that there are; each alert is played, and has a run-book."""

import json
import re
from pathlib import Path

import pytest
import yaml

from devtools.processes import REPOSITORY

pytestmark = pytest.mark.django_db

DEPLOY = REPOSITORY / "deploy"
RUN_BOOK = "docs/operations.md"
# What the names in an expression may end in beside the name of their family.
PARTS = ("_total", "_bucket", "_count", "_sum", "_info")
METRIC = re.compile(r"\bbookings_[a-z_]+\b")


def rules():
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels():
    return json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]


def names_in(expressions):
    return {name for expression in expressions for name in METRIC.findall(expression)}


def family(name):
    return next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)


@pytest.fixture
def there_are(api):
    """The families of metrics that a web shows, with all that it would show once something is counted."""
    text = api.get("/metrics").content.decode()
    return {family(name) for name in re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)}


def test_every_metric_of_an_alert_is_there(there_are):
    used = names_in(rule["expr"] for rule in rules())

    assert len(used) > 15
    assert {family(name) for name in used} - there_are == set()


def test_every_metric_of_the_dashboard_is_there(there_are):
    used = names_in(target["expr"] for panel in panels() for target in panel.get("targets", []))

    assert {family(name) for name in used} - there_are == set()


def test_every_metric_is_on_the_dashboard(there_are):
    used = names_in(target["expr"] for panel in panels() for target in panel.get("targets", []))

    assert there_are - {family(name) for name in used} == set()


def test_the_search_finds_a_metric_that_is_not_there(there_are):
    assert names_in(["rate(bookings_lost_total[5m]) > 0"]) == {"bookings_lost_total"}
    assert family("bookings_lost_total") not in there_are


def test_every_alert_is_played_both_ways():
    played = yaml.safe_load((REPOSITORY / "tests/deploy/alerts_test.yml").read_text())["tests"]
    expected = [each for test in played for each in test["promql_expr_test"]]

    def alerts(*, firing):
        chosen = (each["expr"] for each in expected if bool(each.get("exp_samples")) is firing)
        return {re.search(r'alertname="(\w+)"', expression).group(1) for expression in chosen}

    names = {rule["alert"] for rule in rules()}
    assert alerts(firing=True) == names
    assert alerts(firing=False) == names


def test_every_alert_says_how_bad_it_is_and_where_to_read_what_to_do():
    headings = re.findall(r"^### (Bookings\w+)$", Path(REPOSITORY / RUN_BOOK).read_text(), re.MULTILINE)

    assert headings == [rule["alert"] for rule in rules()]
    assert {rule["labels"]["severity"] for rule in rules()} == {"page", "ticket"}
    assert [rule["annotations"]["runbook"] for rule in rules()] == [
        f"{RUN_BOOK}#{heading.lower()}" for heading in headings
    ]


def test_no_two_panels_of_the_dashboard_are_at_one_place():
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]

    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in panels()}) == len(places)


def test_every_row_of_the_dashboard_is_a_question():
    titles = [panel["title"] for panel in panels() if panel["type"] == "row"]

    assert len(titles) == 8
    assert [title for title in titles if not title.endswith("?")] == []
