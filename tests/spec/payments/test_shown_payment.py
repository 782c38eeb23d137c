"""What a booking says about its money: payment, refund, paidAt and cancelledAt, and that their change is a change."""

import uuid

import pytest

from bookings.lifecycle import CancelReason, Decision
from bookings.models import Booking, Payment, Refund
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.resolve_payment import resolve_payment
from bookings.services.payments.resolve_refund import resolve_refund
from bookings.services.payments.settle import settle_payment
from tests.support.api import BOOKINGS, shown
from tests.support.bookings import STAFF, charged, gateways_of, let_time_pass, one_pass
from tests.support.calls import a_resolution
from tests.support.fakes import ChargeFault
from tests.support.invariants import violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking(api):
    return shown(api.create())


@pytest.fixture
def read(api, booking):
    return lambda: shown(api.get(f"{BOOKINGS}/{booking['id']}"))


@pytest.fixture
def tag(api, booking):
    return lambda: api.get(f"{BOOKINGS}/{booking['id']}").headers["ETag"]


def money_of(said):
    """The states of payment and refund, and whether the booking says when it was paid and cancelled."""
    payment, refund = said["payment"], said["refund"]
    for each in (payment, refund):
        assert each is None or (each["amount"], each["at"] is not None) == (said["totalCost"], True)
    states = tuple(each and each["state"] for each in (payment, refund))
    return (*states, said["paidAt"] is not None, said["cancelledAt"] is not None)


def a_refund(booking):
    cancel_booking(booking_id=booking["id"], actor=STAFF, reason=CancelReason.FRAUD)


def test_before_the_first_payment_there_is_none(booking, read):
    assert money_of(booking) == money_of(read()) == (None, None, False, False)


def test_a_paid_booking_says_since_when(api, booking, read):
    answer = shown(api.pay(booking))

    assert money_of(answer) == ("succeeded", None, True, False)
    assert answer == read()
    assert answer["paidAt"] == answer["payment"]["at"] == answer["updatedAt"]


def test_a_cancelled_booking_says_since_when(api, booking, read):
    answer = shown(api.cancel(booking))

    assert money_of(answer) == (None, None, False, True)
    assert answer == read()
    assert answer["cancelledAt"] == answer["updatedAt"]


@pytest.mark.slow
def test_an_expired_booking_says_since_when(api, flights, payments, booking, read):
    let_time_pass(minutes=16)
    one_pass(flights, payments)

    assert money_of(read()) == (None, None, False, True)
    assert Booking.objects.get().cancelled_at == Booking.objects.get().updated_at


def test_a_booking_without_seats_says_since_when_it_is_cancelled(api, flights):
    flights.after_look(lambda: flights.set_flight(1, remaining=0))
    api.create()

    assert money_of(shown(api.get(BOOKINGS))["results"][0]) == (None, None, False, True)


def test_a_payment_without_an_answer_is_pending_until_it_has_one(api, flights, payments, booking, read, tag):
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    before = tag()

    answer = shown(api.pay(booking))
    meanwhile = tag()
    let_time_pass(minutes=1)
    one_pass(flights, payments)

    assert money_of(answer) == ("settling", None, False, False)
    assert answer["updatedAt"] == answer["payment"]["at"] > answer["createdAt"]
    assert money_of(read()) == ("succeeded", None, True, False)
    assert len({before, meanwhile, tag()}) == 3


def test_a_declined_payment_has_failed_and_the_next_counts(api, payments, booking, read, tag):
    payments.fail_next(ChargeFault.DECLINE)
    before = tag()
    api.pay(booking)
    declined, meanwhile = read(), tag()

    paid = shown(api.pay(booking))

    assert money_of(declined) == ("failed", None, False, False)
    assert declined["updatedAt"] == declined["payment"]["at"] > booking["updatedAt"]
    assert money_of(paid) == ("succeeded", None, True, False)
    assert before != meanwhile


@pytest.mark.slow
def test_a_refund_is_pending_until_it_is_made(api, flights, payments, booking, read, tag):
    paid = shown(api.pay(booking))
    a_refund(booking)
    due, before = read(), tag()
    one_pass(flights, payments)

    made = read()

    assert money_of(due) == ("succeeded", "pending", True, True)
    assert money_of(made) == ("succeeded", "succeeded", True, True)
    assert due["paidAt"] == made["paidAt"] == paid["paidAt"]
    assert due["refund"]["at"] == due["cancelledAt"] == made["cancelledAt"]
    assert made["refund"]["at"] == made["updatedAt"] > due["updatedAt"]
    assert before != tag()
    assert violations(quiet=True) == []


@pytest.mark.slow
def test_a_refund_that_is_made_is_a_change_for_those_who_keep_a_copy(api, flights, payments, booking, read):
    api.pay(booking)
    a_refund(booking)
    seen = read()["updatedAt"]
    one_pass(flights, payments)

    (changed,) = shown(api.get(BOOKINGS, {"updatedAfter": seen}))["results"]

    assert changed["refund"]["state"] == "succeeded"


def test_cancelling_again_shows_the_refund(api, booking):
    api.pay(booking)
    a_refund(booking)

    assert money_of(shown(api.cancel(booking))) == ("succeeded", "pending", True, True)


