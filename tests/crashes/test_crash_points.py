"""
A process is killed (SIGKILL) at every crash point: nothing is lost, nothing is done twice.

Real processes, a real Flight Service that loses a fifth of its answers, a payment gateway that outlives them.
After the crash either the client repeats its request or the worker comes by first. ROUNDS=3 does each three
times; `python -m tests.campaigns crashes` does the same to running servers, in real time.
"""

import dataclasses
import uuid

import pytest

from bookings.deadline import Deadline
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingEvent, BulkCancel, IdempotencyRecord, Payment, Refund
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments import charge as charging
from bookings.services.payments import settle as settling
from bookings.services.payments.ask_refund import ask_refund
from bookings.services.seats import reserve
from bookings.services.seats.release import release_seats
from bookings.services.upkeep import run_pass as passing
from tests.crashes.world import SIGKILLED, TRIES, let_leases_end
from tests.races.guards import rounds
from tests.support.api import shown
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    an_initiated_booking,
    let_time_pass,
    pay,
)
from tests.support.bulk import start
from tests.support.calls import a_refund_request
from tests.support.durable_payments import DurablePayments

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

LOST_ANSWERS = 0.2


def lose_answers(world, seed):
    world.sim.faults(drop_reply_rate=LOST_ANSWERS, seed=seed)


@pytest.mark.parametrize("first", ["the client", "the worker"])
@pytest.mark.parametrize("point", ["booking.create", "create.sent", "create.answered", "seats.reserved"])
def test_a_create_that_dies_ends_in_one_booking(world, point, first):
    for seed in rounds(1):
        lose_answers(world, seed)

        key = world.dies(point, act="create")

        if first == "the worker":
            assert world.recovers() == []
        answer = world.repeats("create", key=key)
        again = world.repeats("create", key=key)
        assert (answer.status_code, again.content) == (201, answer.content)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert world.recovers() == []
        assert Booking.objects.get(pk=shown(answer)["id"]).status == "initiated"
        # Those that came through before one died are there as well, each under its own key.
        assert Booking.objects.count() == IdempotencyRecord.objects.count()


@pytest.mark.parametrize("first", ["the client", "the worker"])
@pytest.mark.parametrize("point", ["booking.create", "create.sent", "create.answered", "seats.reserved"])
def test_a_create_by_number_that_dies_ends_in_one_booking_with_these_seats(world, settings, point, first):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    order = {"seatNumbers": ["7A", "7B"]}
    for seed in rounds(1):
        world.sim.reset(capacity=30)
        key = world.dies(point, act="create", order=order)
        lose_answers(world, seed)

        if first == "the worker":
            assert world.recovers() == []
        answer = world.repeats("create", key=key, **order)

        assert (answer.status_code, shown(answer)["seatNumbers"]) == (201, ["7A", "7B"])
        assert world.recovers() == []
        assert set(world.sim.flight()["seatsTaken"]) == {"7A", "7B"}
        world.sim.faults()


@pytest.mark.parametrize("first", ["the client", "the worker"])
@pytest.mark.parametrize("point", ["exchange.write", "exchange.sent", "exchange.answered", "exchange.settled"])
def test_an_exchange_that_dies_ends_in_the_new_seats(world, settings, point, first):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    for seed in rounds(1):
        world.sim.reset(capacity=30)
        booking = an_initiated_booking(world.flights, numbers=("7A", "7B"))
        key = world.dies(point, act="choose", booking=booking.pk, numbers=["7B", "7C"])
        lose_answers(world, seed)

        if first == "the worker":
            assert world.recovers() == []
        answer = world.repeats("choose", booking, "7B", "7C", key=key)

        assert (answer.status_code, shown(answer)["seatNumbers"]) == (200, ["7B", "7C"])
        assert world.recovers() == []
        assert set(world.sim.flight()["seatsTaken"]) == {"7B", "7C"}
        world.sim.faults()


def test_a_worker_that_dies_asking_about_an_exchange_asks_again_and_gives_back_what_it_took(world, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    world.sim.reset(capacity=30)
    booking = an_initiated_booking(world.flights, numbers=("7A", "7B"))
    world.dies("exchange.sent", act="choose", booking=booking.pk, numbers=["7B", "7C"])
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.OTHER)
    let_leases_end()

    assert world.mortals.live(point="exchange.claim", act="pass") == SIGKILLED

    assert world.recovers() == []
    assert world.sim.flight()["seatsTaken"] == {}


