"""Where the seats of a flight stand in a drawing, and how each stands: no database, no page."""

import pytest

from bookings.office.seats.plan import plan_of, plan_of_numbers
from bookings.office.seats.standings import STANDING, Standing, seats_of_both
from bookings.ports import Cabin, Flight, Seat, SeatMap, SeatStatus
from bookings.queries.seats.held import SeatsOfFlight
from bookings.queries.seats.of_flight import FlightHere, Holder

WIDE, NARROW = Cabin("economy", ("A", "B", None, "C", "D")), Cabin("first", ("A", None, "D"))
ADA, BEN = Holder(1, "AAAAAAAA"), Holder(2, "BBBBBBBB")


def seats_in(cabin, rows):
    return [Seat(f"{row}{letter}", cabin.name, SeatStatus.FREE) for row in rows for letter in cabin.columns if letter]


def places(plan):
    return {place.number: place for deck in plan.decks for row in deck.rows for place in row.places if place}


def test_every_seat_has_a_place_of_its_own_inside_of_the_drawing():
    seats = [*seats_in(NARROW, (1, 2)), *seats_in(WIDE, range(3, 153))]

    plan = plan_of([NARROW, WIDE], seats)

    found = places(plan)
    assert found.keys() == {seat.number for seat in seats}
    corners = [(place.x, place.y) for place in found.values()]
    assert len(set(corners)) == len(seats) == 604
    assert all(0 < x <= plan.width - 24 and 0 < y <= plan.height - 24 for x, y in corners)
    assert plan.width < 320  # of a telephone


def test_rows_go_down_letters_to_the_right_and_aisles_stay_empty():
    plan = plan_of([NARROW, WIDE], [*seats_in(NARROW, (1,)), *seats_in(WIDE, (2, 3))])

    found = places(plan)
    assert found["2A"].x < found["2B"].x < found["2C"].x < found["2D"].x
    assert found["2C"].x - found["2B"].x == 28 + 16
    assert found["1A"].y < found["2A"].y < found["3A"].y
    assert found["1A"].x > found["2A"].x  # a narrow cabin stands in the middle
    assert [place and place.number for place in plan.decks[1].rows[0].places] == ["2A", "2B", None, "2C", "2D"]
    windows = [number for number, place in found.items() if place.is_window]
    assert windows == ["1A", "1D", "2A", "2D", "3A", "3D"]
    assert [number for number, place in found.items() if place.is_aisle][:4] == ["1A", "1D", "2B", "2C"]


def test_a_row_that_is_short_has_no_place_for_what_is_not_there():
    (deck,) = plan_of([WIDE], [Seat("9B", "economy", SeatStatus.FREE)]).decks

    assert [place and place.number for place in deck.rows[0].places] == [None, "9B", None, None, None]


def test_without_a_map_the_numbers_alone_are_drawn():
    assert list(places(plan_of_numbers(["10A", "2C"]))) == ["2C", "10A"]
    assert plan_of_numbers([]).decks == ()


def standings_of(status, *, before=None, after=None, moving=None, under_way=0, has_map=True, **said):
    """How seat 1A stands that the map shows like this, and that our rows had before the look and after it."""
    seats = () if status is None else (Seat("1A", "economy", status),)
    seat_map = SeatMap(Flight(1, 100, 5), 1, (WIDE,), seats) if has_map else None
    count = SeatsOfFlight(held=0, bookings=0, calls=0, under_way=under_way)
    here = FlightHere(count, {"1A": after} if after else {}, {"1A": moving} if moving else {}, None, [])
    found = seats_of_both({"1A": before} if before else {}, seat_map, here, **said).seats
    return found["1A"].standing if "1A" in found else None


FREE, TAKEN, BLOCKED = SeatStatus.FREE, SeatStatus.TAKEN, SeatStatus.BLOCKED


@pytest.mark.parametrize(
    ("status", "sides", "standing"),
    [
        (FREE, {}, Standing.FREE),
        (BLOCKED, {}, Standing.BLOCKED),
        (TAKEN, {}, Standing.UNCLAIMED),
        # Where others sell, or a call is under way, it may be right.
        (TAKEN, {"others_sell": True}, Standing.TAKEN),
        (TAKEN, {"under_way": 1}, Standing.TAKEN),
        (TAKEN, {"before": ADA}, Standing.TAKEN),
        (TAKEN, {"before": ADA, "after": ADA}, Standing.HELD),
        (FREE, {"before": ADA, "after": ADA}, Standing.MISSING),
        (BLOCKED, {"before": ADA, "after": ADA}, Standing.MISSING),
        (None, {"before": ADA, "after": ADA}, Standing.MISSING),
        # It came or went, or changed hands, while the map was asked for.
        (FREE, {"after": ADA}, Standing.HELD),
        (FREE, {"before": ADA}, Standing.FREE),
        (FREE, {"before": ADA, "after": BEN}, Standing.HELD),
        (TAKEN, {"moving": ADA}, Standing.MOVING),
        (FREE, {"moving": ADA}, Standing.MOVING),
        # Without a map nothing is missing.
        (None, {"before": ADA, "after": ADA, "has_map": False}, Standing.HELD),
        (None, {"has_map": False}, None),
    ],
)
def test_how_a_seat_stands_follows_from_both_sides(status, sides, standing):
    assert standings_of(status, **sides) == standing


def test_a_ring_is_around_the_seats_of_the_booking_that_the_page_is_about():
    count = SeatsOfFlight(held=0, bookings=0, calls=0, under_way=0)
    here = FlightHere(count, {"1A": ADA, "1B": BEN}, {}, None, [])

    both = seats_of_both({}, None, here, mine=ADA.booking_id)

    assert [(seat.number, seat.is_mine) for seat in both.seats.values()] == [("1A", True), ("1B", False)]


def test_every_standing_has_words():
    assert set(STANDING) == set(Standing)
