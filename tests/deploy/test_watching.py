"""The alerts and the dashboard speak of metrics that there are; each alert is played, and has a run-book."""

import itertools
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from django.urls import resolve

from devtools.processes import REPOSITORY
from tests.docs.pages import anchors

pytestmark = pytest.mark.django_db

DEPLOY = REPOSITORY / "deploy"
RUN_BOOK = "docs/operations.md"
ADDRESS_OF_RUN_BOOK = "https://docs.example.org/flight-bookings/operations.md"
# In italics, with a question mark.
RUN_BOOK_ROWS = sorted(set(re.findall(r"\*([A-Z][^*\n]*\?)\*", (REPOSITORY / RUN_BOOK).read_text())))
# What the names in an expression may end in beside the name of their family.
PARTS = ("_total", "_bucket", "_count", "_sum", "_info")
METRIC = re.compile(r"\bbookings_[a-z_]+\b")


def rules():
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard():
    return json.loads((DEPLOY / "grafana-dashboard.json").read_text())


def panels():
    return dashboard()["panels"]


def variables():
    return {variable["name"]: variable for variable in dashboard()["templating"]["list"]}


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


@pytest.mark.slow
def test_every_alert_is_played_both_ways():
    played = yaml.safe_load((REPOSITORY / "tests/deploy/alerts_test.yml").read_text())["tests"]
    expected = [each for test in played for each in test["promql_expr_test"]]

    def alerts(*, firing):
        chosen = (each["expr"] for each in expected if bool(each.get("exp_samples")) is firing)
        return {re.search(r'alertname="(\w+)"', expression).group(1) for expression in chosen}

    names = {rule["alert"] for rule in rules()}
    assert alerts(firing=True) == names
    assert alerts(firing=False) == names


@pytest.mark.slow
def test_every_alert_says_how_bad_it_is_and_where_to_read_what_to_do():
    headings = re.findall(r"^### (Bookings\w+)$", Path(REPOSITORY / RUN_BOOK).read_text(), re.MULTILINE)

    assert headings == [rule["alert"] for rule in rules()]
    assert {rule["labels"]["severity"] for rule in rules()} == {"page", "ticket"}
    assert {rule["labels"]["service"] for rule in rules()} == {"flight-bookings"}
    assert [rule["annotations"]["runbook_url"] for rule in rules()] == [
        f"{ADDRESS_OF_RUN_BOOK}#{heading.lower()}" for heading in headings
    ]


def test_no_two_panels_of_the_dashboard_are_at_one_place():
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]

    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in panels()}) == len(places)


def test_every_row_of_the_dashboard_is_a_question():
    titles = [panel["title"] for panel in panels() if panel["type"] == "row"]

    assert len(titles) == 11
    assert [title for title in titles if not title.endswith("?")] == []


@pytest.mark.parametrize("row", RUN_BOOK_ROWS)
def test_every_row_that_the_run_book_names_is_there(row):
    assert row in [panel["title"] for panel in panels() if panel["type"] == "row"]


def lights():
    """The panels of the first row."""
    first, *rest = panels()
    assert first["type"] == "row"
    return list(itertools.takewhile(lambda panel: panel["type"] != "row", rest))


def test_the_first_row_is_green_amber_or_red():
    assert len(lights()) == 12
    for panel in lights():
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert panel["options"]["colorMode"] == "background"
        assert {step["color"] for step in steps} <= {"green", "orange", "red"}
        assert "green" in {step["color"] for step in steps}
        assert len({step["color"] for step in steps}) > 1
        # The first has no lower end, and each begins above the one before.
        assert steps[0]["value"] is None
        assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])


def color_of(panel, number):
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [step["color"] for step in steps if step["value"] is None or step["value"] <= number][-1]


@pytest.mark.parametrize(
    ("title", "green", "amber", "red"),
    [
        ("Alerts: wake an operator", 0, None, 1),
        ("Alerts: for the morning", 0, 1, None),
        ("5xx errors of ours", 0, 0.002, 0.02),
        ("503: try later", 0, 0.02, 0.2),
        ("p99 of requests", 0.1, 2, 5),
        ("Web servers", 2, 1, 0),
        ("Workers", 2, 1, 0),
        ("Since the last pass", 10, 60, 91),
        ("Since the last pass", 0, None, -1),
        ("Breaker of the Flight Service", 0, 1, 2),
        ("Seats that differ", 0, None, 1),
        ("Waits for staff", 0, 1, 20),
        ("Database", 1, None, 0),
    ],
)
def test_a_light_has_the_color_that_an_operator_expects(title, green, amber, red):
    (panel,) = (each for each in lights() if each["title"] == title)

    expected = {"green": green, "orange": amber, "red": red}
    assert {color: number for color, number in expected.items() if number is not None} == {
        color_of(panel, number): number for number in expected.values() if number is not None
    }


def test_every_light_leads_to_its_entry_in_the_run_book():
    anchors_there = anchors((REPOSITORY / RUN_BOOK).read_text())

    for panel in lights():
        (link,) = panel["links"]
        address, _, anchor = link["url"].partition("#")
        assert address == "${runbook:raw}"
        assert anchor in anchors_there


def test_the_dashboard_leads_to_run_book_and_back_office():
    titles = {link["title"]: link["url"] for link in dashboard()["links"]}

    assert titles["Run-book"].partition("#")[0] == "${runbook:raw}"
    assert titles["Run-book"].partition("#")[2] in anchors((REPOSITORY / RUN_BOOK).read_text())
    assert titles["Back office"] == "${office:raw}"
    assert resolve(titles["Calls that wait for staff"].replace("${office:raw}", "/admin/")).url_name
    assert variables()["runbook"]["query"] == ADDRESS_OF_RUN_BOOK


def test_each_expression_but_those_of_the_lights_is_of_the_chosen_instances():
    assert variables()["instance"]["includeAll"] is True
    for panel in panels()[len(lights()) + 1 :]:
        for target in panel.get("targets", []):
            selectors = len(METRIC.findall(target["expr"]))
            assert target["expr"].count('instance=~"$instance"') == selectors, panel["title"]
    assert "$instance" not in str(lights())


def test_titles_are_what_operators_search_for():
    titles = " ".join(panel["title"] for panel in panels())

    assert "p99" in titles
    assert "5xx" in titles


def test_prometheus_understands_every_expression(tmp_path):
    expressions = [target["expr"] for panel in panels() for target in panel.get("targets", [])]

    assert understood(expressions, tmp_path).returncode == 0


def test_an_expression_that_is_none_is_found_out(tmp_path):
    assert understood(["sum(rate(bookings_held_total[5m])"], tmp_path).returncode != 0


def understood(expressions, folder):
    """Give the expressions to promtool as rules, with numbers in the places of Grafana's variables."""
    plain = [each.replace("$__rate_interval", "5m").replace("$instance", ".*") for each in expressions]
    recorded = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(plain)]
    rules_file = folder / "rules.yml"
    rules_file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    return subprocess.run(
        ["sh", "devtools/promtool.sh", "check", "rules", str(rules_file)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
