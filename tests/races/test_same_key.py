"""
Sixteen requests with one idempotency key at once: one booking, one payment, one cancellation, one answer.

ROUNDS=100 runs each race a hundred times.
"""

import threading
from functools import partial

import pytest

from bookings.answers.rendering import render
from bookings.answers.results import AlreadyDone, Paid, Result
from bookings.errors import RequestInProgress
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, IdempotencyRecord, Payment
from bookings.services.bookings import create as creating
from bookings.services.bookings.cancel import cancel_booking_for_client
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from tests.races.crowd import PATIENCE_SECONDS, Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_constraints
from tests.races.places import KEY_BEGUN, PAYMENT_DECIDED
from tests.support.bookings import a_key, an_initiated_booking, customer, one_pass, pay, status_of
from tests.support.invariants import assert_in_step

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

CLIENTS = 16


def create(flights, keyed):
    return create_booking(
        order=SeatOrder(1, 1001, 2), actor=customer(), keyed=keyed, respond_async=False, flights=flights
    )


def cancel(booking, keyed):
    return cancel_booking_for_client(
        booking_id=booking.pk,
        actor=customer(),
        reason=CancelReason.CUSTOMER_REQUEST,
        note="",
        keyed=keyed,
        payments={},
    )


def answers_among(outcomes):
    """The answers; whatever else came must be "in progress"."""
    answers = [render(outcome) for outcome in outcomes if isinstance(outcome, Result)]
    others = {type(outcome) for outcome in outcomes if not isinstance(outcome, Result)}
    assert others <= {RequestInProgress}
    return answers


def assert_one_answer(outcomes, again, status):
    """All answers are one, exactly one is the first, and a repeat replays it."""
    answers, again = answers_among(outcomes), render(again)
    assert {(answer.status, answer.body) for answer in [*answers, again]} == {(status, again.body)}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.slow
def test_one_key_sixteen_times_makes_one_booking(flights, sim):
    for number in rounds(5):
        keyed = a_key()

        outcomes = all_at_once([partial(create, flights, keyed)] * CLIENTS)

        assert Booking.objects.count() == number + 1
        assert_one_answer(outcomes, create(flights, keyed), status=201)
        assert_in_step(sim)


@pytest.mark.slow
def test_one_key_sixteen_times_makes_one_payment(flights, sim, either_gateway):
    for number in rounds(5):
        booking, keyed = an_initiated_booking(flights), a_key()

        outcomes = all_at_once([partial(pay, booking, either_gateway, keyed=keyed)] * CLIENTS)

        assert Payment.objects.count() == number + 1
        assert_one_answer(outcomes, pay(booking, either_gateway, keyed=keyed), status=201)
        assert_in_step(sim, None if either_gateway.settles_here else either_gateway)


@pytest.mark.slow
def test_one_key_sixteen_times_makes_one_cancellation(flights, sim):
    for number in rounds(5):
        booking, keyed = an_initiated_booking(flights), a_key()

        outcomes = all_at_once([partial(cancel, booking, keyed)] * CLIENTS)

        assert len(answers_among(outcomes)) == CLIENTS
        assert BookingEvent.objects.count() == number + 1
        assert_one_answer(outcomes, cancel(booking, keyed), status=200)
        one_pass(flights, InstantPayments())
        assert_in_step(sim)


@pytest.mark.slow
def test_twin_without_the_unique_key_one_key_makes_sixteen_bookings(flights, monkeypatch):
    keyed = a_key()
    nobody_was_first = threading.Barrier(CLIENTS, timeout=PATIENCE_SECONDS)
    insert = creating._insert

    def insert_together(*args, **kwargs):
        nobody_was_first.wait()
        return insert(*args, **kwargs)

    monkeypatch.setattr(creating, "_insert", insert_together)

    with without_constraints(IdempotencyRecord, "idempotency_record_key_unique"):
        outcomes = all_at_once([partial(create, flights, keyed)] * CLIENTS)

        assert [answer.status for answer in answers_among(outcomes)] == [201] * CLIENTS
        assert Booking.objects.filter(status="initiated").count() == CLIENTS


def test_twin_without_the_unique_key_a_repeated_payment_is_refused_instead_of_replayed(flights, monkeypatch):
    booking, keyed = an_initiated_booking(flights), a_key()
    begun = Halt(monkeypatch, KEY_BEGUN)

    with without_constraints(IdempotencyRecord, "idempotency_record_key_unique"):
        late, first = overtaken(
            partial(pay, booking, InstantPayments(), keyed=keyed),
            partial(pay, booking, InstantPayments(), keyed=keyed),
            at=begun,
        )

        assert (status_of(first), status_of(late)) == (201, 409)
        assert IdempotencyRecord.objects.count() == 2


def test_a_payment_that_the_same_key_has_begun_is_waited_for_and_replayed(flights, sim, monkeypatch):
    booking, keyed = an_initiated_booking(flights), a_key()
    decided = Halt(monkeypatch, PAYMENT_DECIDED)

    first, replayed = overtaken(
        partial(pay, booking, InstantPayments(), keyed=keyed),
        partial(pay, booking, InstantPayments(), keyed=keyed),
        at=decided,
    )

    assert (type(first), type(replayed)) == (Paid, AlreadyDone)
    assert render(first).body == render(replayed).body
    assert_in_step(sim)
