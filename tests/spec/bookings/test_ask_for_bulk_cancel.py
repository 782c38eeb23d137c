"""Bulk cancellation: what it would do, and asking for it."""

import uuid
from dataclasses import astuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from bookings.errors import InvalidRequest, SelectionChanged
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BulkCancel, BulkCancelRow
from bookings.queries.bookings import bulk_cancel as queries
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.cancel import cancel_booking
from bookings.text.money import Money
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_pending_booking,
    a_saved_row,
    an_initiated_booking,
    many_rows,
    pay,
)
from tests.support.bulk import FLIGHT_1, carry_out, results, start
from tests.support.fakes import ChargeFault

pytestmark = pytest.mark.django_db


# --- what it would do ---------------------------------------------------------------------------------


def test_the_plan_says_what_would_become_of_each_booking(flights, payments):
    booked = a_booked_booking(flights, payments, seats=3)
    unpaid = an_initiated_booking(flights, seats=2)
    cancelled = a_cancelled_booking(flights)
    paying = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(paying, payments)
    asking = a_pending_booking(flights)
    never_sent = a_saved_row("pending", claims=0)
    stuck = a_saved_row("pending", hold="stuck", next_at=None)

    plan = plan_bulk_cancel(FLIGHT_1)

    assert [(booking.pk, *astuple(outcome)) for booking, outcome in plan.lines] == [
        (booked.pk, "cancelled", "", 3, 6000),
        (unpaid.pk, "cancelled", "", 2, 0),
        (cancelled.pk, "skipped", "already_cancelled", 0, 0),
        (paying.pk, "requested", "payment_running", 0, 0),
        (asking.pk, "cancelled", "outcome_unknown", 0, 0),
        (never_sent.pk, "cancelled", "never_sent", 0, 0),
        (stuck.pk, "cancelled", "reservation_stuck", 0, 0),
    ]
    assert (plan.seats, plan.refunds, plan.work, dict(plan.counts)) == (
        *(5, [Money(6000, "XXX")], 6),
        {"cancelled": 5, "requested": 1, "skipped": 1},
    )


def test_the_plan_costs_as_much_for_many_bookings_as_for_one():
    many_rows(1)
    with CaptureQueriesContext(connection) as one:
        plan_bulk_cancel(FLIGHT_1)
    many_rows(50)
    with CaptureQueriesContext(connection) as many:
        plan = plan_bulk_cancel(FLIGHT_1)
        assert all(outcome.effect == "cancelled" for _, outcome in plan.in_order())

    assert (len(one), len(many), len(plan.lines)) == (2, 2, 51)


@pytest.mark.parametrize(
    "change",
    [
        lambda booking: cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD),
        lambda booking: Booking.objects.filter(pk=booking.pk).update(active_payment_id=1),
        lambda booking: a_saved_row("initiated"),
    ],
    ids=["one is cancelled", "one is being paid", "one more"],
)
def test_a_flight_on_which_something_happens_all_the_time_can_be_cancelled(flights, change):
    shown = [an_initiated_booking(flights), an_initiated_booking(flights)]
    seen = plan_bulk_cancel(FLIGHT_1).seen
    change(shown[0])

    start(seen=seen)

    assert [booking_id for booking_id, *_ in results()] == [booking.pk for booking in shown]


def test_what_is_left_out_is_in_the_plan_and_stays_as_it_is(flights, payments):
    kept = a_booked_booking(flights, payments, seats=3)
    other, cancelled = an_initiated_booking(flights, seats=2), a_cancelled_booking(flights)

    plan = plan_bulk_cancel(FLIGHT_1, without={kept.pk, 999})

    assert [(booking.pk, *astuple(outcome)) for booking, outcome in plan.in_order()] == [
        (kept.pk, "skipped", "left_out", 0, 0),
        (other.pk, "cancelled", "", 2, 0),
        (cancelled.pk, "skipped", "already_cancelled", 0, 0),
    ]
    assert (plan.work, plan.left_out, plan.skipped, plan.seats, plan.refunds) == (1, 1, 1, 2, [])


def test_a_booking_that_was_left_out_is_on_record_as_such_and_is_never_cancelled(flights, payments):
    kept, other = a_booked_booking(flights, payments), an_initiated_booking(flights)
    seen = plan_bulk_cancel(FLIGHT_1, without={kept.pk}).seen

    start(seen=seen, without=frozenset({kept.pk}))
    carry_out()

    assert results() == [(kept.pk, "skipped", "left_out", 0, 0), (other.pk, "cancelled", "", 2, 0)]
    assert Booking.objects.get(pk=kept.pk).status == "booked"


