"""GET /bookings/{id}/payments: each try to pay a booking, and what goes back of the money."""

import pytest

from bookings.models import Booking, Payment
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import a_payment_row, a_refund_row, a_saved_row, one_pass
from tests.support.fakes import ChargeFault

pytestmark = pytest.mark.django_db


def money_of(api, booking_id):
    return shown(api.get(f"{BOOKINGS}/{booking_id}/payments"))


def test_before_the_first_try_there_is_nothing(api, flights):
    booking = shown(api.create())

    assert money_of(api, booking["id"]) == {"payments": [], "refunds": []}


def test_each_try_is_there_and_what_goes_back(api, flights, payments):
    booking = shown(api.create())
    payments.fail_next(ChargeFault.DECLINE)
    api.pay(booking)
    paid = shown(api.pay(booking))
    kept = Payment.objects.get(state="succeeded")
    a_refund_row(kept, amount=500, cause="goodwill", note="between us", asked_by="anna")
    one_pass(flights, payments)

    found = money_of(api, booking["id"])

    declined, succeeded = Payment.objects.order_by("pk")
    refund = kept.refunds.get()
    assert found == {
        "payments": [
            {
                "id": declined.pk,
                "state": "failed",
                "amount": 4000,
                "currency": "XXX",
                "gateway": "fake",
                "at": found["payments"][0]["at"],
                "declineCode": declined.decline_code or None,
            },
            {
                "id": succeeded.pk,
                "state": "succeeded",
                "amount": 4000,
                "currency": "XXX",
                "gateway": "fake",
                "at": paid["paidAt"],
                "declineCode": None,
            },
        ],
        "refunds": [
            {
                "id": refund.pk,
                "paymentId": kept.pk,
                "state": "succeeded",
                "amount": 500,
                "currency": "XXX",
                "cause": "goodwill",
                "at": shown(api.get(f"{BOOKINGS}/{booking['id']}"))["refund"]["at"],
            }
        ],
    }


@pytest.mark.parametrize(
    ("state", "said"),
    [
        *((state, "pending") for state in ("processing", "dead")),
        *((state, "succeeded") for state in ("succeeded", "refund_due", "refunded")),
        ("failed", "failed"),
    ],
)
def test_a_payment_is_pending_succeeded_or_failed(api, state, said):
    payment = a_payment_row(a_saved_row("cancelled"), state)

    assert [each["state"] for each in money_of(api, payment.booking_id)["payments"]] == [said]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        *((state, "pending") for state in ("due", "sent", "dead")),
        *((state, "succeeded") for state in ("done", "elsewhere")),
        ("failed", "failed"),
    ],
)
def test_a_refund_is_pending_succeeded_or_failed(api, state, said):
    payment = a_payment_row(a_saved_row("cancelled"), "refund_due", has_refund=False)
    a_refund_row(payment, state)

    assert [each["state"] for each in money_of(api, payment.booking_id)["refunds"]] == [said]


def test_a_booking_is_named_by_its_reference_as_well(api, flights, payments):
    booking = shown(api.create())
    api.pay(booking)

    by_reference = money_of(api, booking["reference"].lower())

    assert by_reference == money_of(api, booking["id"])
    assert len(by_reference["payments"]) == 1


@pytest.mark.parametrize("name", ["0", "99", "x", "BBBBBBBB"])
def test_what_is_not_there_is_not_found(api, name):
    assert refused(api.get(f"{BOOKINGS}/{name}/payments")) == (404, "booking_not_found")
    assert Booking.objects.count() == 0
