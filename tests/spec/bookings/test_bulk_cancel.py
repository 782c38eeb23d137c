"""Bulk cancellation: what the worker does."""

import uuid
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django_q.models import OrmQ

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.errors import AlreadyPaid
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, BulkCancel, BulkCancelRow, Payment, SeatCall
from bookings.queries.bookings.bulk_cancel import progress_of, results_of
from bookings.services.bookings import bulk_cancel as service
from bookings.services.bookings.bulk_cancel import carry_out_bulk_cancels
from bookings.services.bookings.cancel import cancel_booking
from bookings.text.money import Money
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_pending_booking,
    a_saved_row,
    an_initiated_booking,
    customer,
    let_time_pass,
    many_rows,
    one_pass,
    pay,
)
from tests.support.bulk import carry_out, results, start
from tests.support.fakes import ChargeFault, Fault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def events(booking):
    return list(BookingEvent.objects.filter(booking=booking).values_list("what", flat=True))


@pytest.mark.slow
def test_one_pass_cancels_all_and_gives_the_seats_back_with_one_call(flights, payments):
    booked = a_booked_booking(flights, payments, seats=3)
    unpaid = an_initiated_booking(flights, seats=2)
    other = an_initiated_booking(flights, flight_id=2)
    bulk = start()

    result = one_pass(flights, payments)

    assert (result.cancelled_in_bulk, result.seats_given_back, result.refunds) == (2, 5, 1)
    assert results() == [(booked.pk, "cancelled", "", 3, 6000), (unpaid.pk, "cancelled", "", 2, 0)]
    assert list(SeatCall.objects.values_list("flight_id", "seats", "state")) == [(1, 5, "done")]
    bulk.refresh_from_db()
    assert bulk.finished_at is not None
    assert Booking.objects.get(pk=other.pk).status == "initiated"
    assert_in_step(flights, payments)


def test_each_booking_has_one_event_in_the_name_of_whoever_asked(flights, payments):
    booking = an_initiated_booking(flights)
    start()

    one_pass(flights, payments)

    columns = ("what", "actor_kind", "actor_name", "reason", "note", "request_id")
    assert list(BookingEvent.objects.filter(booking=booking).values_list(*columns)) == [
        ("cancelled", "staff", "sam", "flight_cancelled", "storm", "req-1")
    ]


def test_the_worker_is_not_woken_for_every_booking(flights):
    for _ in range(3):
        an_initiated_booking(flights)
    start()
    before = OrmQ.objects.count()

    decided = carry_out()

    assert (decided, OrmQ.objects.count()) == (3, before)


def test_a_booking_that_ended_meanwhile_is_skipped(flights):
    booking = an_initiated_booking(flights)
    start()
    cancel_booking(booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST)

    carry_out()

    assert results() == [(booking.pk, "skipped", "already_cancelled", 0, 0)]
    assert events(booking) == ["cancelled"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [ChargeFault.UNKNOWN, ChargeFault.UNKNOWN_MOVED], ids=["not charged", "charged"])
def test_a_booking_whose_payment_runs_is_cancelled_and_refunded_when_the_payment_ends(flights, payments, fault):
    booking = an_initiated_booking(flights)
    payments.fail_next(fault)
    pay(booking, payments)
    bulk = start()

    carry_out()
    while_it_runs, state = results(), dict(progress_of(bulk).counts)
    let_time_pass(seconds=16)
    one_pass(flights, payments)
    one_pass(flights, payments)

    assert while_it_runs == [(booking.pk, "requested", "payment_running", 0, 0)]
    assert state == {"requested": 1}
    ended = progress_of(bulk)
    is_charged = fault is ChargeFault.UNKNOWN_MOVED
    refunded, what = ([Money(4000, "XXX")], "refunded") if is_charged else ([], "payment_failed")
    assert (dict(ended.counts), ended.seats_back, ended.refunded) == ({"cancelled": 1}, 2, refunded)
    assert sorted(events(booking)) == sorted(["cancel_requested", "cancelled", what])
    assert payments.net_charges(booking.reference) == 0
    assert_in_step(flights, payments)


