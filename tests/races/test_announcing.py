"""
Announcers beside each other, and beside what they announce: each thing is told once, and none is lost.

Each guard has a twin without it. The lock of a booking decides between the announcer and whoever changes it; the flag
says that there is something to tell; the announcer's own row keeps the order of what is told.
"""

import sys
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.models import Max

from bookings.actor import SYSTEM, Cause
from bookings.deadline import Deadline
from bookings.lifecycle import CancelReason
from bookings.models import Announcement, Booking, BookingEvent
from bookings.services.announcements import announce as announcing
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.expire import expire_bookings
from bookings.services.shared import transitions
from bookings.services.shared.transitions import cancel, lock_booking
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import rounds, without_row_locks
from tests.races.places import NEWS_FOUND, NEWS_WRITTEN, Place
from tests.support.announcements import announce, types_of
from tests.support.bookings import an_initiated_booking, customer, let_time_pass, pay
from tests.support.invariants import violations

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

ANNOUNCERS = 6
LOST = "Q16: something that others are never told"


@pytest.fixture
def booking(flights):
    """It is held, and others know that."""
    booking = an_initiated_booking(flights)
    announce()
    return booking


def cancel_it(booking):
    cancel_booking(booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST)


def expire_it(booking):
    Booking.objects.filter(pk=booking.pk).update(expires_at=booking.created_at + timedelta(milliseconds=1))
    expire_bookings(deadline=Deadline(20))


@pytest.mark.slow
def test_six_announcers_at_once_tell_each_thing_once(flights):
    for _ in rounds(2):
        bookings = [an_initiated_booking(flights, flight_id=number + 1) for number in range(12)]
        for booking in bookings[:6]:
            cancel_it(booking)

        outcomes = all_at_once([announce] * ANNOUNCERS)
        announce()

        assert [each for each in outcomes if isinstance(each, Exception)] == []
        assert [types_of(booking) for booking in bookings] == [["held", "cancelled"]] * 6 + [["held"]] * 6
        assert violations() == []


def test_one_announcer_writes_at_a_time_so_what_is_seen_first_has_the_lower_id(flights, monkeypatch):
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)
    Booking.objects.filter(pk=second.pk).update(announce_at=None)
    written = Halt(monkeypatch, NEWS_WRITTEN)

    def look_at_another():
        Booking.objects.filter(pk=second.pk).update(announce_at=first.created_at)
        return announce(), Announcement.objects.count()

    # The second one leaves at once, and tells nothing while the first has not committed.
    assert overtaken(announce, look_at_another, at=written) == (2, (0, 0))
    assert types_of(second) == ["held"]


def test_twin_without_row_locks_a_later_id_is_seen_before_an_earlier_one(flights, monkeypatch):
    without_row_locks(monkeypatch)
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)
    Booking.objects.filter(pk=second.pk).update(announce_at=None)
    written = Halt(monkeypatch, NEWS_WRITTEN)

    def look_at_another():
        Booking.objects.filter(pk=second.pk).update(announce_at=first.created_at)
        announcing._announce([second.pk])
        return list(Announcement.objects.values_list("booking_id", flat=True))

    _, seen = overtaken(announce, look_at_another, at=written)

    assert seen == [second.pk]
    assert list(Announcement.objects.order_by("pk").values_list("booking_id", flat=True)) == [first.pk, second.pk]


@pytest.mark.slow
@pytest.mark.parametrize("act", ["pay", "cancel", "expire"])
def test_what_happens_while_the_announcer_looks_is_told_at_the_next_look(flights, payments, booking, monkeypatch, act):
    Booking.objects.filter(pk=booking.pk).update(announce_at=booking.created_at)
    acts = {"pay": partial(pay, booking, payments), "cancel": partial(cancel_it, booking)}
    payments.needs_payer = False

    overtaken(announce, acts.get(act, partial(expire_it, booking)), at=Halt(monkeypatch, NEWS_FOUND))

    assert violations() == []
    let_time_pass(seconds=1)
    expire_it(booking)  # an expiry skips a booking that is locked
    announce()
    told = {"pay": "paid", "cancel": "cancelled", "expire": "expired"}[act]
    assert types_of(booking) == ["held", told]
    assert violations() == []


def test_twin_without_row_locks_what_happens_meanwhile_is_never_told(booking, monkeypatch, settings):
    settings.REMIND_BEFORE_SECONDS = 0  # a reminder would be a second look
    without_row_locks(monkeypatch)
    Booking.objects.filter(pk=booking.pk).update(announce_at=booking.created_at)

    overtaken(announce, partial(cancel_it, booking), at=Halt(monkeypatch, NEWS_FOUND))

    announce()
    assert types_of(booking) == ["held"]
    assert violations() == [f"{LOST}: [{booking.pk}]"]


def test_twin_without_a_flag_at_the_end_of_a_reservation_nobody_hears_of_it(flights, monkeypatch):
    write_if = transitions.write_if

    def without_flag(model, pk, columns, **how):
        return write_if(model, pk, {name: value for name, value in columns.items() if name != "announce_at"}, **how)

    monkeypatch.setattr(transitions, "write_if", without_flag)
    booking = an_initiated_booking(flights)

    assert announce() == 0
    assert violations() == [f"{LOST}: [{booking.pk}]"]


def stop():
    """Where a transaction stands between the INSERT of its event and its COMMIT."""


def an_event_that_commits_late(flights, monkeypatch):
    """Two bookings end. The event of the first has the lower id, and is not committed when the second is told about."""
    first, second = an_initiated_booking(flights), an_initiated_booking(flights)
    announce()

    def cancel_slowly():
        with transaction.atomic():
            locked, now = lock_booking(first.pk, actor=SYSTEM)
            cancel(locked, Cause(customer(), CancelReason.CUSTOMER_REQUEST), now=now)
            connection.send_waiting()
            stop()

    def cancel_and_announce():
        cancel_it(second)
        return announce()

    halt = Halt(monkeypatch, Place(sys.modules[__name__], "stop"))
    assert overtaken(cancel_slowly, cancel_and_announce, at=halt) == (None, 1)
    announce()
    ids = BookingEvent.objects.order_by("pk").values_list("booking_id", flat=True)
    assert list(ids) == [first.pk, second.pk]
    return types_of(first), types_of(second)


@pytest.mark.slow
def test_an_event_that_is_committed_after_a_later_one_is_told(flights, monkeypatch):
    assert an_event_that_commits_late(flights, monkeypatch) == (["held", "cancelled"],) * 2
    assert violations() == []


@pytest.mark.slow
def test_twin_with_one_cursor_for_all_bookings_an_event_that_is_committed_late_is_never_told(flights, monkeypatch):
    def after_the_cursor():
        cursor = Booking.objects.aggregate(last=Max("announced_event_id"))["last"]
        return BookingEvent.objects.filter(pk__gt=cursor)

    monkeypatch.setattr(announcing, "_events_since", after_the_cursor)

    assert an_event_that_commits_late(flights, monkeypatch) == (["held"], ["held", "cancelled"])
    assert violations() != []
