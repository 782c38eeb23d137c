"""Files for spreadsheets."""

import csv
import io

import pytest

from bookings.office.export import csv_safe, stream_csv


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        *(
            (text, f"'{text}")
            for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n1", "\uff1d1")
        ),
        *(("A1B2C3", "A1B2C3"), ("a=1", "a=1"), ("", ""), (None, ""), (-5, "-5"), (1.5, "1.5")),
    ],
)
def test_a_cell_is_never_a_formula(value, cell):
    assert csv_safe(value) == cell


def test_rows_are_read_while_they_are_sent():
    read = []

    def rows():
        for number in range(3):
            read.append(number)
            yield [number, "a,b\n"]

    answer = stream_csv("list", ["number", "text"], rows())
    parts = iter(answer.streaming_content)

    first = [next(parts), next(parts)]

    assert read == [0]
    whole = b"".join([*first, *parts]).decode()
    assert list(csv.reader(io.StringIO(whole, newline=""))) == [
        ["number", "text"],
        *([str(number), "a,b\n"] for number in range(3)),
    ]


def test_cells_are_quoted_as_rfc_4180_wants():
    answer = stream_csv("x/../y z", ["a", "b"], [['say "hi"', "1,2\n3"]])

    assert b"".join(answer.streaming_content) == b'a,b\r\n"say ""hi""","1,2\n3"\r\n'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="x-..-y-z.csv"'
