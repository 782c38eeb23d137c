"""POST /bookings/payments with the gateway of the design document: a payment is settled at once."""

import pytest

from bookings.models import Booking, Payment
from tests.support.api import refused, shown
from tests.support.bookings import a_pending_booking, a_saved_row, let_time_pass
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def test_the_right_amount_within_the_window_books(api, flights):
    booking = shown(api.create())

    answer = api.pay(booking)

    assert answer.status_code == 201
    assert answer.json()["message"] == "Payment made successfully"
    assert shown(answer)["status"] == "booked"
    assert shown(answer)["availableActions"] == []
    assert list(Payment.objects.values_list("booking_id", "amount", "state")) == [(booking["id"], 4000, "succeeded")]
    assert_in_step(flights)


def test_a_booking_names_its_payment(api):
    booking = shown(api.create())

    api.pay(booking)

    assert Booking.objects.get().active_payment_id == Payment.objects.get().pk


@pytest.mark.parametrize(
    ("seconds", "answer"),
    [(899, (201, None)), (900, (400, "payment_window_closed")), (901, (400, "payment_window_closed"))],
    ids=["a second before", "at the deadline", "a second after"],
)
def test_the_window_is_half_open(api, monkeypatch, seconds, answer):
    booking = shown(api.create())
    created_at = Booking.objects.get().created_at
    monkeypatch.setattr(
        "bookings.db.rows.database_time",
        lambda: created_at + (Booking.objects.get().expires_at - created_at) * seconds / 900,
    )

    paid = api.pay(booking)

    assert (paid.status_code, paid.json()["error"].get("code")) == answer


def test_paying_too_late_is_refused_at_once_and_the_seats_are_owed_back(api, flights, payments):
    payments.settles_here = True
    booking = shown(api.create())
    let_time_pass(minutes=15)

    answer = api.pay(booking)

    assert refused(answer) == (400, "payment_window_closed")
    assert list(Booking.objects.values_list("status", "hold", "cancel_reason")) == [
        ("cancelled", "giving_back", "expired")
    ]
    assert payments.net_charges(booking["reference"]) == 0


def test_a_booking_that_has_expired_answers_as_one_that_expires_now(api):
    booking = a_saved_row("cancelled", cancel_reason="expired")

    assert refused(api.pay(booking)) == (400, "payment_window_closed")


@pytest.mark.parametrize("amount", [3999, 4001, 0])
def test_another_amount_is_refused_and_charges_nothing(api, amount):
    booking = shown(api.create())

    answer = api.pay(booking, totalCost=amount)

    assert refused(answer) == (400, "amount_mismatch")
    assert Payment.objects.count() == 0
    assert Booking.objects.get().status == "initiated"


def test_a_currency_that_is_the_bookings_is_accepted(api, flights):
    flights.set_flight(1, currency="INR")

    answer = api.pay(shown(api.create()), currency="INR")

    assert (answer.status_code, shown(answer)["currency"]) == (201, "INR")


def test_another_currency_is_refused_and_charges_nothing(api, flights):
    flights.set_flight(1, currency="INR")
    booking = shown(api.create())

    answer = api.pay(booking, currency="EUR")

    assert refused(answer) == (400, "currency_mismatch")
    assert Payment.objects.count() == 0
    assert Booking.objects.get().status == "initiated"


def test_an_amount_in_another_currency_is_not_compared(api):
    assert refused(api.pay(shown(api.create()), currency="EUR", totalCost=1)) == (400, "currency_mismatch")


def test_another_user_is_refused_and_charges_nothing(api):
    booking = shown(api.create(userId=1))

    answer = api.pay(booking, userId=2)

    assert refused(answer) == (400, "user_mismatch")
    assert Payment.objects.count() == 0


def test_an_unknown_booking_is_not_found(api):
    answer = api.pay({"id": 987654321, "userId": 1, "totalCost": 4000})

    assert refused(answer) == (404, "booking_not_found")


def test_a_booking_that_waits_for_its_seats_cannot_be_paid_yet(api, flights):
    booking = a_pending_booking(flights)

    answer = api.pay(booking)

    assert refused(answer) == (409, "not_payable_yet")
    assert answer.headers["Retry-After"] == "1"


def test_a_cancelled_booking_cannot_be_paid(api):
    booking = shown(api.create())
    api.cancel(booking)

    answer = api.pay(booking)

    assert refused(answer) == (409, "booking_cancelled")
    assert Payment.objects.count() == 0


def test_a_booking_is_paid_once_whatever_the_key(api):
    booking = shown(api.create())
    api.pay(booking)

    answer = api.pay(booking)

    assert refused(answer) == (409, "already_paid")
    assert Payment.objects.count() == 1
    assert violations() == []


def test_a_flight_that_costs_nothing_is_paid_with_nothing(api, flights):
    flights.set_flight(1, price=0)
    booking = shown(api.create())

    answer = api.pay(booking)

    assert answer.status_code == 201
    assert Payment.objects.get().amount == 0


def test_paying_needs_no_flight_service(api, flights):
    booking = shown(api.create())
    flights.down = True

    answer = api.pay(booking)

    assert answer.status_code == 201