def test_a_wish_to_cancel_that_is_there_already_is_not_repeated(flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(booking, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    start()

    carry_out()

    assert results() == [(booking.pk, "requested", "asked_before", 0, 0)]
    assert events(booking) == ["cancel_requested"]


def test_a_booking_that_waits_for_its_seats_gives_back_what_its_take_took(flights, payments):
    booking = a_pending_booking(flights, applied=True)
    bulk = start()

    carry_out()
    unknown = progress_of(bulk).seats_undecided
    let_time_pass(seconds=16)
    one_pass(flights, payments)

    assert results() == [(booking.pk, "cancelled", "outcome_unknown", 0, 0)]
    assert (unknown, progress_of(bulk).seats_back) == (2, 2)
    assert_in_step(flights)


def test_a_row_that_fails_waits_for_the_next_pass_and_keeps_nobody_else_waiting(flights, payments):
    broken = a_saved_row("booked", no_of_seats=2)  # it names a payment that is not there
    sound = an_initiated_booking(flights)
    bulk = start()

    with pytest.raises(ExceptionGroup):
        carry_out()

    bulk.refresh_from_db()
    assert (results(), bulk.finished_at) == (
        [(broken.pk, "waiting", "", 0, 0), (sound.pk, "cancelled", "", 2, 0)],
        None,
    )
    assert (Booking.objects.get(pk=broken.pk).status, events(broken)) == ("booked", [])
    Payment.objects.create(
        pk=broken.active_payment_id,
        booking=broken,
        amount=4000,
        currency="XXX",
        gateway="fake",
        gateway_key=uuid.uuid4(),
        state="succeeded",
        active_booking_id=broken.pk,
        created_at=database_time(),
    )

    carry_out()

    bulk.refresh_from_db()
    assert (results()[0], bulk.finished_at is None) == ((broken.pk, "cancelled", "", 2, 4000), False)


def test_a_row_that_still_fails_after_an_hour_is_left_to_a_person(flights):
    broken = a_saved_row("booked", no_of_seats=2)  # it names a payment that is not there
    bulk = start()
    BulkCancel.objects.update(created_at=database_time() - timedelta(minutes=61))

    with pytest.raises(ExceptionGroup):
        carry_out()

    assert results() == [(broken.pk, "failed", "our_fault", 0, 0)]
    assert (Booking.objects.get(pk=broken.pk).status, events(broken)) == ("booked", [])
    assert carry_out() == 0
    bulk.refresh_from_db()
    assert bulk.finished_at is not None


@pytest.mark.parametrize("error", [OperationalError(2013, "lost"), InterfaceError(0, "")], ids=["lost", "closed"])
def test_a_database_that_is_not_well_fails_no_row_however_old(flights, monkeypatch, error):
    booking = an_initiated_booking(flights)
    start()
    BulkCancel.objects.update(created_at=database_time() - timedelta(minutes=61))

    def fail(*_args, **_kwargs):
        raise error

    with monkeypatch.context() as unwell:
        unwell.setattr(service, "_decide_row", fail)
        with pytest.raises(ExceptionGroup):
            carry_out()

    assert results() == [(booking.pk, "waiting", "", 0, 0)]
    assert carry_out() == 1


def test_a_definite_no_is_written_down_and_not_tried_again(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    bulk = start()

    def refuse(*_args, **_kwargs):
        raise AlreadyPaid

    monkeypatch.setattr(service, "cancel_locked", refuse)

    carry_out()

    bulk.refresh_from_db()
    assert results() == [
        (
            *(booking.pk, "failed"),
            *("This booking is paid. Support staff can cancel it and refund the payment.", 0, 0),
        )
    ]
    assert (bulk.finished_at is None, carry_out()) == (False, 0)


def test_a_worker_that_has_no_time_left_leaves_the_rest_to_the_next_pass(flights):
    an_initiated_booking(flights)
    bulk = start()

    decided = carry_out_bulk_cancels(deadline=Deadline(0))

    bulk.refresh_from_db()
    assert (decided, bulk.finished_at, carry_out()) == (0, None, 1)


def test_a_bulk_whose_worker_died_after_the_last_row_is_finished_by_the_next_pass(flights, monkeypatch):
    an_initiated_booking(flights)
    bulk = start()
    with monkeypatch.context() as dying:
        dying.setattr(service, "_finish", lambda bulk_id: None)
        carry_out()

    carry_out()

    bulk.refresh_from_db()
    assert bulk.finished_at is not None


@pytest.mark.slow
def test_while_the_flight_service_is_down_bookings_are_cancelled_and_seats_wait(flights, payments):
    an_initiated_booking(flights, seats=2)
    an_initiated_booking(flights, seats=3)
    bulk = start()
    flights.down = True

    one_pass(flights, payments)
    waiting = progress_of(bulk)
    flights.down = False
    let_time_pass(seconds=60)
    one_pass(flights, payments)

    assert (dict(waiting.counts), waiting.seats_back, waiting.seats_on_their_way) == ({"cancelled": 2}, 0, 5)
    assert (progress_of(bulk).seats_back, SeatCall.objects.count()) == (5, 1)
    assert_in_step(flights)


def test_a_give_back_that_is_dead_waits_for_a_decision(flights, payments):
    an_initiated_booking(flights, seats=2)
    bulk = start()
    flights.fail_next(Fault.MISTAKE)

    one_pass(flights, payments)

    assert progress_of(bulk).seats_undecided == 2
    assert violations() == []


def test_what_needs_a_look_stands_first_and_of_that_the_newest():
    now = database_time()
    many_rows(6, "initiated")
    bookings = list(Booking.objects.order_by("pk"))
    start()
    for booking, state, age in zip(
        bookings, ["cancelled", "skipped", "failed", "requested", "cancelled"], [5, 4, 3, 2, 1], strict=False
    ):
        BulkCancelRow.objects.filter(booking=booking).update(state=state, done_at=now - timedelta(minutes=age))

    order = [(row.state, bookings.index(row.booking)) for row in results_of(BulkCancel.objects.get())]

    assert order == [
        *(("failed", 2), ("requested", 3), ("skipped", 1)),
        *(("cancelled", 4), ("cancelled", 0), ("waiting", 5)),
    ]
