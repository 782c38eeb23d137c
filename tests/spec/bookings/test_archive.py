"""Bookings that ended long ago leave their tables with all that belongs to them, unless something still needs it."""

import hashlib
import uuid
from datetime import timedelta

import pytest
from django.apps import apps
from django.db.models import F

from bookings import tasks
from bookings.db import clock
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.lifecycle import CancelReason, Decision
from bookings.models import (
    Announcement,
    ArchivedBooking,
    ArchiveRound,
    Booking,
    BookingSeat,
    BulkCancel,
    Contact,
    Dispute,
    Payment,
    SeatCall,
    SeatCallEvent,
)
from bookings.models.payments import PaymentState
from bookings.queries.bookings import history
from bookings.queries.bookings.free_references import forget_drawn_references
from bookings.queries.bookings.selection import Selection
from bookings.queries.seats.held import numbers_held
from bookings.services.bookings import archive
from bookings.services.bookings.archive import archive_bookings
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.note import note_booking
from bookings.services.payments.ask_refund import ask_refund
from bookings.services.seats.resolve_release import resolve_release
from bookings.services.shared.bring_back import bring_back
from tests.support.archive import TABLES, archive_all, long_ago, rows_of
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_call_row,
    a_cancelled_booking,
    a_dispute_row,
    a_notice_row,
    a_payment_row,
    a_refund_row,
    a_saved_row,
    an_exchange_row,
    an_initiated_booking,
    let_time_pass,
    one_pass,
)
from tests.support.bulk import carry_out, start
from tests.support.calls import a_dead_release, a_refund_request, a_resolution
from tests.support.cases import move
from tests.support.invariants import assert_in_step, violations
from tests.support.tables import empty_tables

pytestmark = pytest.mark.django_db

KEPT = timedelta(days=12 * 31)


@pytest.fixture(autouse=True)
def twelve_months(settings):
    settings.KEEP_MONTHS = 12
    forget_drawn_references()


def everything_that_can_happen(flights, payments):
    """Bookings of every end, with cases, notes, disputes, refunds and a bulk cancellation; give them."""
    paid = a_booked_booking(flights, payments)
    ask_refund(a_refund_request(paid))
    note_booking(booking_id=paid.pk, actor=STAFF, note="Calls back — später", action_key=uuid.uuid4().hex)
    for what in ("take", "close"):
        move(paid, what)
    Booking.objects.filter(pk=paid.pk).update(seat_numbers="12A,12B")
    for number in ("12A", "12B"):
        BookingSeat.objects.create(flight_id=paid.flight_id, seat_number=number, booking=paid)
    an_exchange_row(paid, state="done", take_numbers="12A,12B", give_numbers="")
    refunded = a_booked_booking(flights, payments, seats=1)
    cancel_booking(booking_id=refunded.pk, actor=STAFF, reason=CancelReason.FRAUD, note="stolen card")
    in_bulk = a_booked_booking(flights, payments, flight_id=2)
    start(archive_selection(2))
    carry_out()
    expired = an_initiated_booking(flights)
    let_time_pass(minutes=16)
    one_pass(flights, payments)
    refused_seats = a_saved_row("cancelled", hold="refused")
    dispute = a_dispute_row(payment=Payment.objects.get(booking=paid), gateway_id="dp_1")
    Dispute.objects.filter(pk=dispute.pk).update(closed_at=database_time(), outcome="won")
    return [paid, refunded, in_bulk, expired, refused_seats]


def archive_selection(flight):
    return Selection(flight=flight)


def test_what_has_ended_leaves_with_all_that_belongs_to_it_and_comes_back_as_it_was(flights, payments):
    bookings = everything_that_can_happen(flights, payments)
    long_ago(flights, payments)
    Dispute.objects.update(**{name: F(name) - timedelta(days=800) for name in ("opened_at", "closed_at", "looked_at")})
    before = rows_of()
    assert {table for table, rows in before.items() if not rows} == {"seat_call_event"}

    moved = archive_all()

    assert moved == len(bookings)
    assert not any(rows_of().values())
    assert numbers_held(1) == {"12A", "12B"}
    assert list(BulkCancel.objects.values_list("archived", flat=True)) == [1]
    assert_in_step(flights, payments)
    for booking in bookings:
        bring_back(reference=f" {booking.reference.lower()} ", actor=STAFF)
    back = rows_of()
    notes = [row for row in back["booking_event"] if row["note"] == "Brought back from the archive."]
    back["booking_event"] = [row for row in back["booking_event"] if row not in notes]
    assert [
        (row["version"], row["updated_at"] > database_time() - timedelta(minutes=1)) for row in back["booking"]
    ] == [(row["version"] + 1, True) for row in before["booking"]]
    for row, was in zip(back["booking"], before["booking"], strict=True):
        row.update(version=was["version"], updated_at=was["updated_at"])
    assert back == before
    assert len(notes) == len(bookings)
    assert (ArchivedBooking.objects.count(), BulkCancel.objects.get().archived) == (0, 0)
    assert archive_all() == 0
    assert violations() == []


