"""Bookings are moved to the archive while staff, gateways and other archivers are at them: each is in one place."""

import uuid
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError

from bookings.db.clock import database_time
from bookings.errors import BookingNotFound, SelectionChanged
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models import ArchivedBooking, Booking, BookingEvent, BulkCancel, SeatCall
from bookings.queries.bookings import free_references
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel
from bookings.queries.bookings.free_references import forget_drawn_references, free_reference
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings import bulk_cancel, note_many
from bookings.services.bookings.bulk_cancel import BulkCancelOrder, start_bulk_cancel
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.note import note_booking
from bookings.services.bookings.note_many import note_bookings
from bookings.services.shared.bring_back import bring_back
from bookings.text.references import reference_at
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_row_locks
from tests.races.places import ARCHIVE_READ, CANCEL_DECIDED
from tests.support.archive import archive_all, long_ago
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_call_row,
    a_cancelled_booking,
    a_saved_row,
    an_initiated_booking,
)
from tests.support.invariants import violations

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def a_year(settings):
    settings.KEEP_MONTHS = 12
    forget_drawn_references()


@pytest.fixture
def old(flights):
    """A paid booking that flew long ago."""
    booking = a_booked_booking(flights, InstantPayments())
    long_ago(flights, InstantPayments())
    return Booking.objects.get(pk=booking.pk)


def note(booking):
    note_booking(booking_id=booking.pk, actor=STAFF, note="Calls back.", action_key=uuid.uuid4().hex)


def cancel(booking):
    return cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)


def note_all(selection, seen):
    note_bookings(selection=selection, seen=seen, actor=STAFF, note="Calls back.", action_key=uuid.uuid4().hex)


def cancel_all(selection, seen):
    order = BulkCancelOrder(selection, shown_as="flight 1", seen=seen, reason=CancelReason.FRAUD, note="")
    start_bulk_cancel(order=order, actor=STAFF, action_key=uuid.uuid4())


@pytest.mark.parametrize(("act", "module"), [(note_all, note_many), (cancel_all, bulk_cancel)])
def test_who_acts_on_many_of_which_one_is_moved_meanwhile_is_told_to_look_again(monkeypatch, flights, old, act, module):
    held = an_initiated_booking(flights)
    selection = Selection(flight=held.flight_id)

    def plan_and_move(*args, **options):
        plan = plan_bulk_cancel(*args, **options)
        all_at_once([archive_all])
        return plan

    monkeypatch.setattr(module, "plan_bulk_cancel", plan_and_move)

    with pytest.raises(SelectionChanged):
        act(selection, plan_bulk_cancel(selection).seen)

    assert list(ArchivedBooking.objects.values_list("pk", flat=True)) == [old.pk]
    assert not BulkCancel.objects.exists()
    assert not held.events.filter(what="noted").exists()


@pytest.mark.parametrize("act", [note, cancel])
def test_who_comes_while_a_booking_is_moved_waits_and_finds_it_gone(monkeypatch, old, act):
    read = Halt(monkeypatch, ARCHIVE_READ)

    moved, told = overtaken(archive_all, partial(act, old), at=read)

    assert (moved, type(told)) == (1, BookingNotFound)
    assert (Booking.objects.count(), BookingEvent.objects.count(), ArchivedBooking.objects.count()) == (0, 0, 1)


@pytest.mark.parametrize("act", [note, cancel])
def test_twin_without_row_locks_is_stopped_by_the_foreign_keys_alone(monkeypatch, old, act):
    without_row_locks(monkeypatch)
    read = Halt(monkeypatch, ARCHIVE_READ)

    moved, told = overtaken(archive_all, partial(act, old), at=read)

    assert [type(error) for error in moved.exceptions] == [IntegrityError]
    assert not isinstance(told, Exception)
    assert (Booking.objects.count(), ArchivedBooking.objects.count()) == (1, 0)


def test_a_booking_that_is_being_cancelled_stays(monkeypatch, old):
    decided = Halt(monkeypatch, CANCEL_DECIDED)

    cancelled, moved = overtaken(partial(cancel, old), archive_all, at=decided)

    assert (cancelled.status, moved) == ("cancelled", 0)
    assert ArchivedBooking.objects.count() == 0


def test_archivers_at_once_move_each_booking_once_with_its_release(flights):
    for _ in rounds(2):
        bookings = [a_cancelled_booking(flights) for _ in range(6)]
        long_ago(flights, InstantPayments())

        *moved, _noted = all_at_once([*[archive_all] * 3, partial(note, bookings[0])])
        left = archive_all()

        assert sum(moved) + left == 6
        assert (ArchivedBooking.objects.count(), SeatCall.objects.count(), violations()) == (6, 0, [])
        forget_everything()


def test_two_that_share_a_release_and_leave_at_once_do_not_leave_it_behind():
    for _ in rounds(3):
        call, long_past = a_call_row(state="done", seats=8), database_time() - timedelta(days=900)
        for _ in range(4):
            a_saved_row("cancelled", hold="giving_back", give_back=call, created_at=long_past)

        told = all_at_once([archive_all] * 3)

        assert sum(told) + archive_all() == 4
        assert SeatCall.objects.count() == 0
        forget_everything()


def drawn(reference):
    """Draw references of which this is one; give whether it was free."""
    coming = [reference, *(reference_at(number) for number in range(500, 599))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(free_references, "new_reference", lambda **_: coming.pop())
        return reference in {free_reference() for _ in range(99)}


def test_a_reference_is_taken_while_its_booking_is_moved(monkeypatch, old):
    read = Halt(monkeypatch, ARCHIVE_READ)

    moved, was_free = overtaken(archive_all, partial(drawn, old.reference), at=read)

    assert (moved, was_free) == (1, False)
    forget_drawn_references()
    assert not drawn(old.reference)


def test_a_booking_that_two_bring_back_comes_back_once(old):
    archive_all()

    told = all_at_once([partial(bring_back, reference=old.reference, actor=STAFF)] * 2)

    assert sorted(type(each).__name__ for each in told) == ["Booking", "BookingNotFound"]
    assert (Booking.objects.count(), ArchivedBooking.objects.count()) == (1, 0)
