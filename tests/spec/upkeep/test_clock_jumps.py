"""While the database's clock is wrong nothing final is done, and afterwards nothing waits for it."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db.models import F
from django_q.models import Task

from bookings.db import clock
from bookings.db.clock import database_time
from bookings.db.clock_watch import ClockWatch
from bookings.deadline import Deadline
from bookings.diagnostics.database import check_database_clock
from bookings.gateways.rate_limits.database import DatabaseRateLimiter
from bookings.lifecycle import CancelReason
from bookings.models import (
    Booking,
    BulkCancel,
    ClockProof,
    Heartbeat,
    IdempotencyRecord,
    RateWindow,
    Reconciliation,
    Refund,
    SeatCall,
)
from bookings.observability.gauges import numbers
from bookings.queries.seats.held import last_reconciliation
from bookings.services.bookings import bulk_cancel, expire
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments import pay as paying
from bookings.services.seats.reconcile import reconcile_seats
from bookings.services.shared import leases
from bookings.services.upkeep import reap as reaping
from tests.support.api import refused, shown
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_call_row,
    a_cancelled_booking,
    a_pending_booking,
    a_saved_row,
    an_initiated_booking,
    one_pass,
    pay,
)
from tests.support.bulk import carry_out, start
from tests.support.clocks import DatabaseClock
from tests.support.fakes import ChargeFault, Fault
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db

HOUR, FOUR_DAYS, NO_TIME = timedelta(hours=1), timedelta(days=4), timedelta(0)
READY = "/health/ready"


@pytest.fixture
def database_clock(monkeypatch):
    return DatabaseClock(monkeypatch)


def reap():
    return dict(+reaping.reap_old_rows(deadline=Deadline(20)))


def a_row_of_each_table_that_is_trimmed():
    now = database_time()
    IdempotencyRecord.objects.create(
        principal="open", endpoint="t", key_hash="k", fingerprint="", state="done", status_code=201, created_at=now
    )
    RateWindow.objects.create(name="n", started_at=now, used=1)
    Session.objects.create(session_key="s", session_data="", expire_date=now)
    Task.objects.create(id="1", name="t", func="pass", started=now, stopped=now, success=True)


def an_hour_old_bulk_that_fails():
    broken = a_saved_row("booked")  # it names a payment that is not there
    start()
    return broken


# --- what is not done: each of these, and its twin ------------------------------------------------------


def nothing_is_trimmed(flights, payments):
    return reap() != {}


def no_booking_expires(flights, payments):
    one_pass(flights, payments)
    return Booking.objects.filter(cancel_reason="expired").exists()


def no_unanswered_payment_ends_a_booking(flights, payments):
    return expire.expire_bookings(deadline=Deadline(20)) > 0


def no_take_is_given_up(flights, payments):
    one_pass(flights, payments)
    return Booking.objects.filter(hold="stuck").exists()


def no_give_back_is_given_up(flights, payments):
    one_pass(flights, payments)
    return SeatCall.objects.filter(state="dead").exists()


def no_bulk_is_given_up(flights, payments):
    with pytest.raises(ExceptionGroup):
        carry_out()
    return BulkCancel.objects.get().rows.filter(state="failed").exists()


def prepare(what, flights, payments):
    if what is nothing_is_trimmed:
        a_row_of_each_table_that_is_trimmed()
    elif what is no_booking_expires:
        an_initiated_booking(flights)
    elif what is no_unanswered_payment_ends_a_booking:
        payments.fail_next(ChargeFault.UNKNOWN)
        pay(an_initiated_booking(flights), payments)
    elif what is no_take_is_given_up:
        a_pending_booking(flights)
    elif what is no_give_back_is_given_up:
        a_cancelled_booking(flights)
        flights.fail_next(Fault.DROP_REPLY)
        one_pass(flights, payments)
    else:
        an_hour_old_bulk_that_fails()


KINDS = [
    nothing_is_trimmed,
    no_booking_expires,
    no_unanswered_payment_ends_a_booking,
    no_take_is_given_up,
    no_give_back_is_given_up,
    no_bulk_is_given_up,
]


@pytest.mark.slow
@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("by", [FOUR_DAYS, timedelta(days=400)], ids=str)
def test_on_a_clock_that_jumped_ahead(flights, payments, database_clock, what, by):
    prepare(what, flights, payments)
    database_clock.jump(by)

    assert not what(flights, payments)

    database_clock.jump(NO_TIME)
    assert not what(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("what", KINDS)
def test_twin_that_believes_every_clock(flights, payments, database_clock, monkeypatch, what):
    prepare(what, flights, payments)
    for module in (reaping, expire, leases, bulk_cancel):
        monkeypatch.setattr(module, "clock_is_proven", lambda: True)
    database_clock.jump(FOUR_DAYS)

    assert what(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("what", KINDS)
def test_what_a_person_vouches_for_is_believed(flights, payments, database_clock, what, capsys):
    prepare(what, flights, payments)
    database_clock.jump(FOUR_DAYS)

    call_command("trust_clock")

    assert what(flights, payments)
    assert capsys.readouterr().out.startswith("Trusted: ")


def test_a_payment_on_a_clock_that_jumped_is_told_to_come_again_and_then_counts(api, database_clock):
    booking = shown(api.create())
    database_clock.jump(FOUR_DAYS)

    meanwhile = api.pay(booking, key="k")

    assert refused(meanwhile) == (503, "temporarily_unavailable")
    assert meanwhile["Retry-After"] == "5"
    database_clock.jump(NO_TIME)
    assert api.pay(booking, key="k").status_code == 201


def test_twin_a_payment_that_believes_every_clock_ends_the_booking(api, database_clock, monkeypatch):
    monkeypatch.setattr(paying, "clock_is_proven", lambda: True)
    booking = shown(api.create())
    database_clock.jump(FOUR_DAYS)

    api.pay(booking, key="k")

    assert Booking.objects.get().status == "cancelled"


def test_while_the_clock_is_in_doubt_all_else_goes_on(api, flights, payments, database_clock):
    first, second = shown(api.create()), shown(api.create())
    database_clock.jump(-HOUR)

    third = shown(api.create())
    paid, cancelled = api.pay(first), api.cancel(second)
    api.pay(third)
    one_pass(flights, payments)

    assert (paid.status_code, cancelled.status_code, third["status"]) == (201, 200, "initiated")
    assert_in_step(flights, payments)


# --- a clock that went back, or was ahead: nothing waits for it -----------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("back", [timedelta(minutes=2), HOUR, timedelta(days=30)], ids=str)
def test_on_a_clock_that_went_back_everything_that_is_due_is_done(flights, payments, database_clock, back):
    a_pending_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(an_initiated_booking(flights, flight_id=3), payments)
    a_cancelled_booking(flights, flight_id=2)
    flights.fail_next(Fault.DROP_REPLY)
    one_pass(flights, payments)
    a_cancelled_booking(flights, flight_id=2)
    database_clock.jump(-back)

    result = one_pass(flights, payments)

    assert (result.reservations_resolved, result.seats_given_back, result.payments_asked) == (1, 4, 1)
    assert_in_step(flights, payments)


def test_a_fix_whose_lease_is_longer_than_any_is_sent(flights, payments):
    lease = {"lease": uuid.uuid4(), "next_at": database_time() + HOUR, "claims": 1}
    a_call_row(kind="fix", reserves=True, fixes_flight_id=1, **lease)

    one_pass(flights, payments)

    assert SeatCall.objects.get().state == "done"


def test_a_refund_whose_pause_is_longer_than_any_is_made(flights, payments):
    cancel_booking(booking_id=a_booked_booking(flights, payments).pk, actor=STAFF, reason=CancelReason.FRAUD)
    Refund.objects.update(next_at=database_time() + HOUR)

    assert one_pass(flights, payments).refunds == 1


@pytest.mark.parametrize("seconds", [1, 14])
def test_a_lease_of_usual_length_is_left_to_its_holder(flights, payments, seconds):
    a_pending_booking(flights)
    Booking.objects.update(lease=uuid.uuid4(), next_at=database_time() + timedelta(seconds=seconds))

    assert one_pass(flights, payments).reservations_resolved == 0


def test_a_take_that_was_first_sent_in_what_is_to_come_was_sent_now(flights, payments):
    a_pending_booking(flights)
    ahead = F("first_sent_at") + timedelta(days=30)
    Booking.objects.update(first_sent_at=ahead, next_at=database_time())
    flights.fail_next(Fault.DROP_REPLY)

    one_pass(flights, payments)

    assert Booking.objects.get().first_sent_at <= database_time()


def test_a_booking_that_was_made_by_a_clock_that_was_ahead_has_its_window_from_now_on(
    flights, payments, database_clock
):
    database_clock.jump(FOUR_DAYS)
    booking = an_initiated_booking(flights)
    database_clock.jump(NO_TIME)

    one_pass(flights, payments)

    booking.refresh_from_db()
    left = booking.expires_at - database_time()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert booking.status == "initiated"


@pytest.mark.parametrize("back", [HOUR, timedelta(days=9)], ids=str)
def test_no_client_is_told_to_wait_for_the_clock(api, settings, database_clock, back):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = 1
    api.create()
    database_clock.jump(-back)

    answer = api.create()

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) <= 900


@pytest.mark.parametrize("ahead", [timedelta(seconds=70), HOUR, FOUR_DAYS], ids=str)
def test_a_limit_whose_window_has_yet_to_begin_locks_nobody_out(ahead):
    RateWindow.objects.create(name="n", started_at=database_time() + ahead, used=10)

    first, second = (DatabaseRateLimiter().spend("n", limit=10, seconds=60) for _ in range(2))

    assert (first.passed, first.remaining, first.resets_in) == (True, 9, 60)
    assert (second.passed, second.remaining) == (True, 8)


def test_a_limit_whose_window_began_a_moment_ahead_counts_on():
    RateWindow.objects.create(name="n", started_at=database_time() + timedelta(seconds=3), used=10)

    allowance = DatabaseRateLimiter().spend("n", limit=10, seconds=60)

    assert (allowance.passed, allowance.resets_in) == (False, 60)


def test_a_comparison_that_is_yet_to_come_is_not_the_last_for_long(flights):
    Reconciliation.objects.create(
        finished_at=database_time() + FOUR_DAYS, flights_compared=1, flights_skipped=0, seats_held=0, seats_taken=0
    )

    reconcile_seats(flights=flights, deadline=Deadline(20))

    assert last_reconciliation().finished_at <= database_time()


# --- what is said ---------------------------------------------------------------------------------------


def test_a_pass_vouches_for_a_clock_that_it_believes_and_for_no_other(flights, payments, database_clock):
    one_pass(flights, payments)
    before = ClockProof.objects.get().read_at
    database_clock.jump(FOUR_DAYS)

    one_pass(flights, payments)

    assert ClockProof.objects.get().read_at == before
    assert Heartbeat.objects.get(name="pass").finished_at > before + HOUR


def test_webs_stay_in_service_while_a_jump_hides_when_the_worker_came_by(api, flights, payments, database_clock):
    one_pass(flights, payments)
    database_clock.jump(FOUR_DAYS)

    answer = api.get(READY)

    assert (answer.status_code, answer.json()["checks"]["worker"]) == (200, "degraded")


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), FOUR_DAYS], ids=str)
def test_a_pass_that_is_yet_to_come_is_no_sign_of_life(api, ahead):
    Heartbeat.objects.create(name="pass", finished_at=database_time() + ahead)

    answer = api.get(READY)
    ages = {name: values for name, _, values in numbers()}["pass_age_seconds"]

    assert (answer.status_code, answer.json()["checks"]["worker"]) == (503, "failed")
    assert ages[0][1] > 290


def test_the_doctor_names_a_clock_that_jumped(flights, payments, database_clock, monkeypatch):
    one_pass(flights, payments)
    database_clock.jump(FOUR_DAYS)
    monkeypatch.setattr(clock, "WATCH", ClockWatch("another boot"))  # the doctor is a process of its own

    found = check_database_clock()

    assert found.verdict == "WARN"
    assert "after the last pass that believed it: nothing expires" in found.message
    assert "trust_clock" in found.hint


def test_the_doctor_is_content_with_a_clock_that_fits(flights, payments, database_clock):
    first = check_database_clock().message
    one_pass(flights, payments)

    assert (first, check_database_clock().message) == ("no pass has read it yet", "fits what the last pass had read")
