"""docs/cells.md has the tables that the command prints, out of the figures of docs/measurements.md."""

import pytest

from benchmarks.capacity import Bytes, Cost, growth, machines, measured, report
from tests.docs.pages import page


def test_the_page_has_what_the_command_prints():
    for each in report().split("\n\n"):
        assert each in page("docs/cells.md")


def test_the_figures_are_those_of_the_measurements():
    text = (
        "| create | 16 | 0 ms | this service | 473 | | 32.5 | 65 | 2.35 | 1.10 | 0.29 |\n".replace("473 | |", "473 | |")
        + "| create        | 16      | 0 ms           | old | 1 |\n"
    )
    with pytest.raises(ValueError, match="does not say what a pay costs"):
        measured(text)
    costs, sizes = measured(page("docs/measurements.md"))
    assert (costs["create"], sizes) == (Cost(0.00235, 0.0011), Bytes(1626, 989, 675))


def test_ten_times_the_bookings_need_ten_times_the_cores_and_bytes():
    costs = dict.fromkeys(("create", "pay", "cancel", "read"), Cost(0.001, 0.001))
    few, _some, many = machines(costs)
    assert (few[1], many[1]) == ("0.4, 1", "36.5, 61")
    assert (few[5], many[5], many[6]) == ("385", "38,500", "5")
    rows = {(row[0], row[1]): row for row in growth(Bytes(1000, 600, 400))}
    assert rows["1", "12"][2:5] == ["32", "32, 19", "8, 9"]
    assert rows["100", "12"][2] == "3,152"
