"""What it costs, in SQL statements, to know who calls and how often: nothing for a customer without limits."""

import pytest

from tests.api.test_statement_counts import cost
from tests.support.api import BOOKINGS
from tests.support.callers import CallerApi, a_service_key, a_token

# One that locks the user's row, or makes it. What the user has not paid is read with the time.
CAPS = 1

pytestmark = [pytest.mark.server, pytest.mark.django_db, pytest.mark.usefixtures("token_auth", "flights")]


def test_a_customers_token_costs_no_statement():
    customer = CallerApi(a_token())

    costs = [cost(customer.create), cost(lambda: customer.create(key="k")), cost(lambda: customer.get(BOOKINGS))]

    assert costs == [4 + CAPS, 7 + CAPS, 1]


def test_a_services_key_costs_one_and_its_last_use_one_a_minute(settings):
    settings.SERVICE_REQUESTS_PER_MINUTE = 0
    service = CallerApi(a_service_key())

    assert [cost(service.create) for _ in range(3)] == [6 + CAPS, 5 + CAPS, 5 + CAPS]


def test_a_limit_costs_two_and_its_first_use_two_more(settings):
    settings.CREATES_PER_MINUTE = 10
    customer = CallerApi(a_token())

    assert [cost(customer.create) for _ in range(3)] == [8 + CAPS, 6 + CAPS, 6 + CAPS]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bookings", "seats", "costs"),
    [(10, 20, [5, 5, 5]), (10, 0, [5, 5, 5]), (0, 20, [5, 5, 5]), (0, 0, [4, 4, 4])],
    ids=["both", "of bookings", "of seats", "none"],
)
def test_caps_of_what_is_unpaid_cost_one_together_at_the_first_booking_of_a_user_too(settings, bookings, seats, costs):
    settings.MAX_UNPAID_BOOKINGS_PER_USER, settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = bookings, seats
    customer = CallerApi(a_token())

    assert [cost(customer.create) for _ in range(3)] == costs


@pytest.mark.slow
def test_they_cost_as_much_where_much_is_unpaid(settings):
    settings.MAX_UNPAID_BOOKINGS_PER_USER, settings.MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT = 1_000, 1_000
    customer = CallerApi(a_token())
    for _ in range(50):
        customer.create()

    assert cost(customer.create) == 5


def test_a_refused_request_costs_one_read(settings, django_assert_num_queries):
    settings.CREATES_PER_MINUTE = 1
    customer = CallerApi(a_token())
    customer.create()

    with django_assert_num_queries(1):
        answer = customer.create()

    assert answer.status_code == 429
