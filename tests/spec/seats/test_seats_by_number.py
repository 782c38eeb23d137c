"""Seats by number: asked for, held, refused by name, and given back by the same number."""

import uuid
from dataclasses import replace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction

from bookings.db.clock import database_time
from bookings.errors import SeatsOfAnother
from bookings.lifecycle import CancelReason, Decision
from bookings.models import Booking, BookingSeat, SeatCall
from bookings.ports import CountedNotNamed, SeatChange, SeatsTaken
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.seats.resolve_reservation import resolve_reservation
from bookingsite.config.flights import seat_numbers
from tests.support.api import refused, shown
from tests.support.bookings import STAFF, a_row, a_saved_row, let_time_pass, one_pass, states
from tests.support.calls import a_resolution
from tests.support.fakes import FakeFlights, Fault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def with_numbers(settings, flights):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()


def ask(api, *numbers, key=None):
    return api.create(body={"flightId": 1, "userId": 1001, "seatNumbers": [*numbers]}, key=key)


def a_take(seats, numbers=(), *, reserves=True):
    return SeatChange(uuid.uuid4(), 1, seats, reserves=reserves, numbers=numbers)


def rows():
    return sorted(BookingSeat.objects.values_list("flight_id", "seat_number", "booking_id"))


def given(flights):
    return [(change.seats, change.numbers) for change in flights.arrived if not change.reserves]


def test_seats_are_held_by_number_and_shown_in_the_order_of_the_aeroplane(api, flights):
    answer = ask(api, "12B", "2C")

    booking = shown(answer)
    assert answer.status_code == 201
    assert (booking["noOfSeats"], booking["seatNumbers"], booking["totalCost"]) == (2, ["2C", "12B"], 4000)
    assert rows() == [(1, "12B", booking["id"]), (1, "2C", booking["id"])]
    assert (flights.arrived[0].numbers, flights.seats_taken()) == (("2C", "12B"), {"2C", "12B"})
    assert shown(api.get(f"/api/v1/bookings/{booking['id']}"))["seatNumbers"] == ["2C", "12B"]
    assert_in_step(flights)


def test_a_booking_by_count_has_no_numbers(api, flights):
    booking = shown(api.create(noOfSeats=2))

    assert (booking["seatNumbers"], rows(), flights.arrived[0].numbers) == ([], [], ())


def test_seats_that_cannot_be_had_are_named_and_nothing_is_held(api, flights):
    ask(api, "2A")

    answers = [ask(api, "2B", "40A", "1A", "2A", key="one") for _ in range(2)]

    error = answers[0].json()["error"]
    assert (answers[0].status_code, answers[0].content) == (409, answers[1].content)
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert (error["code"], error["retryable"]) == ("seats_taken", False)
    assert error["explanation"] == "1A is not for sale, 2A is taken, 40A does not exist; no seat is held."
    assert error["fields"] == {"seatNumbers": "1A is not for sale. 2A is taken. 40A does not exist."}
    assert error["seats"] == {"1A": "blocked", "2A": "taken", "40A": "unknown"}
    assert states()[1:] == [("cancelled", "refused", "seats_taken")]
    assert flights.seats_taken() == {"2A"}
    assert_in_step(flights)


def test_counted_sales_refuse_a_seat_that_the_map_still_shows_as_free(api, flights):
    flights.after_look(lambda: flights.change_seats(a_take(120), seconds=5))

    assert refused(ask(api, "2B")) == (400, "seats_unavailable")
    assert states() == [("cancelled", "refused", "no_seats")]


def test_where_seats_have_no_numbers_nothing_is_written(api, flights, settings):
    flights.number_seats(version=None)
    without_map = ask(api, "2A", key="one")
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = False
    off = ask(api, "2A", key="one")

    assert refused(without_map) == refused(off) == (409, "seat_selection_unavailable")
    assert (states(), flights.arrived) == ([], [])
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    assert ask(api, "2A", key="one").status_code == 201


def test_a_request_without_numbers_in_order_is_told_what_is_wrong(api):
    for body, field in (
        ({"flightId": 1, "userId": 1}, "noOfSeats"),
        ({"flightId": 1, "userId": 1, "noOfSeats": 1, "seatNumbers": ["2A", "2B"]}, "noOfSeats"),
        *(
            ({"flightId": 1, "userId": 1, "seatNumbers": numbers}, "seatNumbers")
            for numbers in ([], None, "2A", {"2A": 1}, ["2a"], ["2A", "2A"], [2], ["0A"], ["1000A"], ["2A\n"])
        ),
        ({"flightId": 1, "userId": 1, "seatNumbers": [f"{row}A" for row in range(2, 13)]}, "seatNumbers"),
    ):
        answer = api.create(body=body)
        assert refused(answer) == (400, "invalid_request")
        assert [*answer.json()["error"]["fields"]] == [field], body
    both = api.create(body={"flightId": 1, "userId": 1, "noOfSeats": 2, "seatNumbers": ["2A", "2B"]})
    assert shown(both)["seatNumbers"] == ["2A", "2B"]


