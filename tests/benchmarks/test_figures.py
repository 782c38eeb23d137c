"""What measurements come to: percentiles, spreads, ratios, the table, the page and the picture."""

from collections import Counter
from xml.etree import ElementTree

import pytest

from benchmarks import targets
from benchmarks.aims import AIMS, aim_rows
from benchmarks.cells import LONG, SHORT, Cell
from benchmarks.load import Load
from benchmarks.picture import Bar, drawn
from benchmarks.report import BEGIN, END, Report, with_section
from benchmarks.samples import Sample, Series, Spread, percentile
from benchmarks.targets import ROOT, all_targets

CREATE = Cell("create", 16, 0)


def sample(rate, *, cpu=1.0, failed=None):
    cpu_ms = {"web": cpu, "database": 0.5, "stub": 0.1, "client": 0.05}
    return Sample(rate, 2.0, 9.0, cpu_ms, statements=4.0, round_trips=10.0, failed=failed or {}, others=0.02)


def series_of(**rates):
    series = Series()
    for target, values in rates.items():
        for number, rate in enumerate(values):
            series.add(CREATE, target.replace("_", " "), number, sample(rate))
    return series


def rows_of(text):
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines() if line[:1] == "|"]


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (99, 10), (100, 10), (1, 1)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent, expected):
    assert percentile(list(range(1, 11)), percent) == expected


def test_a_spread_is_the_median_the_least_and_the_most():
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == (2.5, 1.0, 10.0)


def test_a_ratio_is_one_within_a_round():
    series = series_of(this_service=[100.0, 10.0, 80.0], old=[50.0, 20.0, 40.0])

    assert series.ratios(CREATE, "this service", to="old", of=lambda each: each.rate) == [2.0, 0.5, 2.0]


def test_a_target_that_was_never_measured_in_the_same_round_has_no_ratio():
    series = series_of(this_service=[100.0])
    series.add(CREATE, "old", 1, sample(50.0))

    assert series.ratios(CREATE, "this service", to="old", of=lambda each: each.rate) == []


def test_a_sample_is_for_each_request_and_counts_answers_in_time():
    load = Load(
        seconds=2.0,
        whole_seconds=2.5,
        own_cpu_seconds=0.1,
        in_time=3,
        failed=Counter({"503": 1}),
        latencies=[0.4, 0.1, 0.2, 0.3],
    )
    used = {"web": 0.8, "database": 0.4, "stub": 0.04, "machine": 1.5, "statements": 16, "round_trips": 40}

    found = Sample.of(load, used)

    assert (found.rate, found.p50_ms, found.p99_ms) == (1.5, 200.0, 400.0)
    assert found.cpu_ms == pytest.approx({"web": 200.0, "database": 100.0, "stub": 10.0, "client": 25.0})
    assert (found.own_cpu_ms, found.statements, found.round_trips, found.failed) == (300.0, 4.0, 10.0, {"503": 1})


def report_of(series):
    return Report(series, "## Requests\n\nA machine.\n", memory={"this service": [80.0, 20.0]})


def test_the_table_has_a_row_for_each_target_this_service_first():
    series = series_of(ceiling=[400.0], old=[50.0, 60.0], this_service=[100.0, 120.0])
    series.frozen.add((CREATE, "Node, pool 5"))

    rows = rows_of(report_of(series).text())

    cells = [row for row in rows if row[:3] == ["create", "16", "0 ms"]]
    assert [row[3] for row in cells] == ["this service", "old", "Node, pool 5", "ceiling"]
    assert cells[0][4:6] == ["110 (100 to 120)", ""]
    assert cells[1][4:6] == ["55 (50 to 60)", "2.00"]
    assert cells[2][4] == "**froze**"
    assert rows[-1] == ["this service", "100", "80"]


def test_each_figure_that_was_measured_stands_beside_its_bar():
    series = series_of(
        **{"this_service": [100.0, 120.0], "Node,_pool_5": [80.0, 80.0], "Node,_pool_64": [160.0, 160.0]},
        ceiling=[150.0, 150.0],
        old=[50.0, 60.0],
    )
    for number, rate in enumerate((40.0, 80.0)):
        series.add(CREATE, "FLIGHT_PRICE_SECONDS=0", number, sample(rate))

    assert aim_rows(series, {"this service": [91.0, 20.0]}) == [
        ["creates a second, 16 clients", "this service ÷ Node, pool 5", "1.38 (1.25 to 1.50)", "≥ 1", "yes"],
        ["creates a second, 16 clients", "this service ÷ Node, pool 64", "0.69 (0.62 to 0.75)", "≥ 1", "**no**"],
        [
            "creates a second, 16 clients",
            "FLIGHT_PRICE_SECONDS=0 ÷ Node, pool 5",
            "0.75 (0.50 to 1.00)",
            "≥ 0.8",
            "**no**",
        ],
        ["creates a second, 16 clients", "this service ÷ ceiling", "0.73 (0.67 to 0.80)", "≥ 0.6", "yes"],
        ["CPU of web and database, create", "this service ÷ old", "1.00 (1.00 to 1.00)", "≤ 0.4", "**no**"],
        ["database, create", "this service, round trips", "10.00 (10.00 to 10.00)", "≤ 4", "**no**"],
        ["memory after the run", "this service, the largest process, MB", "91.00 (91.00 to 91.00)", "≤ 90", "**no**"],
    ]


