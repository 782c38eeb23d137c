"""
Many bookings at once against the caps of a user: as many are unpaid as may be, and a repeated one counts once.

ROUNDS=20 runs each race twenty times.
"""

from collections import Counter
from functools import partial

import pytest
from django.db import OperationalError, connection

from bookings.answers.results import AlreadyDone, Created
from bookings.errors import RequestInProgress, TooManyUnpaidBookings, TooManyUnpaidSeats
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking, UserHold
from bookings.services.bookings import create as creating
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_user_locks
from tests.races.places import UNPAID_COUNTED
from tests.races.test_limits import buy, web_environment
from tests.support.bookings import a_key, an_initiated_booking, customer, let_time_pass, one_pass, status_of
from tests.support.invariants import assert_in_step
from tests.support.servers import start_web

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.django_db(transaction=True)]

CROWD = 64
CAP = 5
CONNECTION_LOST = 2013


@pytest.fixture
def cap(settings):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = CAP


def create(flights, user_id=1001, keyed=None):
    return create_booking(
        order=SeatOrder(1, user_id, 1),
        actor=customer(user_id),
        keyed=keyed or a_key(),
        respond_async=True,
        flights=flights,
    )


def initiated_by_user(flights):
    """How many bookings each user has, when no take is under way any more."""
    let_time_pass(seconds=60)
    one_pass(flights, InstantPayments())
    return Counter(Booking.objects.filter(status="initiated").values_list("user_id", flat=True))


def test_sixty_four_creates_of_a_user_with_a_cap_of_five(flights, sim, cap):
    for _ in rounds(2):
        forget_everything()
        sim.reset(capacity=1000)

        outcomes = all_at_once([partial(create, flights)] * CROWD)

        assert Counter(map(type, outcomes)) == {Created: 5, TooManyUnpaidBookings: 59}
        assert initiated_by_user(flights) == {1001: 5}
        assert_in_step(sim)


def test_each_of_eight_users_gets_five(flights, sim, cap):
    users = range(1001, 1009)

    outcomes = all_at_once([partial(create, flights, user_id) for user_id in users for _ in range(8)])

    assert Counter(map(type, outcomes)) == {Created: 40, TooManyUnpaidBookings: 24}
    assert initiated_by_user(flights) == dict.fromkeys(users, 5)
    assert_in_step(sim)


def test_sixty_four_clients_of_two_web_processes_with_a_cap_of_five(flights, sim):
    with start_web(env=web_environment(sim, MAX_UNPAID_BOOKINGS_PER_USER=str(CAP))) as web:
        answers = all_at_once([partial(buy, web, 1001)] * CROWD)

    refused = [headers["Retry-After"] for _, headers, code in answers if code == "too_many_unpaid_bookings"]
    assert Counter(status for status, _headers, _code in answers) == {201: 5, 429: 59}
    assert len(refused) == 59
    assert {int(seconds) for seconds in refused} <= set(range(1, 901))
    assert initiated_by_user(flights) == {1001: 5}
    assert_in_step(sim)


def two_for_the_last_place(flights, monkeypatch):
    """Stop a create when it has counted four; give how both ended, and how many bookings there are."""
    for _ in range(CAP - 1):
        an_initiated_booking(flights)
    halt = Halt(monkeypatch, UNPAID_COUNTED)
    outcomes = overtaken(partial(create, flights), partial(create, flights), at=halt)
    return [type(outcome) for outcome in outcomes], Booking.objects.filter(status="initiated").count()


def test_two_for_the_last_place_under_the_cap(flights, sim, cap, monkeypatch):
    ended = two_for_the_last_place(flights, monkeypatch)

    assert ended == ([Created, TooManyUnpaidBookings], 5)


def test_twin_that_does_not_lock_the_user_has_one_too_many(flights, sim, cap, monkeypatch):
    without_user_locks(monkeypatch)

    assert two_for_the_last_place(flights, monkeypatch) == ([Created, Created], 6)


def test_a_repeat_that_meets_its_own_request_at_the_cap_is_not_one_too_many(flights, sim, settings, monkeypatch):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = 1
    keyed = a_key()
    halt = Halt(monkeypatch, UNPAID_COUNTED)

    first, repeat = overtaken(partial(create, flights, keyed=keyed), partial(create, flights, keyed=keyed), at=halt)

    assert isinstance(first, Created)
    assert isinstance(repeat, AlreadyDone | RequestInProgress)
    assert Booking.objects.count() == 1


@pytest.fixture
def lost_commit(monkeypatch):
    """Lose the answer to the COMMIT that follows the first look at the cap; give the looks there were."""
    looks = []
    look, commit = creating.refuse_one_too_many, connection._commit

    def note_and_look(user_id, *, besides, **order):
        looks.append(besides)
        return look(user_id, besides=besides, **order)

    def commit_and_lose_the_answer():
        commit()
        if len(looks) == 1 and Booking.objects.filter(hold_key=looks[0], status="pending").exists():
            raise OperationalError(CONNECTION_LOST, "Lost connection to server during query")

    monkeypatch.setattr(creating, "refuse_one_too_many", note_and_look)
    monkeypatch.setattr(connection, "_commit", commit_and_lose_the_answer)
    return looks


