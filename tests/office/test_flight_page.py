"""The page of a flight: seats by number, who has which, and where the Flight Service says something else."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.db.clock import database_time
from bookings.models import Booking, BookingSeat
from tests.support.api import shown
from tests.support.archive import archive_all
from tests.support.bookings import a_saved_row
from tests.support.exchanges import a_booking, cancel, take_there
from tests.support.fakes import Fault
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

PAGE = "/admin/bookings/flight/1/"
SEARCH = "/admin/search/"


@pytest.fixture
def desk(flights, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    flights.set_flight(1, remaining=24)  # a page of a small aeroplane takes less time
    return desk_of(a_person(group="Support"))


def legend_of(answer):
    """How many seats stand how."""
    return {str(standing): count for standing, _, count in answer.context["page"].legend}


def test_it_shows_who_has_which_seat_as_a_drawing_and_as_a_table(desk, api, flights):
    first, second = a_booking(api, "2A", "2B"), a_booking(api, "3C")
    link = f'<td><a class="mono" href="/admin/bookings/booking/{second["id"]}/change/">{second["reference"]}</a></td>'
    by_count = shown(api.create(body={"flightId": 1, "userId": 1001, "noOfSeats": 2}))

    answer = desk.get(PAGE, {"booking": first["id"]})
    page, text = answer.content.decode(), text_of(answer)

    assert legend_of(answer) == {"free": len(answer.context["page"].both.seats) - 4, "blocked": 1, "held": 3}
    assert 'role="img" aria-labelledby="plan-title plan-description"' in page
    assert page.count('<use class="seat-ring"') == 2
    assert page.count("(this booking)") == 2
    assert link in page
    own = desk.get(f"/admin/bookings/booking/{first['id']}/change/").content.decode()
    assert f'<a href="/admin/bookings/flight/1/?booking={first["id"]}">' in own
    assert "3C economy taken, of a booking here" in text
    assert "Held by bookings here 5, 3 of them by number" in text
    assert [line.booking.pk for line in answer.context["lines"]] == [by_count["id"]]
    # Nothing in a page sets its own style: the policy of this site would ignore it.
    assert " style=" not in page.partition('class="office"')[2]


def test_what_both_sides_say_of_a_seat_differs_and_is_named(desk, api, flights):
    booking = a_booking(api, "2A")
    take_there(flights, "2A", reserves=False)
    take_there(flights, "4D")
    gone = a_saved_row("booked", seat_numbers="90A", no_of_seats=1)
    BookingSeat.objects.create(flight_id=1, seat_number="90A", booking=gone)

    answer = desk.get(PAGE)

    text = text_of(answer)
    assert "these seats can be sold again." in text
    assert f"2A {booking['reference']}" in text
    assert f"90A {gone.reference} is not on the map any more" in text
    assert "Taken at the Flight Service, and held by no booking here: 4D" in text
    assert legend_of(answer)["missing"] == 2


@pytest.mark.slow
def test_seats_on_their_way_are_no_difference(desk, api, flights):
    exchanging, ended = a_booking(api, "2A"), a_booking(api, "3A")
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    api.choose(exchanging, "2C")
    cancel(ended)

    answer = desk.get(PAGE)

    assert {n: s.standing for n, s in answer.context["page"].both.seats.items() if s.holder} == dict.fromkeys(
        ("2A", "2C", "3A"), "moving"
    )
    assert "Calls without an answer 2" in text_of(answer)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["down", "resting", "unusable"])
def test_without_an_answer_it_says_so_and_shows_our_own_seats(desk, api, flights, fault):
    a_booking(api, "2A")
    flights.unusable.add(1) if fault == "unusable" else setattr(flights, fault, True)

    answer = desk.get(PAGE)

    text = text_of(answer)
    assert ("makes no sense" if fault == "unusable" else "The Flight Service does not answer.") in text
    assert "Only the seats of bookings here are drawn." in text
    assert legend_of(answer) == {"held": 1}
    assert '<details class="panel" open>' in answer.content.decode()
    assert "No booking here has seat 2B." in text_of(desk.get(PAGE, {"seat": "2b"}))


@pytest.mark.slow
@pytest.mark.parametrize("numbers", ["none there", "off"])
def test_a_flight_whose_seats_are_counted_shows_its_counts(desk, flights, settings, numbers):
    a_saved_row("booked", no_of_seats=3)
    if numbers == "off":
        settings.FLIGHT_SERVICE_SEAT_NUMBERS = False
    else:
        flights.number_seats(version=None)

    text = text_of(desk.get(PAGE))

    assert "Seats have no numbers on this flight: they are counted." in text
    assert "Held by bookings here 3" in text
    assert "Free at the Flight Service" in text


@pytest.mark.slow
def test_a_flight_that_neither_side_knows_is_not_found(desk, flights):
    answer = desk.get("/admin/bookings/flight/999/")

    assert (answer.status_code, "The Flight Service has no such flight." in text_of(answer)) == (404, True)
    assert desk.get("/admin/bookings/flight/none/").status_code == 404
    a_saved_row("booked", flight_id=999)
    assert desk.get("/admin/bookings/flight/999/").status_code == 200


def test_its_address_has_nothing_else_and_a_right_is_needed(desk, flights):
    for query in ("booking=x", "seat=A12", "sear=1A"):
        assert desk.get(f"{PAGE}?{query}").status_code == 400
    assert desk_of(a_person("otto", "view_payment")).get(PAGE).status_code == 403


@pytest.mark.slow
def test_what_left_for_the_archive_is_shown_by_its_page_there(desk, flights, settings):
    settings.KEEP_MONTHS = 12
    long_past = database_time() - timedelta(days=900)
    flown = a_saved_row("booked", seat_numbers="2A", no_of_seats=1, created_at=long_past, departure_at=long_past)
    BookingSeat.objects.create(flight_id=1, seat_number="2A", booking=flown)
    Booking.objects.filter(pk=flown.pk).update(updated_at=long_past)
    take_there(flights, "2A")
    assert archive_all() == 1

    page = desk.get(PAGE).content.decode()

    assert f'href="/admin/bookings/booking/archived/{flown.pk}/">{flown.reference}</a>' in page


@pytest.mark.slow
def test_it_costs_a_fixed_number_of_statements_and_names_twenty_without_numbers(desk, api, flights):
    a_booking(api, "2A")
    a_saved_row("booked")
    desk.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        desk.get(PAGE)
    for number in ("3A", "3B", "4A"):
        a_booking(api, number)
    for _ in range(24):
        a_saved_row("booked")

    with CaptureQueriesContext(connection) as many:
        answer = desk.get(PAGE)

    assert len(many) == len(few) <= 25
    assert (len(answer.context["lines"]), "These are the newest." in text_of(answer)) == (20, True)


def test_the_search_finds_who_has_a_seat(desk, api, flights):
    booking = a_booking(api, "2A", "2B")

    found = desk.get(SEARCH, {"q": " 1  2b "})
    nobody, nowhere = (desk.get(SEARCH, {"q": typed}, follow=True) for typed in ("1 3C", "1 77K"))

    assert found.headers["Location"] == f"/admin/bookings/booking/{booking['id']}/change/"
    assert "Seat 3C is free." in text_of(nobody)
    assert "There is no seat 77K on this flight." in text_of(nowhere)
    # It may be what a client calls another booking.
    Booking.objects.filter(pk=a_saved_row().pk).update(client_reference="1 2B")
    both = desk.get(SEARCH, {"q": "1 2B"})
    assert [group.title for group in both.context["groups"]] == [
        "Seat 2B of flight 1",
        "Bookings that their client calls so",
    ]


@pytest.mark.slow
def test_flights_lead_to_their_page(desk, flights):
    a_saved_row(flight_id=7, flight_number="UK 808", departure_airport="DEL", arrival_airport="BLR")

    listed = desk.get("/admin/bookings/booking/").content.decode()
    page = text_of(desk.get("/admin/bookings/flight/7/"))

    assert 'href="/admin/bookings/flight/7/">UK 808</a>' in listed
    assert "Flight UK 808" in page
    assert "DEL → BLR" in page
