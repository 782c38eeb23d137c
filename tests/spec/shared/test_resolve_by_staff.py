"""What holds of each decision of staff about a call that the worker has given up, whichever call it is."""

import uuid

import pytest

from bookings.actor import Actor, ActorKind
from bookings.errors import (
    BookingNotFound,
    InvalidRequest,
    NothingToDecide,
    PaymentNotFound,
    RefundNotFound,
    RetryTooLate,
    SeatCallNotFound,
    StaffOnly,
)
from bookings.lifecycle import CancelReason, Decision
from bookings.models import Booking, BookingEvent, Payment, Refund, SeatCall, SeatCallEvent
from bookings.ports import Unknown
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.resolve_payment import resolve_payment
from bookings.services.payments.resolve_refund import resolve_refund
from bookings.services.seats.resolve_release import resolve_release
from bookings.services.seats.resolve_reservation import resolve_reservation
from bookings.services.shared.manual_resolution import Resolution
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_pending_booking,
    an_initiated_booking,
    customer,
    gateways_of,
    let_time_pass,
    one_pass,
    pay,
)
from tests.support.calls import a_resolution
from tests.support.fakes import ChargeFault, Fault
from tests.support.invariants import assert_in_step, violations

pytestmark = pytest.mark.django_db

ANNA = Actor(kind=ActorKind.STAFF, name="anna", request_id="desk-1")


class Reservation:
    """Seats that were reserved, without an answer."""

    not_found, given_up = BookingNotFound, "stuck"
    retried, applied = "take_retried", "take_resolved"
    # The booking has expired meanwhile.
    decided = (
        "The reservation of this booking does not wait for a decision: it is giving_back, and the booking is cancelled."
    )

    def __init__(self, flights, payments):
        self.flights, self.payments = flights, payments

    def unanswered(self):
        return a_pending_booking(self.flights)

    def fail_next(self):
        self.flights.fail_next(Fault.DROP_REPLY)

    def decide(self, row_id, resolution):
        return resolve_reservation(booking_id=row_id, resolution=resolution, flights=self.flights)

    def state(self, row):
        row.refresh_from_db()
        return row.hold

    def events(self, row):
        return BookingEvent.objects.filter(booking=row.pk, actor_kind="staff").order_by("pk")

    def sent(self):
        return len(self.flights.arrived)


class Release(Reservation):
    """Seats that were given back, without an answer."""

    not_found, given_up = SeatCallNotFound, "dead"
    retried, applied = "retried", "applied"
    decided = "This call does not wait for a decision: it is done."

    def unanswered(self):
        a_cancelled_booking(self.flights)
        self.fail_next()
        one_pass(self.flights, self.payments)
        return SeatCall.objects.get()

    def decide(self, row_id, resolution):
        return resolve_release(call_id=row_id, resolution=resolution, flights=self.flights)

    def state(self, row):
        row.refresh_from_db()
        return row.state

    def events(self, row):
        return SeatCallEvent.objects.filter(seat_call=row).order_by("pk")


class Charge(Release):
    """Money that was charged, without an answer."""

    not_found, given_up = PaymentNotFound, "dead"
    retried, applied = "payment_retried", "payment_resolved"
    # For the same reason the money that was charged is refunded.
    decided = "This payment does not wait for a decision: it is refund_due."

    def unanswered(self):
        self.payments.fail_next(ChargeFault.UNKNOWN_MOVED)
        pay(an_initiated_booking(self.flights), self.payments)
        return Payment.objects.get()

    def fail_next(self):
        self.payments.says("close", Unknown("no answer"))

    def decide(self, row_id, resolution):
        return resolve_payment(payment_id=row_id, resolution=resolution, payments=gateways_of(self.payments))

    def events(self, row):
        # What follows from a decision is written in the name of staff as well.
        return BookingEvent.objects.filter(booking=row.booking_id, what__in=[self.retried, self.applied])

    def sent(self):
        return self.payments.calls.count("close")


class MoneyBack(Charge):
    """Money that was refunded, without an answer."""

    not_found = RefundNotFound
    retried, applied = "refund_retried", "refund_resolved"
    decided = "This refund does not wait for a decision: it is done."

    def fail_next(self):
        self.payments.fail_next(ChargeFault.UNKNOWN_MOVED)

    def sent(self):
        return len(self.payments.asked)

    def unanswered(self):
        booking = a_booked_booking(self.flights, self.payments)
        cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
        self.fail_next()
        one_pass(self.flights, self.payments)
        return Refund.objects.get()

    def decide(self, row_id, resolution):
        return resolve_refund(refund_id=row_id, resolution=resolution, payments=gateways_of(self.payments))

    def events(self, row):
        what = [self.retried, self.applied]
        return BookingEvent.objects.filter(booking=row.payment.booking_id, what__in=what)


@pytest.fixture(params=[Reservation, Release, Charge, MoneyBack], ids=lambda kind: kind.__name__.lower())
def kind(request, flights, payments):
    return request.param(flights, payments)


@pytest.fixture
def given_up(kind, flights, payments):
    """A call that was carried out, whose answers were lost for so long that the worker has given it up."""

    def make(*, hours=25):
        row = kind.unanswered()
        let_time_pass(hours=hours)
        one_pass(flights, payments)
        assert kind.state(row) == kind.given_up
        return row

    return make


