"""While the breaker is open nothing is sent, nothing is claimed and no booking is written; all else goes on."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.actor import Actor, ActorKind
from bookings.db.clock import database_time
from bookings.errors import FlightServiceRests
from bookings.lifecycle import Decision
from bookings.models import Booking, BookingEvent, IdempotencyRecord, SeatCall, SeatCallEvent
from bookings.services.seats.resolve_release import resolve_release
from bookings.services.seats.resolve_reservation import resolve_reservation
from tests.support.api import refused, shown
from tests.support.bookings import a_cancelled_booking, a_pending_booking, let_time_pass, one_pass
from tests.support.calls import a_dead_release, a_resolution, a_stuck_reservation
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db

IN_NO_HURRY = {"Prefer": "respond-async"}

ANNA = Actor(kind=ActorKind.STAFF, name="anna", request_id="desk-1")


def sent(flights):
    """The calls that were made, and not only asked for."""
    return flights.calls.total() - flights.calls["open"]


def writes(statements):
    return [each["sql"] for each in statements if not each["sql"].lstrip().upper().startswith("SELECT")]


def takes():
    return list(Booking.objects.order_by("pk").values_list("status", "hold", "claims", "next_at"))


@pytest.mark.parametrize("key", [None, "k"], ids=["without key", "with key"])
def test_a_create_is_refused_at_once_and_writes_nothing(api, flights, key, record_property):
    flights.resting = True
    begun = time.perf_counter()

    with CaptureQueriesContext(connection) as statements:
        answer = api.create(key=key)

    record_property("ms", 1000 * (time.perf_counter() - begun))  # promised: under 50
    assert refused(answer) == (503, "flight_service_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert writes(statements) == []
    assert sent(flights) == 0
    assert (Booking.objects.count(), IdempotencyRecord.objects.count()) == (0, 0)


def test_a_create_whose_flight_was_shown_just_before_is_refused_before_it_is_written(api, flights):
    flights.after_look(lambda: setattr(flights, "resting", True))

    with CaptureQueriesContext(connection) as statements:
        answer = api.create(key="k")

    assert refused(answer) == (503, "flight_service_unavailable")
    assert writes(statements) == []


def test_a_create_that_can_wait_is_accepted_unsent_if_the_price_is_known(api, flights, payments):
    api.create()
    flights.resting = True
    before = sent(flights)

    answer = api.create(headers=IN_NO_HURRY)

    assert answer.status_code == 202
    assert takes()[1][:3] == ("pending", "asking", 0)
    assert sent(flights) == before
    flights.resting = False
    one_pass(flights, payments)
    assert takes()[1][:3] == ("initiated", "held", 1)
    assert_in_step(flights)


def test_a_create_that_can_wait_is_refused_if_the_price_is_not_known(api, flights):
    flights.resting = True

    assert refused(api.create(headers=IN_NO_HURRY)) == (503, "flight_service_unavailable")
    assert Booking.objects.count() == 0


@pytest.mark.parametrize("headers", [{}, IN_NO_HURRY], ids=["in a hurry", "in no hurry"])
def test_a_repetition_of_an_unknown_create_claims_nothing(api, flights, payments, headers):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    api.create(key="k")
    let_time_pass(seconds=15)
    flights.resting = True
    before = takes()

    with CaptureQueriesContext(connection) as statements:
        answer = api.create(key="k", headers=headers)

    assert refused(answer) == (503, "flight_service_unavailable")
    assert writes(statements) == []
    assert takes() == before
    flights.resting = False
    assert api.create(key="k").status_code == 201
    assert_in_step(flights)


@pytest.mark.slow
def test_a_repetition_of_one_that_runs_is_told_so_as_ever(api, flights):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    api.create(key="k")
    Booking.objects.update(next_at=database_time() + timedelta(seconds=15))
    flights.resting = True

    assert refused(api.create(key="k")) == (409, "request_in_progress")


def test_a_stored_answer_is_replayed(api, flights):
    first = api.create(key="k")
    flights.resting = True

    again = api.create(key="k")

    assert (again.status_code, again.content) == (201, first.content)


def test_a_take_is_not_repeated_when_no_repetition_is_left(api, flights):
    while flights.spend_repetition():
        pass
    flights.fail_next(Fault.DROP_REPLY)

    answer = api.create(key="k")

    assert refused(answer) == (503, "flight_service_unavailable")
    assert len(flights.arrived) == 1


def test_a_take_that_is_repeated_pays_for_it(api, flights):
    flights.fail_next(Fault.DROP_REPLY)

    answer = api.create()

    assert answer.status_code == 201
    assert flights.health().repetitions_left == 9.1


def test_paying_reading_and_cancelling_go_on(api, flights):
    paid, unpaid = shown(api.create()), shown(api.create())
    flights.resting = True

    answers = [
        api.pay(paid, key="p"),
        api.get(f"/api/v1/bookings/{paid['id']}"),
        api.get("/api/v1/bookings", {"userId": 1001}),
        api.cancel(unpaid),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    assert sorted(Booking.objects.values_list("status", "hold")) == [
        ("booked", "held"),
        ("cancelled", "giving_back"),
    ]


@pytest.mark.slow
def test_the_worker_claims_and_cuts_nothing_and_expires_all_the_same(flights, payments):
    owed, resent = a_cancelled_booking(flights, flight_id=1), a_cancelled_booking(flights, flight_id=2)
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    one_pass(flights, payments)
    asking = a_pending_booking(flights)
    later = a_cancelled_booking(flights, flight_id=3)
    let_time_pass(minutes=15)
    flights.resting = True
    before = sent(flights), list(SeatCall.objects.values_list("pk", "claims", "next_at"))

    result = one_pass(flights, payments)

    assert (sent(flights), list(SeatCall.objects.values_list("pk", "claims", "next_at"))) == before
    assert (result.expired, result.reservations_resolved, result.seats_given_back) == (1, 0, 0)
    asking.refresh_from_db()
    assert (asking.status, asking.hold, asking.claims) == ("cancelled", "asking", 1)
    later.refresh_from_db()
    assert later.give_back_id is None
    flights.resting = False
    one_pass(flights, payments)
    assert {owed.pk, resent.pk, asking.pk, later.pk} == set(Booking.objects.values_list("pk", flat=True))
    assert_in_step(flights)


@pytest.mark.slow
def test_a_worker_whose_first_call_opens_the_breaker_claims_no_second(flights, payments, monkeypatch):
    for number in (1, 2, 3):
        a_cancelled_booking(flights, flight_id=number)
    flights.fail_next(Fault.DROP_REQUEST)
    ask = flights.change_seats

    def ask_and_open(change, *, seconds):
        outcome = ask(change, seconds=seconds)
        flights.resting = True
        return outcome

    monkeypatch.setattr(flights, "change_seats", ask_and_open)

    one_pass(flights, payments)

    assert SeatCall.objects.count() == 1
    assert Booking.objects.filter(give_back=None).count() == 2


def test_staff_who_retry_a_take_are_told_and_nothing_changes(flights):
    booking = a_stuck_reservation()
    flights.resting = True
    before = Booking.objects.values().get()

    with pytest.raises(FlightServiceRests):
        resolve_reservation(booking_id=booking.pk, resolution=a_resolution(Decision.RETRY), flights=flights)

    assert Booking.objects.values().get() == before
    assert BookingEvent.objects.filter(actor_kind="staff").count() == 0
    assert sent(flights) == 0


def test_staff_who_retry_a_give_back_are_told_and_nothing_changes(flights):
    call = a_dead_release()
    flights.resting = True
    before = SeatCall.objects.values().get()

    with pytest.raises(FlightServiceRests):
        resolve_release(call_id=call.pk, resolution=a_resolution(Decision.RETRY), flights=flights)

    assert SeatCall.objects.values().get() == before
    assert SeatCallEvent.objects.count() == 0
    assert sent(flights) == 0


@pytest.mark.parametrize("decision", [Decision.APPLIED, Decision.NOT_APPLIED])
def test_staff_may_decide_in_the_place_of_the_flight_service(flights, decision):
    call = a_dead_release()
    flights.resting = True

    after = resolve_release(call_id=call.pk, resolution=a_resolution(decision), flights=flights)

    assert after.state == "done"
