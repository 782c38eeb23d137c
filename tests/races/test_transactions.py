"""What a transaction of this service does when the database interrupts it: it runs again, whole, or not at all."""

import threading
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction

from bookings.answers.results import Paid
from bookings.db import transactions
from bookings.db.transactions import run
from bookings.errors import FlightServiceUnavailable, RequestInProgress
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, IdempotencyRecord, Payment, SeatCall
from bookings.services.bookings.cancel import cancel_booking_for_client
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from tests.races.crowd import PATIENCE_SECONDS, all_at_once, on_own_connection
from tests.support.bookings import (
    a_cancelled_booking,
    a_key,
    a_saved_row,
    an_initiated_booking,
    customer,
    let_time_pass,
    one_pass,
    pay,
    status_of,
)
from tests.support.fakes import FakePayments
from tests.support.invariants import assert_in_step
from tests.support.sessions import kill_session, session_number

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

# For a lock, from then on in this session.
WAIT_A_SECOND = {"mysql": "SET innodb_lock_wait_timeout=1", "postgresql": "SET lock_timeout='1s'"}


def add_a_seat(booking_id):
    """Lock a booking and change it; the total follows, as a constraint wants."""
    booking = Booking.objects.select_for_update().get(pk=booking_id)
    booking.no_of_seats += 1
    booking.total_cost = booking.seat_price * booking.no_of_seats
    booking.save(update_fields=["no_of_seats", "total_cost"])


def seats_of(booking):
    return Booking.objects.get(pk=booking.pk).no_of_seats


def create(flights, keyed=None):
    return create_booking(
        order=SeatOrder(1, 1001, 2), actor=customer(), keyed=keyed, respond_async=False, flights=flights
    )


def test_two_transactions_that_deadlock_both_succeed(monkeypatch):
    first, second = a_saved_row(), a_saved_row()
    both_hold_one = threading.Barrier(2, timeout=PATIENCE_SECONDS)
    warnings = []
    monkeypatch.setattr(transactions.log, "warning", lambda event, **said: warnings.append(said["error"]))
    met = threading.local()

    def change(one, other):
        def block():
            add_a_seat(one.pk)
            if not hasattr(met, "already"):
                met.already = True
                both_hold_one.wait()
            add_a_seat(other.pk)

        run("deadlock", block)

    assert all_at_once([partial(change, first, second), partial(change, second, first)]) == [None, None]

    assert warnings == [{"mysql": 1213, "postgresql": "40P01"}[connection.vendor]]
    assert (seats_of(first), seats_of(second)) == (4, 4)


@pytest.mark.slow
def test_a_lock_that_takes_too_long_undoes_the_whole_block_and_runs_it_again(monkeypatch):
    mine, locked = a_saved_row(), a_saved_row()
    held, may_go = threading.Event(), threading.Event()
    attempts = []

    def hold_the_lock():
        with transaction.atomic():
            add_a_seat(locked.pk)
            held.set()
            may_go.wait(PATIENCE_SECONDS)

    def block():
        attempts.append(seats_of(mine))
        add_a_seat(mine.pk)
        if len(attempts) == 2:
            may_go.set()
        add_a_seat(locked.pk)

    def wait_for_the_lock():
        with connection.cursor() as cursor:
            cursor.execute(WAIT_A_SECOND[connection.vendor])
        held.wait(PATIENCE_SECONDS)
        run("lock wait", block)

    assert all_at_once([hold_the_lock, wait_for_the_lock]) == [None, None]

    assert attempts == [2, 2]  # what the first attempt had changed was undone before the second
    assert (seats_of(mine), seats_of(locked)) == (3, 4)


def test_a_connection_that_is_killed_in_the_block_is_replaced(flights, sim):
    booking = a_saved_row()
    attempts = []

    def block():
        attempts.append(session_number())
        add_a_seat(booking.pk)
        if len(attempts) == 1:
            kill_session(attempts[0])
        add_a_seat(booking.pk)

    on_own_connection(run, "killed", block)

    assert len(set(attempts)) == 2
    assert seats_of(booking) == 4


def test_five_deadlocks_in_a_row_are_reported(monkeypatch):
    monkeypatch.setattr(transactions, "PAUSE_SECONDS", (0.0, 0.0))
    attempts = []

    def block():
        attempts.append(1)
        raise OperationalError(1213, "Deadlock found when trying to get lock")

    with pytest.raises(OperationalError):
        run("deadlock", block)

    assert len(attempts) == 5


