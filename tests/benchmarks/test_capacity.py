"""docs/cells.md has the tables that the command prints, out of the figures of docs/measurements.md."""

import pytest

from benchmarks.capacity import Bytes, Cost, growth, machines, measured, report
from tests.docs.pages import page


def test_the_page_has_what_the_command_prints():
    for each in report().split("\n\n"):
        assert each in page("docs/cells.md")


ROW = "| {name} | 16 | 0 ms | {target} | 473 (421 to 490) | | 32.5 | 65 | {web} | {database} | 0.29 |\n"
BYTES = (
    "**A booking takes 1,626 bytes in the tables, 989 of them indexes, and 675 in the archive, 133 of them indexes.**"
)


def test_costs_and_bytes_are_read_out_of_the_rows_of_this_service():
    rows = "".join(
        ROW.format(name=name, target=target, web=web, database="1.10")
        for name in ("create", "pay", "cancel", "read")
        for target, web in (("this service", "2.35"), ("old", "4.70"))
    )

    costs, sizes = measured(rows + BYTES)

    assert costs == dict.fromkeys(("create", "pay", "cancel", "read"), Cost(0.00235, 0.0011))
    assert sizes == Bytes(1626, 989, 675)


def test_what_was_not_measured_is_named():
    create = ROW.format(name="create       ", target="this service", web="2.35", database="1.10")
    with pytest.raises(ValueError, match="does not say what a pay costs"):
        measured(create + BYTES)


def test_ten_times_the_bookings_need_ten_times_the_cores_and_bytes():
    costs = dict.fromkeys(("create", "pay", "cancel", "read"), Cost(0.001, 0.001))
    few, _some, many = machines(costs)
    assert (few[1], many[1]) == ("0.4, 1", "36.5, 61")
    assert (few[5], many[5], many[6]) == ("385", "38,500", "5")
    rows = {(row[0], row[1]): row for row in growth(Bytes(1000, 600, 400))}
    assert rows["1", "12"][2:5] == ["32", "32, 19", "8, 9"]
    assert rows["100", "12"][2] == "3,152"
