"""A customer's reason is one line in which there is something to read; the document says the same."""

import re
import sys

import pytest

from bookings.models import BookingEvent
from bookings.text import legible
from tests.support.api import refused, shown

pytestmark = pytest.mark.django_db

BLANK = {
    "nothing": "",
    "a blank": " ",
    "blanks of other widths": "\u00a0\u1680\u2003\u202f\u205f\u3000",
    "a line": "\r\n\t",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff",
    "a soft hyphen": "\u00ad",
    "marks of direction": "\u200e\u200f\u061c",
    "selectors of variations": "\ufe0f\U000e0100\u180b",
    "a joiner of graphemes": "\u034f",
    "fillers of Hangul": "\u115f\u1160\u3164\uffa0",
    "a blank of Braille": "\u2800",
    "a blank of hieroglyphs": "\U00013441\U00013442",
    "a note without a head": "\U0001d159",
    "the place of an object": "\ufffc",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "private use": "\ue000\uf8ff\U000f0000\U0010fffd",
    "not assigned": "\u0378\U000e0fff\U00050000",
    "no characters": "\ufffe\uffff\ufdd0",
    "invisible operators": "\u2061\u2062\u2063\u2064",
    "formats of notes": "\ufff9\ufffa\ufffb",
    "vowels of Khmer that are not written": "\u17b4\u17b5",
    "a mark on nothing": "\u0301\u20e3",
    "formats of music": "\U0001d173\U0001d17a",
    "many of them, and blanks": "\u200b \u2060\u3164 \ufeff\ue000 \U000e0041",
}
UNRULY = {
    "a null": "a\x00b",
    "a bell": "a\x07b",
    "an escape": "a\x1b[31mb",
    "a backspace": "a\x08b",
    "delete": "a\x7fb",
    "a control of Latin-1": "a\x9bb",
    "a line": "a\nb",
    "a carriage return": "a\rb",
    "a tab": "a\tb",
    "another end of a line": "a\x85b",
    "a separator of lines": "a\u2028b",
    "a separator of paragraphs": "a\u2029b",
    "an embedding": "a\u202ab\u202c",
    "an override": "plans \u202echanged",
    "an isolate": "a\u2066b\u2069",
    "an isolate of the first": "\u2068a\u2069",
}
READABLE = {
    "a letter": "x",
    "a number": "7",
    "a sign": "?",
    "a symbol": "€",
    "Vietnamese": "Đà Nẵng ✈",
    "with marks of its own": "e\u0301t\u00e9",
    "Arabic with marks of direction": "\u200fألغيت\u200f الرحلة",
    "Persian with a non-joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Hindi with a joiner": "क्\u200dष",
    "Korean": "계획 변경",
    "Japanese with a wide blank": "予定\u3000変更",
    "an emoji": "😀",
    "an emoji with a selector": "✈\ufe0f",
    "a family": "👨\u200d👩\u200d👧",
    "a flag of tags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "an emoji that this Python does not know": "\U0001fae8",
    "a soft hyphen within": "Flug\u00adplan",
    "Braille": "⠏⠇⠁⠝⠎",
    "something to read among what does not show": "\u200b\u2060x\ufeff",
}


@pytest.mark.slow
@pytest.mark.parametrize("reason", [*BLANK.values(), *UNRULY.values()], ids=[*BLANK, *UNRULY])
def test_a_reason_that_cannot_be_read_is_refused(api, reason):
    booking = shown(api.create())

    answer = api.cancel(booking, reason=reason)

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("reason", READABLE.values(), ids=READABLE)
def test_a_reason_that_can_be_read_is_kept_as_it_is(api, reason):
    booking = shown(api.create())

    answer = api.cancel(booking, reason=reason)

    assert answer.status_code == 200
    assert reason in BookingEvent.objects.values_list("note", flat=True)


@pytest.mark.parametrize("reason", [" x ", "x\n", "\r\nx\t", "\u3000x\u00a0", "\u2028x\x85"])
def test_blanks_and_lines_round_a_reason_are_no_part_of_it(api, reason):
    api.cancel(shown(api.create()), reason=reason)

    assert "x" in BookingEvent.objects.values_list("note", flat=True)


def test_what_is_wrong_is_said(api):
    booking = shown(api.create())

    said = [api.cancel(booking, reason=text).json()["error"]["fields"]["reason"] for text in ("\u200b", "a\nb")]

    assert said == [
        "Must have something to read in it; what is sent does not show.",
        "Must be one line, without control characters and without those that turn the direction of it.",
    ]


# All that are written in 16 bits, of which the pattern must say exactly the same; of the others those at which
# blocks begin, or all of them where there is time.
SMALL = (*range(0xD800), *range(0xE000, 0x10000))
LARGE = range(0x10000, sys.maxunicode + 1)


@pytest.mark.slow
@pytest.mark.parametrize("codes", [(*SMALL, *LARGE[::16]), pytest.param((*SMALL, *LARGE), marks=pytest.mark.long)])
def test_the_pattern_of_the_document_says_the_same_of_every_character(api, codes):
    document = api.get("/api/v1/openapi.json").json()
    pattern = re.compile(document["components"]["schemas"]["CancelBookingRequest"]["properties"]["reason"]["pattern"])

    for code in codes:
        character = chr(code)
        # Beyond 16 bits it takes more than the service does, and never less.
        assert bool(pattern.search(character)) is (legible.is_visible(character) or code > 0xFFFF), hex(code)
        assert bool(pattern.search(f"a{character}b")) is not legible.is_unruly(character), hex(code)


@pytest.mark.parametrize("text", [*BLANK.values(), *UNRULY.values(), *READABLE.values(), " x ", "x\n", "\u2028x\x85"])
def test_the_pattern_of_the_document_says_the_same_of_every_text(text):
    is_taken = legible.is_legible(text.strip()) and legible.is_orderly(text.strip())

    is_within_the_pattern = bool(re.search(legible.pattern(), text))

    assert is_within_the_pattern is is_taken or (is_within_the_pattern and max(text) > "\uffff")