@pytest.mark.slow
def test_a_charge_that_succeeds_after_the_end_was_paid_and_is_refunded(api, flights, payments, booking, read):
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    api.pay(booking)
    let_time_pass(minutes=46)
    payments.down = True
    one_pass(flights, payments)  # the gateway keeps silent, so the booking expires
    silent = read()
    payments.down = False
    let_time_pass(minutes=1)
    one_pass(flights, payments)
    one_pass(flights, payments)

    assert money_of(silent) == ("settling", None, False, True)
    assert money_of(read()) == ("succeeded", "succeeded", True, True)
    assert violations(quiet=True) == []


def a_dead_payment(api, flights, payments, settings):
    settings.PAYMENT_WINDOW_SECONDS = 2 * 86_400
    later = shown(api.create())
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    api.pay(later)
    let_time_pass(hours=25)
    one_pass(flights, payments)
    assert Payment.objects.get().state == "dead"
    return later


@pytest.mark.slow
def test_what_staff_took_for_failed_and_was_charged_is_refunded(api, flights, payments, settings):
    later = a_dead_payment(api, flights, payments, settings)
    dead = shown(api.get(f"{BOOKINGS}/{later['id']}"))
    resolve_payment(
        payment_id=Payment.objects.get().pk,
        resolution=a_resolution(Decision.NOT_APPLIED),
        payments=gateways_of(payments),
    )
    failed = shown(api.get(f"{BOOKINGS}/{later['id']}"))

    assert money_of(dead)[:2] == ("settling", None)
    assert money_of(failed)[:2] == ("failed", None)
    assert violations() == []
    payment = Payment.objects.get()
    settle_payment(payment.pk, lease=uuid.uuid4(), outcome=charged(payment))
    made = shown(api.get(f"{BOOKINGS}/{later['id']}"))
    one_pass(flights, payments)

    assert money_of(made)[:2] == ("succeeded", "pending")
    assert money_of(shown(api.get(f"{BOOKINGS}/{later['id']}")))[:2] == ("succeeded", "succeeded")
    assert violations() == []


@pytest.mark.slow
def test_what_was_charged_after_all_does_not_hide_the_payment_that_counts(api, flights, payments, settings):
    later = a_dead_payment(api, flights, payments, settings)
    first = Payment.objects.get()
    resolve_payment(payment_id=first.pk, resolution=a_resolution(Decision.NOT_APPLIED), payments=gateways_of(payments))
    api.pay(later)
    settle_payment(first.pk, lease=uuid.uuid4(), outcome=charged(first))
    states = [money_of(shown(api.get(f"{BOOKINGS}/{later['id']}")))[:2]]
    one_pass(flights, payments)
    states.append(money_of(shown(api.get(f"{BOOKINGS}/{later['id']}")))[:2])

    assert states == [("succeeded", None)] * 2
    assert violations() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (None, ("succeeded", None, True, False)),
        (ChargeFault.DECLINE, ("failed", None, False, False)),
        (ChargeFault.UNKNOWN, ("settling", None, False, False)),
    ],
)
def test_the_next_payment_counts_in_place_of_one_that_is_refunded(api, flights, payments, settings, fault, said):
    later = a_dead_payment(api, flights, payments, settings)
    first = Payment.objects.get()
    resolve_payment(payment_id=first.pk, resolution=a_resolution(Decision.NOT_APPLIED), payments=gateways_of(payments))
    settle_payment(first.pk, lease=uuid.uuid4(), outcome=charged(first))
    if fault is not None:
        payments.fail_next(fault)

    api.pay(later)
    before = shown(api.get(f"{BOOKINGS}/{later['id']}"))
    one_pass(flights, payments)

    assert money_of(before) == money_of(shown(api.get(f"{BOOKINGS}/{later['id']}"))) == said
    assert Payment.objects.get(pk=first.pk).state == "refunded"
    assert violations() == []


@pytest.mark.slow
def test_of_two_refunds_both_are_made_before_it_says_so(api, flights, payments, settings):
    later = a_dead_payment(api, flights, payments, settings)
    first = Payment.objects.get()
    resolve_payment(payment_id=first.pk, resolution=a_resolution(Decision.NOT_APPLIED), payments=gateways_of(payments))
    api.pay(later)
    settle_payment(first.pk, lease=uuid.uuid4(), outcome=charged(first))
    a_refund(later)
    payments.fail_next(ChargeFault.UNKNOWN)
    one_pass(flights, payments)
    states = [money_of(shown(api.get(f"{BOOKINGS}/{later['id']}")))[:2]]
    let_time_pass(minutes=1)
    one_pass(flights, payments)
    states.append(money_of(shown(api.get(f"{BOOKINGS}/{later['id']}")))[:2])

    assert states == [("succeeded", "pending"), ("succeeded", "succeeded")]
    assert violations() == []


@pytest.mark.slow
def test_a_refund_that_staff_made_by_hand_is_made(api, flights, payments, booking, read):
    api.pay(booking)
    a_refund(booking)
    payments.down = True
    one_pass(flights, payments)
    let_time_pass(hours=25)
    one_pass(flights, payments)
    dead = read()
    resolve_refund(
        refund_id=Refund.objects.get().pk, resolution=a_resolution(Decision.APPLIED), payments=gateways_of(payments)
    )

    assert money_of(dead) == ("succeeded", "pending", True, True)
    assert money_of(read()) == ("succeeded", "succeeded", True, True)


def test_a_repetition_shows_the_payment_as_it_was_then(api, booking):
    first = api.pay(booking, key="k")
    a_refund(booking)

    assert api.pay(booking, key="k").content == first.content