def test_the_order_of_the_numbers_is_no_part_of_the_request_and_the_numbers_are(api):
    first, again, other = ask(api, "2A", "2B", key="k"), ask(api, "2B", "2A", key="k"), ask(api, "2A", "2C", key="k")

    assert (first.status_code, again.content) == (201, first.content)
    assert refused(other) == (422, "idempotency_key_reused")


def test_a_lost_answer_is_asked_for_again_with_the_same_numbers(api, flights, payments):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    pending = ask(api, "2A", "2B", key="k")
    assert (refused(pending), rows()) == ((503, "flight_service_unavailable"), [])

    let_time_pass(seconds=60)
    one_pass(flights, payments)
    answer = ask(api, "2A", "2B", key="k")

    assert (answer.status_code, shown(answer)["seatNumbers"]) == (201, ["2A", "2B"])
    assert len({(change.key, change.numbers) for change in flights.arrived}) == 1
    assert_in_step(flights)


def test_what_ended_goes_back_by_number_beside_what_is_counted_in_one_call(api, flights, payments):
    first, second = shown(ask(api, "2B", "2A")), shown(ask(api, "12A"))
    plain, kept = shown(api.create(noOfSeats=3)), shown(ask(api, "3A"))
    for booking in (second, plain, first):
        api.cancel(booking)
    assert (rows(), violations()) == ([(1, "3A", kept["id"])], [])

    one_pass(flights, payments)

    assert given(flights) == [(6, ("2A", "2B", "12A"))]
    assert SeatCall.objects.get().seat_numbers == "2A,2B,12A"
    assert flights.seats_taken() == {"3A"}
    assert_in_step(flights)


def test_an_expiry_gives_back_by_number_and_forgets_the_rows_first(api, flights, payments):
    left = []
    ask(api, "2A", "2B")
    api.create(noOfSeats=1)
    let_time_pass(minutes=20)
    flights.meanwhile(lambda: left.extend(rows()))

    one_pass(flights, payments)

    assert (given(flights), left, rows()) == ([(3, ("2A", "2B"))], [], [])
    assert_in_step(flights)


def test_a_cancellation_while_the_answer_is_open_owes_these_numbers(api, flights, payments):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    ask(api, "2A")  # without a key it is abandoned at once
    assert states() == [("cancelled", "asking", "abandoned")]

    let_time_pass(seconds=60)
    one_pass(flights, payments)

    assert (given(flights), rows(), flights.seats_taken()) == ([(1, ("2A",))], [], set())
    assert_in_step(flights)


def test_a_peer_that_ignores_numbers_gets_its_seats_back_by_count_and_no_booking_shows_one(
    api, flights, payments, caplog
):
    flights.ignores_numbers = True

    answer, again = ask(api, "2A", "2B", key="k"), ask(api, "2A", "2B", key="k")

    assert refused(answer) == refused(again) == (503, "flight_service_unavailable")
    assert states("seat_numbers") == [("cancelled", "giving_back", "")] * 2
    assert {booking.cancel_reason for booking in Booking.objects.all()} == {"unavailable"}
    assert "flights.seat_numbers_ignored" in {record.msg["event"] for record in caplog.records}
    one_pass(flights, payments)
    assert given(flights) == [(4, ())]
    assert_in_step(flights)


def test_of_a_late_answer_without_numbers_the_seats_go_back_by_count(api, flights, payments):
    flights.ignores_numbers = True
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    ask(api, "2A")
    let_time_pass(seconds=60)

    one_pass(flights, payments)

    assert given(flights) == [(1, ())]
    assert states("seat_numbers") == [("cancelled", "giving_back", "")]
    assert_in_step(flights)


def test_a_refusal_of_an_ended_booking_keeps_why_that_ended(api, flights, payments):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    ask(api, "1A")

    let_time_pass(seconds=60)
    one_pass(flights, payments)

    assert states("refused_seats") == [("cancelled", "refused", "")]
    assert states() == [("cancelled", "refused", "abandoned")]


def test_a_seat_that_the_peer_gives_twice_is_left_to_staff_and_goes_back_to_nobody(api, flights, payments, caplog):
    first = shown(ask(api, "2A"))
    flights.change_seats(a_take(1, ("2A",), reserves=False), seconds=5)  # it forgets, or somebody there has done it

    second = ask(api, "2A", "2B", key="k")

    assert refused(second) == (503, "flight_service_unavailable")
    assert states() == [("initiated", "held", ""), ("pending", "stuck", "")]
    assert "flights.seat_given_twice" in {record.msg["event"] for record in caplog.records}
    assert rows() == [(1, "2A", first["id"])]
    assert violations() == []


