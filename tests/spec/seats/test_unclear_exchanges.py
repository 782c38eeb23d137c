"""Exchanges of seats that get no clear answer: what staff decide, what comes late, and seats that were given twice."""

import uuid

import pytest

from bookings.errors import NothingToDecide, SeatCallNotFound, SeatsOfAnother
from bookings.lifecycle import Decision
from bookings.models import BookingEvent, SeatExchange
from bookings.ports import Applied, CountedNotNamed, Mistake, NeverKnown, NoSeats, NotSent
from bookings.services.seats.exchange import settle_exchange
from bookings.services.seats.resolve_exchange import resolve_exchange
from tests.support.api import refused
from tests.support.bookings import let_time_pass, one_pass
from tests.support.calls import a_resolution
from tests.support.exchanges import a_booking, cancel, decide, given, rows, states, take_there
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


@pytest.mark.parametrize("outcome", [CountedNotNamed(), Mistake("400"), NeverKnown("no key")])
@pytest.mark.parametrize(("decision", "state"), [(Decision.APPLIED, "done"), (Decision.NOT_APPLIED, "refused")])
def test_what_nobody_can_find_out_is_decided_by_staff(api, flights, booking, monkeypatch, outcome, decision, state):
    with monkeypatch.context() as patched:
        patched.setattr(flights, "change_seats", lambda _change, *, seconds: outcome)
        assert api.choose(booking, "2C", "2D", key="k").status_code == 202
    assert (states(), refused(api.choose(booking, "2C", "2D", key="k"))) == (["stuck"], (409, "request_in_progress"))

    exchange = decide(decision, flights, note="looked there")

    has = ["2C", "2D"] if state == "done" else ["2A", "2B"]
    assert (exchange.state, rows(), violations()) == (state, has, [])
    said = api.choose(booking, "2C", "2D", key="k")
    assert said.status_code == (200 if state == "done" else 409)
    assert BookingEvent.objects.filter(what="exchange_decided").get().note == "looked there"
    with pytest.raises(NothingToDecide):
        decide(decision, flights)


def test_staff_send_once_more_what_is_stuck_and_what_ended_goes_back_then(api, flights, payments, booking):
    flights.fail_next(Fault.MISTAKE)
    api.choose(booking, "2C", "2D")
    cancel(booking)
    assert one_pass(flights, payments).seats_given_back == 0

    flights.resting = True
    with pytest.raises(Exception, match="not asked just now"):
        decide(Decision.RETRY, flights)
    flights.resting = False
    assert decide(Decision.RETRY, flights, action_key="page").state == "done"
    assert decide(Decision.RETRY, flights, action_key="page").state == "done"  # the same page once more

    one_pass(flights, payments)
    assert given(flights) == [(2, ("2C", "2D"))]
    assert_in_step(flights)


def test_a_decision_about_a_booking_that_has_ended_gives_its_seats_back(api, flights, payments, booking):
    flights.fail_next(Fault.MISTAKE)
    api.choose(booking, "2C", "2D")
    cancel(booking)

    decide(Decision.NOT_APPLIED, flights)
    one_pass(flights, payments)

    assert given(flights) == [(2, ("2A", "2B"))]
    assert_in_step(flights)


def test_what_is_a_day_old_waits_for_staff(api, flights, payments, booking):
    flights.fail_next(*LOST)
    api.choose(booking, "2C", "2D")
    api.pay(booking)
    let_time_pass(hours=25)

    assert (one_pass(flights, payments).reservations_resolved, states()) == (0, ["stuck"])


def test_while_no_calls_are_sent_nothing_is_claimed(api, flights, payments, booking):
    flights.fail_next(*LOST)
    api.choose(booking, "2C", "2D", key="k")
    let_time_pass(seconds=60)
    flights.resting = True

    one_pass(flights, payments)

    assert refused(api.choose(booking, "2C", "2D", key="k")) == (503, "flight_service_unavailable")
    assert SeatExchange.objects.get().claims == 1


@pytest.mark.parametrize("is_live", [True, False])
def test_a_seat_that_was_given_twice_is_left_to_staff(api, flights, payments, booking, caplog, is_live):
    other = a_booking(api, "2C")
    take_there(flights, "2C", reserves=False)  # it forgets what it has sold
    flights.fail_next(*LOST)
    api.choose(booking, "2C", "2D")
    if not is_live:
        cancel(booking)
    let_time_pass(seconds=60)

    one_pass(flights, payments)

    assert (states(), rows(), violations()) == (["stuck"], ["2C"], [])
    assert "flights.seat_given_twice" in {record.msg["event"] for record in caplog.records}
    with pytest.raises(SeatsOfAnother):
        decide(Decision.APPLIED, flights)
    cancel(other)
    assert decide(Decision.APPLIED, flights).state == "done"


@pytest.mark.parametrize(("state", "came"), [("done", "SeatsChanged"), ("refused", "Refused"), ("dropped", "NoneType")])
def test_a_late_answer_changes_nothing_that_is_resolved(api, flights, booking, state, came):
    flights.fail_next(*LOST)
    api.choose(booking, "2C", "2D")
    late = SeatExchange.objects.get()
    lease = uuid.uuid4()
    SeatExchange.objects.update(lease=lease)  # as if its request were still at work
    late.lease = lease
    settle_exchange(late, outcome={"done": Applied(), "refused": NoSeats(), "dropped": NotSent("refused")}[state])

    assert states() == [state]
    assert type(settle_exchange(late, outcome=Mistake("400"))).__name__ == came


def test_a_repetition_that_was_not_sent_proves_nothing_about_the_first(api, flights, payments, booking):
    flights.fail_next(*LOST)
    api.choose(booking, "2C", "2D")
    let_time_pass(seconds=60)
    flights.down = True

    one_pass(flights, payments)

    assert (states(), violations()) == (["asking"], [])


def test_a_late_answer_of_one_that_is_stuck_leaves_it_to_staff(api, flights, booking):
    flights.fail_next(Fault.MISTAKE)
    api.choose(booking, "2C", "2D")

    assert type(settle_exchange(SeatExchange.objects.get(), outcome=Applied())).__name__ == "SeatChangePending"
    assert states() == ["stuck"]


def test_what_is_not_there_is_not_found(flights):
    with pytest.raises(SeatCallNotFound):
        resolve_exchange(exchange_id=404, resolution=a_resolution(Decision.RETRY), flights=flights)
