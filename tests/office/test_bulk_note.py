"""The page that keeps one note with all bookings of a list."""

import pytest

from bookings.models import Booking, BookingEvent
from tests.support.bookings import a_saved_row, many_rows
from tests.support.people import a_person, desk_of, fields_of, text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/bookings/booking/"
NEW = f"{LIST}note/"


@pytest.fixture
def anna():
    return desk_of(a_person("anna", group="Support"))


def notes():
    return list(BookingEvent.objects.filter(what="noted").values_list("booking_id", "actor_name", "note"))


def sent(desk, address, note="Gate moved."):
    return desk.post(address, {**fields_of(desk.get(address)), "note": note})


@pytest.mark.slow
def test_a_list_leads_to_the_note_on_what_it_shows(anna):
    first, _ = a_saved_row(), a_saved_row(flight_id=2)

    listed = anna.get(f"{LIST}?flight=1").content.decode()
    page = text_of(anna.get(f"{NEW}?flight=1"))
    answer = sent(anna, f"{NEW}?flight=1")

    assert f'href="{NEW}?flight=1"' in listed
    assert f"Bookings 1 Filters flight=1 {first.reference}" in page
    assert "Keep the note with 1 booking " in page
    assert answer.url == f"{LIST}?flight=1"
    assert "The note is kept with 1 booking." in text_of(anna.get(answer.url))
    assert notes() == [(first.pk, "anna", "Gate moved.")]
    assert "Gate moved." in text_of(anna.get(f"{LIST}{first.pk}/change/"))


@pytest.mark.slow
def test_a_double_click_keeps_it_once(anna):
    many_rows(2)
    address = f"{NEW}?flight=1"
    form = {**fields_of(anna.get(address)), "note": "Gate moved."}

    answers = [anna.post(address, form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert len(notes()) == 2
    assert "The note was kept before" in text_of(anna.get(answers[1].url))


@pytest.mark.slow
def test_a_page_of_other_bookings_keeps_nothing_but_what_was_typed(anna):
    booking, _ = a_saved_row(), a_saved_row()
    address = f"{NEW}?flight=1&status=initiated"
    form = {**fields_of(anna.get(address)), "note": "Gate moved."}
    Booking.objects.filter(pk=booking.pk).update(status="booked", active_payment_id=1)

    page = anna.post(address, form)

    assert (page.status_code, notes(), page.context["form"]["note"].value()) == (409, [], "Gate moved.")
    assert "These bookings have changed since they were shown to you." in text_of(page)
    assert sent(anna, address).status_code == 302


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"note": ""}, "This field is required."),
        ({"note": "\u200b"}, "There is nothing to read in it."),
        ({"action_key": "x"}, "This form was broken"),
        ({"seen": ""}, "This form was broken"),
    ],
)
def test_a_form_that_will_not_do_says_so(anna, said, words):
    a_saved_row()
    address = f"{NEW}?flight=1"

    page = anna.post(address, {**fields_of(anna.get(address)), "note": "x", **said})

    assert (page.status_code, notes()) == (400, [])
    assert words in text_of(page)


@pytest.mark.slow
def test_without_the_right_there_is_no_page_and_no_link():
    a_saved_row()
    otto = desk_of(a_person("otto", group="Auditor"))

    answer = otto.post(f"{NEW}?flight=1", {"note": "x"})

    assert (answer.status_code, notes()) == (403, [])
    assert "Note on these bookings" not in text_of(otto.get(f"{LIST}?flight=1"))


def test_a_filter_that_is_not_understood_notes_nothing(anna):
    a_saved_row()

    assert anna.post(f"{NEW}?flight=1&status=boked", {"note": "x"}).status_code == 400
    assert notes() == []


@pytest.mark.slow
def test_many_are_counted_and_the_newest_are_named(anna):
    many_rows(60)

    page = text_of(anna.get(f"{NEW}?flight=1"))

    assert "Bookings 60 " in page
    assert "The newest 50 are named here; the note is for all." in page


def test_a_list_without_a_booking_has_nothing_to_note(anna):
    assert "No booking matches." in text_of(anna.get(f"{NEW}?flight=1"))
