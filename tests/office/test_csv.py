"""Files for spreadsheets."""

import csv
import io
import itertools
import re
from datetime import UTC, datetime

import pytest

from bookings.office.bookings.export import csv_safe, stream_csv
from tests.support.spreadsheets import converted_to

FORMULAS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n1", "＝1", "＋1", "－1", "＠x"),  # noqa: RUF001
    *("\u00a0=1", "\u200b=1", "\ufeff=1", "﹦1", "₌1", "−1", "–1", "\x00=1", "=cmd|' /C calc'!A0"),  # noqa: RUF001
    *("\ttext", "\rtext", "\ntext", "+49 30 1234", "- a list", "@anna", "=", "-", "#N/A", "#REF!"),
]
NUMBERS = [
    *("12E456", "12e456", "123e10", "1E5", "22E234", "1e+5", "1.5e-3", "1D5", "12E456 ", " 12E456"),
    *("１２Ｅ４５６", "007", "0", "1", "00123", "123456", "1234567890123456", "1.50", "1,5"),  # noqa: RUF001
    *("1'000", "1 000", "1\u00a0000", "(5)"),
    *("5%", "5 %", "$5", "5 €", "EUR 5", "5 kr", "US$ 5", "٣٤", "½", "1 1/2", ".5", "5.", "1e5%", "$1E5"),
]
DATES = [
    *("1-2", "3/4", "1.2.2026", "2026-11-01", "1/2/26", "10:30", "10:30:15", "10.30", "1–2", "2026/11", "11.2026"),  # noqa: RUF001
    *("JAN-1", "1-JAN", "Jan 1", "MARCH1", "SEPT2", "DEC1", "OCT-4", "1 March 2026", "May 2026", "MAY2345"),
    *("1. März 2026", "Okt-3", "3 Dez", "1 févr. 2026", "ago-5", "5 gen", "Friday, 1 May 2026", "1st of May 2026"),
    *("10 am", "10:30 PM", "1 p", "2026-11-01T10:00:00Z", "2026-11-01T10:00:00+00:00", "2026年11月1日", "today"),
]
OTHER_VALUES = ["TRUE", "true", "False", "WAHR", "vrai", "ＴＲＵＥ", "'quoted", "'"]  # noqa: RUF001


@pytest.mark.parametrize("text", [*FORMULAS, *NUMBERS, *DATES, *OTHER_VALUES], ids=ascii)
def test_a_text_that_a_spreadsheet_takes_for_something_else_is_marked_as_text(text):
    cell = csv_safe(text)

    assert cell == f"'{text}"
    # The mark is what a reader cuts off, whatever stands behind it.
    assert cell.removeprefix("'") == text


@pytest.mark.parametrize(
    "text",
    [
        *("A1B2C3", "K7QX4M", "2K3M4P", "ABE234", "E23456", "22222A", "a=1", "", "booked", "giving_back"),
        *("wants 2 seats", "flight 7 is late", "Mayor of 3 towns", "march past", "Zoë", "seat 12E, row 4"),
        *("1 or 2", "desk-1", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "truest", "12E456x", "x12E456", "3 nights"),
        *("customer 1001", "gate agent 2", "bookings:read", "…", "“1”?a", "a\nb", "1\r\n2", "1,2\n3"),
    ],
    ids=ascii,
)
def test_a_text_that_stays_one_is_written_as_it_is(text):
    assert csv_safe(text) == text


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        *((None, ""), (-5, "-5"), (1.5, "1.5"), (0, "0")),
        *((999_999_999_999_999, "999999999999999"), (-999_999_999_999_999, "-999999999999999")),
        *((10**15, "'1000000000000000"), (-(10**15), "'-1000000000000000"), (2**63 - 1, "'9223372036854775807")),
        (datetime(2026, 11, 1, 10, 0, 5, 999, tzinfo=UTC), "2026-11-01T10:00:05+00:00"),
    ],
    ids=str,
)
def test_a_number_and_a_time_stay_what_they_are_as_far_as_a_spreadsheet_can_count(value, cell):
    assert csv_safe(value) == cell


def test_what_a_new_reference_may_not_be_is_marked_where_it_stands_in_another_text():
    """The rules by which references are made: each text of a few signs that they rule out."""
    parts = [
        "",
        "7",
        "22",
        "2026",
        "E",
        "D",
        "MAR",
        "OKT",
        "DEZEMBER",
        "KR",
        "R",
        "EUR",
        "PM",
        "-",
        "/",
        "%",
        "YES",
    ]
    texts = {"".join(three) for three in itertools.product(parts, repeat=3)}

    converted = {text for text in texts if converted_to(text)}

    assert len(converted) > 300
    assert [text for text in sorted(converted) if not csv_safe(text).startswith("'")] == []


def test_no_reference_of_digits_and_an_e_is_a_number():
    """Each place of the letter, in each length that there was; without one they are digits alone."""
    for length in (6, 8):
        at_each_place = ("23456789"[:at] + "E" + "98765432"[: length - at - 1] for at in range(length))
        spelled = ["2345678923"[:length], *at_each_place]
        numbers = [text for text in spelled if re.fullmatch("[0-9]+(E[0-9]+)?", text)]

        assert len(numbers) == length - 1
        assert all(csv_safe(text) == f"'{text}" for text in numbers)


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
    whole = b"".join([*first, *parts]).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(whole, newline=""))) == [
        ["number", "text"],
        *([str(number), "a,b\n"] for number in range(3)),
    ]


def test_cells_are_quoted_as_rfc_4180_wants():
    answer = stream_csv("x/../y z", ["a", "b"], [['say "hi"', "1,2\n3"]])

    assert b"".join(answer.streaming_content) == b'\xef\xbb\xbfa,b\r\n"say ""hi""","1,2\n3"\r\n'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="x-..-y-z.csv"'


@pytest.mark.parametrize("text", ["a\r\nb", "a\nb", "a\rb", "a\r\n=1", "ä;=1", 'a"\r\n"b'], ids=ascii)
def test_ends_of_lines_inside_of_a_cell_are_quoted_and_kept(text):
    whole = b"".join(stream_csv("x", ["a", "b"], [[text, 1], ["next", 2]]).streaming_content)

    rows = list(csv.reader(io.StringIO(whole.decode("utf-8-sig"), newline="")))
    assert rows == [["a", "b"], [text, "1"], ["next", "2"]]
    assert whole.endswith(b"next,2\r\n")
