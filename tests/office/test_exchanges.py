"""Exchanges of seats in the back office: what the pages show of them, and what staff decide."""

import pytest

from bookings.models import SeatExchange
from tests.support.api import shown
from tests.support.fakes import Fault
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

CALLS = "/admin/bookings/seatcall/"


@pytest.fixture
def desk():
    return desk_of(a_person(group="Supervisor"))


@pytest.fixture
def booking(api, flights, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    return shown(api.create(body={"flightId": 1, "userId": 1001, "seatNumbers": ["2A", "2B"]}))


def page_of(desk, booking):
    return text_of(desk.get(f"/admin/bookings/booking/{booking['id']}/change/"))


def address(word, exchange=None):
    pk = exchange.pk if exchange else SeatExchange.objects.get().pk
    return f"/admin/bookings/booking/exchange/{pk}/{word}/"


def test_an_exchange_without_an_answer_is_shown_and_not_decided(desk, api, flights, booking):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    api.choose(booking, "2C", "2D")

    text, calls = page_of(desk, booking), desk.get(CALLS)
    assert "Seats: being exchanged for 2C, 2D." in text
    assert "2: 2A, 2B" in text
    assert "Other seats for a booking: no answer yet" in text_of(calls)
    assert address("applied") not in calls.content.decode()
    assert "2C, 2D" in text_of(desk.get(f"{CALLS}?show=exchanging&flight=1"))
    assert "There is nothing to decide about this call now: ◐ Outcome unknown" in text_of(desk.get(address("applied")))


@pytest.mark.parametrize(
    ("word", "cancelled", "happens", "came"),
    [
        ("retry", False, "exchanges none again", "The seats were exchanged."),
        ("applied", False, "The booking has 2C, 2D from now on.", "The seats were exchanged."),
        ("not-applied", False, "The booking keeps 2A, 2B.", "The seats were not exchanged."),
        ("applied", True, "The booking stays cancelled, and 2C, 2D goes back", "The seats were exchanged."),
        ("not-applied", True, "The booking stays cancelled, and 2A, 2B goes back", "The seats were not exchanged."),
    ],
)
def test_a_stuck_exchange_is_decided_on_a_page_that_says_what_happens(
    desk, api, flights, booking, word, cancelled, happens, came
):
    flights.fail_next(Fault.MISTAKE)
    api.choose(booking, "2C", "2D")
    if cancelled:
        api.cancel(booking)
    assert "This needs a decision." in page_of(desk, booking)
    listed = desk.get(f"{CALLS}?show=exchange").content.decode()
    assert address(word) in listed
    start = text_of(desk.get("/admin/"))
    assert "were they exchanged?" in start

    page = desk.get(address(word))
    assert happens in text_of(page)
    form = page.context["form"].initial
    answer = desk.post(address(word), {"note": "asked there", "action_key": form["action_key"]}, follow=True)

    assert came in text_of(answer)
    assert "There is nothing to decide about this call now" in text_of(desk.get(address(word)))


def test_what_came_of_a_retry_in_vain_is_said(desk, api, flights, booking):
    flights.fail_next(Fault.MISTAKE)
    api.choose(booking, "2C", "2D")

    for fault, said in ((Fault.MISTAKE, "cannot use this request"), (Fault.DROP_REQUEST, "No answer yet.")):
        flights.fail_next(fault)
        form = desk.get(address("retry")).context["form"].initial
        sent = {"note": "once more", "action_key": form["action_key"]}
        assert said in text_of(desk.post(address("retry"), sent, follow=True))


def test_what_is_not_there_is_not_found_and_a_right_is_needed(desk, api, flights, booking):
    assert desk.get("/admin/bookings/booking/exchange/404/retry/").status_code == 404
    flights.fail_next(Fault.MISTAKE)
    api.choose(booking, "2C", "2D")
    assert desk_of(a_person("ravi", group="Support")).get(address("retry")).status_code == 403
