"""A mail's file for the calendar, read by the library that Thunderbird reads calendars with."""

import json
import subprocess
from datetime import datetime

import pytest

from bookings.answers.messages import LANGUAGES, written
from bookings.lifecycle import News
from bookings.text.calendar import Entry, calendar_of
from devtools.processes import REPOSITORY
from tests.support.messages import ARRIVES_AT, DEPARTS_AT, a_told

NODE = REPOSITORY / ".venv" / "bin" / "node"
NODE_MODULES = REPOSITORY / ".venv" / "npm" / "tests" / "webhooks" / "node_modules"

HOSTILE = ("a,b;c\\d", "one\ntwo\n\nthree", "END:VEVENT\nATTACH:x", "é" * 200, "\U0001f6eb" * 60, 'x":y;z=1')

pytestmark = pytest.mark.long


def read(calendars: list[str]) -> list[dict[str, object]]:
    """Give what the library finds in each of them."""
    lines = "".join(f"{json.dumps(calendar)}\n" for calendar in calendars)
    command = [NODE, REPOSITORY / "tests" / "webhooks" / "read_calendar.mjs", NODE_MODULES]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.000Z}"


def test_a_flight_is_put_in_and_taken_out_in_each_language():
    for language in LANGUAGES:
        paid = a_told(News.PAID, before="initiated", status="booked")
        cancelled = a_told(News.CANCELLED, before="booked", status="cancelled", sequence=3)
        told = [written(each, language=language, domain="bookings.example.org") for each in (paid, cancelled)]

        put_in, taken_out = read([each.calendar for each in told])

        same = {"entries": 1, "method": "PUBLISH", "uid": "ABCD1234@bookings.example.org"}
        times = {"startsAt": moment(DEPARTS_AT), "endsAt": moment(ARRIVES_AT)}
        assert put_in.items() >= {**same, **times, "sequence": 2, "status": "CONFIRMED"}.items()
        assert taken_out.items() >= {**same, **times, "sequence": 3, "status": "CANCELLED"}.items()
        assert "AI101" in put_in["title"]


def test_no_text_is_more_than_a_text():
    entries = [Entry("u@x", 1, DEPARTS_AT, DEPARTS_AT, ARRIVES_AT, text, text, text, False) for text in HOSTILE]

    found = read([calendar_of(entry) for entry in entries])

    assert [(each["title"], each["place"], each["note"]) for each in found] == [(text,) * 3 for text in HOSTILE]
    assert {each["entries"] for each in found} == {1}
