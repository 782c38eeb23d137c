"""What each payment gateway promises: one key, one charge, one refund, and one final word."""

import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError

from bookings.db.clock import database_time
from bookings.gateways.payments import demo
from bookings.gateways.payments.demo import DemoPayments
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Payment
from bookings.ports import Charged, ChargeUnknown, Declined, NotSent, Refunded
from tests.support.bookings import a_payment_row, a_saved_row
from tests.support.durable_payments import DurablePayments
from tests.support.fakes import FakePayments

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["instant", "demo", "in memory", "durable"])
def gateway(request, tmp_path):
    """Each gateway, for users whose payments go well."""
    makers = {
        "instant": InstantPayments,
        "demo": DemoPayments,
        "in memory": FakePayments,
        "durable": lambda: DurablePayments(str(tmp_path / "payments.sqlite3"), drop_rate=0.0),
    }
    return makers[request.param]()


def a_payment(user_id=1001, *, seconds_ago=0.0):
    """A payment that was written down and has no answer."""
    payment = a_payment_row(a_saved_row(user_id=user_id))
    Payment.objects.filter(pk=payment.pk).update(created_at=database_time() - timedelta(seconds=seconds_ago))
    return payment


def charge(gateway, payment):
    return gateway.charge(key=payment.gateway_key, amount=payment.money, reference=payment.booking.reference)


def refund(gateway, payment):
    return gateway.refund(key=payment.refund_key, charge_key=payment.gateway_key, amount=payment.money)


def test_asked_twice_under_one_key_it_says_the_same(gateway):
    payment = a_payment()

    assert [charge(gateway, payment) for _ in range(2)] == [Charged(), Charged()]


def test_a_refund_that_is_asked_for_twice_is_made(gateway):
    payment = a_payment()
    charge(gateway, payment)

    assert [refund(gateway, payment) for _ in range(2)] == [Refunded(), Refunded()]


# --- the demo's own users -------------------------------------------------------------------------------


def test_each_process_declines_the_same_user_with_a_final_word():
    payment = a_payment(90402)

    answers = [charge(DemoPayments(), payment) for _ in range(3)]

    assert answers == [Declined("declined, as each payment of this user")] * 3


@pytest.mark.parametrize(("seconds", "is_settled"), [(0.0, False), (4.0, False), (5.0, True), (3600.0, True)])
def test_a_late_payment_is_made_five_seconds_after_it_began(seconds, is_settled):
    payment = a_payment(90202, seconds_ago=seconds)

    assert charge(DemoPayments(), payment) == (Charged() if is_settled else ChargeUnknown("no answer yet"))


def test_one_user_never_learns_what_became_of_a_payment():
    payment = a_payment(90504, seconds_ago=86_400)

    assert charge(DemoPayments(), payment) == ChargeUnknown("no answer yet")


def test_a_key_of_no_payment_was_never_sent():
    payment = a_payment()
    payment.gateway_key = uuid.uuid4()

    assert charge(DemoPayments(), payment) == NotSent("no payment has this key")


def test_a_database_that_fails_is_no_exception(monkeypatch):
    payment = a_payment(90202)

    def fails():
        raise OperationalError("gone")

    monkeypatch.setattr(demo, "database_time", fails)

    assert charge(DemoPayments(), payment) == NotSent("OperationalError")
