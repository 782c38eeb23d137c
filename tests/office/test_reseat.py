"""Other seats for a booking, from the back office: what can be chosen, what is done, and what is not."""

from datetime import timedelta

import pytest
from django.db.models import F

from bookings.db.clock import database_time
from bookings.models import Booking, BookingEvent, BookingSeat, IdempotencyRecord, SeatExchange
from tests.support.api import shown
from tests.support.bookings import let_time_pass, one_pass
from tests.support.exchanges import a_booking, cancel, exchanged, rows, states, take_there
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step
from tests.support.people import a_person, desk_of, fields_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(flights, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    flights.set_flight(1, remaining=24)  # a page of a small aeroplane takes less time
    return desk_of(a_person(group="Support"))


@pytest.fixture
def booking(desk, api):
    return a_booking(api, "2A", "2B")


def address(booking):
    return f"/admin/bookings/booking/{booking['id']}/seats/"


def form_of(desk, booking, *seats, note=""):
    """The form as the page has it, filled in."""
    return {**fields_of(desk.get(address(booking))), "seats": [*seats], "note": note}


def send(desk, booking, *seats, note="", follow=True):
    return desk.post(address(booking), form_of(desk, booking, *seats, note=note), follow=follow)


def boxes(answer):
    """The seats that can be chosen, each with whether it is ticked."""
    return {
        cell["seat"].number: cell["is_ticked"]
        for _, lines in answer.context["decks"]
        for _, cells in lines
        for cell in cells
        if cell and cell["can_be_chosen"]
    }


def ticked(answer):
    return [number for number, is_ticked in boxes(answer).items() if is_ticked]


def notes_of(booking):
    events = BookingEvent.objects.filter(booking_id=booking["id"], actor_kind="staff").order_by("pk")
    return [(event.what, event.actor_name, event.note, event.request_id) for event in events]


def test_free_seats_and_its_own_can_be_chosen_and_each_says_what_it_is(desk, api, booking):
    a_booking(api, "3A")

    answer = desk.get(address(booking))

    page, found = answer.content.decode(), boxes(answer)
    assert ticked(answer) == []
    assert ("1A" in found, "3A" in found, "2A" in found, "3B" in found) == (False, False, True, True)
    for label in ("3B, aisle, free", "2A, window, of this booking", "3A, window, taken, of a booking here"):
        assert f'aria-label="{label}"' in page
    assert " style=" not in page.partition('class="office"')[2]
    assert f'href="{address(booking)}">Change seats</a>' in (
        desk.get(f"/admin/bookings/booking/{booking['id']}/change/").content.decode()
    )


@pytest.mark.parametrize("is_paid", [False, True], ids=["unpaid", "paid"])
def test_one_seat_is_moved_the_other_stays_and_who_and_why_is_kept(desk, api, flights, payments, booking, is_paid):
    if is_paid:
        api.pay(booking)

    answer = send(desk, booking, "2B", "4C", note="sits beside her sister")

    assert f"{booking['reference']} has 2B, 4C now." in text_of(answer)
    assert exchanged(flights) == [(("4C",), 1, ("2A",))]
    assert rows() == ["2B", "4C"]
    assert notes_of(booking) == [
        ("noted", "anna", "sits beside her sister", "desk-1"),
        ("seats_changed", "anna", "2A,2B → 2B,4C", "desk-1"),
    ]
    one_pass(flights, payments)
    assert_in_step(flights)


@pytest.mark.slow
def test_seats_that_were_counted_get_numbers(desk, api, flights):
    counted = shown(api.create(body={"flightId": 1, "userId": 1001, "noOfSeats": 2}))

    assert "has 4A, 4B now." in text_of(send(desk, counted, "4B", "4A"))
    assert exchanged(flights) == [(("4A", "4B"), 2, ())]


@pytest.mark.slow
def test_the_seats_that_it_has_are_no_change(desk, flights, booking):
    assert "has 2A, 2B now." in text_of(send(desk, booking, "2A", "2B", note="as before"))
    assert (exchanged(flights), notes_of(booking)) == ([], [])


@pytest.mark.slow
def test_another_number_of_seats_is_asked_again(desk, flights, booking):
    form = form_of(desk, booking, note="typed")
    for seats in ((), ("2C",), ("2A", "2C", "2D"), ("2A", "x"), ("2C", "2C")):
        answer = desk.post(address(booking), {**form, "seats": [*seats]})

        assert answer.status_code == 400
        assert "Tick the 2 seats that the booking is to have, those that it keeps too." in text_of(answer)
        assert ticked(answer) == sorted({*seats} - {"x"})
        assert "typed" in answer.content.decode()
    assert exchanged(flights) == []


def test_a_seat_that_is_gone_is_named_and_the_others_stay_ticked(desk, flights, booking):
    form = form_of(desk, booking, "4C", "4D", note="typed")
    take_there(flights, "4C")

    answer = desk.post(address(booking), form)

    assert answer.status_code == 409
    assert "Nothing was changed. 4C is taken; the booking keeps its seats." in text_of(answer)
    assert ticked(answer) == ["4D"]
    assert rows() == ["2A", "2B"]
    # The note is kept already, and would be kept twice.
    assert ([what for what, *_ in notes_of(booking)], "typed" in answer.content.decode()) == (["noted"], False)
    # What is sent from there is another request.
    again = {**fields_of(answer), "seats": ["4D", "5A"], "note": ""}
    assert "has 4D, 5A now." in text_of(desk.post(address(booking), again, follow=True))


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.DROP_REQUEST, Fault.MISTAKE])
def test_without_an_answer_it_says_so_and_the_worker_or_staff_settle_it(desk, flights, payments, booking, fault):
    flights.fail_next(fault, fault)

    answer = send(desk, booking, "4C", "4D")

    text = text_of(answer)
    assert f"It is not known yet whether {booking['reference']} has 4C, 4D: the worker settles it." in text
    assert "4C, 4D" in text
    assert "Its seats are being exchanged already." in text_of(desk.get(address(booking)))
    if fault is not Fault.MISTAKE:
        let_time_pass(minutes=1)
        one_pass(flights, payments)
        assert (states(), rows()) == (["done"], ["4C", "4D"])


