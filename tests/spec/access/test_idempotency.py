"""A client's key stands for one request: its repetition gets the same answer and does nothing twice."""

import hashlib

import pytest

from bookings.models import Booking, BookingEvent, IdempotencyRecord, Payment
from tests.support.api import Api, refused, shown
from tests.support.bookings import let_time_pass, one_pass
from tests.support.fakes import Fault, ProcessDied
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


class Create:
    """POST /bookings."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def send(self, *, key, **changes):
        return self.api.create(key=key, **changes)

    other = {"noOfSeats": 3}
    invalid = {"noOfSeats": 0}
    expected = (201, 1)

    def effects(self):
        return Booking.objects.count()


class Pay:
    """POST /bookings/payments, for a booking that is there."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.booking = shown(api.create())

    def send(self, *, key, **changes):
        return self.api.pay(self.booking, key=key, **changes)

    other = {"totalCost": 4001}
    invalid = {"totalCost": -1}
    expected = (201, 1)

    def effects(self):
        return Payment.objects.count()


class Cancel:
    """POST /bookings/{id}/cancel, for a booking that is there."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.booking = shown(api.create())

    def send(self, *, key, **changes):
        return self.api.cancel(self.booking, key=key, **changes)

    other = {"reason": "another"}
    invalid = {"reason": 5}
    expected = (200, 1)

    def effects(self):
        return BookingEvent.objects.filter(what="cancelled").count()


@pytest.fixture(params=[Create, Pay, Cancel], ids=["create", "pay", "cancel"])
def request_(request, api):
    return request.param(api)


def test_a_repetition_is_answered_byte_for_byte_and_does_nothing(request_, flights):
    first = request_.send(key="k")

    again = request_.send(key="k")

    assert (first.status_code, request_.effects()) == request_.expected
    assert "Idempotent-Replayed" not in first.headers
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers.get("Location") == first.headers.get("Location")


def test_a_repetition_still_has_a_request_id_of_its_own(request_):
    request_.send(key="k", headers={"X-Request-ID": "first"})

    again = request_.send(key="k", headers={"X-Request-ID": "second"})

    assert again.headers["X-Request-ID"] == "second"


def test_the_answer_is_replayed_even_when_the_booking_has_moved_on(request_):
    first = request_.send(key="k")
    Booking.objects.update(no_of_seats=1, total_cost=2000)

    again = request_.send(key="k")

    assert again.content == first.content


def test_another_body_under_the_same_key_is_refused_and_does_nothing(request_):
    request_.send(key="k")

    answer = request_.send(key="k", **request_.other)

    assert refused(answer) == (422, "idempotency_key_reused")
    assert request_.effects() == request_.expected[1]


def test_the_same_body_in_another_spelling_is_the_same_request(api):
    first = api.create(b'{"flightId":1,"userId":5,"noOfSeats":2}', key="k")

    again = api.create(b' { "noOfSeats" : 2 , "userId" : 5 , "flightId" : 1 }\n', key="k")

    assert (again.status_code, again.content) == (201, first.content)
    assert Booking.objects.count() == 1


def test_one_key_on_several_endpoints_is_several_keys(api, flights):
    booking = shown(api.create(key="k"))
    other = shown(api.create(userId=2))

    paid = api.pay(booking, key="k")
    cancelled = api.cancel(other, key="k")

    assert (paid.status_code, cancelled.status_code) == (201, 200)
    assert IdempotencyRecord.objects.count() == 3


def test_cancelling_another_booking_under_the_same_key_is_refused(api):
    first, second = shown(api.create()), shown(api.create())
    api.cancel(first, key="k")

    answer = api.cancel(second, key="k")

    assert refused(answer) == (422, "idempotency_key_reused")
    assert Booking.objects.get(pk=second["id"]).status == "initiated"


def test_what_was_not_valid_can_be_corrected_under_the_same_key(request_):
    wrong = request_.send(key="k", **request_.invalid)

    right = request_.send(key="k")

    assert refused(wrong) == (400, "invalid_request")
    assert (right.status_code, request_.effects()) == request_.expected


def test_what_was_not_the_callers_can_be_corrected_under_the_same_key(api):
    booking = shown(api.create(userId=1))
    for send in (api.pay, api.cancel):
        assert refused(send(booking, key="k", userId=2)) == (400, "user_mismatch")

    assert IdempotencyRecord.objects.count() == 0
    assert api.pay(booking, key="k").status_code == 201


def test_what_is_not_there_is_not_kept(api):
    answer = api.pay({"id": 987654321, "userId": 1, "totalCost": 1}, key="k")

    assert refused(answer) == (404, "booking_not_found")
    assert IdempotencyRecord.objects.count() == 0


def test_a_decision_against_the_client_is_kept(api):
    booking = shown(api.create())
    first = api.pay(booking, key="k", totalCost=1)

    again = api.pay(booking, key="k", totalCost=1)

    assert refused(first) == (400, "amount_mismatch")
    assert (again.status_code, again.content) == (400, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_decision_about_the_currency_is_kept(api):
    booking = shown(api.create())
    first = api.pay(booking, key="k", currency="EUR")

    again = api.pay(booking, key="k", currency="EUR")

    assert refused(first) == (400, "currency_mismatch")
    assert (again.status_code, again.content) == (400, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_payment_with_a_currency_is_another_request_than_one_without(api):
    booking = shown(api.create())
    api.pay(booking, key="k")

    assert refused(api.pay(booking, key="k", currency="XXX")) == (422, "idempotency_key_reused")


def test_a_payment_without_a_currency_has_the_fingerprint_of_its_other_fields(api):
    booking = shown(api.create())
    api.pay(booking, key="k")

    sent = f'{{"bookingId":{booking["id"]},"totalCost":4000,"userId":1001}}'
    assert IdempotencyRecord.objects.get().fingerprint == hashlib.sha256(sent.encode()).hexdigest()


def test_a_refusal_by_the_flight_service_is_kept(api, flights):
    flights.set_flight(1, remaining=2)
    flights.after_look(lambda: flights.set_flight(1, remaining=1))
    first = api.create(key="k")
    flights.set_flight(1, remaining=50)

    again = api.create(key="k")

    assert refused(first) == (400, "seats_unavailable")
    assert (again.status_code, again.content) == (400, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert flights.taken(1) == 0


def test_a_503_is_not_kept_and_the_key_goes_on_where_it_stood(api, flights):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    unclear = api.create(key="k")
    waiting = Booking.objects.get()
    pending = (waiting.status, waiting.hold)
    Booking.objects.update(next_at=waiting.created_at)

    again = api.create(key="k")

    assert refused(unclear) == (503, "flight_service_unavailable")
    assert pending == ("pending", "asking")
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again.headers
    assert shown(again)["id"] == waiting.pk
    assert flights.taken(1) == 2
    assert_in_step(flights)


def test_a_503_before_anything_was_sent_leaves_the_key_free(api, flights):
    flights.fail_next(Fault.REFUSE_CONNECTION, Fault.REFUSE_CONNECTION)
    down = api.create(key="k")
    kept = IdempotencyRecord.objects.count()

    again = api.create(key="k")

    assert refused(down) == (503, "flight_service_unavailable")
    assert kept == 0
    assert again.status_code == 201
    assert list(Booking.objects.order_by("pk").values_list("status", "cancel_reason")) == [
        ("cancelled", "unavailable"),
        ("initiated", ""),
    ]


def test_while_the_first_request_runs_the_second_is_told_to_wait(api, flights):
    meanwhile = []
    flights.meanwhile(lambda: meanwhile.append(Api().create(key="k")))

    api.create(key="k")

    (second,) = meanwhile
    assert refused(second) == (409, "request_in_progress")
    assert second.headers["Retry-After"] == "1"
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
def test_a_request_that_died_is_taken_over_by_its_repetition_after_the_lease(api, flights, fault):
    flights.fail_next(fault)
    with pytest.raises(ProcessDied):
        api.create(key="k")
    too_early = api.create(key="k")
    Booking.objects.update(next_at=Booking.objects.get().created_at)

    answer = api.create(key="k")

    assert refused(too_early) == (409, "request_in_progress")
    assert answer.status_code == 201
    assert len({change.key for change in flights.arrived}) == 1
    assert (Booking.objects.count(), flights.taken(1)) == (1, 2)
    assert_in_step(flights)


def test_a_stuck_reservation_tells_the_client_to_wait_for_staff(api, flights):
    flights.fail_next(Fault.MISTAKE)
    api.create(key="k")

    answer = api.create(key="k")

    assert refused(answer) == (409, "request_in_progress")
    assert answer.headers["Retry-After"] == "60"


def test_the_worker_keeps_the_answer_for_a_client_that_comes_back(api, flights, payments):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    api.create(key="k")
    Booking.objects.update(next_at=Booking.objects.get().created_at)
    one_pass(flights, payments)

    answer = api.create(key="k")

    assert answer.status_code == 201
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert shown(answer)["status"] == "initiated"


@pytest.mark.slow
def test_a_booking_that_expired_before_its_take_was_known_is_told_to_the_client(api, flights, payments):
    flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY)
    api.create(key="k")
    let_time_pass(minutes=15)
    one_pass(flights, payments)

    answer = api.create(key="k")

    assert refused(answer) == (409, "booking_cancelled")
    assert_in_step(flights)