@pytest.mark.parametrize("keyed", [a_key(), None], ids=["with a key", "without a key"])
def test_a_create_whose_commit_was_unclear_does_not_count_itself(flights, sim, settings, lost_commit, keyed):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = 1

    answer = create_booking(
        order=SeatOrder(1, 1001, 1), actor=customer(), keyed=keyed, respond_async=False, flights=flights
    )
    looks_of_the_first = list(lost_commit)
    with pytest.raises(TooManyUnpaidBookings):
        create(flights)

    assert status_of(answer) == 201
    assert looks_of_the_first == [Booking.objects.get().hold_key] * 2
    assert_in_step(sim)


@pytest.mark.parametrize("keyed", [a_key(), None], ids=["with a key", "without a key"])
def test_two_first_bookings_of_a_user_are_both_held(flights, sim, cap, monkeypatch, keyed):
    halt = Halt(monkeypatch, UNPAID_COUNTED)

    outcomes = overtaken(partial(create, flights), partial(create, flights, keyed=keyed), at=halt)

    assert [status_of(outcome) for outcome in outcomes] == [201, 201]
    assert UserHold.objects.count() == 1
    assert initiated_by_user(flights) == {1001: 2}
    assert_in_step(sim)


# --- seats on one flight ------------------------------------------------------------------------------

SEAT_CAP = 7


@pytest.fixture
def seat_cap(settings):
    settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT, settings.MAX_UNPAID_BOOKINGS_PER_USER = SEAT_CAP, 0


def create_seats(flights, seats, *, user_id=1001, flight_id=1):
    return create_booking(
        order=SeatOrder(flight_id, user_id, seats),
        actor=customer(user_id),
        keyed=a_key(),
        respond_async=True,
        flights=flights,
    )


def seats_held(flights):
    """How many seats each user has on each flight, when no take is under way any more."""
    let_time_pass(seconds=60)
    one_pass(flights, InstantPayments())
    held = Counter()
    for user_id, flight_id, seats in Booking.objects.filter(status="initiated").values_list(
        "user_id", "flight_id", "no_of_seats"
    ):
        held[user_id, flight_id] += seats
    return held


def test_sixty_four_creates_of_one_seat_with_a_cap_of_seven_seats(flights, sim, seat_cap):
    for _ in rounds(2):
        forget_everything()
        sim.reset(capacity=1000)

        outcomes = all_at_once([partial(create_seats, flights, 1)] * CROWD)

        assert Counter(map(type, outcomes)) == {Created: 7, TooManyUnpaidSeats: 57}
        assert seats_held(flights) == {(1001, 1): 7}
        assert_in_step(sim)


def test_creates_of_several_seats_never_hold_more_than_the_cap(flights, sim, seat_cap):
    for _ in rounds(2):
        forget_everything()
        sim.reset(capacity=1000)
        orders = [(seats, user, flight) for seats in (1, 2, 3, 5) for user in (1, 2) for flight in (1, 2, 3)] * 2

        outcomes = all_at_once(
            [partial(create_seats, flights, seats, user_id=user, flight_id=flight) for seats, user, flight in orders]
        )

        assert {type(outcome) for outcome in outcomes} == {Created, TooManyUnpaidSeats}
        held = seats_held(flights)
        # The smallest order is one seat: what is refused would not have fitted.
        assert held.keys() == {(user, flight) for user in (1, 2) for flight in (1, 2, 3)}
        assert max(held.values()) <= SEAT_CAP
        assert min(held.values()) >= SEAT_CAP - 2
        assert_in_step(sim)


def two_for_the_last_seats(flights, monkeypatch):
    """Stop a create when it has counted four seats of seven; give how both ended, and the seats there are."""
    an_initiated_booking(flights, seats=4)
    halt = Halt(monkeypatch, UNPAID_COUNTED)
    outcomes = overtaken(partial(create_seats, flights, 3), partial(create_seats, flights, 3), at=halt)
    return [type(outcome) for outcome in outcomes], seats_held(flights)


def test_two_for_the_last_seats_under_the_cap(flights, sim, seat_cap, monkeypatch):
    ended = two_for_the_last_seats(flights, monkeypatch)

    assert ended == ([Created, TooManyUnpaidSeats], {(1001, 1): 7})


def test_twin_that_does_not_lock_the_user_has_seats_too_many(flights, sim, seat_cap, monkeypatch):
    without_user_locks(monkeypatch)

    assert two_for_the_last_seats(flights, monkeypatch) == ([Created, Created], {(1001, 1): 10})


def test_sixty_four_clients_of_two_web_processes_with_a_cap_of_seven_seats(flights, sim):
    limits = {"MAX_SEATS_PER_BOOKING": "7", "MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT": str(SEAT_CAP)}
    with start_web(env=web_environment(sim, **limits)) as web:
        answers = all_at_once([partial(buy, web, 1001)] * CROWD)

    assert Counter(status for status, _headers, _code in answers) == {201: 7, 429: 57}
    assert {code for status, _headers, code in answers if status == 429} == {"too_many_unpaid_seats"}
    assert seats_held(flights) == {(1001, 1): 7}
    assert_in_step(sim)