def what_staff_wrote(kind, row):
    return [(event.what, event.actor_name, event.note, event.request_id) for event in kind.events(row)]


def everything():
    return [list(model.objects.order_by("pk").values()) for model in (Booking, SeatCall, Payment, Refund)]


@pytest.mark.slow
def test_a_retry_asks_under_the_same_key_and_finds_out(kind, given_up, flights, payments):
    row = given_up()
    asked = kind.sent()

    kind.decide(row.pk, a_resolution(Decision.RETRY, actor=ANNA, note="They still know it."))

    assert kind.sent() == asked + 1
    assert what_staff_wrote(kind, row) == [(kind.retried, "anna", "They still know it.", "desk-1")]
    for _ in range(2):
        one_pass(flights, payments)
    assert_in_step(flights, payments)


@pytest.mark.slow
def test_a_retry_without_an_answer_is_one_more_try_and_then_given_up_again(kind, given_up, flights, payments):
    row = given_up()
    kind.fail_next()
    kind.decide(row.pk, a_resolution(Decision.RETRY))
    asked = kind.sent()
    let_time_pass(seconds=15)

    one_pass(flights, payments)

    assert kind.state(row) == kind.given_up
    assert kind.sent() == asked


@pytest.mark.slow
@pytest.mark.parametrize(("hours", "is_sent"), [(6 * 24 - 1, True), (6 * 24 + 1, False)])
def test_a_retry_is_possible_for_six_days(kind, given_up, hours, is_sent):
    row = given_up(hours=hours)
    asked = kind.sent()

    if is_sent:
        kind.decide(row.pk, a_resolution(Decision.RETRY, actor=ANNA))
    else:
        with pytest.raises(RetryTooLate):
            kind.decide(row.pk, a_resolution(Decision.RETRY, actor=ANNA))

    assert (kind.state(row) == kind.given_up) is not is_sent
    assert (kind.sent() > asked, len(what_staff_wrote(kind, row))) == (is_sent, int(is_sent))


@pytest.mark.slow
def test_it_was_applied_asks_nothing_and_says_who_and_why(kind, given_up, flights, payments):
    row = given_up()
    asked = kind.sent()

    kind.decide(row.pk, a_resolution(Decision.APPLIED, actor=ANNA, note="Their log shows it."))

    assert kind.sent() == asked
    assert violations() == []
    assert what_staff_wrote(kind, row) == [(kind.applied, "anna", "Their log shows it.", "desk-1")]
    for _ in range(2):
        one_pass(flights, payments)
    assert_in_step(flights, payments)


@pytest.mark.slow
@pytest.mark.parametrize("second", list(Decision))
def test_what_is_decided_cannot_be_decided_again(kind, given_up, second):
    row = given_up()
    kind.decide(row.pk, a_resolution(Decision.APPLIED, actor=ANNA))
    before = everything()

    with pytest.raises(NothingToDecide) as refused:
        kind.decide(row.pk, a_resolution(second, actor=ANNA))

    assert refused.value.explanation == kind.decided
    assert everything() == before
    assert len(what_staff_wrote(kind, row)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("decision", list(Decision))
def test_a_page_that_is_sent_twice_decides_once(kind, given_up, decision):
    row, key = given_up(), uuid.uuid4().hex
    kind.decide(row.pk, a_resolution(decision, actor=ANNA, action_key=key))
    before, asked = everything(), kind.sent()

    again = kind.decide(row.pk, a_resolution(decision, actor=ANNA, action_key=key))

    assert again.pk == row.pk
    assert (everything(), kind.sent()) == (before, asked)
    assert len(what_staff_wrote(kind, row)) == 1


@pytest.mark.slow
def test_twin_without_the_key_of_its_page_a_second_click_is_refused(kind, given_up, monkeypatch):
    row, key = given_up(), uuid.uuid4().hex
    monkeypatch.setattr(Resolution, "begin", lambda *_words, **_named: None)
    kind.decide(row.pk, a_resolution(Decision.APPLIED, action_key=key))

    with pytest.raises(NothingToDecide):
        kind.decide(row.pk, a_resolution(Decision.APPLIED, action_key=key))


@pytest.mark.slow
@pytest.mark.parametrize("decision", list(Decision))
def test_a_call_that_the_worker_still_repeats_is_not_decided(kind, decision):
    row = kind.unanswered()
    before = everything()

    with pytest.raises(NothingToDecide):
        kind.decide(row.pk, a_resolution(decision))

    assert everything() == before


def test_a_row_that_is_not_there_is_not_decided_about(kind):
    with pytest.raises(kind.not_found):
        kind.decide(404, a_resolution(Decision.APPLIED))


@pytest.mark.parametrize("note", ["", "  \n", "x" * 501, "\u200b\u3164", "a\u202eb"])
def test_each_decision_says_why(note):
    with pytest.raises(InvalidRequest) as refused:
        a_resolution(Decision.APPLIED, note=note)

    assert refused.value.fields == {"note": "Say why, in at most 500 characters."}


@pytest.mark.parametrize("actor", [customer(), customer(verified=True), Actor(ActorKind.SERVICE, "gate agent")])
def test_only_staff_decide(actor):
    with pytest.raises(StaffOnly):
        a_resolution(Decision.APPLIED, actor=actor)
