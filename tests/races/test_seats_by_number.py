"""
Many for the same seats by number: each is sold once, and whoever does not get all of theirs holds none.

ROUNDS=100 runs each race a hundred times.
"""

import random
from collections import Counter
from functools import partial
from uuid import uuid4

import pytest
from django.db import IntegrityError

from bookings.answers.results import Accepted, Created, Refused
from bookings.deadline import Deadline
from bookings.errors import FlightServiceUnavailable, SeatChangeInProgress, SeatsTakenByOthers
from bookings.gateways.flight_service import seats_by_number
from bookings.gateways.payments.instant import InstantPayments
from bookings.lifecycle import CancelReason
from bookings.models import Booking, BookingSeat, SeatCall, SeatExchange
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from bookings.services.seats import change_seats as changing
from bookings.services.seats.change_seats import SeatWish, change_seats
from bookings.services.seats.release import release_seats
from bookings.services.shared import transitions
from tests.races.crowd import all_at_once
from tests.races.guards import forget_everything, rounds, without_constraints
from tests.support.bookings import a_key, customer, let_time_pass, one_pass, states
from tests.support.gateways import a_tireless_gateway
from tests.support.invariants import assert_in_step, violations
from tests.support.processes import start_flightsim

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]

CAPACITY = 30
SEATS = [f"{row}{letter}" for row in range(1, 9) for letter in "ABCD"][1 : CAPACITY + 1]


@pytest.fixture(autouse=True)
def with_numbers(settings, sim):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    sim.reset(capacity=CAPACITY)


def create(flights, *numbers, user_id=1001):
    return create_booking(
        order=SeatOrder(1, user_id, len(numbers), seat_numbers=numbers),
        actor=customer(user_id),
        keyed=a_key(),
        respond_async=True,
        flights=flights,
    )


def cancel(booking_id):
    return cancel_booking(booking_id=booking_id, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST)


def come_to_rest(flights):
    for _ in range(5):
        let_time_pass(seconds=60)
        one_pass(flights, InstantPayments())


def passengers(number):
    """How many bookings show that they have a seat."""
    live = Booking.objects.filter(status="initiated")
    return sum(number in booking.seat_numbers.split(",") for booking in live)


@pytest.mark.slow
def test_sixty_four_clients_want_one_seat(flights, sim):
    for _ in rounds(1):
        sim.reset(capacity=CAPACITY)
        forget_everything()

        outcomes = all_at_once([partial(create, flights, "7A", "7B", user_id=1 + n) for n in range(64)])

        come_to_rest(flights)
        assert {type(outcome) for outcome in outcomes} <= {Created, Accepted, Refused}
        refused = [outcome.problem for outcome in outcomes if isinstance(outcome, Refused)]
        assert {type(problem) for problem in refused} == {SeatsTakenByOthers}
        assert {tuple(problem.seats.items()) for problem in refused} == {(("7A", "taken"), ("7B", "taken"))}
        assert (passengers("7A"), sim.flight()["remaining"]) == (1, CAPACITY - 2)
        assert_in_step(sim)


@pytest.mark.slow
def test_sixty_clients_want_random_pairs_while_others_cancel(flights, sim):
    for _ in rounds(1):
        sim.reset(capacity=CAPACITY)
        forget_everything()
        first = [create(flights, *SEATS[n : n + 2]) for n in range(0, 10, 2)]
        ending = [partial(cancel, each.booking.pk) for each in first]

        all_at_once([*(partial(create, flights, *random.sample(SEATS, 2)) for _ in range(60)), *ending])

        come_to_rest(flights)
        sold = Counter(BookingSeat.objects.values_list("seat_number", flat=True))
        assert set(sold.values()) == {1}
        assert_in_step(sim)


@pytest.mark.slow
def test_a_seat_that_goes_back_while_others_want_it_is_never_held_twice(flights, sim):
    held = create(flights, "7A").booking.pk
    for _ in rounds(5):
        cancel(held)

        all_at_once([partial(one_pass, flights, InstantPayments()), *[partial(create, flights, "7A")] * 3])

        come_to_rest(flights)
        assert passengers("7A") <= 1
        assert_in_step(sim)
        live = Booking.objects.filter(status="initiated").first()
        held = live.pk if live is not None else create(flights, "7A").booking.pk


def choose(flights, booking_id, *numbers):
    return change_seats(wish=SeatWish(booking_id, numbers, customer()), keyed=a_key(), flights=flights)


