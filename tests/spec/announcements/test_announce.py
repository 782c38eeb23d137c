"""What happens to a booking is announced, once, in its order, with the booking as it was then."""

import uuid
from functools import partial

import pytest
from django.db import OperationalError

from bookings.deadline import Deadline
from bookings.lifecycle import AfterFailure, CancelReason, Decision
from bookings.models import Announcement, BookingEvent, Refund
from bookings.queries.announcements import due_bookings
from bookings.services.announcements import announce as announcing
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.expire import expire_bookings
from bookings.services.bookings.note import note_booking
from bookings.services.payments.ask_refund import ask_refund
from bookings.services.payments.decide_failed_refund import FailureResolution, decide_failed_refund
from bookings.services.payments.look import settle_due_payments
from bookings.services.payments.refund import refund_payments
from bookings.services.payments.resolve_refund import resolve_refund
from tests.support.announcements import announce, told_of, types_of
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_pending_booking,
    an_initiated_booking,
    gateways_of,
    let_time_pass,
    one_pass,
    pay,
)
from tests.support.calls import a_refund_request, a_resolution
from tests.support.fakes import ChargeFault
from tests.support.invariants import violations

pytestmark = pytest.mark.django_db


def held(flights, payments):
    return an_initiated_booking(flights)


def paid(flights, payments):
    return a_booked_booking(flights, payments)


def declined(flights, payments):
    booking = an_initiated_booking(flights)
    payments.fail_next(ChargeFault.DECLINE)
    pay(booking, payments)
    return booking


def expired(flights, payments):
    booking = an_initiated_booking(flights)
    let_time_pass(minutes=16)
    expire_bookings(deadline=Deadline(20))
    return booking


def cancelled(flights, payments):
    return a_cancelled_booking(flights)


def cancelled_by_staff(flights, payments):
    booking = a_booked_booking(flights, payments)
    return cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FLIGHT_CANCELLED, note="secret")


def refused(flights, payments):
    """A booking that was promised an answer, and gets none of the seats."""
    booking = a_pending_booking(flights, applied=False)
    flights.set_flight(1, remaining=0)
    let_time_pass(seconds=30)
    one_pass(flights, payments)
    return booking


def refunded(flights, payments):
    booking = cancelled_by_staff(flights, payments)
    announce()
    one_pass(flights, payments)
    return booking


def refunded_in_part(flights, payments):
    booking = a_booked_booking(flights, payments)
    announce()
    ask_refund(a_refund_request(booking))
    one_pass(flights, payments)
    return booking


def refunded_elsewhere(flights, payments):
    booking = cancelled_by_staff(flights, payments)
    payments.fail_next(ChargeFault.REFUND_FAILS)
    one_pass(flights, payments)
    said = FailureResolution(AfterFailure.ELSEWHERE, STAFF, "cash", action_key=uuid.uuid4().hex, reference="slip 7")
    decide_failed_refund(refund_id=Refund.objects.get().pk, resolution=said)
    return booking


def refunded_as_staff_say(flights, payments, decision=Decision.APPLIED):
    booking = cancelled_by_staff(flights, payments)
    Refund.objects.update(state="dead", next_at=None)
    gateways = gateways_of(payments)
    resolve_refund(refund_id=Refund.objects.get().pk, resolution=a_resolution(decision), payments=gateways)
    return booking


def refund_not_made_as_staff_say(flights, payments):
    return refunded_as_staff_say(flights, payments, Decision.NOT_APPLIED)


def noted(flights, payments):
    booking = an_initiated_booking(flights)
    note_booking(booking_id=booking.pk, actor=STAFF, note="calls tomorrow", action_key=uuid.uuid4().hex)
    return booking


TOLD = [
    (held, "held", {"from": "pending", "to": "initiated", "why": None, "by": "system"}),
    (paid, "held paid", {"from": "initiated", "to": "booked", "why": None, "by": "customer"}),
    (declined, "held payment_failed", {"from": None, "to": None, "why": None, "by": "customer"}),
    (expired, "held expired", {"from": "initiated", "to": "cancelled", "why": "expired", "by": "system"}),
    (
        cancelled,
        "held cancelled",
        {"from": "initiated", "to": "cancelled", "why": "customer_request", "by": "customer"},
    ),
    (refused, "cancelled", {"from": "pending", "to": "cancelled", "why": "no_seats", "by": "system"}),
    (
        cancelled_by_staff,
        "held paid cancelled",
        {"from": "booked", "to": "cancelled", "why": "flight_cancelled", "by": "staff"},
    ),
    (
        refunded,
        "held paid cancelled refunded",
        {"from": None, "to": None, "why": None, "by": "system", "amount": 4000},
    ),
    (refunded_in_part, "held paid refunded", {"from": None, "to": None, "why": None, "by": "system", "amount": 1000}),
    (
        refunded_elsewhere,
        "held paid cancelled refunded",
        {"from": None, "to": None, "why": None, "by": "staff", "amount": 4000},
    ),
    (
        refunded_as_staff_say,
        "held paid cancelled refunded",
        {"from": None, "to": None, "why": "applied", "by": "staff", "amount": 4000},
    ),
    (
        refund_not_made_as_staff_say,
        "held paid cancelled",
        {"from": "booked", "to": "cancelled", "why": "flight_cancelled", "by": "staff"},
    ),
    (noted, "held", {"from": "pending", "to": "initiated", "why": None, "by": "system"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "types", "change"), TOLD, ids=[what.__name__ for what, *_ in TOLD])
def test_what_happens_to_a_booking_is_announced_once_and_in_its_order(api, flights, payments, what, types, change):
    booking = what(flights, payments)

    announce()

    told = told_of(booking)
    assert types_of(booking) == types.split()
    assert told[-1]["data"]["change"] == change
    # The last of it shows the booking as the API does now.
    shown = api.get(f"/api/v1/bookings/{booking.pk}").json()["data"]
    left_out = ("metadata", "seatChange", "availableActions")
    assert told[-1]["data"]["booking"] == {n: v for n, v in shown.items() if n not in left_out}
    # A second look finds nothing.
    assert announce() == 0
    assert violations() == []


def a_long_life(flights, payments, look):
    """A booking that is declined, paid, refunded in part, cancelled and refunded."""
    booking = an_initiated_booking(flights)
    look()
    payments.fail_next(ChargeFault.DECLINE)
    pay(booking, payments)
    look()
    pay(booking, payments)
    look()
    booking.refresh_from_db()
    ask_refund(a_refund_request(booking))
    refund_what_is_due(payments)
    look()
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    look()
    refund_what_is_due(payments)
    return booking


def paid_too_late(flights, payments, look):
    """A booking that staff want to end while it is paid: it is cancelled with the payment that came in."""
    booking = an_initiated_booking(flights)
    look()
    payments.fail_next(ChargeFault.UNKNOWN_MOVED)
    pay(booking, payments)
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    let_time_pass(minutes=2)
    settle_due_payments(payments=gateways_of(payments), deadline=Deadline(20))
    look()
    refund_what_is_due(payments)
    return booking


def refund_what_is_due(payments):
    refund_payments(payments=gateways_of(payments), deadline=Deadline(20))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("life", "types"),
    [
        (a_long_life, "held payment_failed paid refunded cancelled refunded"),
        (paid_too_late, "held cancelled refunded"),
    ],
)
def test_what_happened_between_two_looks_is_shown_as_it_was(flights, payments, life, types):
    looked_at = life(flights, payments, announce)
    announce()
    left_alone = life(flights, payments, lambda: None)
    announce()

    each_alone, all_together = ([comparable(each) for each in told_of(one)] for one in (looked_at, left_alone))

    assert types_of(left_alone) == types.split()
    assert all_together == each_alone


