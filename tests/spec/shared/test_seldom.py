"""What seldom happens in a service: rows that are gone between two looks, and work that comes to what is done."""

import json
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import IntegrityError
from django_q.models import Schedule

from bookings.actor import SYSTEM, Scope
from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.errors import AlreadyPaid, InvalidRequest, RequestInProgress
from bookings.lifecycle import CancelReason, Hold
from bookings.models import ApiKey, ApiKeyEvent, Booking, BulkCancel, Payment, Reconciliation, SeatCall
from bookings.ports import NeverKnown, NotSent
from bookings.queries.seats.held import seats_of
from bookings.services.access import api_keys
from bookings.services.bookings import bulk_cancel, create, expire, unpaid_limit
from bookings.services.bookings.cancel import cancel_booking_for_client
from bookings.services.payments import pay
from bookings.services.seats import correct, reconcile, reserve
from bookings.services.seats.key_support import Keys, try_key_support
from bookings.services.seats.reserve import Waiting
from bookings.services.shared.idempotency import KeyTaken
from bookings.services.upkeep import start_schedules
from bookings.text.money import Money
from tests.support.bookings import (
    STAFF,
    a_key,
    a_payment_row,
    a_saved_row,
    an_initiated_booking,
    customer,
    let_time_pass,
)
from tests.support.bulk import start
from tests.support.fakes import Fault

pytestmark = pytest.mark.django_db


def key_is_taken(*_given, **_named):
    raise KeyTaken


# --- under a key -----------------------------------------------------------------------------------------


def test_a_create_that_is_accepted_twice_at_once_is_told_to_come_again(monkeypatch):
    monkeypatch.setattr(create, "_insert", key_is_taken)

    with pytest.raises(RequestInProgress):
        create._accept(SimpleNamespace(), Money(2000, "INR"))


@pytest.mark.parametrize("caps", [(5, 5), (0, 5), (5, 0)])
def test_a_user_that_has_room_by_the_second_look_is_not_refused(settings, caps):
    settings.MAX_UNPAID_BOOKINGS_PER_USER, settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = caps

    unpaid_limit._refuse(1001, flight_id=1, seats=1, besides=uuid.uuid4())


@pytest.mark.parametrize("keyed", [None, a_key()], ids=["without a key", "with a key"])
def test_a_create_whose_record_is_gone_again_is_told_to_come_again(keyed):
    with pytest.raises(RequestInProgress):
        create._look_again(SimpleNamespace(keyed=keyed))


@pytest.mark.parametrize("call_key", [None, uuid.uuid4()], ids=["not named", "gone"])
@pytest.mark.parametrize("service", [create, pay], ids=["create", "pay"])
def test_a_request_whose_row_is_gone_is_told_to_come_again(service, call_key):
    record = SimpleNamespace(state="started", call_key=call_key)

    with pytest.raises(RequestInProgress):
        service._go_on(record, SimpleNamespace())


def test_a_payment_whose_record_is_gone_again_is_told_to_come_again(monkeypatch, payments):
    monkeypatch.setattr(pay, "_start", key_is_taken)

    with pytest.raises(RequestInProgress):
        pay.pay_booking(order=pay.PaymentOrder(1, 4000), actor=STAFF, keyed=a_key(), payments=payments, gateways={})


# --- bookings --------------------------------------------------------------------------------------------


def test_a_booking_that_is_of_today_is_not_brought_back():
    booking = a_saved_row()

    expire._bring_back(booking.pk)

    assert Booking.objects.get().expires_at == booking.expires_at


@pytest.mark.parametrize(
    ("minutes", "is_proven", "expired"), [(46, True, 1), (46, False, 0), (20, True, 0)], ids=["old", "in doubt", "new"]
)
def test_an_unanswered_payment_is_looked_at_once_more_under_the_lock(monkeypatch, minutes, is_proven, expired):
    booking = a_saved_row()
    payment = a_payment_row(booking)
    Booking.objects.filter(pk=booking.pk).update(active_payment_id=payment.pk)
    let_time_pass(minutes=minutes)
    monkeypatch.setattr(expire, "clock_is_proven", lambda: is_proven)

    assert expire._expire_unanswered(booking.pk) == expired
    assert Booking.objects.get().status == ("cancelled" if expired else "initiated")
    assert Payment.objects.get().state == "processing"


def test_a_payment_that_was_settled_meanwhile_does_not_expire():
    booking = a_saved_row("booked")

    assert expire._expire_unanswered(booking.pk) == 0
    assert Booking.objects.get().status == "booked"


def test_a_cancellation_that_is_refused_is_stored_under_its_key():
    booking = a_saved_row("booked")
    keyed = a_key()

    def cancel():
        return cancel_booking_for_client(
            booking_id=booking.pk,
            actor=customer(),
            reason=CancelReason.CUSTOMER_REQUEST,
            note="",
            keyed=keyed,
            payments={},
        )

    first, again = cancel(), cancel()

    assert isinstance(first.problem, AlreadyPaid)
    assert json.loads(again.stored.body)["error"]["code"] == "already_paid"