@pytest.mark.slow
def test_thirty_customers_change_seats_while_others_pay_cancel_and_give_back(flights, sim):
    for _ in rounds(1):
        sim.reset(capacity=CAPACITY)
        forget_everything()
        held = [create(flights, *SEATS[n : n + 2]).booking.pk for n in range(0, 20, 2)]
        ending = [partial(cancel, each) for each in held[:3]]
        free = zip(SEATS[20::2], SEATS[21::2], strict=True)
        wishes = [partial(choose, flights, pk, *pair) for pk, pair in zip(held[3:], free, strict=False)]
        # The first one wants seats that no other wants, so that one exchange is done in each round.
        others, rest = [pk for pk in held * 2 if pk != held[3]], [*SEATS[:20], *SEATS[22:]]
        wishes += [partial(choose, flights, pk, *random.sample(rest, 2)) for pk in others]
        passes = [partial(one_pass, flights, InstantPayments())] * 2

        outcomes = all_at_once([*wishes, *ending, *passes, *(partial(create, flights, seat) for seat in SEATS[:10])])

        come_to_rest(flights)
        # Two for one booking: the second waits. A seat of another, or a booking that has ended: refused.
        assert {type(outcome) for outcome in outcomes if isinstance(outcome, Exception)} <= {SeatChangeInProgress}
        assert SeatExchange.objects.filter(state="done").exists()
        assert not SeatExchange.objects.exclude(state__in=["done", "refused"]).exists()
        sold = Counter(BookingSeat.objects.values_list("seat_number", flat=True))
        assert set(sold.values()) == {1}
        assert_in_step(sim)


def test_a_booking_has_one_exchange_at_a_time_and_not_without_its_unique_key(flights):
    held = create(flights, "7A").booking.pk

    def write(number):
        return changing._write_down(SeatWish(held, (number,), customer()), None, call_key=uuid4(), lease=uuid4())

    write("7B")
    with pytest.raises(SeatChangeInProgress):
        write("7C")
    Booking.objects.update(wanted_seats="")  # as one reads it who has no lock
    with pytest.raises(IntegrityError):
        write("7C")
    with without_constraints(SeatExchange, "seat_exchange_open_booking_id_unique"):
        write("7C")
        assert SeatExchange.objects.filter(state="asking").count() == 2


def test_twin_that_gives_back_the_old_seats_while_they_are_exchanged_gives_what_it_has_not(flights, sim):
    held = create(flights, "7A").booking.pk
    sim.faults(drop_reply_rate=1.0, faults_on="patch")
    choose(flights, held, "7B")
    sim.faults()
    cancel(held)
    release_seats(flights=flights, deadline=Deadline(5))
    assert not SeatCall.objects.exists()

    with without_constraints(Booking, "booking_seats_go_back_once_it_is_known_which"):
        Booking.objects.update(wanted_seats="")
        release_seats(flights=flights, deadline=Deadline(5))
        assert SeatCall.objects.get().state == "dead"  # 7A is free there


def test_twin_that_leaves_the_rows_of_what_is_exchanged_takes_the_next_passenger_for_a_fault(flights, sim, monkeypatch):
    def lost_exchange(frm, to):
        held = create(flights, frm).booking.pk
        sim.faults(drop_reply_rate=1.0, faults_on="patch")
        choose(flights, held, to)
        sim.faults()

    lost_exchange("7A", "7B")
    assert type(create(flights, "7A")) is Created

    begin = changing.begin_exchange

    def keep_the_rows(booking, wanted, *, now):
        rows = list(BookingSeat.objects.filter(booking=booking))
        begin(booking, wanted, now=now)
        BookingSeat.objects.bulk_create(rows)

    monkeypatch.setattr(changing, "begin_exchange", keep_the_rows)
    lost_exchange("7C", "7D")
    create(flights, "7C")
    assert states()[-1][:2] == ("pending", "stuck")


def test_a_peer_that_gives_a_seat_twice_is_found_out_and_not_without_the_unique_key(flights, sim):
    def give_twice():
        forget_everything()
        sim.reset(capacity=CAPACITY)
        create(flights, "7A")
        sim.reset(capacity=CAPACITY)  # it forgets what it has sold
        return create(flights, "7A")

    assert (type(give_twice()), passengers("7A")) == (Accepted, 1)
    assert states()[1][:2] == ("pending", "stuck")

    with without_constraints(BookingSeat, "booking_seat_unique"):
        give_twice()
        assert passengers("7A") == 2


def test_twin_that_does_not_look_for_the_numbers_in_the_answer_sells_one_seat_twice(monkeypatch):
    with start_flightsim("--ignore-seat-numbers") as sim:
        flights = a_tireless_gateway(sim.url)
        with pytest.raises(FlightServiceUnavailable):
            create(flights, "7A")
        assert passengers("7A") == 0
        monkeypatch.setattr(seats_by_number, "_repeats", lambda _reply, _change: True)
        with without_constraints(BookingSeat, "booking_seat_unique"):
            create(flights, "7A")
            create(flights, "7A")
            assert passengers("7A") == 2


def test_twin_that_forgets_the_rows_of_what_ended_takes_the_next_passenger_for_a_fault(flights, monkeypatch):
    monkeypatch.setattr(transitions, "_leave_seats", lambda _ids: None)
    cancel(create(flights, "7A").booking.pk)
    one_pass(flights, InstantPayments())

    create(flights, "7A")

    assert states()[1][:2] == ("pending", "stuck")
    assert violations() != []