def comparable(told):
    """Without names and times; that a time is there counts, and so does that a payment has its name."""
    booking = told["data"]["booking"]
    plain = {name: bool(value) if name.endswith("At") else value for name, value in booking.items()}
    for part in ("payment", "refund"):
        if plain[part]:
            plain[part] = {name: bool(value) if name in ("at", "id") else value for name, value in plain[part].items()}
    for name in ("id", "reference"):
        del plain[name]
    return {"type": told["type"], "sequence": told["sequence"], "booking": plain, "change": told["data"]["change"]}


def test_nothing_is_announced_while_the_outcome_of_a_reservation_is_open(flights):
    booking = a_pending_booking(flights)

    assert announce() == 0
    assert told_of(booking) == []


def test_one_booking_that_cannot_be_told_about_rests_and_holds_up_no_other(flights, monkeypatch):
    first, broken, last = (an_initiated_booking(flights) for _ in range(3))
    facts_of = announcing.facts_of

    def break_one(shown, change):
        if shown.id == broken.pk:
            raise ValueError("cannot be told")
        return facts_of(shown, change)

    monkeypatch.setattr(announcing, "facts_of", break_one)
    with pytest.raises(ExceptionGroup):
        announce()

    assert (types_of(first), types_of(broken), types_of(last)) == (["held"], [], ["held"])
    assert announce() == 0  # it rests
    monkeypatch.undo()
    let_time_pass(minutes=1)
    announce()
    assert types_of(broken) == ["held"]


def test_what_carries_announcements_is_written_with_them_or_neither_is(flights, monkeypatch):
    booking = an_initiated_booking(flights)
    carried = []

    def carry(announcements, now):
        carried.extend((each.pk, each.key, each.type) for each in announcements)
        BookingEvent.objects.create(booking=booking, what="noted", actor_kind="system", created_at=now)
        if len(carried) < 3:
            raise ValueError("not yet")

    monkeypatch.setattr(announcing, "FAN_OUTS", (carry,))
    with pytest.raises(ExceptionGroup):
        announce()
    assert (Announcement.objects.count(), BookingEvent.objects.count()) == (0, 0)
    let_time_pass(minutes=1)
    announce()

    row = Announcement.objects.get()
    assert (carried[-1], BookingEvent.objects.count()) == ((row.pk, row.key, "booking.held"), 1)


def test_more_than_fits_one_transaction_is_announced_at_one_look(flights, monkeypatch):
    monkeypatch.setattr(announcing, "due_bookings", partial(due_bookings, most=2))
    bookings = [an_initiated_booking(flights) for _ in range(5)]

    assert announce() == 5
    assert [types_of(each) for each in bookings] == [["held"]] * 5


def test_what_another_announcer_has_told_meanwhile_is_left_alone(flights):
    booking = an_initiated_booking(flights)
    announce()
    booking.refresh_from_db()
    reminder = booking.announce_at

    assert announcing._announce([booking.pk]) == 0
    announcing._let_rest(booking.pk)
    announcing._let_rest(0)

    booking.refresh_from_db()
    assert (types_of(booking), booking.announce_at) == (["held"], reminder)


def test_an_error_of_the_database_is_the_fault_of_no_booking(flights, monkeypatch):
    booking = an_initiated_booking(flights)

    def gone(ids):
        raise OperationalError(2006, "gone away")

    monkeypatch.setattr(announcing, "_announce", gone)
    with pytest.raises(OperationalError):
        announce()

    booking.refresh_from_db()
    assert booking.announce_at == booking.held_at


def test_an_announcer_without_time_begins_nothing(flights):
    an_initiated_booking(flights)

    assert announcing.announce_news(deadline=Deadline(0)) == 0
