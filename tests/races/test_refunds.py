"""
Staff who give back parts of one payment at once: together never more than was paid.

ROUNDS=20 runs the race twenty times.
"""

from functools import partial

import pytest
from django.db import IntegrityError, OperationalError
from django.db.models import Sum

from bookings.errors import BookingChanged, RefundTooLarge
from bookings.lifecycle import CancelReason
from bookings.models import Booking, Payment, Refund
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments import ask_refund as asking
from bookings.services.payments.ask_refund import ask_refund
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_constraints, without_row_locks
from tests.races.places import REFUND_LOOKED_AT
from tests.support.bookings import STAFF, a_payment_row, a_saved_row
from tests.support.calls import a_refund_request
from tests.support.invariants import violations

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

PEOPLE, REFUNDS_EACH = 64, 20


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    forget_everything()


@pytest.fixture
def _any_page(monkeypatch):
    """Let every page count as new: then the version of a page does not keep the second refund away."""
    monkeypatch.setattr(asking, "refuse_if_changed", lambda booking, *, seen: None)


def a_paid_booking(*, price=2000):
    booking = a_saved_row("booked", seat_price=price)
    payment = a_payment_row(booking, "succeeded")
    Booking.objects.filter(pk=booking.pk).update(active_payment_id=payment.pk)
    return payment


def ask(payment, amount):
    """Open a page, and ask for a refund from it."""
    ask_refund(a_refund_request(Booking.objects.get(pk=payment.booking_id), amount))


def ask_again_and_again(payment, amount):
    """Ask for many refunds; give how many were allowed."""
    allowed = 0
    for _ in range(REFUNDS_EACH):
        try:
            ask(payment, amount)
        # The last where a busy machine lets one wait for a lock for too long.
        except (BookingChanged, RefundTooLarge, OperationalError):
            continue
        allowed += 1
    return allowed


def asked_for(payment):
    return Refund.objects.filter(payment=payment).exclude(state="failed").aggregate(sum=Sum("amount"))["sum"]


@pytest.mark.slow
@pytest.mark.usefixtures("_any_page")
def test_sixty_four_people_give_back_no_more_than_was_paid():
    for _ in rounds(1):
        payment = a_paid_booking(price=10_000)  # 20,000 in all: sixty-six times 300, and a rest

        allowed = all_at_once([partial(ask_again_and_again, payment, 300) for _ in range(PEOPLE)])

        payment.refresh_from_db()
        assert (sum(allowed), payment.refunded, asked_for(payment)) == (66, 19_800, 19_800)
        assert violations() == []


@pytest.mark.slow
def test_of_pages_that_are_equally_old_one_refunds():
    payment = a_paid_booking()
    booking = Booking.objects.get(pk=payment.booking_id)

    def from_this_page():
        ask_refund(a_refund_request(booking, 100))

    outcomes = all_at_once([from_this_page] * 16)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["BookingChanged"] * 15 + ["NoneType"]
    assert asked_for(payment) == 100


@pytest.mark.slow
@pytest.mark.usefixtures("_any_page")
def test_one_page_that_is_sent_many_times_at_once_refunds_once():
    payment = a_paid_booking()
    request = a_refund_request(Booking.objects.get(pk=payment.booking_id), 100)

    outcomes = all_at_once([partial(ask_refund, request)] * 16)

    assert outcomes == [None] * 16
    assert asked_for(payment) == 100


@pytest.mark.slow
@pytest.mark.usefixtures("_any_page")
def test_the_second_waits_for_the_first_and_hears_what_is_left(monkeypatch):
    payment = a_paid_booking()
    looked = Halt(monkeypatch, REFUND_LOOKED_AT)

    first, second = overtaken(partial(ask, payment, 3000), partial(ask, payment, 3000), at=looked)

    assert (first, type(second)) == (None, RefundTooLarge)
    assert asked_for(payment) == 3000


@pytest.mark.slow
@pytest.mark.usefixtures("_any_page")
def test_twin_without_row_locks_more_goes_back_than_was_paid(monkeypatch):
    payment = a_paid_booking()
    without_row_locks(monkeypatch)
    looked = Halt(monkeypatch, REFUND_LOOKED_AT)

    overtaken(partial(ask, payment, 3000), partial(ask, payment, 3000), at=looked)

    assert asked_for(payment) == 6000
    assert violations() != []


def two_who_do_not_look(monkeypatch):
    """All of a payment counts as left, whatever went back of it; give what came of the second refund."""
    payment = a_paid_booking()
    monkeypatch.setattr(Payment, "left", property(lambda payment: payment.money))
    ask(payment, 3000)
    try:
        ask(payment, 3000)
    except IntegrityError as refused:
        return asked_for(payment), type(refused)
    return asked_for(payment), None


@pytest.mark.usefixtures("_any_page")
def test_without_a_look_the_database_still_refuses_more_than_was_paid(monkeypatch):
    assert two_who_do_not_look(monkeypatch) == (3000, IntegrityError)


@pytest.mark.slow
@pytest.mark.usefixtures("_any_page")
def test_twin_without_a_look_and_the_check_more_goes_back_than_was_paid(monkeypatch):
    with without_constraints(Payment, "payment_refunds_no_more_than_it_took"):
        assert two_who_do_not_look(monkeypatch) == (6000, None)


@pytest.mark.slow
@pytest.mark.usefixtures("_any_page")
def test_a_cancellation_that_meets_a_refund_gives_back_the_rest():
    for _ in rounds(5):
        payment = a_paid_booking()

        all_at_once(
            [
                partial(ask, payment, 1000),
                partial(cancel_booking, booking_id=payment.booking_id, actor=STAFF, reason=CancelReason.OTHER),
            ]
        )

        payment.refresh_from_db()
        assert (payment.state, payment.refunded, asked_for(payment)) == ("refund_due", 4000, 4000)
        assert violations() == []