def test_a_bulk_whose_time_is_up_goes_on_in_the_next_pass(flights):
    an_initiated_booking(flights)
    start()

    class Short(Deadline):
        looks = 0

        def __bool__(self):
            self.looks += 1
            return self.looks == 1

    assert bulk_cancel.carry_out_bulk_cancels(deadline=Short(20)) == 0
    assert BulkCancel.objects.get().finished_at is None


def test_a_bulk_is_finished_once(flights):
    an_initiated_booking(flights)
    bulk = start()
    bulk_cancel.carry_out_bulk_cancels(deadline=Deadline(20))
    finished_at = BulkCancel.objects.get().finished_at

    bulk_cancel._finish(bulk.pk)

    assert finished_at is not None
    assert BulkCancel.objects.get().finished_at == finished_at


# --- seats -----------------------------------------------------------------------------------------------


def a_cancelled_one_that_asks():
    return a_saved_row("cancelled", hold=Hold.ASKING, claims=1, lease=uuid.uuid4(), next_at=database_time())


def test_a_reservation_that_is_refused_after_its_booking_was_cancelled_keeps_the_reason():
    booking = a_cancelled_one_that_asks()

    reserve._refuse(booking, CancelReason.NO_SEATS, database_time())

    assert list(Booking.objects.values_list("status", "hold", "cancel_reason")) == [
        ("cancelled", "refused", booking.cancel_reason)
    ]


def test_a_reservation_that_was_not_sent_for_a_cancelled_booking_is_dropped():
    booking = a_cancelled_one_that_asks()

    reserve._not_sent(booking, booking.lease, NotSent("refused"), Waiting.NO_CLIENT, database_time())

    assert list(Booking.objects.values_list("status", "hold")) == [("cancelled", "dropped")]


def test_a_reservation_of_a_cancelled_booking_that_is_never_known_waits_for_staff():
    reserve._give_up(a_cancelled_one_that_asks(), NeverKnown("others change it"), database_time())

    assert list(Booking.objects.values_list("status", "hold")) == [("cancelled", "stuck")]


def test_a_correction_that_the_database_refuses_for_another_reason_is_a_fault(monkeypatch):
    def refuse(*_seen, **_given):
        raise IntegrityError("another")

    monkeypatch.setattr(correct, "_write_down", refuse)

    with pytest.raises(IntegrityError):
        correct._written(SimpleNamespace(flight=1, ours=seats_of(1)), actor=STAFF, note="")
    assert SeatCall.objects.count() == 0


def test_a_comparison_is_stored_once():
    now = database_time()
    found = Reconciliation(finished_at=now, flights_compared=1, flights_skipped=0, seats_held=2, seats_taken=2)
    reconcile._keep(found, finished_at=now)

    reconcile._keep(found, finished_at=now)

    assert Reconciliation.objects.count() == 1


def test_keys_cannot_be_tried_while_no_flight_is_shown(flights):
    flights.shows_flights = False

    tried = try_key_support(flights=flights, flight_id=1)

    assert (tried.keys, tried.why) == (Keys.UNCLEAR, "the Flight Service does not show the flight")


def test_where_the_flight_is_shown_no_more_two_seats_may_be_out(flights, monkeypatch):
    flights.meanwhile(lambda: setattr(flights, "shows_flights", False))
    flights.fail_next(None, Fault.DROP_REQUEST)

    tried = try_key_support(flights=flights, flight_id=1)

    assert (tried.keys, tried.seats_out) == (Keys.UNCLEAR, 2)
    assert tried.why == "the Flight Service does not show the flight any more"


# --- keys of services, schedules --------------------------------------------------------------------------


def test_a_key_whose_commit_was_unclear_is_issued_once():
    key, _ = api_keys.issue_api_key(
        name="shop", scopes=[next(iter(Scope))], life=timedelta(days=1), requests_per_minute=None, actor=STAFF
    )

    again = api_keys._issue(ApiKey(key_id=key.key_id), life=timedelta(days=1), actor=STAFF, note="")

    assert again == key
    assert (ApiKey.objects.count(), ApiKeyEvent.objects.count()) == (1, 1)


def test_a_new_secret_has_a_life():
    with pytest.raises(InvalidRequest) as refused:
        api_keys.rotate_api_key(key_id="k", grace=timedelta(0), life=timedelta(0), actor=SYSTEM)

    assert list(refused.value.fields) == ["life"]


def test_a_schedule_without_a_next_time_is_never_due():
    assert start_schedules.is_due(Schedule(next_run=None), database_time()) is False


def test_what_runs_once_is_never_too_far_ahead():
    now = database_time()
    row = Schedule(schedule_type=Schedule.ONCE, next_run=now + timedelta(days=900))

    assert start_schedules.is_misplaced(row, now) is False


def test_a_schedule_that_is_gone_is_not_begun():
    assert start_schedules._move_on(987_654) is None


def test_what_runs_once_has_had_its_turn():
    row = Schedule.objects.create(
        func="bookings.tasks.reap", schedule_type=Schedule.ONCE, repeats=-1, next_run=database_time(), name="once"
    )

    started = start_schedules._move_on(row.pk)

    assert started.next_run == row.next_run
    assert start_schedules._move_on(row.pk) is None
