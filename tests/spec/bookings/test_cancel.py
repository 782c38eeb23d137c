"""POST /bookings/{id}/cancel, and cancelling as support staff."""

import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django_q.models import OrmQ

from bookings.db.clock import database_time
from bookings.errors import BookingNotFound
from bookings.lifecycle import CancelReason
from bookings.models import Booking, Payment
from bookings.observability import metrics
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.cancel_for_staff import cancel_for_staff
from bookingsite.broker import TickingBroker
from tests.support.api import refused, shown
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_pending_booking,
    a_saved_row,
    an_initiated_booking,
    customer,
    let_time_pass,
    one_pass,
    states,
)
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_an_unpaid_booking_is_cancelled_and_its_seats_come_back(api, flights, payments):
    booking = shown(api.create())

    answer = api.cancel(booking)

    assert answer.status_code == 200
    assert shown(answer)["status"] == "cancelled"
    assert shown(answer)["cancelReason"] == "customer_request"
    assert states() == [("cancelled", "giving_back", "customer_request")]
    one_pass(flights, payments)
    assert flights.taken(1) == 0
    assert_in_step(flights)


@pytest.mark.slow
def test_cancelling_again_gives_the_same_answer_and_owes_the_seats_once(api, flights, payments):
    booking = shown(api.create())
    first = api.cancel(booking)
    one_pass(flights, payments)

    second = api.cancel(booking)
    one_pass(flights, payments)

    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert flights.taken(1) == 0
    assert_in_step(flights)


def test_another_user_cannot_cancel(api):
    booking = shown(api.create(userId=1))

    answer = api.cancel(booking, userId=2)

    assert refused(answer) == (400, "user_mismatch")
    assert Booking.objects.get().status == "initiated"


def test_a_caller_that_proved_who_it_is_cannot_tell_a_foreign_booking_from_an_unknown_one(api, flights):
    booking = an_initiated_booking(flights, user_id=1)

    with pytest.raises(BookingNotFound) as foreign:
        cancel_booking(booking_id=booking.pk, actor=customer(2, verified=True), reason=CancelReason.CUSTOMER_REQUEST)
    with pytest.raises(BookingNotFound) as unknown:
        cancel_booking(booking_id=987654321, actor=customer(2, verified=True), reason=CancelReason.CUSTOMER_REQUEST)

    assert str(foreign.value) == str(unknown.value)


@pytest.mark.parametrize("booking_id", [987654321, "0", "abc", "9" * 30, "-1"])
def test_an_unknown_booking_is_not_found(api, booking_id):
    answer = api.cancel({"id": booking_id, "userId": 1})

    assert refused(answer) == (404, "booking_not_found")


def test_a_customer_cannot_cancel_a_paid_booking(api):
    booking = shown(api.create())
    api.pay(booking)

    answer = api.cancel(booking)

    assert refused(answer) == (409, "already_paid")
    assert Booking.objects.get().status == "booked"


