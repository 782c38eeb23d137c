"""The file for the calendar, read by another program than the one that wrote it."""

from datetime import UTC, datetime, timedelta, timezone

import icalendar

from bookings.answers.messages import written
from bookings.lifecycle import News
from bookings.text.calendar import Entry, calendar_of
from tests.support.messages import ARRIVES_AT, DEPARTS_AT, a_told

AT = datetime(2026, 7, 14, 18, 25, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def read(text):
    calendar = icalendar.Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def of(news, **given):
    return written(a_told(news, **given), language="en", domain="bookings.example.org").calendar


def test_a_paid_flight_is_put_in_and_a_cancelled_one_taken_out():
    calendar, put_in = read(of(News.PAID, before="initiated", status="booked"))
    _, taken_out = read(of(News.CANCELLED, before="booked", status="cancelled", sequence=3))

    assert (calendar["METHOD"], calendar["VERSION"]) == ("PUBLISH", "2.0")
    assert put_in["UID"] == taken_out["UID"] == "ABCD1234@bookings.example.org"
    assert (put_in["SEQUENCE"], taken_out["SEQUENCE"]) == (2, 3)
    assert (put_in["STATUS"], taken_out["STATUS"]) == ("CONFIRMED", "CANCELLED")
    assert (put_in["DTSTART"].dt, put_in["DTEND"].dt) == (DEPARTS_AT, ARRIVES_AT)
    assert put_in["DTSTART"].dt.tzname() == "UTC"
    assert str(put_in["SUMMARY"]) == "Flight AI101 New Delhi (DEL) \u2013 London (LHR)"
    assert str(put_in["LOCATION"]) == "New Delhi (DEL)"
    assert str(put_in["DESCRIPTION"]) == (
        "Booking ABCD1234\nDeparture: Tuesday, 14 July 2026, 18:25 (local time in New Delhi)"
    )
    assert calendar.errors == put_in.errors == taken_out.errors == []


def test_what_was_never_in_a_calendar_is_not_taken_out():
    for news, before in ((News.CANCELLED, "initiated"), (News.HELD, "pending"), (News.REFUNDED, "booked")):
        assert of(news, before=before, status="cancelled") == ""


def test_a_flight_that_would_end_before_it_begins_has_no_end():
    for arrival_at in (None, DEPARTS_AT, DEPARTS_AT - timedelta(hours=1)):
        _, event = read(of(News.PAID, before="initiated", status="booked", arrival_at=arrival_at))
        assert "DTEND" not in event


def test_any_text_is_one_value_on_lines_that_are_short():
    texts = (
        "a,b;c\\d",
        "one\r\ntwo\nthree",
        "END:VEVENT\r\nATTACH:x",
        "é" * 200,
        "\U0001f6eb" * 60,
        "\x00\x1b\u202e x",
    )
    for text in texts:
        entry = Entry("u@x", 1, AT, AT, None, title=text, place=text, note=text, is_cancelled=False)
        written_as = calendar_of(entry)
        _, event = read(written_as)
        shown = "".join(c for c in text.replace("\r\n", "\n") if c.isprintable() or c == "\n")
        assert [str(event[name]) for name in ("SUMMARY", "LOCATION", "DESCRIPTION")] == [shown] * 3
        assert event["DTSTART"].dt == datetime(2026, 7, 14, 12, 55, tzinfo=UTC)
        assert "ATTACH" not in event
        lines = written_as.encode().split(b"\r\n")
        assert max(map(len, lines)) <= 75
        assert all(line.decode() for line in lines[:-1])
        assert b"\n" not in b"".join(lines)
