"""
Staff who decide about one call at once, and answers that come after a decision: what was decided first stands.

ROUNDS=100 runs the race a hundred times.
"""

import uuid
from functools import partial

import pytest
from django.db.models import Sum

from bookings.actor import Actor, ActorKind
from bookings.errors import NothingToDecide
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import BookingStatus, Decision, Hold
from bookings.models import Booking, BookingEvent, Refund, SeatCall, SeatCallEvent
from bookings.ports import Applied, NoSeats
from bookings.services.payments.resolve_payment import resolve_payment
from bookings.services.payments.resolve_refund import resolve_refund
from bookings.services.seats import release as giving
from bookings.services.seats import reserve
from bookings.services.seats.reserve import Waiting, settle_reservation
from bookings.services.seats.resolve_release import resolve_release
from bookings.services.seats.resolve_reservation import resolve_reservation
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_row_locks
from tests.races.places import REFUND_RESOLVED, RELEASE_DECIDED, RETRY_DECIDED, RETRY_WRITTEN
from tests.support.bookings import a_call_row, a_saved_row, gateways_of, one_pass
from tests.support.calls import a_dead_payment, a_dead_refund, a_resolution
from tests.support.fakes import FakePayments
from tests.support.invariants import violations

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    forget_everything()


def decide_reservation(booking, decision, flights, *, by):
    actor = Actor(kind=ActorKind.STAFF, name=by, request_id=by)
    return resolve_reservation(
        booking_id=booking.pk, resolution=a_resolution(decision, actor=actor, note=by), flights=flights
    )


def decide_release(call, decision, flights, *, by):
    actor = Actor(kind=ActorKind.STAFF, name=by, request_id=by)
    return resolve_release(call_id=call.pk, resolution=a_resolution(decision, actor=actor, note=by), flights=flights)


def resolve(row, resolution, payments):
    """Carry out what staff decided about a charge or a refund."""
    if isinstance(row, Refund):
        return resolve_refund(refund_id=row.pk, resolution=resolution, payments=gateways_of(payments))
    return resolve_payment(payment_id=row.pk, resolution=resolution, payments=gateways_of(payments))


def decide_money(row, decision, payments, *, by):
    resolution = a_resolution(decision, actor=Actor(kind=ActorKind.STAFF, name=by, request_id=by), note=by)
    return resolve(row, resolution, payments)


def booking_of(row):
    return row.payment.booking_id if isinstance(row, Refund) else row.booking_id


def a_dead_release():
    call = a_call_row(state="dead", seats=4)
    for _ in range(2):
        a_saved_row("cancelled", hold="giving_back", give_back=call)
    return call


def losers(outcomes):
    return [outcome for outcome in outcomes if isinstance(outcome, NothingToDecide)]


@pytest.mark.parametrize("status", ["pending", "cancelled"])
def test_of_two_who_decide_about_a_take_at_once_one_wins(flights, status):
    for _ in rounds(5):
        booking = a_saved_row(status, hold="stuck")

        outcomes = all_at_once(
            [
                partial(decide_reservation, booking, Decision.APPLIED, flights, by="anna"),
                partial(decide_reservation, booking, Decision.NOT_APPLIED, flights, by="ben"),
            ]
        )

        event = BookingEvent.objects.get(booking=booking)
        winner = {"anna": 0, "ben": 1}[event.actor_name]
        booking.refresh_from_db()
        assert len(losers(outcomes)) == 1
        assert outcomes[winner].hold == booking.hold
        assert violations() == []


def test_the_second_waits_for_the_first_and_changes_nothing(flights, monkeypatch):
    booking = a_saved_row("cancelled", hold="stuck")
    decided = Halt(monkeypatch, RETRY_WRITTEN)

    first, second = overtaken(
        partial(decide_reservation, booking, Decision.APPLIED, flights, by="anna"),
        partial(decide_reservation, booking, Decision.NOT_APPLIED, flights, by="ben"),
        at=decided,
    )

    assert (first.hold, type(second)) == ("giving_back", NothingToDecide)
    assert BookingEvent.objects.get().actor_name == "anna"


def test_twin_without_row_locks_both_decide_and_the_last_one_stands(flights, monkeypatch):
    booking = a_saved_row("cancelled", hold="stuck")
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, RETRY_DECIDED)

    first, second = overtaken(
        partial(decide_reservation, booking, Decision.APPLIED, flights, by="anna"),
        partial(decide_reservation, booking, Decision.NOT_APPLIED, flights, by="ben"),
        at=decided,
    )

    assert (first.hold, second.hold) == ("giving_back", "refused")
    assert BookingEvent.objects.count() == 2


