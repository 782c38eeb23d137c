"""Refunds of a booking that goes on: a part of its money goes back, and clients see the sum."""

from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking, Payment, Refund
from bookings.ports import Refunded, RefundFailed
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.refund import settle_refund
from tests.support.api import shown
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_refund_row,
    let_time_pass,
    one_pass,
    payment_states,
    refund_states,
)
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def shown_refund(api, booking):
    return shown(api.get(f"/api/v1/bookings/{booking.pk}"))["refund"]


def test_clients_see_the_sum_of_what_goes_back(api, flights, payments):
    booking = a_booked_booking(flights, payments)
    none = shown_refund(api, booking)
    for amount in (1000, 500):
        a_refund_row(Payment.objects.get(), amount=amount, cause="goodwill")
        one_pass(flights, payments)

    payment, found = Payment.objects.get(), shown(api.get(f"/api/v1/bookings/{booking.pk}"))
    assert none is None
    assert (payment.state, payment.refunded) == ("succeeded", 1500)
    assert (found["status"], found["payment"]["state"]) == ("booked", "succeeded")
    assert (found["refund"]["state"], found["refund"]["amount"]) == ("succeeded", 1500)
    assert violations() == []


def test_while_one_of_them_is_under_way_they_see_that(api, flights, payments):
    booking = a_booked_booking(flights, payments)
    a_refund_row(Payment.objects.get(), amount=1000, cause="goodwill")
    late = a_refund_row(
        Payment.objects.get(), amount=500, cause="goodwill", next_at=database_time() + timedelta(minutes=1)
    )

    one_pass(flights, payments)

    found = shown_refund(api, booking)
    assert (found["state"], found["amount"]) == ("pending", 1500)
    assert Refund.objects.get(pk=late.pk).state == "due"
    assert violations() == []


def test_a_part_that_failed_is_not_shown_any_more(api, flights, payments):
    booking = a_booked_booking(flights, payments)
    a_refund_row(Payment.objects.get(), amount=1000, cause="goodwill")
    payments.fail_next(ChargeFault.REFUND_FAILS)

    one_pass(flights, payments)

    assert shown_refund(api, booking) is None
    assert Payment.objects.get().refunded == 0
    assert violations() == []


def test_when_the_booking_ends_the_rest_goes_back(api, flights, payments):
    booking = a_booked_booking(flights, payments)
    a_refund_row(Payment.objects.get(), amount=1000, cause="goodwill")
    one_pass(flights, payments)

    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    due = shown_refund(api, booking)
    one_pass(flights, payments)

    made = shown_refund(api, booking)
    assert [(due["state"], due["amount"]), (made["state"], made["amount"])] == [("pending", 4000), ("succeeded", 4000)]
    assert [(each.cause, each.amount) for each in Refund.objects.order_by("pk")] == [
        ("goodwill", 1000),
        ("booking_ended", 3000),
    ]
    assert sorted(money.amount for money in payments.given_back.values()) == [1000, 3000]
    assert_in_step(flights, payments)


def test_a_payment_is_due_until_the_last_of_its_refunds_is_made(api, flights, payments):
    booking = a_booked_booking(flights, payments)
    part = a_refund_row(Payment.objects.get(), amount=1000, cause="goodwill")
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)

    settle_refund(part.pk, lease=None, outcome=Refunded("re_part"))
    halfway = payment_states(), refund_states(), shown_refund(api, booking)["state"]
    one_pass(flights, payments)

    assert halfway == (["refund_due"], ["done", "due"], "pending")
    assert (payment_states(), shown_refund(api, booking)["state"]) == (["refunded"], "succeeded")
    assert violations() == []


def test_money_that_comes_back_is_due_again_beside_that_of_another_payment(api, flights, payments):
    booking = a_booked_booking(flights, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    one_pass(flights, payments)
    Booking.objects.update(payment_state="refund_due")  # as once another payment came in late

    settle_refund(Refund.objects.get().pk, lease=None, outcome=RefundFailed("closed account"))

    assert (payment_states(), refund_states()) == (["refund_due"], ["failed"])
    assert shown_refund(api, booking)["state"] == "pending"


def test_a_part_that_failed_goes_back_with_the_rest(flights, payments):
    booking = a_booked_booking(flights, payments)
    failed = a_refund_row(Payment.objects.get(), amount=1000, cause="goodwill")
    payments.fail_next(ChargeFault.REFUND_FAILS)
    one_pass(flights, payments)

    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    one_pass(flights, payments)

    failed.refresh_from_db()
    assert (failed.state, failed.decision) == ("failed", "replaced")
    assert [money.amount for money in payments.given_back.values()] == [4000]
    assert_in_step(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("is_made", [True, False], ids=["made", "under way"])
def test_a_booking_whose_money_is_all_back_ends_without_another_refund(api, flights, payments, is_made):
    booking = a_booked_booking(flights, payments)
    a_refund_row(Payment.objects.get(), cause="goodwill")
    payments.down = not is_made
    one_pass(flights, payments)
    payments.down = False

    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    at_once = payment_states(), shown_refund(api, booking)["state"]
    let_time_pass(seconds=15)
    one_pass(flights, payments)

    assert at_once == ((["refunded"], "succeeded") if is_made else (["refund_due"], "pending"))
    assert (payment_states(), refund_states()) == (["refunded"], ["done"])
    assert_in_step(flights, payments)
