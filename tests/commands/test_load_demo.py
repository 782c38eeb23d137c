"""manage.py load_demo: may run twice."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from bookings.models import Booking
from tests.support.bookings import let_time_pass, one_pass
from tests.support.invariants import assert_in_step

pytestmark = pytest.mark.django_db


@pytest.fixture
def load(flights, capsys):
    """Run the command and give what it printed."""

    def run_command():
        call_command("load_demo")
        return capsys.readouterr()

    return run_command


def test_it_holds_a_few_bookings(load, flights):
    printed = load().out

    assert printed == "demo data: 3 new bookings, 3 in all\n"
    assert list(Booking.objects.order_by("pk").values_list("flight_id", "user_id", "no_of_seats", "status")) == [
        (1, 1001, 1, "initiated"),
        (2, 1002, 3, "initiated"),
        (3, 1003, 2, "initiated"),
    ]
    assert_in_step(flights)


def test_the_second_time_it_makes_nothing_new(load, flights):
    load()

    printed = load().out

    assert printed == "demo data: 0 new bookings, 3 in all\n"
    assert flights.taken(2) == 3


def test_the_second_time_it_makes_nothing_new_even_when_the_first_ones_have_ended(load, flights, payments):
    load()
    let_time_pass(minutes=15)
    one_pass(flights, payments)

    printed = load().out

    assert printed == "demo data: 0 new bookings, 3 in all\n"


def test_while_debugging_there_is_a_log_in(load, settings):
    settings.DEBUG = True
    load()
    load()

    admin = get_user_model().objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password("admin")


def test_a_log_in_that_is_there_is_left_alone(load, settings):
    settings.DEBUG = True
    get_user_model().objects.create_superuser(username="admin", password="better")

    load()

    assert get_user_model().objects.get(username="admin").check_password("better")


def test_in_production_there_is_no_demo_log_in(load, settings):
    settings.DEBUG = False

    load()

    assert get_user_model().objects.count() == 0


def test_without_a_flight_service_it_says_so_and_can_be_repeated(load, flights):
    flights.down = True
    first = load()
    flights.down = False

    second = load()

    assert first.out == "demo data: 0 new bookings, 0 in all\n"
    assert first.err.startswith("flight 1: no demo booking (The Flight Service gives no answer right now.")
    assert second.out == "demo data: 3 new bookings, 3 in all\n"