@pytest.mark.parametrize("point", ["booking.expire", "seats.release", "give.sent", "give.answered", "seats.released"])
def test_a_worker_that_dies_giving_seats_back_gives_each_number_back_once(world, settings, point):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    world.sim.reset(capacity=30)
    an_initiated_booking(world.flights, numbers=("7A", "7B"))
    an_initiated_booking(world.flights, seats=1)
    let_time_pass(minutes=16)

    assert world.mortals.live(point=point, act="pass") == SIGKILLED

    assert world.recovers() == []
    assert (world.sim.flight()["seatsTaken"], world.sim.flight()["given_back"]) == ({}, 3)


def test_a_create_without_a_key_that_dies_gives_its_seats_back_when_nobody_pays(world):
    for seed in rounds(1):
        lose_answers(world, seed)

        world.dies("create.answered", act="create", keyed=False)

        assert world.recovers() == []
        assert Booking.objects.latest("pk").status == "initiated"
        let_time_pass(minutes=16)
        assert world.recovers() == []
        assert world.sim.flight()["remaining"] == world.sim.flight()["capacity"]


@pytest.mark.parametrize("first", ["the client", "the worker"])
@pytest.mark.parametrize(
    "point",
    [
        *("payment.begin", "open.sent", "open.answered", "payment.opened"),
        *("charge.sent", "charge.answered", "payment.settled"),
    ],
)
def test_a_payment_that_dies_is_charged_once(world, point, first):
    for seed in rounds(1):
        booking = an_initiated_booking(world.flights)
        lose_answers(world, seed)

        key = world.dies(point, act="pay", booking=booking.pk)

        if first == "the worker":
            assert world.recovers() == []
        answer = world.repeats("pay", booking, key=key)
        again = world.repeats("pay", booking, key=key)
        assert again.content == answer.content
        if answer.status_code == 402:  # the worker has closed what no request charged
            assert (first, point) in [("the worker", "payment.opened"), ("the worker", "charge.sent")]
            answer = world.repeats("pay", booking, key=f"{key}-again")
        assert (answer.status_code, shown(answer)["status"]) == (201, "booked")
        assert world.recovers() == []
        assert Payment.objects.filter(booking=booking, state="succeeded").count() == 1
        assert world.payments.charged()[booking.reference] == 1
        world.sim.faults()


@pytest.mark.parametrize("first", ["the client", "the worker"])
def test_a_cancellation_that_dies_gives_the_seats_back_once(world, first):
    for seed in rounds(1):
        booking = an_initiated_booking(world.flights)
        lose_answers(world, seed)
        given_back = world.sim.flight()["given_back"]

        key = world.dies("booking.cancel", act="cancel", booking=booking.pk)

        if first == "the worker":
            assert world.recovers() == []
        answer = world.repeats("cancel", booking, key=key)
        assert (answer.status_code, shown(answer)["status"]) == (200, "cancelled")
        assert answer.headers["Idempotent-Replayed"] == "true"
        assert world.recovers() == []
        assert world.sim.flight()["given_back"] == given_back + 2
        assert BookingEvent.objects.filter(booking=booking).count() == 1
        world.sim.faults()


def test_a_refund_whose_page_dies_is_made_once(world):
    for seed in rounds(1):
        booking = a_booked_booking(world.flights, world.payments)
        lose_answers(world, seed)

        key = world.dies("refund.ask", act="refund", booking=booking.pk)
        # The same page is sent again.
        ask_refund(a_refund_request(Booking.objects.get(pk=booking.pk), action_key=key))

        assert world.recovers() == []
        refund = Refund.objects.get(payment__booking=booking)
        assert (refund.state, refund.amount, refund.payment.refunded) == ("done", 1000, 1000)
        assert world.payments.charged()[booking.reference] == 1
        world.sim.faults()


def some_are_overdue(world):
    for flight_id in (1, 1, 2):
        an_initiated_booking(world.flights, flight_id=flight_id)
    let_time_pass(minutes=16)


def some_are_cancelled(world):
    for flight_id in (1, 1, 2):
        a_cancelled_booking(world.flights, flight_id=flight_id)


def a_bulk_is_waiting(world):
    some_are_overdue(world)
    a_booked_booking(world.flights, world.payments)
    start()


