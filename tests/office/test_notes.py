"""What staff write down has something to read in it, and no characters that change how the rest is shown."""

import pytest

from bookings.models import BookingEvent
from bookings.office.access.api_keys import WhyForm
from bookings.office.bookings.approve_bulk_cancel import DecideForm
from bookings.office.bookings.bulk_cancel import StartForm
from bookings.office.bookings.bulk_note import BulkNoteForm
from bookings.office.bookings.page import CancelForm, NoteForm
from bookings.office.decisions import DecisionForm
from bookings.office.upkeep.queue import PauseForm
from tests.support.bookings import an_initiated_booking
from tests.support.people import a_person, desk_of, fields_of, text_of

pytestmark = pytest.mark.django_db

ILLEGIBLE = ["\u200b", "\u3164\u2800", "\ufeff \u2060", "\U000e0041", "\ue000", "\u0301", "\u200e\u200f"]
UNRULY = ["a\x07b", "a\x1b[31mb", "a\u202eb", "a\u2066b\u2069", "a\u2028b", "a\x85b", "a\x7fb"]
READABLE = ["x", "Calls again.\r\nAt noon.", "Calls:\t12:00", "✈\ufe0f", "Đà Nẵng", "\u200fألغيت"]

FORMS = {
    "a note": NoteForm,
    "a cancellation": CancelForm,
    "a decision": DecisionForm,
    "a pause": PauseForm,
    "a key": WhyForm,
    "many cancellations": lambda said: StartForm(said, flight=1),
    "an approval": DecideForm,
    "a note on many": BulkNoteForm,
}


def said_of(form, note):
    """What the form says of a note; the rest of the form may be missing."""
    return form({"note": note}).errors.get("note", [])


@pytest.mark.slow
@pytest.mark.parametrize("note", ILLEGIBLE)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_note_that_shows_nothing_is_none(form, note):
    assert said_of(form, note) == ["There is nothing to read in it."]


@pytest.mark.parametrize("note", UNRULY)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_note_with_what_does_not_belong_into_a_text_is_refused(form, note):
    assert said_of(form, note) == [
        "It has characters in it that do not show and change how the rest is shown. Type it again."
    ]


@pytest.mark.parametrize("note", READABLE)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_note_of_one_or_several_lines_is_fine(form, note):
    assert said_of(form, note) == []


@pytest.mark.slow
def test_a_note_that_shows_nothing_is_not_kept_and_the_page_says_why(flights):
    desk, booking = desk_of(a_person(group="Support")), an_initiated_booking(flights)
    form = fields_of(desk.get(f"/admin/bookings/booking/{booking.pk}/change/"))

    answer = desk.post(f"/admin/bookings/booking/{booking.pk}/note/", {**form, "note": "\u200b\u2060"})

    assert answer.status_code == 400
    assert "There is nothing to read in it." in text_of(answer)
    assert BookingEvent.objects.filter(booking=booking).count() == 0