@pytest.mark.slow
def test_staff_cancel_a_paid_booking_with_a_refund_on_record(flights, payments):
    booking = a_booked_booking(flights, payments)

    cancelled = cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FLIGHT_CANCELLED)

    assert cancelled.status == "cancelled"
    assert Payment.objects.get().state == "refund_due"
    assert violations() == []
    one_pass(flights, payments)
    assert Payment.objects.get().state == "refunded"
    assert payments.net_charges(booking.reference) == 0
    assert flights.taken(1) == 0
    assert_in_step(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("applied", [True, False], ids=["taken", "not taken"])
def test_a_booking_that_waits_for_its_seats_is_cancelled_and_its_take_still_resolved(api, flights, payments, applied):
    booking = a_pending_booking(flights, applied=applied)

    answer = api.cancel(booking)

    assert answer.status_code == 200
    assert states() == [("cancelled", "asking", "customer_request")]
    let_time_pass(seconds=15)
    one_pass(flights, payments)
    assert states() == [("cancelled", "giving_back", "customer_request")]
    assert flights.taken(1) == 0
    assert_in_step(flights)


def test_a_take_that_was_never_sent_is_dropped(api):
    booking = a_saved_row("pending", claims=0)

    api.cancel(booking)

    assert states() == [("cancelled", "dropped", "customer_request")]


def test_a_stuck_reservation_stays_with_staff(api):
    booking = a_saved_row("pending", hold="stuck", next_at=None)

    api.cancel(booking)

    assert states() == [("cancelled", "stuck", "customer_request")]


def test_the_reason_of_a_customer_is_kept_in_the_timeline(api):
    booking = shown(api.create())

    api.cancel(booking, reason="plans changed ✈")

    assert list(Booking.objects.get().events.values_list("what", "reason", "note")) == [
        ("cancelled", "customer_request", "plans changed ✈")
    ]


def test_cancelling_after_the_deadline_is_still_possible(api):
    booking = shown(api.create())
    let_time_pass(minutes=16)

    answer = api.cancel(booking)

    assert answer.status_code == 200
    assert states() == [("cancelled", "giving_back", "customer_request")]


def test_cancelling_needs_no_flight_service(api, flights):
    booking = shown(api.create())
    flights.down = True

    answer = api.cancel(booking)

    assert answer.status_code == 200


def test_a_cancellation_wakes_the_worker(api):
    booking = shown(api.create())

    api.cancel(booking)

    assert [row.task["func"] for row in OrmQ.objects.all()] == ["bookings.tasks.run_pass"]


def test_a_page_of_a_booking_that_is_cancelled_wakes_nobody(flights):
    booking = a_cancelled_booking(flights)
    OrmQ.objects.all().delete()
    page = {"reason": CancelReason.DUPLICATE, "note": "", "seen_version": booking.version, "action_key": "page 2"}

    found = cancel_for_staff(booking_id=booking.pk, actor=STAFF, **page)

    assert (found.status, found.version) == ("cancelled", booking.version)
    assert OrmQ.objects.count() == 0


def test_what_changes_nothing_wakes_nobody(api):
    booking = shown(api.create())
    api.cancel(booking, key="k")
    OrmQ.objects.all().delete()

    api.cancel(booking, key="k")
    api.cancel(booking, key="another")
    api.cancel(booking)

    assert OrmQ.objects.count() == 0


@pytest.mark.slow
def test_fifty_cancellations_leave_one_wake_up_and_all_seats_go_back(flights, payments):
    for number in range(50):
        a_cancelled_booking(flights, flight_id=number % 7 + 1)

    assert OrmQ.objects.count() == 1
    one_pass(flights, payments)
    assert_in_step(flights)


def test_a_wake_up_that_is_taken_makes_room_for_the_next(flights, payments):
    a_cancelled_booking(flights)
    TickingBroker()._take(database_time())
    a_cancelled_booking(flights)

    assert OrmQ.objects.count() == 1
    assert TickingBroker()._take(database_time()) != []


def test_a_wake_up_that_is_done_does_not_take_the_next_with_it(flights):
    a_cancelled_booking(flights)
    broker = TickingBroker()
    ((number, _),) = broker._take(database_time())
    a_cancelled_booking(flights)

    broker.acknowledge(number)

    assert OrmQ.objects.count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("error", [DataError, OperationalError, IntegrityError, InterfaceError, ProgrammingError])
def test_a_wake_up_that_cannot_be_written_undoes_no_cancellation(api, flights, payments, monkeypatch, error):
    first, second = shown(api.create()), shown(api.create())
    lost = metrics.REGISTRY.get_sample_value("bookings_wake_ups_lost_total")

    def refuse(*_words, **_options):
        raise error(1467, "Failed to read auto-increment value from storage engine")

    monkeypatch.setattr("bookings.wake.async_task", refuse)

    answers = [api.cancel(first), api.cancel(second, key="k"), api.cancel(second, key="k")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {status for status, *_ in states()} == {"cancelled"}
    assert metrics.REGISTRY.get_sample_value("bookings_wake_ups_lost_total") == lost + 2
    one_pass(flights, payments)
    assert_in_step(flights)