def a_give_back_is_open(world):
    a_cancelled_booking(world.flights)
    world.sim.faults(drop_reply_rate=1.0, faults_on="patch")
    release_seats(flights=world.flights, deadline=Deadline(20))
    let_time_pass(seconds=60)


def a_take_is_open(world):
    world.sim.faults(drop_request_rate=1.0, faults_on="patch")
    assert world.api.create(key=uuid.uuid4().hex).status_code == 503
    let_time_pass(seconds=60)


def a_charge_is_open(world, seconds=31):
    an_initiated_booking(world.flights)
    never_heard = DurablePayments(world.payments.file, drop_rate=1.0)
    pay(Booking.objects.latest("pk"), never_heard)
    let_time_pass(seconds=seconds)


def a_charge_is_left(world):
    a_charge_is_open(world, seconds=61)


def a_refund_is_due(world):
    booked = a_booked_booking(world.flights, world.payments)
    cancel_booking(booking_id=booked.pk, actor=STAFF, reason=CancelReason.FRAUD)


@pytest.mark.parametrize(
    ("point", "prepare"),
    [
        ("booking.expire", some_are_overdue),
        ("bulk.cancel_one", a_bulk_is_waiting),
        ("seats.release", some_are_cancelled),
        ("give.sent", some_are_cancelled),
        ("give.answered", some_are_cancelled),
        ("seats.released", some_are_cancelled),
        ("reservation.claim", a_take_is_open),
        ("release.claim", a_give_back_is_open),
        ("payment.claim", a_charge_is_open),
        ("payment.closing", a_charge_is_left),
        ("close.sent", a_charge_is_left),
        ("close.answered", a_charge_is_left),
        ("create.sent", a_take_is_open),
        ("news.announced", some_are_overdue),
        *((point, a_refund_is_due) for point in ("refund.claim", "refund.sent", "refund.answered", "refund.settled")),
    ],
)
def test_a_worker_that_dies_leaves_its_work_to_the_next(world, point, prepare):
    for seed in rounds(1):
        prepare(world)
        lose_answers(world, seed)

        for _ in range(TRIES):
            if world.mortals.live(point=point, act="pass") == SIGKILLED:
                break
            prepare_again(world, prepare)
        else:
            pytest.fail(f"no worker came to {point}")

        assert world.recovers() == []
        assert BulkCancel.objects.filter(finished_at=None).count() == 0
        world.sim.faults()


def prepare_again(world, prepare):
    """The answer that was to be waited for got lost: there is other work to die over."""
    world.sim.faults()
    prepare(world)


def test_twin_that_sends_before_it_writes_leaks_the_seats_of_a_crash(world):
    world.dies("create.answered", act="create", sends_first=True)

    assert world.recovers() == ["Q8: flight 1: 2 taken, 0 held"]


def test_twin_with_a_new_key_for_an_old_intent_takes_the_seats_twice(world, monkeypatch):
    world.dies("create.answered", act="create")
    change_of = reserve.change_of
    monkeypatch.setattr(passing, "change_of", lambda booking: dataclasses.replace(change_of(booking), key=uuid.uuid4()))

    assert world.recovers() == ["Q8: flight 1: 4 taken, 2 held"]


def test_twin_that_repeats_a_charge_under_a_new_key_takes_the_money_twice(world, monkeypatch):
    booking = an_initiated_booking(world.flights)
    key = world.dies("charge.answered", act="pay", booking=booking.pk)
    charge = DurablePayments.charge

    def charge_anew(self, intent, **given):
        return charge(self, dataclasses.replace(intent, key=uuid.uuid4()), **given)

    def believe_it(booking, payment, charged, **given):
        return take_in(booking, payment, dataclasses.replace(charged, key=payment.gateway_key), **given)

    take_in = settling._take_in
    monkeypatch.setattr(settling, "_take_in", believe_it)
    monkeypatch.setattr(DurablePayments, "charge", charge_anew)
    monkeypatch.setattr(charging, "_look", charging._charge)

    world.repeats("pay", booking, key=key)

    assert world.recovers() == [f"Q9: {booking.reference}: booked, charged 2 times"]


def test_twin_without_a_look_is_saved_by_the_key(world, monkeypatch):
    booking = an_initiated_booking(world.flights)
    key = world.dies("charge.answered", act="pay", booking=booking.pk)
    monkeypatch.setattr(charging, "_look", charging._charge)

    answer = world.repeats("pay", booking, key=key)

    assert answer.status_code == 201
    assert world.recovers() == []
