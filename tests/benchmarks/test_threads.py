"""The benchmark of threads: how many, written how, and the table that it writes."""

import pytest

from benchmarks.samples import Sample, Series
from benchmarks.threads import BEGIN, CELLS, END, Threads, ThreadsReport, thread_targets
from tests.benchmarks.test_figures import rows_of


def sample(rate):
    cpu_ms = {"web": 2.0, "database": 0.5, "stub": 0.1, "client": 0.05}
    return Sample(rate, 2.0, 9.0, cpu_ms, statements=4.0, round_trips=3.0, failed={}, others=0.02)


def test_a_choice_is_written_as_processes_times_threads():
    assert Threads.read("2x32") == (2, 32)
    assert str(Threads(4, 16)) == "4x16"


@pytest.mark.parametrize("text", ["", "32", "0x32", "2x0", "2 x 32", "2x32x1", "-2x32", "2x1000"])
def test_nothing_else_is_a_choice(text):
    with pytest.raises(ValueError, match=text or "^$"):
        Threads.read(text)


def test_each_choice_is_started_with_its_processes_and_threads_and_all_have_the_tables_of_one():
    targets = thread_targets([Threads(2, 8), Threads(4, 16)], python="python3")

    assert [target.name for target in targets] == ["2x8", "4x16"]
    assert [(each.environment["WEB_WORKERS"], each.environment["WEB_THREADS"]) for each in targets] == [
        ("2", "8"),
        ("4", "16"),
    ]
    assert len({target.database for target in targets}) == 1
    assert [bool(target.migrate) for target in targets] == [True, False]
    assert len({target.port for target in targets}) == 2


def test_the_table_has_a_row_for_each_choice_and_is_written_in_the_place_of_the_last_one(tmp_path):
    series, choices = Series(), [Threads(2, 8), Threads(2, 32)]
    for place, choice in enumerate(choices):
        for cell in CELLS:
            series.add(cell, str(choice), 0, sample(100.0 * (1 + place) + cell.latency_ms))
    (tmp_path / "measurements.md").write_text("# Measurements\n")

    for _ in range(2):
        ThreadsReport(series, "The machine.", choices).write(tmp_path)

    page = (tmp_path / "measurements.md").read_text()
    assert page.startswith("# Measurements\n")
    assert page.count(BEGIN) == page.count(END) == 1
    head, _, *body = rows_of(page)
    assert head[:4] == ["processes", "threads each", "of these create", "0 ms: a second"]
    assert [row[:4] for row in body] == [["2", "8", "4", "100 (100 to 100)"], ["2", "32", "19", "200 (200 to 200)"]]
    assert [row[9] for row in body] == ["150 (150 to 150)", "250 (250 to 250)"]
    assert [row[5] for row in body] == ["2.50", "2.50"]
