"""The checks that other tests end with do find what they look for."""

import uuid
from datetime import timedelta

import pytest

from bookings.db.clock import database_time
from bookings.models import Booking, Payment
from bookings.ports import Intent
from bookings.text.money import Money
from tests.support.bookings import (
    a_booked_booking,
    a_call_row,
    a_payment_row,
    a_saved_row,
    an_initiated_booking,
    an_owed_refund,
)
from tests.support.fakes import FakeFlights, FakePayments
from tests.support.invariants import (
    answers_without_rows,
    assert_in_step,
    money_out_of_step,
    seats_out_of_step,
    violations,
)

pytestmark = pytest.mark.django_db


def test_a_service_in_step_has_nothing_to_report(flights, payments):
    an_initiated_booking(flights)
    a_booked_booking(flights, payments)

    assert_in_step(flights, payments)


def test_a_call_whose_payload_differs_from_its_members_is_found():
    call = a_call_row(state="done", seats=3)
    a_saved_row("cancelled", hold="giving_back", give_back=call, no_of_seats=2)

    assert violations() == [f"Q4: a release whose payload differs from its members: [{call.pk}]"]


def test_a_booked_booking_without_a_payment_is_found():
    booking = a_saved_row("booked")

    assert violations() == [
        f"Q5: booked without exactly one succeeded payment: [{booking.pk}]",
        f"Q12: a booking that shows another payment than it has: [{booking.pk}]",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("state", ["processing", "dead", "succeeded", "failed", "refund_due", "refunded"])
def test_a_payment_that_its_booking_does_not_show_is_found(state):
    booking = a_saved_row("cancelled")
    payment = a_payment_row(booking, state)
    Booking.objects.filter(pk=booking.pk).update(active_payment_id=payment.pk)
    right = [each for each in violations() if "Q12" in each]

    found = []
    for shown in ("", "settling", "awaiting_payer", "failed", "succeeded", "refund_due", "refunded"):
        Booking.objects.filter(pk=booking.pk).update(payment_state=shown)
        found += [shown for each in violations() if "Q12" in each]

    assert (right, len(found)) == ([], 6)


def test_a_cancelled_booking_that_does_not_say_since_when_is_found():
    a_saved_row("cancelled", cancelled_at=None)

    assert [each.partition(":")[0] for each in violations()] == ["Q12"]


def test_a_payment_of_a_booking_that_is_not_booked_is_found():
    payment = a_payment_row(a_saved_row("cancelled"), "succeeded")

    assert violations() == [f"Q6: paid, but not booked: [{payment.pk}]"]


def test_a_payment_in_another_currency_than_its_booking_is_found():
    payment = a_payment_row(a_saved_row("cancelled"), "refunded", currency="EUR")

    assert violations() == [f"Q11: a payment in another currency than its booking: [{payment.pk}]"]


@pytest.mark.parametrize(
    "leave",
    [
        lambda: a_saved_row("pending"),
        lambda: a_saved_row("cancelled", hold="stuck"),
        lambda: a_saved_row("cancelled", hold="giving_back"),
        lambda: a_saved_row("initiated", created_at=database_time() - timedelta(minutes=18)),
        lambda: a_payment_row(a_saved_row("initiated"), "processing"),
        an_owed_refund,
        lambda: an_owed_refund("failed"),
        lambda: a_payment_row(a_saved_row("cancelled"), "dead"),
    ],
    ids=["asking", "stuck", "owed", "past its deadline", "processing", "refund due", "failed refund", "dead"],
)
def test_unfinished_work_is_found_at_the_end_and_not_before(leave):
    row = leave()

    assert violations() == []
    assert violations(quiet=True) == [f"Q7: unfinished work: [{row.pk}]"]


def test_a_booking_just_past_its_deadline_is_no_unfinished_work():
    a_saved_row("initiated", created_at=database_time() - timedelta(minutes=16))

    assert violations(quiet=True) == []


def test_a_seat_that_nobody_holds_and_a_seat_that_nobody_took_are_found():
    flights = FakeFlights(flights=2)
    an_initiated_booking(flights, flight_id=1, seats=3)
    a_saved_row("initiated", flight_id=1, no_of_seats=2)
    a_saved_row("booked", flight_id=7, no_of_seats=1)

    assert seats_out_of_step(flights) == ["Q8: flight 1: 3 taken, 5 held", "Q8: flight 7: 0 taken, 1 held"]


def test_money_that_was_taken_twice_or_not_at_all_is_found():
    payments = FakePayments()
    twice, never = a_saved_row("booked"), a_saved_row("booked")
    for booking in (twice, never):
        a_payment_row(booking, "succeeded")
    for _ in range(2):
        intent = Intent(uuid.uuid4(), "", Money(1, "EUR"), twice.reference, by_payer=False)
        payments.charge(intent, payer_token="", seconds=1)

    assert money_out_of_step(payments) == [
        f"Q9: {twice.reference}: booked, charged 2 times",
        f"Q9: {never.reference}: booked, charged 0 times",
    ]


def test_an_answer_without_a_row_and_a_key_with_two_bookings_are_found():
    first, second = a_saved_row(), a_saved_row()

    def heard(booking):
        return "k", 201, {"data": {"id": booking.pk, "reference": booking.reference}}

    assert answers_without_rows([heard(first), heard(first)]) == []
    assert answers_without_rows([heard(first), heard(second)]) == ["Q10: 2 bookings under the key k"]
    assert answers_without_rows([("", 201, {"data": {"id": 987654321, "reference": "AAAAAA"}})]) == [
        "Q10: 201 for booking 987654321, which is not there"
    ]


def test_refunds_that_do_not_add_up_are_found():
    payment = an_owed_refund().payment
    Payment.objects.update(refunded=3999)

    assert violations() == [f"Q13: refunds that do not add up to what their payment says: [{payment.pk}]"]


def test_a_payment_that_counts_as_refunded_too_early_is_found():
    payment = an_owed_refund().payment
    Payment.objects.update(state="refunded")
    Booking.objects.update(payment_state="refunded")

    assert violations() == [f"Q14: a payment that counts as refunded and has money left, or on its way: [{payment.pk}]"]


def test_money_that_nothing_gives_back_is_found():
    payment = an_owed_refund("failed", decision="again").payment

    assert violations() == [
        f"Q15: money that is owed back, and nothing that gives it back or waits for a decision: [{payment.pk}]"
    ]
