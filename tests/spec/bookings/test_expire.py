"""Expiry: unpaid bookings end when their payment window closes."""

from datetime import timedelta

import pytest
from django_q.models import OrmQ
from structlog.testing import capture_logs

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.models import Booking, BookingEvent, Payment
from bookings.services.bookings import expire as expire_service
from bookings.services.bookings.expire import expire_bookings
from tests.support.bookings import (
    a_booked_booking,
    a_pending_booking,
    a_saved_row,
    an_initiated_booking,
    let_time_pass,
    many_rows,
    one_pass,
    pay,
)
from tests.support.fakes import ChargeFault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db


def expire(limit=None):
    return expire_bookings(deadline=Deadline(20.0), limit=limit)


@pytest.mark.parametrize(
    ("seconds", "expired", "status"), [(890, 0, "initiated"), (900, 1, "cancelled")], ids=["open", "closed"]
)
def test_a_booking_expires_when_its_payment_window_closes(flights, seconds, expired, status):
    booking = an_initiated_booking(flights)
    let_time_pass(seconds=seconds)

    assert expire() == expired

    booking.refresh_from_db()
    assert booking.status == status


def test_a_booking_expires_at_the_very_deadline(monkeypatch):
    booking = a_saved_row("initiated")
    monkeypatch.setattr("bookings.services.bookings.expire.database_time", lambda: booking.expires_at)

    assert expire() == 1


def test_a_booking_does_not_expire_a_microsecond_before_its_deadline(monkeypatch):
    booking = a_saved_row("initiated")
    just_before = booking.expires_at - timedelta(microseconds=1)
    monkeypatch.setattr("bookings.services.bookings.expire.database_time", lambda: just_before)

    assert expire() == 0


def test_the_seats_of_an_expired_booking_come_back(flights, payments):
    an_initiated_booking(flights, seats=3)
    let_time_pass(minutes=15)

    result = one_pass(flights, payments)

    assert (result.expired, result.seats_given_back, result.seats_still_owed) == (1, 3, 0)
    assert flights.taken(1) == 0
    assert_in_step(flights)


