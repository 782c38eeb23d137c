"""One box finds a booking by whatever a customer or a log can give."""

import pytest

from bookings.models import BookingEvent
from bookings.text.cells import Cell
from tests.support.api import Api, shown
from tests.support.bookings import a_payment_row, a_saved_row

pytestmark = pytest.mark.django_db

SEARCH = "/admin/search/"


def page_of(booking):
    return f"/admin/bookings/booking/{booking.pk}/change/"


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["QD7T4XKZ", "qd7t4xkz", " QD7T 4XKZ ", "QD-7T-4X-KZ", "qd7t\u20134xkz"])
def test_a_reference_opens_its_booking_however_it_is_spaced(desk, typed):
    booking = a_saved_row(reference="QD7T4XKZ")
    a_saved_row(reference="QD7T4XKR")

    answer = desk.get(SEARCH, {"q": typed})

    assert (answer.status_code, answer.headers["Location"]) == (302, page_of(booking))


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["0D7T4XKZ", "OO7T4XKZ", "Q0IT4XKZ", "QD1l4XKZ", "QD1l-4XKZ", "od7i 4xkz"])
def test_letters_that_no_reference_has_are_forgiven(desk, typed):
    booking = a_saved_row(reference="QD7T4XKZ")

    answer = desk.get(SEARCH, {"q": typed}, follow=True)

    assert answer.redirect_chain == [(page_of(booking), 302)]
    assert [str(message) for message in answer.context["messages"]] == [f"You typed {typed}; opened QD7T4XKZ."]


def test_more_than_three_misread_letters_are_too_many(desk):
    a_saved_row(reference="QDQDXXXX")

    answer = desk.get(SEARCH, {"q": "0000XXXX"})

    assert answer.status_code == 200
    assert "Nothing matches <strong>0000XXXX</strong>" in answer.content.decode()


def test_a_misread_reference_that_fits_several_lists_them(desk):
    a_saved_row(reference="QXXXXXXX")
    a_saved_row(reference="DXXXXXXX")

    page = desk.get(SEARCH, {"q": "0XXXXXXX"}).content.decode()

    assert "Bookings whose reference looks like this" in page
    assert "QXXXXXXX" in page
    assert "DXXXXXXX" in page


def test_a_reference_that_is_there_as_typed_is_meant(desk):
    meant = a_saved_row(reference="0XXXXXXX")
    a_saved_row(reference="QXXXXXXX")

    assert desk.get(SEARCH, {"q": "0xxxxxxx"}).headers["Location"] == page_of(meant)


def test_a_number_is_the_id_of_a_booking(desk):
    booking = a_saved_row(pk=4_000_001)

    assert desk.get(SEARCH, {"q": "4000001"}).headers["Location"] == page_of(booking)


def test_a_number_that_is_several_things_shows_each_by_itself(desk):
    a_saved_row(pk=77, reference="BBBBBBBB")
    a_saved_row(user_id=77, reference="CCCCCCCC")
    a_saved_row(flight_id=77, reference="DDDDDDDD")
    a_saved_row(reference="EEEEEEEE")

    answer = desk.get(SEARCH, {"q": "77"})

    groups = [(group.title, [line.booking.reference for line in group.lines]) for group in answer.context["groups"]]
    assert groups == [("Booking 77", ["BBBBBBBB"]), ("User 77", ["CCCCCCCC"]), ("Flight 77", ["DDDDDDDD"])]
    page = answer.content.decode()
    assert "/admin/customer/?user=77" in page
    assert "/admin/bookings/booking/?flight=77" in page


def test_of_a_user_the_newest_ten_are_shown(desk):
    for _ in range(12):
        a_saved_row(user_id=8_000_000_008)  # the id of no booking, however many the database has counted

    (group,) = desk.get(SEARCH, {"q": "8000000008"}).context["groups"]

    assert len(group.lines) == 10


@pytest.mark.slow
@pytest.mark.parametrize("act", ["create", "pay", "cancel"])
def test_a_clients_key_leads_to_what_was_done_under_it(desk, flights, act):
    api = Api()
    booking = shown(api.create(key="made/with=this"))
    if act == "pay":
        api.pay(booking, key="paid~with~this")
    if act == "cancel":
        api.cancel(booking, key="paid~with~this")
    key = "made/with=this" if act == "create" else "paid~with~this"

    answers = [desk.get(SEARCH, {"q": typed}) for typed in (key, f'"{key}"')]

    assert [answer.headers["Location"] for answer in answers] == [
        f"/admin/bookings/booking/{booking['id']}/change/"
    ] * 2


def test_a_key_in_another_case_is_another_key(desk, flights):
    Api().create(key="Made-with-this")

    assert desk.get(SEARCH, {"q": "made-with-this"}).status_code == 200


@pytest.mark.slow
def test_the_id_of_a_request_leads_to_what_it_did(desk):
    made, cancelled, paid = a_saved_row(request_id="req-1"), a_saved_row("cancelled"), a_saved_row()
    BookingEvent.objects.create(
        booking=cancelled, what="cancelled", actor_kind="staff", request_id="req-2", created_at=made.created_at
    )
    a_payment_row(paid, request_id="req-3")

    found = [desk.get(SEARCH, {"q": f"req-{number}"}).headers["Location"] for number in (1, 2, 3)]

    assert found == [page_of(made), page_of(cancelled), page_of(paid)]


def test_when_nothing_is_found_it_says_what_was_looked_for(desk):
    page = desk.get(SEARCH, {"q": "<b>nobody</b>"}).content.decode()

    assert "Nothing matches <strong>&lt;b&gt;nobody&lt;/b&gt;</strong>" in page
    assert "the id of a request" in page
    assert "A reference has eight letters and digits." in page


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["", "   ", "9" * 40, "é" * 300, "a\x00b", "%", "' OR 1=1 --"])
def test_whatever_is_typed_is_answered(desk, typed):
    assert desk.get(SEARCH, {"q": typed}).status_code == 200


def test_who_may_not_see_bookings_finds_none(at_desk):
    a_saved_row(reference="QD7T4XKZ")

    answer = at_desk("bookings.view_payment").get(SEARCH, {"q": "QD7T4XKZ"})

    assert answer.status_code == 403
    assert "bookings.view_booking" in answer.content.decode()


def test_what_is_typed_is_not_logged(desk, capfd):
    desk.get(SEARCH, {"q": "a-secret-canary-key"})

    assert "canary" not in "".join(capfd.readouterr())


def test_a_reference_of_another_cell_says_which_has_it_and_leads_there(desk, settings):
    settings.CELL, settings.ALLOWED_HOSTS = Cell(1, 2), [".bookings.localhost", "testserver"]

    here, there = desk.get(SEARCH, {"q": "B2345678"}), desk.get(SEARCH, {"q": "c234-5678"})
    with_address = desk.get(SEARCH, {"q": "C2345678"}, headers={"Host": "cell1.bookings.localhost"})

    said = "A booking with this reference is in cell 2"
    assert [said in answer.content.decode() for answer in (here, there, with_address)] == [False, True, True]
    link = 'href="http://cell2.bookings.localhost/admin/search/?q=C2345678"'
    assert [link in answer.content.decode() for answer in (there, with_address)] == [False, True]