@pytest.mark.slow
def test_two_clicks_and_a_page_sent_again_change_once(desk, flights, booking):
    form = form_of(desk, booking, "4C", "4D", note="once")

    answers = [text_of(desk.post(address(booking), form, follow=True)) for _ in range(2)]

    assert "has 4C, 4D now." in answers[0]
    assert "This page was sent before. The booking shows what came of it." in answers[1]
    assert (len(exchanged(flights)), [what for what, *_ in notes_of(booking)]) == (1, ["noted", "seats_changed"])
    # With other seats it is another wish, made on a page that is out of date.
    other = desk.post(address(booking), {**form, "seats": ["5A", "5B"]})
    assert (other.status_code, ticked(other)) == (409, ["5A", "5B"])
    assert "Look at the booking as it is now, and decide again." in text_of(other)


@pytest.mark.slow
def test_a_click_while_the_first_is_under_way_waits_for_it(desk, flights, booking):
    form = form_of(desk, booking, "4C", "4D")
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)

    first = text_of(desk.post(address(booking), form, follow=True))
    # However long that took: another process asks once more just now.
    SeatExchange.objects.update(next_at=database_time() + timedelta(seconds=15))
    second = text_of(desk.post(address(booking), form, follow=True))

    assert ["It is not known yet whether" in text for text in (first, second)] == [True, True]
    assert states() == ["asking"]


@pytest.mark.slow
def test_a_page_that_is_out_of_date_changes_nothing_and_shows_what_happened(desk, api, flights, booking):
    form = form_of(desk, booking, "4C", "4D", note="typed")
    api.choose(booking, "5A", "5B")

    answer = desk.post(address(booking), form)

    text = text_of(answer)
    assert answer.status_code == 409
    assert "This booking has changed since" in text
    assert "2A,2B → 5A,5B" in text
    assert (ticked(answer), rows()) == (["4C", "4D"], ["5A", "5B"])
    assert "typed" in answer.content.decode()


@pytest.mark.slow
@pytest.mark.parametrize("away", ["down", "resting"])
def test_without_the_flight_service_nothing_can_be_chosen_and_nothing_is_sent(desk, flights, booking, away):
    form = form_of(desk, booking, "4C", "4D")
    setattr(flights, away, True)

    text, sent = text_of(desk.get(address(booking))), desk.post(address(booking), form)

    assert "The Flight Service does not show the flight now" in text
    assert (sent.status_code, "Nothing was changed." in text_of(sent)) == (503, True)
    assert (states(), rows(), IdempotencyRecord.objects.filter(endpoint="office seats").count()) == (
        [],
        ["2A", "2B"],
        0,
    )


@pytest.mark.slow
def test_what_has_no_other_seats_says_why(desk, api, flights, settings, booking):
    ended, late = a_booking(api, "3A"), a_booking(api, "3B")
    cancel(ended)
    earlier = {name: F(name) - timedelta(hours=2) for name in ("created_at", "expires_at")}
    Booking.objects.filter(pk=late["id"]).update(**earlier)
    said = {"It is cancelled, and stays so.": ended, "Its payment window has closed.": late}
    for why, each in said.items():
        text = text_of(desk.get(address(each)))
        assert f"{why} There is nothing to choose here." in text
        assert "Change seats" not in text_of(desk.get(f"/admin/bookings/booking/{each['id']}/change/"))
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    pending = shown(
        api.create(body={"flightId": 1, "userId": 1001, "seatNumbers": ["3C"]}, headers={"Prefer": "respond-async"})
    )
    assert "Its seats are not confirmed yet." in text_of(desk.get(address(pending)))
    # It would be refused: the Flight Service takes back only what it has given.
    take_there(flights, "2B", reserves=False)
    assert "does not have the seats of this booking as taken" in text_of(desk.get(address(booking)))
    flights.number_seats(version=None)
    assert "Seats have no numbers on this flight." in text_of(desk.get(address(booking)))
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = False
    assert "Seats have no numbers in this installation." in text_of(desk.get(address(booking)))


@pytest.mark.slow
def test_a_booking_that_ended_meanwhile_keeps_its_end(desk, flights, booking):
    form = form_of(desk, booking, "4C", "4D")
    cancel(booking)

    answer = desk.post(address(booking), form)

    assert answer.status_code == 409
    assert (states(), rows()) == ([], [])


def test_a_right_is_needed_to_see_and_to_send(desk, flights, booking):
    auditor = desk_of(a_person("otto", group="Auditor"))
    form = form_of(desk, booking, "4C", "4D")

    assert [auditor.get(address(booking)).status_code, auditor.post(address(booking), form).status_code] == [403, 403]
    page = text_of(auditor.get(f"/admin/bookings/booking/{booking['id']}/change/"))
    assert "Your rights do not cover it: can change the seats of bookings." in page
    assert (states(), BookingSeat.objects.count()) == ([], 2)
    assert desk.get(address({"id": 404})).status_code == 404
