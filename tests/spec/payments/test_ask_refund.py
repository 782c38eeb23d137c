"""Staff give back a part of a payment, or all of it: never more than is left, and once for each page."""

import pytest
from django_q.models import OrmQ

from bookings.errors import (
    BookingChanged,
    InvalidRequest,
    NothingToRefund,
    PaymentNotFound,
    RefundTooLarge,
    StaffOnly,
)
from bookings.lifecycle import CancelReason, RefundCause
from bookings.models import Payment, Refund
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.ask_refund import RefundRequest, ask_refund
from tests.support.api import shown
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_payment_row,
    a_saved_row,
    customer,
    one_pass,
    refund_states,
)
from tests.support.calls import a_refund_request
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def ask(booking, amount=1000, **said):
    booking.refresh_from_db()
    request = a_refund_request(booking, amount, **said)
    ask_refund(request)
    return request


def test_a_part_goes_back_and_the_booking_goes_on(api, flights, payments):
    booking = a_booked_booking(flights, payments)
    OrmQ.objects.all().delete()

    ask(booking, 1000)
    due = shown(api.get(f"/api/v1/bookings/{booking.pk}"))
    woken = OrmQ.objects.count()
    one_pass(flights, payments)

    refund, made = Refund.objects.get(), shown(api.get(f"/api/v1/bookings/{booking.pk}"))
    assert (refund.state, refund.amount, refund.cause) == ("done", 1000, "goodwill")
    assert (refund.note, refund.asked_by, refund.source) == ("three hours late", "anna", "ours")
    assert [(each["status"], each["refund"]["state"], each["refund"]["amount"]) for each in (due, made)] == [
        ("booked", "pending", 1000),
        ("booked", "succeeded", 1000),
    ]
    assert (woken, payments.net_charges(booking.reference)) == (1, 1)
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_all_of_it_can_go_back_in_parts(flights, payments):
    booking = a_booked_booking(flights, payments)

    for amount in (1000, 2500, 500):
        ask(booking, amount)
        one_pass(flights, payments)

    payment = Payment.objects.get()
    assert (payment.state, payment.refunded, refund_states()) == ("succeeded", 4000, ["done"] * 3)
    with pytest.raises(RefundTooLarge):
        ask(booking, 1)
    assert violations() == []


def test_no_more_than_is_left(flights, payments):
    booking = a_booked_booking(flights, payments)
    ask(booking, 1000)

    with pytest.raises(RefundTooLarge):
        ask(booking, 3001)

    assert (Payment.objects.get().refunded, Refund.objects.count()) == (1000, 1)


def test_what_has_failed_is_left_again(flights, payments):
    booking = a_booked_booking(flights, payments)
    ask(booking, 4000)
    payments.fail_next(ChargeFault.REFUND_FAILS)
    one_pass(flights, payments)

    ask(booking, 4000)
    one_pass(flights, payments)

    assert refund_states() == ["failed", "done"]


def test_the_timeline_says_who_gave_back_and_why(api, flights, payments):
    booking = a_booked_booking(flights, payments)

    ask(booking, 1000)

    events = api.get(f"/api/v1/bookings/{booking.pk}/events").json()["data"]["results"]
    assert (events[-1]["what"], events[-1]["why"]) == ("refund_asked", "goodwill")
    assert (events[-1]["who"]["name"], events[-1]["note"]) == ("anna", "three hours late")


def test_one_page_asks_once(flights, payments):
    booking = a_booked_booking(flights, payments)
    request = ask(booking, 1000)

    ask_refund(request)

    assert Refund.objects.count() == 1


def test_a_page_that_is_old_asks_for_nothing(flights, payments):
    booking = a_booked_booking(flights, payments)
    booking.refresh_from_db()
    old = booking.version
    ask(booking, 1000)

    with pytest.raises(BookingChanged):
        ask(booking, 1000, seen_version=old)

    assert Refund.objects.count() == 1


@pytest.mark.parametrize("state", ["processing", "failed", "refund_due", "refunded", "dead"])
def test_only_money_that_is_kept_can_be_given_back_here(state):
    booking = a_saved_row("initiated")
    payment = a_payment_row(booking, state, has_refund=False)

    with pytest.raises(NothingToRefund):
        ask(booking, payment_id=payment.pk)

    assert Refund.objects.count() == 0


def test_nothing_of_a_booking_that_has_ended(flights, payments):
    booking = a_booked_booking(flights, payments)
    payment_id = Payment.objects.get().pk
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)

    with pytest.raises(NothingToRefund):
        ask(booking, payment_id=payment_id)


def test_a_payment_that_is_not_there_is_not_found():
    with pytest.raises(PaymentNotFound):
        ask(a_saved_row("initiated"), payment_id=99)


@pytest.mark.parametrize(
    "said",
    [
        {"note": ""},
        {"note": "\u200b"},
        {"note": "x" * 501},
        {"cause": RefundCause.BOOKING_ENDED},
        {"cause": RefundCause.PAID_TOO_LATE},
        {"amount": 0},
        {"amount": -5},
    ],
    ids=str,
)
def test_a_request_says_how_much_and_why(said):
    usual = {"amount": 1, "cause": RefundCause.OTHER, "note": "why"}

    with pytest.raises(InvalidRequest) as refused:
        RefundRequest(payment_id=1, actor=STAFF, action_key="k", seen_version=1, **{**usual, **said})

    assert list(refused.value.fields) == list(said)


def test_only_staff_give_back():
    with pytest.raises(StaffOnly):
        RefundRequest(
            payment_id=1,
            amount=1,
            cause=RefundCause.OTHER,
            note="why",
            actor=customer(),
            action_key="k",
            seen_version=1,
        )
