"""What it costs, in SQL statements, to know who calls and how often: nothing for a customer without limits."""

import pytest

from bookings.models import UserHold
from tests.api.test_statement_counts import cost
from tests.support.api import BOOKINGS
from tests.support.callers import CallerApi, a_service_key, a_token

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db, pytest.mark.usefixtures("token_auth", "flights")]


def test_a_customers_token_costs_no_statement():
    customer = CallerApi(a_token())

    costs = [cost(customer.create), cost(lambda: customer.create(key="k")), cost(lambda: customer.get(BOOKINGS))]

    assert costs == [4, 7, 1]


def test_a_services_key_costs_one_and_its_last_use_one_a_minute(settings):
    settings.SERVICE_REQUESTS_PER_MINUTE = 0
    service = CallerApi(a_service_key())

    assert [cost(service.create) for _ in range(3)] == [6, 5, 5]


def test_a_limit_costs_two_and_its_first_use_two_more(settings):
    settings.CREATES_PER_MINUTE = 10
    customer = CallerApi(a_token())

    assert [cost(customer.create) for _ in range(3)] == [8, 6, 6]


def test_a_cap_of_unpaid_bookings_costs_three(settings):
    settings.MAX_UNPAID_BOOKINGS_PER_USER = 10
    UserHold.objects.create(user_id=1001)
    customer = CallerApi(a_token())

    assert cost(customer.create) == 7


def test_a_refused_request_costs_one_read(settings, django_assert_num_queries):
    settings.CREATES_PER_MINUTE = 1
    customer = CallerApi(a_token())
    customer.create()

    with django_assert_num_queries(1):
        answer = customer.create()

    assert answer.status_code == 429