def an_old_row(status="cancelled", **columns):
    old = database_time() - timedelta(days=900)
    return a_saved_row(status, created_at=old, **columns)


def with_payment(paid, **refund):
    booking = an_old_row()
    payment = a_payment_row(booking, paid, has_refund=not refund)
    if refund:
        a_refund_row(payment, **refund)


def told_by_a_gateway():
    booking = an_old_row()
    a_payment_row(booking, PaymentState.FAILED, gateway_id="pi_7")
    a_notice_row(object_id="pi_7")


def with_a_contact():
    Contact.objects.create(
        booking=an_old_row(), sealed=b"x", address_mark="x", erase_at=database_time(), created_at=database_time()
    )


def with_an_announcement():
    Announcement.objects.create(
        key="evt_1",
        booking=an_old_row(),
        sequence=1,
        type="booking.cancelled",
        occurred_at=database_time(),
        facts={},
        created_at=database_time(),
    )


def in_a_bulk_cancellation():
    booking = an_old_row("booked", arrival_at=database_time() - timedelta(days=700))
    start(archive_selection(booking.flight_id))


def with_an_open_dispute():
    booking = an_old_row("booked", arrival_at=database_time() - timedelta(days=700))
    a_dispute_row(payment=a_payment_row(booking, PaymentState.SUCCEEDED))


def as_an_open_case():
    move(an_old_row(), "take")


NEEDED = {
    "unpaid": lambda: an_old_row("initiated"),
    "asking": lambda: an_old_row("cancelled", hold="asking"),
    "stuck": lambda: an_old_row("cancelled", hold="stuck"),
    "seats owed": lambda: an_old_row("cancelled", hold="giving_back"),
    "release open": lambda: an_old_row("cancelled", hold="giving_back", give_back=a_call_row()),
    "release dead": a_dead_release,
    "to be told": lambda: an_old_row(announce_at=database_time()),
    "changed lately": lambda: an_old_row(updated_at=database_time()),
    "to be cancelled": lambda: an_old_row("booked", cancel_requested=True),
    "seats being exchanged": lambda: an_old_row("booked", no_of_seats=2, seat_numbers="1A,1B", wanted_seats="1A,1C"),
    "flies next month": lambda: an_old_row("booked", arrival_at=database_time() + timedelta(days=30)),
    "flew last month": lambda: an_old_row("booked", departure_at=database_time() - timedelta(days=30)),
    "flight unknown": lambda: an_old_row("booked", updated_at=database_time() - KEPT - timedelta(days=300)),
    "payment running": lambda: with_payment(PaymentState.PROCESSING),
    "payment dead": lambda: with_payment(PaymentState.DEAD),
    "money owed": lambda: with_payment(PaymentState.REFUND_DUE),
    "refund sent": lambda: with_payment(PaymentState.REFUND_DUE, state="sent"),
    "refund dead": lambda: with_payment(PaymentState.REFUND_DUE, state="dead"),
    "refund undecided": lambda: with_payment(PaymentState.REFUNDED, state="failed"),
    "told by a gateway": told_by_a_gateway,
    "contact": with_a_contact,
    "announcement": with_an_announcement,
    "bulk cancellation": in_a_bulk_cancellation,
    "dispute": with_an_open_dispute,
    "case": as_an_open_case,
}


def test_nothing_leaves_that_is_open_or_that_something_needs():
    left = []
    for name, make in NEEDED.items():
        empty_tables()
        make()
        booking = Booking.objects.get()
        if name not in ("changed lately", "flight unknown"):
            Booking.objects.update(updated_at=database_time() - timedelta(days=880))
            SeatCall.objects.update(created_at=database_time() - timedelta(days=880))
        left += [name] if archive_all() or not Booking.objects.filter(pk=booking.pk).exists() else []

    assert left == []


def test_the_same_bookings_leave_once_nothing_of_them_is_open():
    empty_tables()
    flown = database_time() - timedelta(days=800)
    an_old_row("booked", arrival_at=flown)
    an_old_row("booked", departure_at=flown)
    an_old_row("booked", updated_at=database_time() - KEPT - timedelta(days=370))
    an_old_row(hold="dropped")
    with_payment(PaymentState.FAILED)
    with_payment(PaymentState.REFUNDED, state="done")
    with_payment(PaymentState.REFUNDED, state="failed", decision="left")
    an_old_row(hold="giving_back", give_back=a_call_row(state="done"))
    Booking.objects.filter(updated_at__gt=flown).update(updated_at=database_time() - timedelta(days=880))

    assert (archive_all(), Booking.objects.count(), SeatCall.objects.count()) == (8, 0, 0)


