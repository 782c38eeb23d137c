"""Who has not paid is reminded once, before the payment window closes; nobody else is."""

from datetime import timedelta

import pytest
from django.db import transaction

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking
from bookings.services.announcements import announce as announcing
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.shared.transitions import redate
from tests.support.announcements import announce, told_of, types_of
from tests.support.bookings import STAFF, an_initiated_booking, let_time_pass, pay
from tests.support.fakes import ChargeFault

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def five_minutes(settings):
    settings.REMIND_BEFORE_SECONDS = 300


@pytest.fixture
def booking(flights):
    """It is held, and others know that."""
    booking = an_initiated_booking(flights)
    announce()
    booking.refresh_from_db()
    return booking


def flag_of(booking):
    return Booking.objects.get(pk=booking.pk).announce_at


def test_who_has_not_paid_is_reminded_once_five_minutes_before_the_end(booking):
    assert booking.announce_at == booking.expires_at - timedelta(minutes=5)

    let_time_pass(minutes=9, seconds=50)
    assert announce() == 0
    let_time_pass(seconds=15)
    announce()

    assert types_of(booking) == ["held", "expiring"]
    told = told_of(booking)[-1]["data"]
    assert told["change"] == {"from": None, "to": None, "why": None, "by": "system"}
    assert (told["booking"]["status"], told["booking"]["payment"]) == ("initiated", None)
    assert flag_of(booking) is None


def test_who_was_reminded_is_not_reminded_again_whatever_comes(booking, payments):
    let_time_pass(minutes=11)
    announce()
    payments.fail_next(ChargeFault.DECLINE)
    pay(booking, payments)
    announce()

    assert types_of(booking) == ["held", "expiring", "payment_failed"]
    assert flag_of(booking) is None


def test_a_payment_that_fails_before_the_time_leaves_the_reminder_in_its_place(booking, payments):
    payments.fail_next(ChargeFault.DECLINE)
    pay(booking, payments)
    announce()
    assert flag_of(booking) == Booking.objects.get().expires_at - timedelta(minutes=5)
    let_time_pass(minutes=11)
    announce()

    assert types_of(booking) == ["held", "payment_failed", "expiring"]


def test_a_payment_that_fails_after_the_time_needs_no_reminder_beside_it(booking, payments):
    payments.fail_next(ChargeFault.DECLINE)
    pay(booking, payments)
    let_time_pass(minutes=11)
    announce()

    assert types_of(booking) == ["held", "payment_failed"]


def test_who_is_paying_is_not_reminded(booking, payments):
    payments.fail_next(ChargeFault.UNKNOWN)
    pay(booking, payments)
    let_time_pass(minutes=11)
    announce()

    assert (types_of(booking), flag_of(booking)) == (["held"], None)


def test_who_has_cancelled_is_not_reminded(booking):
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    announce()
    let_time_pass(minutes=11)
    announce()

    assert types_of(booking) == ["held", "cancelled"]


def test_a_worker_that_comes_after_the_end_reminds_nobody(booking):
    let_time_pass(minutes=15)
    announce()

    assert (types_of(booking), flag_of(booking)) == (["held"], None)


@pytest.mark.parametrize("seconds", [0, 900, 1000], ids=["off", "as long as the window", "longer"])
def test_nobody_is_reminded_without_a_time_for_it(flights, settings, seconds):
    settings.REMIND_BEFORE_SECONDS = seconds
    booking = an_initiated_booking(flights)
    announce()
    let_time_pass(minutes=14)
    announce()

    assert (types_of(booking), flag_of(booking)) == (["held"], None)


def test_nobody_is_reminded_while_the_clock_is_in_doubt(booking, monkeypatch):
    let_time_pass(minutes=11)
    monkeypatch.setattr(announcing, "clock_is_proven", lambda: False)
    announce()
    assert types_of(booking) == ["held"]

    monkeypatch.undo()
    let_time_pass(minutes=1)
    announce()
    assert types_of(booking) == ["held", "expiring"]


def test_a_booking_whose_window_was_moved_is_reminded_before_the_new_end(booking):
    # Made by a clock that was an hour ahead.
    booking.created_at += timedelta(hours=1)
    booking.expires_at += timedelta(hours=1)
    booking.announce_at += timedelta(hours=1)
    booking.save(update_fields=["created_at", "expires_at", "announce_at"])
    with transaction.atomic():
        redate(booking, now=database_time())
    announce()

    assert flag_of(booking) == Booking.objects.get().expires_at - timedelta(minutes=5)
    assert types_of(booking) == ["held"]
