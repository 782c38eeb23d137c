"""Other seats for a booking: exchanged in one call, or not at all; while that is not known it may have either."""

import uuid

import pytest

from bookings.models import Booking, BookingEvent, IdempotencyRecord, SeatExchange
from bookings.ports import NoFlight, NoSeats, SeatChange
from bookings.queries.seats.held import seats_of
from bookings.services.seats import change_seats as changing
from tests.support.api import refused, shown
from tests.support.bookings import let_time_pass, one_pass
from tests.support.exchanges import a_booking, cancel, exchanged, given, rows, states, take_there
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db

LOST = (Fault.DROP_REPLY, Fault.DROP_REPLY)


@pytest.fixture(autouse=True)
def with_numbers(settings, flights):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()


@pytest.fixture
def booking(api):
    return a_booking(api, "2A", "2B")


def test_seats_are_exchanged_in_one_call_that_names_what_differs(api, flights, booking):
    answer = api.choose(booking, "2C", "2B")

    now = shown(answer)
    assert (answer.status_code, answer.json()["message"]) == (200, "Seats changed successfully")
    assert (now["seatNumbers"], now["seatChange"], now["totalCost"]) == (["2B", "2C"], None, booking["totalCost"])
    assert now["availableActions"] == ["pay", "cancel", "choose_seats"]
    assert answer.headers["ETag"] != f'"{booking["id"]}.1"'
    assert exchanged(flights) == [(("2C",), 1, ("2A",))]
    assert (rows(), flights.seats_taken()) == (["2B", "2C"], {"2B", "2C"})
    lines = shown(api.get(f"/api/v1/bookings/{booking['id']}/events"))["results"]
    assert [(line["what"], line["who"]["kind"], line["note"]) for line in lines[2:]] == [
        ("seats_changed", "customer", "2A,2B → 2B,2C")
    ]
    assert_in_step(flights)


def test_seats_that_were_counted_are_exchanged_for_some_with_numbers(api, flights):
    booking = shown(api.create(noOfSeats=2))
    assert booking["availableActions"] == ["pay", "cancel"]

    assert shown(api.choose(booking, "2A", "2B"))["seatNumbers"] == ["2A", "2B"]
    assert (exchanged(flights), flights.taken()) == ([(("2A", "2B"), 2, ())], 2)
    assert BookingEvent.objects.get().note == "2 → 2A,2B"
    assert_in_step(flights)


def test_a_paid_booking_can_have_other_seats_and_so_can_the_last_one_of_a_full_flight(api, flights, booking):
    api.pay(booking)
    rest = flights.remaining()
    flights.change_seats(SeatChange(uuid.uuid4(), 1, rest, reserves=True), seconds=5)

    assert shown(api.choose(booking, "2D", "3A"))["availableActions"] == ["choose_seats"]
    assert (flights.seats_taken(), flights.remaining()) == ({"2D", "3A"}, 0)


