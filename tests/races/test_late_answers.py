"""
An answer that comes when its booking has ended: seats taken for nobody go back, and nothing rises again.

ROUNDS=100 runs the race a hundred times.
"""

from functools import partial

import pytest

from bookings.answers.results import Refused
from bookings.deadline import Deadline
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import BookingStatus, CancelReason, Hold
from bookings.models import Booking, BookingEvent, Payment
from bookings.models.payments import PaymentState
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.expire import expire_bookings
from bookings.services.bookings.orders import SeatOrder
from bookings.services.payments import settle as settling
from bookings.services.payments.settle import settle_payment
from bookings.services.seats import reserve
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds
from tests.races.places import OUTCOME_RECORDED, Place
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_key,
    charged,
    customer,
    let_time_pass,
    one_pass,
    status_of,
)
from tests.support.fakes import FakePayments
from tests.support.invariants import assert_in_step, violations

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]


def create(flights):
    return create_booking(
        order=SeatOrder(1, 1001, 2), actor=customer(), keyed=a_key(), respond_async=True, flights=flights
    )


def cancel_the_latest():
    return cancel_booking(
        booking_id=Booking.objects.latest("pk").pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST
    )


def expire_the_latest():
    Booking.objects.update(expires_at=Booking.objects.latest("pk").created_at.replace(year=2100))
    let_time_pass(days=365 * 100)
    return expire_bookings(deadline=Deadline(20))


@pytest.mark.slow
def test_a_take_that_is_answered_while_its_booking_is_cancelled_leaves_no_seat_behind(flights, sim):
    for _ in rounds(5):
        sim.faults(drop_reply_rate=1.0, faults_on="patch")
        create(flights)
        sim.faults()
        let_time_pass(seconds=60)

        *_passes, cancelled = all_at_once([partial(one_pass, flights, InstantPayments())] * 2 + [cancel_the_latest])

        let_time_pass(seconds=60)
        one_pass(flights, InstantPayments())
        assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "customer_request")
        assert BookingEvent.objects.filter(booking=cancelled, what="cancelled").count() == 1
        assert_in_step(sim)


@pytest.mark.slow
@pytest.mark.parametrize("end", [cancel_the_latest, expire_the_latest])
def test_a_booking_that_ends_before_its_take_is_answered_gives_the_seats_back(flights, sim, end, monkeypatch):
    answered = Halt(monkeypatch, Place(flights, "change_seats"))

    answer, _ = overtaken(partial(create, flights), end, at=answered)

    assert (type(answer), status_of(answer)) == (Refused, 409)
    assert sim.flight()["taken"] == 2
    one_pass(flights, InstantPayments())
    assert sim.flight()["given_back"] == 2
    assert_in_step(sim)


@pytest.mark.slow
def test_a_customer_who_cancels_while_the_take_is_recorded_waits_for_it(flights, sim, monkeypatch):
    recorded = Halt(monkeypatch, OUTCOME_RECORDED)

    answer, cancelled = overtaken(partial(create, flights), cancel_the_latest, at=recorded)

    assert (status_of(answer), cancelled.status, cancelled.hold) == (201, "cancelled", "giving_back")
    one_pass(flights, InstantPayments())
    assert_in_step(sim)


def test_twin_with_an_unconditional_update_a_cancelled_booking_rises_again(flights, monkeypatch):
    answered = Halt(monkeypatch, Place(flights, "change_seats"))

    def confirm_whatever_it_is(booking):
        Booking.objects.filter(pk=booking.pk).update(
            status=BookingStatus.INITIATED, hold=Hold.HELD, lease=None, next_at=None, cancel_reason=""
        )
        return True

    monkeypatch.setattr(reserve, "confirm_hold", confirm_whatever_it_is)

    overtaken(partial(create, flights), cancel_the_latest, at=answered)

    booking = Booking.objects.get()
    assert booking.status == "initiated"
    assert BookingEvent.objects.get().to_status == "cancelled"


@pytest.mark.slow
def test_a_charge_that_is_reported_twice_at_once_books_once(flights, sim, monkeypatch):
    payments = FakePayments()
    for _ in rounds(5):
        booking = a_booked_booking(flights, payments)
        payment = Payment.objects.get(booking=booking)
        report = partial(settle_payment, payment.pk, lease=payment.gateway_key, outcome=charged(payment))
        cancel = partial(cancel_booking, booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)

        *answers, cancelled = all_at_once([report, report, cancel])

        one_pass(flights, payments)
        assert {status_of(answer) for answer in answers} <= {201, 409}
        assert cancelled.status == "cancelled"
        assert BookingEvent.objects.filter(booking=booking, what="refunded").count() == 1
        assert_in_step(sim, payments)


def test_twin_that_settles_a_payment_whatever_its_state_takes_the_money_from_a_booking(flights, monkeypatch):
    booking = a_booked_booking(flights, FakePayments())
    payment = Payment.objects.get()
    monkeypatch.setattr(settling, "UNANSWERED", list(PaymentState))

    settle_payment(payment.pk, lease=payment.gateway_key, outcome=charged(payment))

    assert violations() == [f"Q5: booked without exactly one succeeded payment: [{booking.pk}]"]