@pytest.fixture
def no_packages(monkeypatch, tmp_path):
    """What is measured is described alike where the packages of the Node reference are not installed."""
    monkeypatch.setattr(targets, "node_modules", lambda: tmp_path)


@pytest.mark.usefixtures("no_packages")
def test_no_bar_is_about_what_is_never_measured():
    names = {target.name for target in all_targets(old=ROOT, python="")}

    assert {aim.cell for aim in AIMS} <= set(SHORT) & set(LONG)
    assert {name for aim in AIMS for name in (aim.target, aim.to)} <= names | {""}


@pytest.mark.usefixtures("no_packages")
def test_what_is_measured_beside_has_one_setting_more():
    this, *others = all_targets(old=None, python="", beside=["WEB_THREADS=8"])

    other = next(each for each in others if each.name == "WEB_THREADS=8")
    assert other.environment == {**this.environment, "WEB_THREADS": "8"}
    assert (other.command, other.scenarios) == (this.command, this.scenarios)
    assert (other.database, other.migrate) == (this.database, ())
    assert other.port != this.port


@pytest.mark.usefixtures("no_packages")
@pytest.mark.parametrize(("python", "old_python"), [("a", "b"), ("", "b")])
def test_the_old_checkout_may_have_an_interpreter_of_its_own(python, old_python):
    this, *others = all_targets(old=ROOT, python=python, old_python=old_python)

    assert (this.command[0] == "a") == (python == "a")
    assert next(each for each in others if each.name == "old").command[0] == "b"


@pytest.mark.usefixtures("no_packages")
def test_another_database_that_is_measured_beside_gets_tables_of_its_own():
    setting = "DATABASE_URL=postgresql://bookings@127.0.0.1:5432/bookings"
    this, *others = all_targets(old=None, python="", beside=[setting])

    other = next(each for each in others if each.name == setting)
    assert other.migrate == this.migrate != ()


def test_what_failed_is_counted_by_target_cell_and_cause_in_all_rounds():
    series = series_of(this_service=[100.0])
    series.add(CREATE, "old", 0, sample(50.0, failed={"500": 3}))
    assert report_of(series).failures("this service") == {}

    for number in (1, 2):
        series.add(CREATE, "this service", number, sample(50.0, failed={"503 service_busy": number}))

    assert report_of(series).failures("this service") == {"create, 16 clients, 0 ms: 503 service_busy": 3}
    text = report_of(series).text()
    assert "\nthis service, create, 16 clients, 0 ms: 503 service_busy: 3 times\n" in text
    assert "\nold, create, 16 clients, 0 ms: 500: 3 times\n" in text


def test_a_section_takes_the_place_of_the_last_one_and_leaves_the_others():
    page = f"# Page\n\n## Other\n\ntext\n\n{BEGIN}\nold \\1 figures\n{END}\n\n## Last\n"

    assert with_section(page, f"{BEGIN}\nnew \\1\n{END}\n") == (
        f"# Page\n\n## Other\n\ntext\n\n{BEGIN}\nnew \\1\n{END}\n\n## Last\n"
    )


def test_a_page_without_the_section_gets_it_at_its_end():
    assert with_section("# Page\n", "section\n") == "# Page\n\nsection\n"


def test_a_report_writes_the_page_and_the_picture(tmp_path):
    (tmp_path / "measurements.md").write_text("# Measurements\n")

    for _ in range(2):
        report_of(series_of(this_service=[100.0])).write(tmp_path)

    page = (tmp_path / "measurements.md").read_text()
    assert page.startswith("# Measurements\n")
    assert page.count(BEGIN) == page.count(END) == 1
    assert "(bench-creates.svg)" in page
    assert ElementTree.parse(tmp_path / "bench-creates.svg").getroot().tag.endswith("svg")


def test_the_picture_draws_all_bars_in_one_scale():
    groups = {"a < b": [Bar("x", Spread(100, 90, 110)), Bar("y", Spread(50, 40, 60))]}

    picture = ElementTree.fromstring(drawn("Title", groups))

    ground, *bars = (float(part.get("width")) for part in picture.iter("{http://www.w3.org/2000/svg}rect"))
    assert bars[0] == pytest.approx(2 * bars[1], abs=0.2)
    assert bars[0] < ground