def test_staff_cannot_confirm_a_seat_that_another_booking_has(api, flights):
    first = shown(ask(api, "2A"))
    for status in ("pending", "cancelled"):
        stuck = a_saved_row(status, hold="stuck", no_of_seats=1, seat_numbers="2A")
        resolution = a_resolution(Decision.APPLIED, actor=STAFF, note="looked there")
        with pytest.raises(SeatsOfAnother):
            resolve_reservation(booking_id=stuck.pk, resolution=resolution, flights=flights)
        stuck.refresh_from_db()
        assert (stuck.status, stuck.hold) == (status, "stuck")

    cancel_booking(booking_id=first["id"], actor=STAFF, reason=CancelReason.OTHER)
    stuck = Booking.objects.filter(status="pending").get()
    resolve_reservation(
        booking_id=stuck.pk,
        resolution=a_resolution(Decision.APPLIED, actor=STAFF, note="looked there"),
        flights=flights,
    )
    assert rows() == [(1, "2A", stuck.pk)]


def test_a_seat_that_two_bookings_owe_goes_into_two_calls(api, flights, payments):
    for numbers in ("2A", "2A", "2B"):
        a_saved_row("cancelled", hold="giving_back", no_of_seats=1, seat_numbers=numbers, next_at=database_time())
    flights.change_seats(a_take(2, ("2A", "2B")), seconds=5)

    one_pass(flights, payments)
    one_pass(flights, payments)

    assert given(flights) == [(2, ("2A", "2B")), (1, ("2A",))]
    assert list(SeatCall.objects.order_by("pk").values_list("seat_numbers", "state")) == [
        ("2A,2B", "done"),
        ("2A", "dead"),  # it was there once
    ]


def test_a_release_whose_numbers_are_not_repeated_waits_for_staff(api, flights, payments, monkeypatch):
    api.cancel(shown(ask(api, "2A")))
    monkeypatch.setattr(flights, "change_seats", lambda _change, *, seconds: CountedNotNamed())

    one_pass(flights, payments)

    call = SeatCall.objects.get()
    assert (call.state, call.last_error) == ("dead", "the numbers were not repeated")


def test_a_refusal_that_names_no_seat_refuses_all_the_same(api, flights, monkeypatch):
    monkeypatch.setattr(flights, "change_seats", lambda _change, *, seconds: SeatsTaken())

    error = ask(api, "2A").json()["error"]

    assert (error["code"], error["explanation"]) == (
        "seats_taken",
        "Some of these seats cannot be had; no seat is held.",
    )
    assert (error["fields"], "seats" in error) == ({"seatNumbers": "Not all of these seats can be had."}, False)


def test_the_setting_needs_a_flight_service_with_keys(monkeypatch):
    monkeypatch.setenv("FLIGHT_SERVICE_SEAT_NUMBERS", "true")

    assert seat_numbers("FLIGHT_SERVICE_SEAT_NUMBERS", keyed=True) is True
    with pytest.raises(ImproperlyConfigured, match="FLIGHT_SERVICE_KEYED=true"):
        seat_numbers("FLIGHT_SERVICE_SEAT_NUMBERS", keyed=False)


@pytest.mark.parametrize(
    "columns",
    [
        {"seat_numbers": "2A"},
        {"seat_numbers": "2A,2B,2C"},
        {"status": "cancelled", "refused_seats": "2A:taken"},
        {"refused_seats": "2A:taken"},
    ],
    ids=str,
)
def test_the_database_refuses_numbers_for_some_seats_and_reasons_for_nothing(columns):
    with pytest.raises(IntegrityError), transaction.atomic():
        a_saved_row(**columns)


def test_the_database_refuses_a_seat_for_two_bookings():
    for flight_id, number in ((1, "2A"), (2, "2A"), (1, "2B")):
        BookingSeat.objects.create(flight_id=flight_id, seat_number=number, booking=a_saved_row())
    with pytest.raises(IntegrityError), transaction.atomic():
        BookingSeat.objects.create(flight_id=1, seat_number="2A", booking=a_saved_row())


@pytest.mark.long
def test_ten_thousand_bookings_by_number_on_fifty_flights_go_back_in_a_hundred_calls(payments):
    flights = FakeFlights(flights=50, capacity=250, seat_maps=True)
    numbers = [f"{row}{letter}" for row in range(2, 52) for letter in "ABCD"]
    for flight_id in range(1, 51):
        flights.change_seats(replace(a_take(200, tuple(numbers)), flight_id=flight_id), seconds=5)
        bookings = [a_row(flight_id=flight_id, no_of_seats=1, seat_numbers=number) for number in numbers]
        Booking.objects.bulk_create(bookings)
        rows = Booking.objects.filter(flight_id=flight_id)
        BookingSeat.objects.bulk_create(
            BookingSeat(flight_id=flight_id, seat_number=booking.seat_numbers, booking=booking) for booking in rows
        )
    let_time_pass(minutes=16)

    for _ in range(5):
        one_pass(flights, payments)

    assert Booking.objects.filter(status="cancelled").count() == 10_000
    assert len(given(flights)) <= 100
    assert not BookingSeat.objects.exists()
    assert_in_step(flights)
