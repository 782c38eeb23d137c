"""How a client names a moment: as RFC 3339 does, and in no other way."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from bookings.api.moments import Moment
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import a_saved_row

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

UNDERSTOOD = {
    "2026-11-22T12:00:00Z": NOON,
    "2026-11-22t12:00:00z": NOON,
    "2026-11-22T12:00:00+00:00": NOON,
    "2026-11-22T12:00:00-00:00": NOON,
    "2026-11-22T17:30:00+05:30": NOON,
    "2026-11-22T00:15:00-11:45": NOON,
    "2026-11-23T11:59:00+23:59": NOON,
    "2026-11-22T12:00:00.5Z": NOON + timedelta(microseconds=500_000),
    "2026-11-22T12:00:00.000Z": NOON,
    "2026-11-22T12:00:00.123456Z": NOON + timedelta(microseconds=123_456),
    "2026-11-22T12:00:00.123456000Z": NOON + timedelta(microseconds=123_456),
    "2026-11-22T12:00:00.123456789Z": NOON + timedelta(microseconds=123_456),
    "2028-02-29T12:00:00Z": datetime(2028, 2, 29, 12, tzinfo=UTC),
    "0001-01-01T00:00:00Z": datetime(1, 1, 1, tzinfo=UTC),
    "9999-12-31T23:59:59.999999Z": datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
}

NO_MOMENT = [
    *("", " ", "now", "yesterday", "null", "0", "1", "-1", "2026"),
    # Since 1970, and as other systems count.
    *("1764", "1764374400", "1764374400000", "1764374400000000", "1764374400.5", "1.764e12", "46348", "20261122"),
    *("2026-11-22", "2026-11", "2026-W47-7", "2026-326", "20261122T120000Z", "2026-W47-7T12:00:00Z"),
    *("12:00:00", "12:00:00Z", "T12:00:00Z", "2026-11-22T12:00:00", "2026-11-22T12:00Z", "2026-11-22T12Z"),
    # A plus that was not encoded is a blank.
    *("2026-11-22T12:00:00 02:00", "2026-11-22 12:00:00Z", "2026-11-22_12:00:00Z", "2026-11-22  T12:00:00Z"),
    *(" 2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z ", "2026-11-22T12:00:00Z\n", "2026-11-22T12:00:00 Z"),
    *("2026-11-22T12:00:00+0200", "2026-11-22T12:00:00+02", "2026-11-22T12:00:00+2:00", "2026-11-22T12:00:00UTC"),
    *("2026-11-22T12:00:00+24:00", "2026-11-22T12:00:00+00:60", "2026-11-22T12:00:00+02:00:00"),
    *("2026-11-22T12:00:00ZZ", "2026-11-22T12:00:00Z+02:00", "2026-11-22T12:00:00[UTC]"),
    *("2026-11-22T12:00:00.Z", "2026-11-22T12:00:00,5Z", "2026-11-22T12:00:00.1234567890Z"),
    *("2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-11-31T00:00:00Z", "2026-02-29T00:00:00Z"),
    *("2026-11-22T24:00:00Z", "2026-11-22T12:60:00Z", "2026-11-22T12:00:61Z", "2026-11-22T25:00:00Z"),
    *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "+2026-11-22T12:00:00Z", "-2026-11-22T12:00:00Z"),
    *("26-11-22T12:00:00Z", "2026-1-2T12:00:00Z", "2026/11/22T12:00:00Z", "22-11-2026T12:00:00Z"),
    *(
        "٢٠٢٦-11-22T12:00:00Z",
        "2026-11-22T12:00:0\u0660Z",
        "2026\u221211\u221222T12:00:00Z",
        "Sun, 22 Nov 2026 12:00:00 GMT",
    ),
    "2026-11-22T12:00:00" + "Z" * 3000,
]
LEAP = ["2016-12-31T23:59:60Z", "2026-11-22T12:00:60Z", "2017-01-01T00:59:60.5+01:00"]
TOO_FAR = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59-23:59"]


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_a_moment_is_understood(text):
    assert Moment().run_validation(text) == UNDERSTOOD[text]


@pytest.mark.slow
@pytest.mark.parametrize("text", [*NO_MOMENT, *LEAP, *TOO_FAR])
@pytest.mark.parametrize("name", ["createdAfter", "createdBefore"])
def test_anything_else_is_refused_and_filters_nothing(api, name, text):
    answer = api.get(BOOKINGS, {name: text})

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == [name]


def said(api, text):
    return api.get(f"{BOOKINGS}?createdAfter={text}").json()["error"]["fields"]["createdAfter"]


@pytest.mark.parametrize("text", ["1764374400000", "2026-11-22", "2026-11-22T12:00:00+02:00"])
def test_the_message_shows_how_and_names_the_encoding_of_a_plus(api, text):
    assert said(api, text) == (
        "Must be a time as in 2026-11-22T10:00:00Z or 2026-11-22T12:00:00+02:00 (RFC 3339). In an address + means "
        "a blank: write %2B."
    )


def test_a_leap_second_and_a_year_out_of_reach_have_words_of_their_own(api):
    assert said(api, LEAP[0]) == "Second 60 is not known here; write 59."
    assert said(api, quote(TOO_FAR[0])) == "Must be between the years 1 and 9999 in UTC."


def test_an_encoded_plus_is_one(api):
    row = a_saved_row(created_at=NOON)

    before, after = (
        shown(api.get(f"{BOOKINGS}?createdAfter={moment}"))["results"]
        for moment in ("2026-11-22T13:59:59%2B02:00", "2026-11-22T14:00:00%2B02:00")
    )

    assert [booking["id"] for booking in before] == [row.pk]
    assert after == []


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({"createdAfter": "2026-11-22T12:00:00.000000999Z"}, False),
        ({"createdAfter": "2026-11-22T11:59:59.999999999Z"}, True),
        ({"createdBefore": "2026-11-22T12:00:00.000000001Z"}, True),
        ({"createdBefore": "2026-11-22T12:00:00.000000000Z"}, False),
        ({"createdBefore": "9999-12-31T23:59:59.999999Z"}, True),
    ],
)
def test_nanoseconds_neither_add_nor_lose_a_booking(api, query, is_found):
    a_saved_row(created_at=NOON)

    assert bool(shown(api.get(BOOKINGS, query))["results"]) is is_found
