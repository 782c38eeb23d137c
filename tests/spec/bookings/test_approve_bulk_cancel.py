"""A bulk cancellation that is too large for one person waits until a second one has decided about it."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django_q.models import OrmQ

from bookings.actor import Actor, ActorKind
from bookings.db.clock import database_time
from bookings.errors import ApproverWasReset, BulkCancelNotFound, InvalidRequest, OwnApproval, SelectionChanged
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, BulkCancel, LogInEvent
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel, plan_of
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.approve_bulk_cancel import ApprovalDecision, decide_bulk_cancel
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_saved_row,
    an_initiated_booking,
    many_rows,
    one_pass,
    pay,
)
from tests.support.bulk import FLIGHT_1, SUPERVISOR, carry_out, results, start
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db

ANOTHER = Actor(kind=ActorKind.STAFF, name="tess", request_id="req-2")


@pytest.fixture(autouse=True)
def limits(settings):
    """One person may cancel one booking."""
    settings.BULK_APPROVAL_BOOKINGS, settings.BULK_APPROVAL_REFUNDS, settings.CURRENCY = 1, 0, "XXX"
    return settings


def decide(bulk, *, approves=True, actor=ANOTHER, note="", seen=None, action_key=None):
    seen = plan_of(bulk).refunds_mark if seen is None else seen
    decision = ApprovalDecision(approves=approves, note=note, seen=seen)
    return decide_bulk_cancel(
        bulk_id=bulk.pk, decision=decision, actor=actor, action_key=action_key or uuid.uuid4().hex
    )


# --- when it is needed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "bookings", "needed"),
    [(2, 2, False), (2, 3, True), (0, 3, False), (50, 51, True), (50, 50, False)],
)
def test_more_bookings_than_one_person_may_cancel_need_approval(limits, limit, bookings, needed):
    limits.BULK_APPROVAL_BOOKINGS = limit
    many_rows(bookings)

    assert plan_bulk_cancel(FLIGHT_1).needs_approval is needed


def test_neither_cancelled_bookings_nor_those_left_out_count(flights):
    kept, _ = an_initiated_booking(flights), an_initiated_booking(flights)
    a_cancelled_booking(flights)

    assert plan_bulk_cancel(FLIGHT_1).needs_approval is True
    assert plan_bulk_cancel(FLIGHT_1, without={kept.pk}).needs_approval is False


@pytest.mark.parametrize(("limit", "needed"), [(3999, True), (4000, False), (0, False)])
def test_more_refunds_than_one_person_may_make_need_approval(limits, flights, payments, limit, needed):
    limits.BULK_APPROVAL_REFUNDS = limit
    a_booked_booking(flights, payments)

    assert plan_bulk_cancel(FLIGHT_1).needs_approval is needed


def test_a_payment_that_is_running_counts_as_if_it_had_succeeded(limits, flights, payments):
    limits.BULK_APPROVAL_REFUNDS = 3999
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(an_initiated_booking(flights), payments)

    assert plan_bulk_cancel(FLIGHT_1).needs_approval is True


def test_refunds_in_another_currency_are_not_compared_and_count_as_too_much(limits, flights, payments):
    limits.BULK_APPROVAL_REFUNDS = 1_000_000
    flights.set_flight(1, price=1, currency="JPY")
    a_booked_booking(flights, payments)

    assert plan_bulk_cancel(FLIGHT_1).needs_approval is True


def test_unpaid_bookings_in_another_currency_refund_nothing(limits, flights):
    limits.BULK_APPROVAL_REFUNDS = 1
    flights.set_flight(1, price=1, currency="JPY")
    an_initiated_booking(flights)

    assert plan_bulk_cancel(FLIGHT_1).needs_approval is False


# --- while it waits -----------------------------------------------------------------------------------


def test_what_one_person_may_cancel_waits_for_no_other(flights):
    an_initiated_booking(flights)
    bulk = start()

    carry_out()

    bulk.refresh_from_db()
    assert (bulk.approval, bulk.finished_at is None) == ("", False)


def test_while_it_waits_nothing_is_cancelled_and_the_worker_is_not_woken(flights, payments):
    many_rows(2)
    OrmQ.objects.all().delete()

    bulk = start()
    result = one_pass(flights, payments)

    bulk.refresh_from_db()
    assert (bulk.approval, bulk.finished_at, result.cancelled_in_bulk) == ("waiting", None, 0)
    assert {state for _, state, *_ in results()} == {"waiting"}
    assert OrmQ.objects.count() == 0
    assert BookingEvent.objects.count() == 0


def test_one_that_waits_holds_up_no_other(flights):
    many_rows(2)
    start()
    other = an_initiated_booking(flights, flight_id=2)
    start(Selection(flight=2))

    carry_out()

    assert Booking.objects.get(pk=other.pk).status == "cancelled"
    assert Booking.objects.filter(flight_id=1, status="cancelled").count() == 0


# --- approved -----------------------------------------------------------------------------------------


def test_another_person_approves_it_and_the_worker_cancels_what_was_asked_for(flights, payments):
    first, second = a_booked_booking(flights, payments), an_initiated_booking(flights)
    bulk = start()
    later = an_initiated_booking(flights)
    OrmQ.objects.all().delete()

    decided = decide(bulk, note=" The flight is off. ")
    woken = [row.task["func"] for row in OrmQ.objects.all()]
    one_pass(flights, payments)

    assert (decided.approval, decided.decided_by, decided.decision_note) == ("approved", "tess", "The flight is off.")
    assert woken == ["bookings.tasks.run_pass"]
    assert [booking_id for booking_id, *_ in results()] == [first.pk, second.pk]
    assert [Booking.objects.get(pk=each.pk).status for each in (first, second, later)] == [
        *("cancelled", "cancelled", "initiated"),
    ]
    events = BookingEvent.objects.filter(what="cancelled").values_list("actor_name", "request_id", "note")
    assert set(events) == {("sam", "req-1", "storm")}
    assert_in_step(flights, payments)


def test_what_became_of_a_booking_meanwhile_decides_about_it(flights, payments):
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)
    bulk = start()
    cancel_booking(booking_id=first.pk, actor=STAFF, reason=CancelReason.FRAUD)

    decide(bulk)
    carry_out()

    assert results() == [
        (first.pk, "skipped", "already_cancelled", 0, 0),
        (second.pk, "cancelled", "", 2, 0),
    ]


def test_who_asked_for_it_cannot_approve_it(flights):
    many_rows(2)
    bulk = start()

    with pytest.raises(OwnApproval):
        decide(bulk, actor=SUPERVISOR)
    carry_out()

    bulk.refresh_from_db()
    assert (bulk.approval, Booking.objects.filter(status="cancelled").count()) == ("waiting", 0)


@pytest.mark.parametrize(
    ("happened", "done_by", "hours", "refused"),
    [
        ("link_made", SUPERVISOR.name, 23, True),
        ("password_set", SUPERVISOR.name, 23, True),
        ("link_made", SUPERVISOR.name, 25, False),
        ("link_made", "uma", 1, False),
        ("password_set", "", 1, False),
    ],
)
def test_whose_log_in_the_asker_has_opened_cannot_approve_for_a_day(flights, happened, done_by, hours, refused):
    many_rows(2)
    bulk, at = start(), database_time() - timedelta(hours=hours)
    for name, by in ((ANOTHER.name, done_by), ("third", SUPERVISOR.name)):
        user = User.objects.create_user(name)
        LogInEvent(user=user, what=happened, done_by=by, address="192.0.2.1", created_at=at).save()

    if refused:
        with pytest.raises(ApproverWasReset):
            decide(bulk)
    else:
        decide(bulk)

    bulk.refresh_from_db()
    assert bulk.approval == ("waiting" if refused else "approved")


def test_an_approval_counts_for_the_refunds_that_were_shown(flights, payments):
    booking, _ = an_initiated_booking(flights), an_initiated_booking(flights)
    bulk = start()
    seen = plan_of(bulk).refunds_mark
    pay(booking, payments)

    with pytest.raises(SelectionChanged):
        decide(bulk, seen=seen)

    bulk.refresh_from_db()
    assert bulk.approval == "waiting"
    assert decide(bulk).approval == "approved"


def test_the_same_page_sent_twice_decides_once(flights):
    many_rows(2)
    bulk, key = start(), uuid.uuid4().hex

    first = decide(bulk, action_key=key)
    second = decide(bulk, action_key=key, approves=False, note="no")

    assert (second.approval, second.decided_at) == ("approved", first.decided_at)


@pytest.mark.parametrize("then", [True, False])
def test_what_is_decided_stays_decided(flights, then):
    many_rows(2)
    bulk = start()
    decide(bulk, approves=not then, note="first")

    again = decide(bulk, approves=then, note="second")

    assert (again.approval, again.decision_note) == ("refused" if then else "approved", "first")


def test_what_needs_no_approval_cannot_be_refused(flights):
    an_initiated_booking(flights)
    bulk = start()

    decided = decide(bulk, approves=False, note="no")
    carry_out()

    assert (decided.approval, results()[0][1]) == ("", "cancelled")


# --- refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [ANOTHER, SUPERVISOR], ids=["by another person", "taken back by who asked"])
def test_one_that_is_refused_cancels_nothing_ever(flights, actor):
    booking, _ = an_initiated_booking(flights), an_initiated_booking(flights)
    bulk = start()
    OrmQ.objects.all().delete()

    decided = decide(bulk, approves=False, actor=actor, note="The flight takes off.")
    carry_out()

    assert (decided.approval, decided.decided_by, decided.finished_at) == ("refused", actor.name, decided.decided_at)
    assert {(state, why) for _, state, why, *_ in results()} == {("skipped", "not_approved")}
    assert Booking.objects.get(pk=booking.pk).status == "initiated"
    assert OrmQ.objects.count() == 0


@pytest.mark.parametrize("note", ["", "  ", "\u200b"])
def test_a_refusal_says_why(flights, note):
    many_rows(2)
    bulk = start()

    with pytest.raises(InvalidRequest):
        decide(bulk, approves=False, note=note)

    bulk.refresh_from_db()
    assert bulk.approval == "waiting"


def test_one_that_is_not_there_cannot_be_decided():
    with pytest.raises(BulkCancelNotFound):
        decide(BulkCancel(pk=99))


# --- afterwards ---------------------------------------------------------------------------------------


def test_the_hour_after_which_a_failing_row_is_given_up_begins_with_the_approval(flights):
    broken, _ = a_saved_row("booked"), an_initiated_booking(flights)  # the first names a payment that is not there
    bulk = start()
    BulkCancel.objects.update(created_at=bulk.created_at - timedelta(hours=2))
    decide(bulk)

    with pytest.raises(ExceptionGroup):
        carry_out()
    before = dict(bulk.rows.values_list("booking", "state"))
    BulkCancel.objects.update(decided_at=bulk.created_at - timedelta(minutes=61))
    with pytest.raises(ExceptionGroup):
        carry_out()

    assert (before[broken.pk], bulk.rows.get(booking=broken).state) == ("waiting", "failed")