def test_what_cannot_succeed_is_not_tried_again():
    attempts = []

    def block():
        attempts.append(1)
        raise OperationalError(1054, "Unknown column")

    with pytest.raises(OperationalError):
        run("mistake", block)

    assert len(attempts) == 1


def test_inside_another_transaction_it_refuses_to_run():
    with transaction.atomic(), pytest.raises(RuntimeError):
        run("inner", lambda: None)


@pytest.mark.slow
@pytest.mark.parametrize("keyed", [a_key(), None], ids=["with a key", "without a key"])
@pytest.mark.parametrize("name", ["booking.create", "seats.reserved"])
def test_a_create_whose_commit_was_unclear_makes_one_booking(flights, sim, lost_commit, name, keyed):
    attempts = lost_commit(name)

    answer = create(flights, keyed)

    # One statement that finds nothing to change any more is followed by a look at the booking.
    looks = 1 if name == "seats.reserved" and keyed is None else 0
    assert (status_of(answer), attempts.count(name)) == (201, 2 + looks)
    assert Booking.objects.count() == 1
    assert IdempotencyRecord.objects.filter(state="done").count() == (1 if keyed else 0)
    assert_in_step(sim)


@pytest.mark.slow
def test_a_payment_whose_commit_was_unclear_is_replayed_from_its_own_record(flights, sim, lost_commit):
    booking = an_initiated_booking(flights)
    attempts = lost_commit("payment.begin")

    answer = pay(booking, InstantPayments())

    assert (status_of(answer), attempts.count("payment.begin")) == (201, 2)
    assert Payment.objects.count() == 1
    assert_in_step(sim)


@pytest.mark.slow
def test_a_payment_that_was_unclear_before_the_charge_is_charged_once(flights, sim, lost_commit):
    booking, keyed, payments = an_initiated_booking(flights), a_key(), FakePayments()
    lost_commit("payment.begin")

    with pytest.raises(RequestInProgress):
        pay(booking, payments, keyed=keyed)

    let_time_pass(seconds=30)
    assert isinstance(pay(booking, payments, keyed=keyed), Paid)
    assert Payment.objects.count() == 1
    assert_in_step(sim, payments)


@pytest.mark.slow
def test_a_payment_whose_end_was_unclear_is_booked_once(flights, sim, lost_commit):
    booking, payments = an_initiated_booking(flights), FakePayments()
    attempts = lost_commit("payment.settled")

    answer = pay(booking, payments)

    assert (status_of(answer), attempts.count("payment.settled")) == (201, 2)
    assert_in_step(sim, payments)


@pytest.mark.slow
def test_a_cancellation_whose_commit_was_unclear_gives_the_seats_back_once(flights, sim, lost_commit):
    booking, keyed = an_initiated_booking(flights), a_key()
    lost_commit("booking.cancel")

    answer = cancel_booking_for_client(
        booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST, note="", keyed=keyed, payments={}
    )

    one_pass(flights, InstantPayments())
    assert status_of(answer) == 200
    assert (BookingEvent.objects.count(), sim.flight()["given_back"]) == (1, 2)
    assert_in_step(sim)


@pytest.mark.slow
def test_a_pass_whose_commit_was_unclear_expires_each_booking_once(flights, sim, lost_commit):
    an_initiated_booking(flights)
    let_time_pass(minutes=20)
    attempts = lost_commit("booking.expire")

    one_pass(flights, InstantPayments())

    assert attempts.count("booking.expire") == 2
    assert BookingEvent.objects.count() == 1
    assert_in_step(sim)


@pytest.mark.slow
def test_a_give_back_whose_commit_was_unclear_is_sent_once(flights, sim, lost_commit):
    a_cancelled_booking(flights)
    attempts = lost_commit("seats.release")

    one_pass(flights, InstantPayments())

    assert attempts[:2] == ["seats.release", "seats.release"]
    assert (SeatCall.objects.count(), sim.flight()["given_back"]) == (1, 2)
    assert_in_step(sim)


@pytest.mark.slow
def test_a_claim_whose_commit_was_unclear_knows_its_own_lease(flights, sim, lost_commit):
    sim.faults(drop_reply_rate=1.0, faults_on="patch")
    with pytest.raises(FlightServiceUnavailable):
        create(flights, a_key())
    sim.faults()
    let_time_pass(seconds=20)
    attempts = lost_commit("reservation.claim")

    resolved = one_pass(flights, InstantPayments())

    assert (resolved.reservations_resolved, attempts.count("reservation.claim")) == (1, 2)
    assert_in_step(sim)