def test_a_paid_booking_does_not_expire(flights, payments):
    booking = a_booked_booking(flights, payments)
    let_time_pass(days=2)

    result = one_pass(flights, payments)

    booking.refresh_from_db()
    assert result.expired == 0
    assert booking.status == "booked"
    assert_in_step(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("applied", [True, False], ids=["taken", "not taken"])
def test_a_booking_whose_take_is_unknown_expires_and_is_still_resolved(flights, payments, applied):
    booking = a_pending_booking(flights, applied=applied)
    flights.down = True
    let_time_pass(minutes=15)
    one_pass(flights, payments)
    booking.refresh_from_db()
    before = (booking.status, booking.hold)
    flights.down = False
    let_time_pass(seconds=15)

    one_pass(flights, payments)

    booking.refresh_from_db()
    assert before == ("cancelled", "asking")
    assert (booking.status, booking.hold) == ("cancelled", "giving_back")
    assert flights.taken(1) == 0
    assert_in_step(flights)


def test_a_take_that_was_never_sent_is_dropped():
    booking = a_saved_row("pending", claims=0)
    let_time_pass(minutes=15)

    expire()

    booking.refresh_from_db()
    assert (booking.status, booking.hold, booking.cancel_reason) == ("cancelled", "dropped", "expired")


def test_a_stuck_reservation_expires_and_stays_with_staff():
    booking = a_saved_row("pending", hold="stuck")
    let_time_pass(minutes=15)

    expire()

    booking.refresh_from_db()
    assert (booking.status, booking.hold) == ("cancelled", "stuck")


def test_a_booking_does_not_expire_while_its_payment_is_being_settled(flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(booking, payments)
    let_time_pass(minutes=20)

    expired = expire()

    booking.refresh_from_db()
    assert expired == 0
    assert booking.status == "initiated"


def lose(booking, payments):
    """Pay, and hear nothing of it any more."""
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(booking, payments)
    payments.down = True


def test_a_gateway_that_is_silent_for_half_an_hour_no_longer_keeps_the_seats(flights, payments):
    booking = an_initiated_booking(flights)
    lose(booking, payments)
    let_time_pass(minutes=44)
    early = expire()
    let_time_pass(minutes=1)

    late = expire()

    booking.refresh_from_db()
    assert (early, late) == (0, 1)
    assert (booking.status, booking.hold, booking.cancel_reason) == ("cancelled", "giving_back", "expired")
    assert Payment.objects.get().state == "processing"
    assert violations() == []


def test_a_silent_gateway_does_not_end_a_window_that_is_still_open(flights, payments, settings):
    settings.PAYMENT_WINDOW_SECONDS = 7200
    booking = an_initiated_booking(flights)
    lose(booking, payments)
    let_time_pass(minutes=31)

    expired = expire()

    booking.refresh_from_db()
    assert (expired, booking.status) == (0, "initiated")


def test_a_payment_that_was_tried_again_meanwhile_has_half_an_hour_of_its_own(flights, payments):
    booking = an_initiated_booking(flights)
    let_time_pass(minutes=14)
    lose(booking, payments)
    let_time_pass(minutes=32)

    # The pass has read the booking's earlier payment, and gets the lock now.
    expired = expire_service._expire_unanswered(booking.pk)

    booking.refresh_from_db()
    assert (expired, booking.status) == (0, "initiated")


def test_a_payment_of_a_clock_that_was_ahead_does_not_keep_the_seats_until_then(flights, payments):
    booking = an_initiated_booking(flights)
    lose(booking, payments)
    let_time_pass(minutes=31)
    Payment.objects.update(created_at=database_time() + timedelta(days=20))

    expired = expire()

    booking.refresh_from_db()
    assert (expired, booking.status) == (1, "cancelled")


def test_everything_due_expires_in_batches(monkeypatch):
    monkeypatch.setattr("bookings.services.bookings.expire.EXPIRY_BATCH", 4)
    monkeypatch.setattr("bookings.services.bookings.expire.DUE_AT_ONCE", 6)
    now = database_time()
    many_rows(10, "initiated", created_at=now - timedelta(minutes=16))
    many_rows(3, "pending", created_at=now - timedelta(minutes=16))
    many_rows(2, "initiated")

    expired = expire()

    assert expired == 13
    assert Booking.objects.filter(status="cancelled", cancel_reason="expired").count() == 13
    assert Booking.objects.filter(status="initiated").count() == 2


@pytest.mark.parametrize(
    ("due", "limit", "woken"),
    [(4, None, 0), (5, None, 1), (20, None, 1), (20, 10, 0)],
    ids=["few", "a look full", "many", "many, a limit"],
)
def test_a_second_pass_helps_with_more_than_one_look_finds(monkeypatch, due, limit, woken):
    monkeypatch.setattr("bookings.services.bookings.expire.DUE_AT_ONCE", 5)
    many_rows(due, "initiated", created_at=database_time() - timedelta(minutes=16))

    expired = expire(limit=limit)

    assert expired == (limit or due)
    assert [row.task["func"] for row in OrmQ.objects.all()] == ["bookings.tasks.run_pass"] * woken


def test_a_pass_that_can_expire_nothing_calls_for_no_help(monkeypatch):
    monkeypatch.setattr("bookings.services.bookings.expire.DUE_AT_ONCE", 5)
    monkeypatch.setattr("bookings.services.bookings.expire._expire_batch", lambda _ids: 0)
    many_rows(5, "initiated", created_at=database_time() - timedelta(minutes=16))

    assert expire() == 0
    assert OrmQ.objects.count() == 0


def test_each_of_many_that_expire_has_its_event_and_is_named_in_the_log(monkeypatch):
    monkeypatch.setattr("bookings.services.shared.transitions.NAMED_IN_A_LINE", 2)
    created_at = database_time() - timedelta(minutes=16)
    for status in ("initiated", "pending", "initiated"):
        a_saved_row(status, created_at=created_at)

    with capture_logs() as lines:
        expire()

    bookings = list(Booking.objects.order_by("pk"))
    columns = ("booking_id", "what", "from_status", "to_status", "reason", "note", "actor_kind", "actor_name")
    assert list(BookingEvent.objects.order_by("booking_id").values_list(*columns, "request_id", "created_at")) == [
        (each.pk, "cancelled", was, "cancelled", "expired", "", "system", "worker", "", each.updated_at)
        for each, was in zip(bookings, ("initiated", "pending", "initiated"), strict=True)
    ]
    first, second, third = (each.reference for each in bookings)
    named = [line["bookings"] for line in lines if line["event"] == "bookings.expired"]
    assert named == [f"{first} {second}", third]


def test_a_limit_bounds_how_many_expire_oldest_first():
    now = database_time()
    newer = a_saved_row("initiated", created_at=now - timedelta(minutes=16))
    older = a_saved_row("initiated", created_at=now - timedelta(minutes=17))

    expired = expire(limit=1)

    newer.refresh_from_db()
    older.refresh_from_db()
    assert expired == 1
    assert (older.status, newer.status) == ("cancelled", "initiated")


def test_a_pass_whose_time_is_up_begins_no_further_batch(monkeypatch):
    monkeypatch.setattr(expire_service, "EXPIRY_BATCH", 2)
    many_rows(6, "initiated")
    let_time_pass(seconds=901)
    deadline, expire_batch = Deadline(20.0), expire_service._expire_batch

    def take_all_the_time(ids):
        monkeypatch.setattr(deadline, "left", lambda: 0.0)
        return expire_batch(ids)

    monkeypatch.setattr(expire_service, "_expire_batch", take_all_the_time)

    assert expire_bookings(deadline=deadline) == 2
    assert Booking.objects.filter(status="initiated").count() == 4


def test_an_expired_booking_says_so_in_its_timeline(flights):
    booking = an_initiated_booking(flights)
    let_time_pass(minutes=15)

    expire()

    assert list(booking.events.values_list("what", "actor_kind", "from_status", "to_status", "reason")) == [
        ("cancelled", "system", "initiated", "cancelled", "expired")
    ]


@pytest.mark.slow
def test_expiring_twice_changes_nothing_the_second_time(flights, payments):
    an_initiated_booking(flights)
    let_time_pass(minutes=15)
    one_pass(flights, payments)

    again = one_pass(flights, payments)

    assert (again.expired, again.seats_given_back) == (0, 0)
    assert flights.taken(1) == 0