@pytest.mark.parametrize("pair", [(Decision.APPLIED, Decision.NOT_APPLIED), (Decision.NOT_APPLIED,) * 2], ids=str)
def test_of_two_who_decide_about_a_give_back_at_once_one_wins(flights, sim, pair):
    for _ in rounds(5):
        call = a_dead_release()

        outcomes = all_at_once(
            [
                partial(decide_release, call, decision, flights, by=name)
                for decision, name in zip(pair, ("anna", "ben"), strict=True)
            ]
        )

        assert len(losers(outcomes)) == 1
        assert SeatCallEvent.objects.filter(seat_call=call).count() == 1
        call.refresh_from_db()
        members = Booking.objects.filter(give_back=call).count()
        assert (call.kind, call.state, members) in [("give", "done", 2), ("void", "done", 0)]
        assert violations() == []


def test_twin_without_row_locks_seats_that_count_as_back_are_given_back_again(flights, sim, monkeypatch):
    call = a_dead_release()
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, RELEASE_DECIDED)

    overtaken(
        partial(decide_release, call, Decision.APPLIED, flights, by="anna"),
        partial(decide_release, call, Decision.NOT_APPLIED, flights, by="ben"),
        at=decided,
    )

    assert SeatCallEvent.objects.count() == 2
    assert violations() == [f"Q4: a release whose payload differs from its members: [{call.pk}]"]


def test_a_retry_is_sent_once_however_many_press_it(flights, sim):
    for number in rounds(3):
        booking = a_saved_row("pending", hold="stuck")

        outcomes = all_at_once(
            [partial(decide_reservation, booking, Decision.RETRY, flights, by=name) for name in ("anna", "ben", "eve")]
        )

        assert len(losers(outcomes)) == 2
        assert BookingEvent.objects.filter(booking=booking).count() == 1
        assert sim.flight()["taken"] == 2 * (number + 1)


DEAD = pytest.mark.parametrize(
    "make",
    [a_dead_payment, partial(a_dead_payment, "cancelled"), a_dead_refund],
    ids=["a charge", "a charge of a booking that ended", "a refund"],
)


@DEAD
def test_of_two_who_decide_about_money_at_once_one_wins(make):
    for _ in rounds(5):
        row = make()

        outcomes = all_at_once(
            [
                partial(decide_money, row, Decision.APPLIED, FakePayments(), by="anna"),
                partial(decide_money, row, Decision.NOT_APPLIED, FakePayments(), by="ben"),
            ]
        )

        assert len(losers(outcomes)) == 1
        assert BookingEvent.objects.filter(booking=booking_of(row), what__endswith="_resolved").count() == 1
        assert violations() == []


def test_twin_without_row_locks_money_that_counts_as_refunded_is_refunded_again(monkeypatch):
    row = a_dead_refund()
    without_row_locks(monkeypatch)
    decided = Halt(monkeypatch, REFUND_RESOLVED)

    overtaken(
        partial(decide_money, row, Decision.NOT_APPLIED, FakePayments(), by="ben"),
        partial(decide_money, row, Decision.APPLIED, FakePayments(), by="anna"),
        at=decided,
    )

    assert list(Refund.objects.order_by("pk").values_list("state", flat=True)) == ["failed", "due"]
    assert BookingEvent.objects.filter(what="refund_resolved").count() == 2


@DEAD
def test_one_page_that_is_sent_twice_at_once_asks_the_gateway_once(make):
    for _ in rounds(3):
        row, payments = make(), FakePayments()
        once = partial(resolve, row, a_resolution(Decision.RETRY), payments)

        outcomes = all_at_once([once, once])

        assert [outcome.pk for outcome in outcomes] == [row.pk] * 2
        assert len(payments.asked) + payments.calls.count("close") == 1


@DEAD
@pytest.mark.parametrize("decision", list(Decision))
def test_a_decision_about_money_whose_commit_was_unclear_knows_itself(lost_commit, make, decision):
    row, payments = make(), FakePayments()
    noun = "refund" if isinstance(row, Refund) else "payment"
    name = f"{noun}.retry" if decision is Decision.RETRY else f"{noun}.decide"
    attempts = lost_commit(name)

    resolved = decide_money(row, decision, payments, by="anna")

    assert attempts.count(name) == 2
    assert resolved.state != "dead"
    assert len(payments.asked) + payments.calls.count("close") == (decision is Decision.RETRY)
    assert BookingEvent.objects.filter(what__contains="_re", note="anna").count() == 1
    assert violations() == []


