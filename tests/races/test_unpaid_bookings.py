"""
Many bookings at once against a user's cap: as many are unpaid as may be, and a repeated one counts once.

ROUNDS=20 runs each race twenty times.
"""

from collections import Counter
from functools import partial

import pytest
from django.db import OperationalError, connection

from bookings.answers import Answer
from bookings.errors import RequestInProgress, TooManyUnpaidBookings
from bookings.gateways.payments.instant import InstantPayments
from bookings.models import Booking
from bookings.services import create_booking as creating
from bookings.services.create_booking import SeatOrder, create_booking
from tests.races.crowd import Halt, all_at_once, overtaken
from tests.races.guards import forget_everything, rounds, without_row_locks
from tests.races.test_limits import buy, web_environment
from tests.support.bookings import a_key, an_initiated_booking, customer, let_time_pass, one_pass
from tests.support.invariants import assert_in_step
from tests.support.servers import start_web

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

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

        assert Counter(map(type, outcomes)) == {Answer: 5, TooManyUnpaidBookings: 59}
        assert initiated_by_user(flights) == {1001: 5}
        assert_in_step(sim)


def test_each_of_eight_users_gets_five(flights, sim, cap):
    users = range(1001, 1009)

    outcomes = all_at_once([partial(create, flights, user_id) for user_id in users for _ in range(8)])

    assert Counter(map(type, outcomes)) == {Answer: 40, TooManyUnpaidBookings: 24}
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
    halt = Halt(monkeypatch, creating, "refuse_one_too_many")
    outcomes = overtaken(partial(create, flights), partial(create, flights), at=halt)
    return [type(outcome) for outcome in outcomes], Booking.objects.filter(status="initiated").count()


def test_two_for_the_last_place_under_the_cap(flights, sim, cap, monkeypatch):
    ended = two_for_the_last_place(flights, monkeypatch)

    assert ended == ([Answer, TooManyUnpaidBookings], 5)


def test_twin_that_does_not_lock_the_user_has_one_too_many(flights, sim, cap, monkeypatch):
    without_row_locks(monkeypatch)

    assert two_for_the_last_place(flights, monkeypatch) == ([Answer, Answer], 6)


def test_a_repeat_that_meets_its_own_request_at_the_cap_is_not_one_too_many(flights, sim, settings, monkeypatch):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = 1
    keyed = a_key()
    halt = Halt(monkeypatch, creating, "refuse_one_too_many")

    first, repeat = overtaken(
        partial(create, flights, keyed=keyed), partial(create, flights, keyed=keyed), at=halt
    )

    assert first.status == 201
    assert isinstance(repeat, Answer | RequestInProgress)
    assert Booking.objects.count() == 1


@pytest.fixture
def lost_commit(monkeypatch):
    """Lose the answer to the COMMIT that follows the first look at the cap; give the looks there were."""
    looks = []
    look, commit = creating.refuse_one_too_many, connection._commit

    def note_and_look(user_id, *, besides):
        looks.append(besides)
        look(user_id, besides=besides)

    def commit_and_lose_the_answer():
        commit()
        if len(looks) == 1 and Booking.objects.filter(hold_key=looks[0], status="pending").exists():
            raise OperationalError(CONNECTION_LOST, "Lost connection to server during query")

    monkeypatch.setattr(creating, "refuse_one_too_many", note_and_look)
    monkeypatch.setattr(connection, "_commit", commit_and_lose_the_answer)
    return looks


@pytest.mark.parametrize("keyed", [a_key(), None], ids=["with a key", "without a key"])
def test_a_create_whose_commit_was_unclear_does_not_count_itself(flights, sim, settings, lost_commit, keyed):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = 1

    answer = create_booking(
        order=SeatOrder(1, 1001, 1), actor=customer(), keyed=keyed, respond_async=False, flights=flights
    )
    looks_of_the_first = list(lost_commit)
    with pytest.raises(TooManyUnpaidBookings):
        create(flights)

    assert answer.status == 201
    assert looks_of_the_first == [Booking.objects.get().hold_key] * 2
    assert_in_step(sim)