def test_what_the_booking_has_already_needs_no_call(api, flights, booking):
    answers = [api.choose(booking, "2B", "2A", key="k") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert (exchanged(flights), states()) == ([], [])


def test_seats_of_others_are_named_and_the_booking_keeps_its_own(api, flights, booking):
    take_there(flights, "3A")

    answers = [api.choose(booking, "1A", "3A", key="k") for _ in range(2)]

    error = answers[0].json()["error"]
    assert (answers[0].status_code, answers[1].content) == (409, answers[0].content)
    assert (error["code"], error["seats"]) == ("seats_taken", {"1A": "blocked", "3A": "taken"})
    assert error["explanation"] == "1A is not for sale, 3A is taken; the booking keeps its seats."
    assert (rows(), states()) == (["2A", "2B"], ["refused"])
    assert SeatExchange.objects.get().last_error == "1A:blocked,3A:taken"
    take_there(flights, "3A", reserves=False)
    assert_in_step(flights)


def test_what_cannot_be_asked_is_refused_and_writes_nothing(api, flights, booking, settings):
    def ask(*numbers, **said):
        return refused(api.choose(booking, *numbers, **said))

    assert ask("2A") == (400, "invalid_request")
    assert ask("2a", "2b") == ask("2A", "2A") == ask() == (400, "invalid_request")
    assert ask("3A", "3B", headers={"If-Match": f'"{booking["id"]}.77"'}) == (412, "booking_changed")
    assert ask("3A", "3B", userId=1002) == (400, "user_mismatch")
    assert refused(api.choose({"id": 404, "userId": 1001}, "3A")) == (404, "booking_not_found")
    flights.resting = True
    assert ask("3A", "3B") == (503, "flight_service_unavailable")
    flights.resting = False
    flights.unusable.add(1)
    assert ask("3A", "3B") == (502, "flight_unusable")
    flights.unusable.clear()
    flights.number_seats(version=None)
    assert ask("3A", "3B") == (409, "seat_selection_unavailable")
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = False
    assert ask("3A", "3B") == (409, "seat_selection_unavailable")
    assert (states(), len(flights.arrived)) == ([], 1)


def test_a_flight_that_is_gone_is_not_found(api, flights, booking):
    flights.remove_flight(1)

    assert refused(api.choose(booking, "3A", "3B")) == (404, "flight_not_found")


def test_a_remembered_flight_without_a_map_is_asked_for_once_more(api, flights):
    flights.number_seats(version=None)
    booking = shown(api.create(noOfSeats=1))
    flights.remembers = True
    flights.number_seats()

    assert api.choose(booking, "2A").status_code == 200


def test_the_breaker_that_opens_after_the_look_keeps_the_change_from_being_written(api, flights, booking):
    def rest():
        flights.resting = True

    flights.after_look(rest)

    assert refused(api.choose(booking, "3A", "3B")) == (503, "flight_service_unavailable")
    assert states() == []


def test_a_booking_that_has_ended_or_is_too_late_is_refused_for_good(api, booking):
    let_time_pass(minutes=20)
    answers = [api.choose(booking, "3A", "3B", key=key) for key in ("k", "k", None)]
    cancel(booking)
    ended = api.choose(booking, "3A", "3B")

    assert {refused(answer) for answer in answers} == {(400, "payment_window_closed")}
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert refused(ended) == (409, "booking_cancelled")


def test_a_booking_without_its_seats_yet_is_asked_again_later(api, flights):
    flights.fail_next(*LOST)
    api.create(key="c", noOfSeats=1)
    booking = Booking.objects.get()

    answer = api.choose(booking, "3A", key="k")

    assert (refused(answer), answer.json()["error"]["retryable"]) == ((409, "seat_change_in_progress"), True)
    let_time_pass(seconds=60)
    api.create(key="c", noOfSeats=1)
    assert api.choose(booking, "3A", key="k").status_code == 200


@pytest.mark.parametrize("first", ["the client", "the worker"])
def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_seats(api, flights, payments, booking, first):
    flights.fail_next(*LOST)
    pending = api.choose(booking, "2C", "2D", key="k")

    assert (pending.status_code, pending.headers["Location"]) == (202, f"/api/v1/bookings/{booking['id']}")
    assert shown(pending)["seatNumbers"] == ["2A", "2B"]
    assert shown(pending)["seatChange"] == {"seatNumbers": ["2C", "2D"]}
    assert shown(pending)["availableActions"] == ["pay", "cancel"]
    assert (rows(), violations()) == ([], [])
    assert refused(api.choose(booking, "2C", "2D", key="k")) == (409, "request_in_progress")
    assert refused(api.choose(booking, "3C", "3D", key="l")) == (409, "seat_change_in_progress")

    let_time_pass(seconds=60)
    if first == "the worker":
        assert one_pass(flights, payments).reservations_resolved == 1
    answer = api.choose(booking, "2C", "2D", key="k")

    assert (answer.status_code, shown(answer)["seatNumbers"]) == (200, ["2C", "2D"])
    assert len({(change.key, change.numbers) for change in flights.arrived if change.in_place_of}) == 1
    assert_in_step(flights)


def test_two_requests_under_one_key_are_one(api, flights, booking, monkeypatch):
    api.choose(booking, "2C", "2D", key="k")
    monkeypatch.setattr(changing.idempotency, "find", lambda _keyed: None)  # they look at the same time

    assert refused(api.choose(booking, "2C", "2D", key="k")) == (409, "request_in_progress")


def test_a_key_whose_exchange_is_forgotten_this_moment_is_asked_for_again(api, flights, booking):
    flights.fail_next(*LOST)
    api.choose(booking, "2C", "2D", key="k")
    IdempotencyRecord.objects.update(call_key=uuid.uuid4())

    assert refused(api.choose(booking, "2C", "2D", key="k")) == (409, "request_in_progress")


def test_a_commit_without_an_answer_is_found_and_sent_once(api, flights, booking, monkeypatch):
    write_down = changing._write_down

    def written_and_run_again(*args, **names):
        write_down(*args, **names)
        return write_down(*args, **names)

    monkeypatch.setattr(changing, "_write_down", written_and_run_again)

    assert shown(api.choose(booking, "2C", "2D"))["seatNumbers"] == ["2C", "2D"]
    assert (states(), len(exchanged(flights))) == (["done"], 1)


def test_a_request_that_never_arrived_is_sent_by_the_worker(api, flights, payments, booking):
    flights.fail_next(Fault.DROP_REQUEST, Fault.DROP_REQUEST)
    assert api.choose(booking, "2C", "2D").status_code == 202
    let_time_pass(seconds=60)

    one_pass(flights, payments)

    assert (states(), rows()) == (["done"], ["2C", "2D"])
    assert_in_step(flights)


def test_a_call_that_was_not_sent_leaves_no_trace_and_its_key_is_free(api, flights, booking):
    flights.down = flights.remembers = True

    answer = api.choose(booking, "2C", "2D", key="k")

    assert refused(answer) == (503, "flight_service_unavailable")
    assert (states(), rows(), violations()) == (["dropped"], ["2A", "2B"], [])
    flights.down = False
    assert api.choose(booking, "2C", "2D", key="k").status_code == 200
    assert_in_step(flights)


def test_another_booking_gets_a_seat_that_was_exchanged_while_its_answer_is_lost(api, flights, payments, booking):
    flights.fail_next(*LOST)
    api.choose(booking, "2C", "2D", key="k")

    other = a_booking(api, "2A")

    assert (other["status"], rows()) == ("initiated", ["2A"])
    let_time_pass(seconds=60)
    one_pass(flights, payments)
    assert rows() == ["2A", "2C", "2D"]
    assert_in_step(flights)


@pytest.mark.parametrize(("faults", "owed"), [(LOST, ("2C", "2D")), ((Fault.DROP_REQUEST,) * 2, ("2A", "2B"))])
def test_a_booking_that_ends_meanwhile_owes_what_the_answer_says(api, flights, payments, booking, faults, owed):
    if faults != LOST:
        take_there(flights, "2C")  # so it will be refused
    flights.fail_next(*faults)
    api.choose(booking, "2C", "2D", key="k")
    cancel(booking)

    flights.fail_next(Fault.DROP_REQUEST)
    let_time_pass(seconds=60)
    assert one_pass(flights, payments).seats_given_back == 0  # neither the old ones nor the new ones on a guess
    let_time_pass(seconds=60)
    one_pass(flights, payments)

    assert given(flights)[-1] == (2, owed)
    assert refused(api.choose(booking, "2C", "2D", key="k")) == (
        (409, "booking_cancelled") if faults == LOST else (409, "seats_taken")
    )
    if faults != LOST:
        take_there(flights, "2C", reserves=False)
    assert_in_step(flights)


def test_a_client_that_hears_the_answer_of_a_booking_that_has_ended_has_its_seats_given_back(api, flights, booking):
    flights.meanwhile(lambda: cancel(booking))

    assert refused(api.choose(booking, "2C", "2D")) == (409, "booking_cancelled")
    assert Booking.objects.get().seat_numbers == "2C,2D"


@pytest.mark.parametrize(
    ("outcome", "said"),
    [(NoSeats(), (400, "seats_unavailable")), (NoFlight(), (404, "flight_not_found"))],
)
def test_other_refusals_keep_the_seats_too(api, flights, booking, monkeypatch, outcome, said):
    monkeypatch.setattr(flights, "change_seats", lambda _change, *, seconds: outcome)

    assert refused(api.choose(booking, "2C", "2D")) == said
    assert (states(), rows()) == (["refused"], ["2A", "2B"])


def test_a_flight_with_an_open_exchange_is_not_compared(api, flights, booking):
    before = seats_of(1)
    flights.fail_next(*LOST)
    api.choose(booking, "2C", "2D")

    during = seats_of(1)
    assert (before.under_way, during.under_way, during.calls - before.calls) == (0, 1, 1)
