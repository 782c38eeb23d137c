"""How many SQL statements a request costs, transaction control aside: as many in full tables as in empty ones."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.api import BOOKINGS, shown
from tests.support.volume import fill_tables

pytestmark = [pytest.mark.server, pytest.mark.django_db]

CONTROL = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK", "BEGIN", "COMMIT", "SET ")


def cost(request):
    """The number of statements of a request that succeeds."""
    with CaptureQueriesContext(connection) as captured:
        answer = request()
    assert answer.status_code in (200, 201)
    return len([query for query in captured if not query["sql"].startswith(CONTROL)])


def test_seats_by_number_cost_one_statement_each_way_and_a_create_by_count_none(api, flights, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    api.create()  # makes the row that stands for the user

    def by_number(*numbers, key=None):
        return api.create(body={"flightId": 1, "userId": 1001, "seatNumbers": [*numbers]}, key=key)

    named = shown(by_number("2A"))
    costs = {
        "create": cost(api.create),
        "create by number": cost(lambda: by_number("3A", "3B")),
        "create with a key": cost(lambda: api.create(key="k")),
        "create by number, with a key": cost(lambda: by_number("4A", "4B", key="l")),
        "cancel": cost(lambda: api.cancel(shown(api.create()))) - cost(api.create),
        "cancel by number": cost(lambda: api.cancel(named)),
    }

    assert costs == {
        "create": 5,
        "create by number": 6,
        "create with a key": 8,
        "create by number, with a key": 9,
        "cancel": 5,
        "cancel by number": 6,
    }


def test_other_seats_cost_as_many_statements_as_a_booking_has_writes(api, flights, settings):
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    booking = shown(api.create(body={"flightId": 1, "userId": 1001, "seatNumbers": ["2A", "2B"]}))

    costs = {
        # Which flight; lock, time, rows, booking, exchange; lock, time, lock, rows, booking, exchange, event, key.
        "change seats": cost(lambda: api.choose(booking, "2B", "2C")),
        "change seats with a key": cost(lambda: api.choose(booking, "2C", "2D", key="k")),
        "change seats, replayed": cost(lambda: api.choose(booking, "2C", "2D", key="k")),
        "change seats for the same": cost(lambda: api.choose(booking, "2C", "2D")),
    }

    assert costs == {
        "change seats": 14,
        "change seats with a key": 16,
        "change seats, replayed": 1,
        "change seats for the same": 3,
    }


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 10_000])
def test_a_request_costs_a_fixed_number_of_statements(api, rows):
    fill_tables(rows)
    first, second, third, fourth = (shown(api.create()) for _ in range(4))
    one = f"{BOOKINGS}/{fourth['id']}"

    costs = {
        "create": cost(api.create),
        "create with a key": cost(lambda: api.create(key="k")),
        "create, replayed": cost(lambda: api.create(key="k")),
        "pay": cost(lambda: api.pay(first, key="k")),
        "cancel": cost(lambda: api.cancel(second)),
        "cancel with a key": cost(lambda: api.cancel(third, key="k")),
        "read": cost(lambda: api.get(one)),
        "timeline": cost(lambda: api.get(f"{one}/events")),
        "payments and refunds": cost(lambda: api.get(f"{BOOKINGS}/{first['id']}/payments")),
        "list": cost(lambda: api.get(BOOKINGS)),
        "list of a user": cost(lambda: api.get(BOOKINGS, {"userId": 1, "limit": 100})),
        "list of a status": cost(lambda: api.get(BOOKINGS, {"status": "booked", "limit": 100})),
    }

    assert costs == {
        "create": 5,
        "create with a key": 8,
        "create, replayed": 1,
        "pay": 8,
        "cancel": 5,
        "cancel with a key": 7,
        "read": 1,
        "timeline": 2,
        "payments and refunds": 3,
        "list": 1,
        "list of a user": 1,
        "list of a status": 1,
    }