def test_a_release_leaves_with_the_last_of_its_bookings(flights, payments):
    first, second = (a_cancelled_booking(flights) for _ in range(2))
    long_ago(flights, payments)
    move(second, "take")
    assert SeatCall.objects.get().seats == 4

    assert archive_all() == 1

    assert (SeatCall.objects.get().seats, list(ArchivedBooking.objects.values_list("reference"))) == (
        4,
        [(first.reference,)],
    )
    assert violations() == []
    move(second, "close")
    assert archive_all() == 1
    assert SeatCall.objects.count() == 0
    bring_back(reference=first.reference, actor=STAFF)
    bring_back(reference=second.reference, actor=STAFF)
    assert SeatCall.objects.get().seats == 4
    assert violations() == []


def test_a_release_about_which_staff_have_decided_leaves_with_what_they_said(flights):
    call = a_dead_release()
    resolve_release(call_id=call.pk, resolution=a_resolution(Decision.APPLIED, note="they have them"), flights=flights)
    Announcement.objects.all().delete()
    Booking.objects.update(announce_at=None)
    let_time_pass(days=800)

    assert (archive_all(), SeatCall.objects.count(), SeatCallEvent.objects.count()) == (1, 0, 0)

    bring_back(reference=ArchivedBooking.objects.get().reference, actor=STAFF)
    assert SeatCallEvent.objects.get().note == "they have them"


def test_every_table_that_names_a_booking_is_known_here():
    named = {
        model
        for model in apps.get_models()
        for column in model._meta.concrete_fields
        if column.is_relation and column.related_model in TABLES
    }

    waited_for = {Announcement, Contact}
    assert named - waited_for == set(TABLES) - {SeatCall}
    assert set(history.PARTS.values()) | {Booking} == set(TABLES)


def test_nothing_leaves_unless_the_settings_say_so_or_while_the_clock_is_in_doubt(settings, monkeypatch):
    an_old_row(updated_at=database_time() - timedelta(days=800))
    monkeypatch.setattr(archive, "clock_is_proven", lambda: False)
    assert archive_all() == 0
    monkeypatch.setattr(archive, "clock_is_proven", clock.clock_is_proven)
    settings.KEEP_MONTHS = 0
    assert archive_all() == 0
    settings.KEEP_MONTHS = 12

    tasks.reap()
    assert ArchivedBooking.objects.count() == 1


def test_a_booking_that_cannot_be_moved_keeps_no_other_from_it(monkeypatch, caplog):
    monkeypatch.setattr(archive, "ARCHIVE_BATCH", 1)
    broken, *_others = [an_old_row(updated_at=database_time() - timedelta(days=800)) for _ in range(3)]
    packed = archive.packed

    def pack(one):
        if one.booking.pk == broken.pk:
            raise ValueError("cannot be packed")
        return packed(one)

    monkeypatch.setattr(archive, "packed", pack)

    with pytest.raises(ExceptionGroup, match="some bookings could not be moved"):
        archive_all()

    assert (list(Booking.objects.values_list("pk", flat=True)), ArchivedBooking.objects.count()) == ([broken.pk], 2)
    assert "archive.batch_failed" in caplog.text


def test_a_walk_goes_on_where_its_time_was_up_and_begins_anew_after_an_hour(monkeypatch):
    monkeypatch.setattr(archive, "ARCHIVE_BATCH", 2)
    old = [an_old_row(updated_at=database_time() - timedelta(days=800)) for _ in range(5)]
    young = a_saved_row("cancelled")
    asked = iter([True, False])

    class OneBatch:
        def __bool__(self):
            return next(asked)

    assert archive_bookings(deadline=OneBatch()) == 2
    walk = ArchiveRound.objects.get()
    assert (walk.position, walk.is_under_way, walk.finished_at) == (old[1].pk, True, None)
    assert archive_bookings(deadline=Deadline(20)) == 3
    assert not ArchiveRound.objects.get().is_under_way
    an_old_row(updated_at=database_time() - timedelta(days=800))
    assert archive_bookings(deadline=Deadline(20)) == 0
    ArchiveRound.objects.update(finished_at=F("finished_at") - timedelta(hours=1, seconds=1))
    assert archive_bookings(deadline=Deadline(20)) == 1
    assert list(Booking.objects.values_list("pk", flat=True)) == [young.pk]


def test_a_document_of_this_form_can_be_read_for_ever():
    # What was packed with other words in common could not be read: a change of them is a new form.
    assert hashlib.sha256(history.COMMON).hexdigest()[:16] == "c91d30a275e12de8"
