"""Refunds as the gateway lists them: those made on its own pages become rows, and ours follow what it says."""

import itertools
import uuid

import pytest

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, GatewayNotice, Payment, Refund
from bookings.ports import Mistake, Notice, RefundAwaits, RefundFailed
from bookings.ports import NoticeKind as KIND
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments import gateway_refunds
from bookings.services.payments.receive_notice import receive_notice
from bookings.text.money import Money
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    an_initiated_booking,
    let_time_pass,
    one_pass,
    pay,
)
from tests.support.fakes import ChargeFault
from tests.support.invariants import violations
from tests.support.notices import RingingPayments, follow, ring
from tests.support.signed_notices import an_event
from tests.support.wired import use_gateway

pytestmark = pytest.mark.django_db

_events = itertools.count(1)


@pytest.fixture
def payments(monkeypatch):
    """A payment gateway that rings."""
    gateway = RingingPayments()
    use_gateway(monkeypatch, gateway)
    return gateway


@pytest.fixture
def paid(flights, payments):
    """A payment of 4000 that has succeeded, for a booking that is booked."""
    a_booked_booking(flights, payments)
    return Payment.objects.get()


def tell_of(payment):
    body = an_event(f"evt_{next(_events)}", "pi_1", "refund", payment=str(payment.gateway_key))
    assert ring(body, gateway="fake").status_code == 200


def told(payments, payment):
    tell_of(payment)
    follow(payments)
    return GatewayNotice.objects.latest("pk").state


def refunds(*columns):
    return list(Refund.objects.order_by("pk").values_list(*(columns or ("state", "amount", "source"))))


def refunded():
    return Payment.objects.values_list("refunded", flat=True).get()


def cancelled(flights, payments):
    """Cancel the booking as staff do, and let the worker refund it."""
    cancel_booking(booking_id=Booking.objects.get().pk, actor=STAFF, reason=CancelReason.FRAUD)
    one_pass(flights, payments)


@pytest.mark.slow
def test_a_refund_of_the_gateways_own_pages_becomes_a_row(paid, payments):
    payments.list_refund(paid, 1500)

    assert told(payments, paid) == "done"

    assert refunds() == [("done", 1500, "gateway")]
    assert refunds("gateway_id", "cause") == [("re_1", "other")]
    assert refunded() == 1500
    assert Booking.objects.get().status == "booked"
    assert BookingEvent.objects.filter(what="refunded").count() == 1
    assert violations() == []


@pytest.mark.slow
def test_it_is_taken_in_once_however_often_the_gateway_rings(paid, payments):
    payments.list_refund(paid, 1500)

    assert [told(payments, paid) for _ in range(3)] == ["done"] * 3

    assert refunds() == [("done", 1500, "gateway")]
    assert refunded() == 1500


def test_each_of_several_is_a_row(paid, payments):
    payments.list_refund(paid, 1000)
    told(payments, paid)
    payments.list_refund(paid, 500)
    told(payments, paid)

    assert refunds() == [("done", 1000, "gateway"), ("done", 500, "gateway")]
    assert refunded() == 1500


@pytest.mark.slow
def test_one_that_the_gateway_has_not_made_yet_is_followed(paid, payments):
    payments.list_refund(paid, 1500, RefundAwaits("re_1", "no balance"))

    told(payments, paid)
    assert refunds() == [("sent", 1500, "gateway")]
    assert BookingEvent.objects.filter(what="refund_asked").count() == 1
    payments.listed.clear()
    payments.list_refund(paid, 1500)
    told(payments, paid)

    assert refunds() == [("done", 1500, "gateway")]
    assert refunded() == 1500


def test_one_that_failed_before_it_was_known_is_left_out(paid, payments):
    payments.list_refund(paid, 1500, RefundFailed("closed account", "re_1"))

    assert told(payments, paid) == "done"

    assert refunds() == []
    assert refunded() == 0


@pytest.mark.slow
def test_one_that_fails_days_later_is_for_staff(paid, payments):
    payments.list_refund(paid, 1500)
    told(payments, paid)
    payments.listed.clear()
    payments.list_refund(paid, 1500, RefundFailed("closed account", "re_1"))

    told(payments, paid)

    assert refunds() == [("failed", 1500, "gateway")]
    assert refunded() == 0


@pytest.mark.slow
def test_ours_is_found_by_our_key_and_settled(paid, flights, payments):
    payments.down = True
    cancelled(flights, payments)
    payments.down = False
    (row,) = Refund.objects.all()
    payments.list_refund(paid, row.amount, key=row.key)

    assert told(payments, paid) == "done"

    assert refunds() == [("done", 4000, "ours")]
    assert refunds("gateway_id") == [("re_1",)]
    assert Payment.objects.get().state == "refunded"