@pytest.mark.parametrize("answer", [Applied(), NoSeats()], ids=["taken", "refused"])
@pytest.mark.parametrize("decision", [Decision.APPLIED, Decision.NOT_APPLIED])
def test_an_answer_that_comes_during_a_decision_about_the_take_changes_nothing(flights, monkeypatch, decision, answer):
    booking = a_saved_row("cancelled", hold="stuck")
    decided = Halt(monkeypatch, RETRY_WRITTEN)

    resolved, _ = overtaken(
        partial(decide_reservation, booking, decision, flights, by="anna"),
        partial(settle_reservation, booking, lease=uuid.uuid4(), outcome=answer, waiting=Waiting.NO_CLIENT),
        at=decided,
    )

    booking.refresh_from_db()
    assert booking.hold == resolved.hold == {"applied": "giving_back", "not_applied": "refused"}[decision]
    assert violations() == []


def test_twin_that_confirms_whatever_it_is_a_booking_rises_against_the_decision(flights, monkeypatch):
    booking = a_saved_row("pending", hold="stuck")
    decide_reservation(booking, Decision.NOT_APPLIED, flights, by="anna")

    def confirm_whatever_it_is(booking):
        Booking.objects.filter(pk=booking.pk).update(
            status=BookingStatus.INITIATED, hold=Hold.HELD, lease=None, next_at=None, cancel_reason=""
        )
        return True

    monkeypatch.setattr(reserve, "confirm_hold", confirm_whatever_it_is)

    settle_reservation(booking, lease=uuid.uuid4(), outcome=Applied(), waiting=Waiting.NO_CLIENT)

    booking.refresh_from_db()
    assert (booking.status, BookingEvent.objects.get().to_status) == ("initiated", "cancelled")


@pytest.mark.parametrize("decision", [Decision.APPLIED, Decision.NOT_APPLIED])
def test_an_answer_that_comes_during_a_decision_about_the_give_back_changes_nothing(
    flights, sim, monkeypatch, decision
):
    call = a_dead_release()
    decided = Halt(monkeypatch, RELEASE_DECIDED)

    resolved, _ = overtaken(
        partial(decide_release, call, decision, flights, by="anna"),
        partial(giving._settle, SeatCall.objects.get(pk=call.pk), Applied()),
        at=decided,
    )

    call.refresh_from_db()
    assert (call.kind, call.state) == (resolved.kind, "done")
    assert violations() == []


def test_what_was_not_applied_goes_back_once_while_the_worker_passes(flights, sim):
    for _ in rounds(3):
        forget_everything()
        sim.reset(capacity=100)
        takes_of_the_sim(flights)
        call = a_dead_release()

        all_at_once(
            [
                partial(decide_release, call, Decision.NOT_APPLIED, flights, by="anna"),
                partial(one_pass, flights, InstantPayments()),
                partial(one_pass, flights, InstantPayments()),
            ]
        )

        one_pass(flights, InstantPayments())
        assert violations(quiet=True) == []
        # Two passes at once may cut a call each: what counts is the seats.
        seats = SeatCall.objects.filter(kind="give").aggregate(sum=Sum("seats"))["sum"]
        assert (seats, sim.flight()["given_back"]) == (4, 4)


def takes_of_the_sim(flights):
    """Let the Flight Service count four seats as taken, which the release is about."""
    flights.change_seats(reserve.SeatChange(key=uuid.uuid4(), flight_id=1, seats=4, reserves=True), seconds=5)


@pytest.mark.parametrize("decision", list(Decision))
def test_a_decision_about_a_take_whose_commit_was_unclear_knows_itself(flights, sim, lost_commit, decision):
    booking = a_saved_row("pending", hold="stuck")
    name = "reservation.retry" if decision is Decision.RETRY else "reservation.decide"
    attempts = lost_commit(name)

    resolved = decide_reservation(booking, decision, flights, by="anna")

    assert attempts.count(name) == 2
    assert resolved.hold == ("refused" if decision is Decision.NOT_APPLIED else "held")
    assert BookingEvent.objects.count() == 1


@pytest.mark.parametrize("decision", list(Decision))
def test_a_decision_about_a_give_back_whose_commit_was_unclear_knows_itself(flights, sim, lost_commit, decision):
    takes_of_the_sim(flights)
    call = a_dead_release()
    name = "release.retry" if decision is Decision.RETRY else "release.decide"
    attempts = lost_commit(name)

    resolved = decide_release(call, decision, flights, by="anna")

    assert attempts.count(name) == 2
    assert resolved.state == "done"
    assert SeatCallEvent.objects.count() == 1
    assert violations() == []