@pytest.mark.parametrize("shown_left_out", [True, False])
def test_what_is_left_out_must_be_what_the_page_left_out(flights, shown_left_out):
    booking, _ = an_initiated_booking(flights), an_initiated_booking(flights)
    shown, meant = ({booking.pk}, set()) if shown_left_out else (set(), {booking.pk})

    with pytest.raises(SelectionChanged):
        start(seen=plan_bulk_cancel(FLIGHT_1, without=shown).seen, without=frozenset(meant))

    assert BulkCancel.objects.count() == 0


def test_where_all_are_left_out_there_is_nothing_to_cancel(flights):
    booking = an_initiated_booking(flights)
    everything = frozenset({booking.pk})

    with pytest.raises(InvalidRequest):
        start(seen=plan_bulk_cancel(FLIGHT_1, without=everything).seen, without=everything)

    assert BulkCancel.objects.count() == 0


# --- asking for it ------------------------------------------------------------------------------------


def test_asking_writes_the_wish_down_and_wakes_the_worker_and_cancels_nothing(flights):
    booking = an_initiated_booking(flights)
    cancelled = a_cancelled_booking(flights)
    OrmQ.objects.all().delete()

    bulk = start(Selection(flight=1, user=1001), note=" storm ")

    found = BulkCancel.objects.get()
    assert (found.flight_id, found.selection, found.reason, found.note, found.asked_by, found.request_id) == (
        *(1, "flight=1&user=1001", "flight_cancelled", "storm", "sam", "req-1"),
    )
    assert results() == [
        (booking.pk, "waiting", "", 0, 0),
        (cancelled.pk, "skipped", "already_cancelled", 0, 0),
    ]
    assert (bulk.finished_at, Booking.objects.get(pk=booking.pk).status) == (None, "initiated")
    assert [row.task["func"] for row in OrmQ.objects.all()] == ["bookings.tasks.run_pass"]


def test_a_second_click_gets_the_first_ones_bulk(flights):
    an_initiated_booking(flights)
    key, seen = uuid.uuid4(), plan_bulk_cancel(FLIGHT_1).seen
    first = start(action_key=key, seen=seen)
    carry_out()

    second = start(action_key=key, seen=seen)

    assert (second.pk, BulkCancel.objects.count(), BulkCancelRow.objects.count()) == (first.pk, 1, 1)


def test_a_booking_that_has_left_the_selection_is_not_cancelled_unseen(flights):
    unpaid = Selection(flight=1, status="initiated")
    booking, _ = an_initiated_booking(flights), an_initiated_booking(flights)
    seen = plan_bulk_cancel(unpaid).seen
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)

    with pytest.raises(SelectionChanged):
        start(unpaid, seen=seen)

    assert BulkCancel.objects.count() == 0


@pytest.mark.parametrize("seen", ["", "x", "0-", "-1", "9" * 30, "1-0", "²-"])
def test_a_mark_that_no_page_has_given_starts_nothing(flights, seen):
    an_initiated_booking(flights)

    with pytest.raises(SelectionChanged):
        start(seen=seen)

    assert BulkCancel.objects.count() == 0


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"selection": Selection(user=1001)}, "flight"),
        ({"reason": CancelReason.EXPIRED}, "reason"),
        ({"reason": CancelReason.OTHER, "note": "  "}, "note"),
        ({"selection": Selection(flight=2)}, "selection"),
    ],
    ids=["no flight", "no reason of staff", "no note", "nothing to cancel"],
)
def test_a_wish_that_will_not_do_starts_nothing(wish, field):
    a_saved_row("initiated", flight_id=1)
    a_saved_row("cancelled", flight_id=2)

    with pytest.raises(InvalidRequest) as refused:
        start(**wish)

    assert (list(refused.value.fields), BulkCancel.objects.count()) == ([field], 0)


def test_no_more_bookings_than_the_limit_are_cancelled_together(monkeypatch):
    monkeypatch.setattr(queries, "BULK_CANCEL_LIMIT", 3)
    many_rows(3)
    is_too_large = plan_bulk_cancel(FLIGHT_1).is_too_large
    many_rows(1)

    with pytest.raises(InvalidRequest):
        start()

    assert (is_too_large, plan_bulk_cancel(FLIGHT_1).is_too_large, BulkCancel.objects.count()) == (False, True, 0)
