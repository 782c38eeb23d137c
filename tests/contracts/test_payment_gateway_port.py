"""What each payment gateway promises: one key, one charge, one refund, and one final word."""

import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import F

from bookings.db.clock import database_time
from bookings.gateways.payments import demo
from bookings.gateways.payments.demo import DemoPayments
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Payment
from bookings.ports import (
    Action,
    ActionKind,
    AwaitsBank,
    AwaitsPayer,
    Closed,
    Declined,
    Intent,
    Mistake,
    NotGenuine,
    NotSent,
    Opened,
    Refunded,
    RefundOrder,
    RefundsSeen,
    Unknown,
)
from bookings.text.money import Money
from tests.support.bookings import a_payment_row, a_saved_row, charged
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


def intent_of(payment):
    return Intent(payment.gateway_key, "", payment.money, payment.booking.reference, by_payer=False)


def charge(gateway, payment):
    return gateway.charge(intent_of(payment), payer_token="", seconds=2)


def refund(gateway, payment):
    order = RefundOrder(payment.gateway_key, "", intent_of(payment), "", payment.money, "other")
    return gateway.refund(order, seconds=2)


@pytest.mark.parametrize("quiet", [InstantPayments, DemoPayments])
def test_a_gateway_that_sends_nothing_has_nothing_to_compare_with(quiet):
    gateway = quiet()

    assert gateway.refunds_of(intent_of(a_payment()), seconds=2) == RefundsSeen(())
    assert gateway.payments_since(database_time(), seconds=2) is None


def test_asked_twice_under_one_key_it_says_the_same(gateway):
    payment = a_payment()

    answers = [charge(gateway, payment) for _ in range(2)]

    assert [(said.money, said.key) for said in answers] == [(payment.money, payment.gateway_key)] * 2


def test_a_refund_that_is_asked_for_twice_is_made(gateway):
    payment = a_payment()
    charge(gateway, payment)

    assert [refund(gateway, payment) for _ in range(2)] == [Refunded(), Refunded()]


def test_opening_takes_no_money_and_is_the_same_for_each_try(gateway):
    intent = intent_of(a_payment())

    first, second = (gateway.open(intent, seconds=2) for _ in range(2))

    assert (type(first), second) == (Opened, first)
    if isinstance(gateway, FakePayments | DurablePayments):
        assert gateway.look(intent, seconds=2) == AwaitsPayer()


def test_what_is_closed_is_never_charged(gateway):
    if gateway.settles_here:
        return  # its row is its charge: there is nothing to close
    payment = a_payment()
    Payment.objects.filter(pk=payment.pk).update(step="closing", closing_since=F("created_at"))

    assert gateway.close(intent_of(payment), seconds=2) == Closed()
    assert charge(gateway, payment) == Closed()
    assert gateway.look(intent_of(payment), seconds=2) == Closed()


def test_a_quiet_gateway_sends_no_notices_and_takes_any_amount():
    gateway = InstantPayments()

    with pytest.raises(NotGenuine):
        gateway.read_notice(b"{}", {})
    assert gateway.look_at_dispute("d", seconds=2) == Mistake("there are no disputes here")
    assert (gateway.refuses(Money(1, "KWD")), gateway.is_available()) == ("", True)


def test_a_payment_that_would_settle_here_and_has_not_was_never_made():
    payment = a_payment()
    intent = intent_of(payment)

    assert [InstantPayments().look(intent, seconds=2), InstantPayments().close(intent, seconds=2)] == [Closed()] * 2
    order = RefundOrder(payment.gateway_key, "", intent, "", payment.money, "other")
    assert InstantPayments().look_at_refund(order, seconds=2) == Refunded()


# --- the demo's own users -------------------------------------------------------------------------------


def test_each_process_declines_the_same_user():
    payment = a_payment(90402)

    answers = [charge(DemoPayments(), payment) for _ in range(3)]

    assert answers == [Declined("generic_decline")] * 3


@pytest.mark.parametrize(("seconds", "is_settled"), [(0.0, False), (4.0, False), (5.0, True), (3600.0, True)])
def test_a_late_payment_is_made_five_seconds_after_it_began(seconds, is_settled):
    payment = a_payment(90202, seconds_ago=seconds)

    assert charge(DemoPayments(), payment) == (charged(payment) if is_settled else AwaitsBank())


@pytest.mark.parametrize(("seconds", "is_settled"), [(0.0, False), (19.0, False), (20.0, True)])
def test_one_user_says_yes_to_the_bank_after_twenty_seconds(seconds, is_settled):
    payment = a_payment(90302, seconds_ago=seconds)

    secret = {"clientSecret": f"demo-{payment.gateway_key}-secret"}
    waits = AwaitsPayer(Action(ActionKind.AUTHENTICATE, secret))
    assert charge(DemoPayments(), payment) == (charged(payment) if is_settled else waits)


def test_one_user_never_learns_what_became_of_a_payment():
    payment = a_payment(90504, seconds_ago=86_400)
    Payment.objects.filter(pk=payment.pk).update(step="closing", closing_since=F("created_at"))

    assert charge(DemoPayments(), payment) == Unknown("no answer yet")
    assert DemoPayments().close(intent_of(payment), seconds=2) == Unknown("no answer yet")


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