@pytest.mark.slow
def test_more_than_is_left_waits_until_our_own_refund_has_failed(paid, flights, payments):
    payments.list_refund(paid, 4000)
    payments.down = True
    cancelled(flights, payments)
    payments.down = False

    assert told(payments, paid) == "new"
    assert refunds() == [("due", 4000, "ours")]
    assert GatewayNotice.objects.get().last_error == "a refund cannot be taken in yet"
    (ours,) = Refund.objects.all()
    gateway_refunds.settle_refund(ours.pk, lease=None, outcome=RefundFailed("refunded already"))
    let_time_pass(seconds=30)
    follow(payments)

    assert refunds() == [("failed", 4000, "ours"), ("done", 4000, "gateway")]
    assert (refunded(), Payment.objects.get().state) == (4000, "refunded")
    assert GatewayNotice.objects.get().state == "done"


@pytest.mark.slow
def test_one_in_another_currency_is_not_taken_in(paid, payments):
    payments.list_refund(paid, 1500, money=Money(1500, "EUR"))

    assert told(payments, paid) == "new"

    assert refunds() == []


def test_one_with_a_key_of_ours_and_no_row_is_taken_in_under_it(paid, payments):
    key = uuid.uuid4()
    payments.list_refund(paid, 1500, key=key)

    told(payments, paid)

    assert refunds("key", "source") == [(key, "gateway")]


def test_one_that_another_worker_takes_in_meanwhile_is_taken_in_once(paid, payments, monkeypatch):
    payments.list_refund(paid, 1500)
    adopt = gateway_refunds._adopt

    def adopt_late(payment_id, seen):
        adopt(payment_id, seen)
        return adopt(payment_id, seen)

    monkeypatch.setattr(gateway_refunds, "_adopt", adopt_late)

    assert told(payments, paid) == "done"
    assert refunds() == [("done", 1500, "gateway")]


def test_a_notice_of_a_refund_settles_a_payment_whose_answer_was_lost(flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments)
    let_time_pass(seconds=15)
    payment = Payment.objects.get()
    payments.list_refund(payment, 1500)

    assert told(payments, payment) == "done"

    assert Booking.objects.get().status == "booked"
    assert refunds() == [("done", 1500, "gateway")]


def test_a_notice_of_a_refund_of_no_payment_of_ours_is_foreign(payments):
    ring(an_event("evt_1", "pi_of-a-shop", "refund"), gateway="fake")

    follow(payments)

    assert GatewayNotice.objects.get().state == "foreign"


@pytest.mark.parametrize("answer", ["none", "a mistake"])
def test_while_refunds_are_not_shown_the_notice_stays(paid, payments, monkeypatch, answer):
    if answer == "none":
        payments.down = True
    else:
        monkeypatch.setattr(payments, "refunds_of", lambda intent, *, seconds: Mistake("no such payment"))

    assert told(payments, paid) == "new"


# --- any order ------------------------------------------------------------------------------------------


def the_end(order, flights, payments):
    """Five notices in this order, each twice, and a look after each of them; give what is there then."""
    booking = an_initiated_booking(flights, seats=1)
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments)
    payment = Payment.objects.get(booking=booking)
    Payment.objects.filter(pk=payment.pk).update(gateway_id=f"pi_{payment.pk}")
    payments.list_refund(payment, 1000)
    payments.list_refund(payment, 500, RefundAwaits("re_2", "no balance"))
    payments.dispute(payment)
    let_time_pass(seconds=15)
    about = [KIND.PAYMENT, KIND.REFUND, KIND.REFUND, KIND.DISPUTE, KIND.PAYMENT]
    for number in order:
        name = f"dp_{payment.pk}" if about[number] is KIND.DISPUTE else f"pi_{payment.pk}"
        notice = Notice(f"evt_{payment.pk}_{number}", about[number], name, payment.gateway_key, database_time())
        assert [receive_notice(notice, gateway="fake") for _ in range(2)] == ["stored", "known"]
        follow(payments)
    payment.refresh_from_db()
    booking.refresh_from_db()
    events = BookingEvent.objects.filter(booking=booking).values_list("what", flat=True)
    return (
        (booking.status, payment.state, payment.refunded),
        sorted(payment.refunds.values_list("state", "amount", "source")),
        list(payment.disputes.values_list("standing", "amount")),
        sorted(events),
        set(GatewayNotice.objects.values_list("state", flat=True)),
    )


@pytest.mark.slow
@pytest.mark.timeout(600)  # 120 bookings are made, paid and followed
def test_five_notices_end_alike_in_every_order_each_twice(flights, payments):
    ends = [the_end(order, flights, payments) for order in itertools.permutations(range(5))]

    assert len(ends) == 120
    assert (
        ends
        == [
            (
                ("booked", "succeeded", 1500),
                [("done", 1000, "gateway"), ("sent", 500, "gateway")],
                [("needs_response", 4000)],
                ["booked", "disputed", "refund_asked", "refunded"],
                {"done"},
            )
        ]
        * 120
    )
    assert violations() == []
