"""`python -m devtools.demo`: may run twice."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db.models import Count

from bookings.db.clock import database_time
from bookings.models import Booking, BookingEvent, Payment, Refund
from bookings.text.cells import Cell
from devtools.demo.load import Command
from tests.support.bookings import let_time_pass, one_pass
from tests.support.fakes import Fault
from tests.support.invariants import assert_in_step, violations

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def load(flights, capsys):
    """Run the command and give what it printed."""

    def run_command(*options):
        call_command(Command(), *options)
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


# --- many -----------------------------------------------------------------------------------------------


@pytest.fixture
def development(settings):
    settings.DEBUG = True


def test_in_production_it_fills_nothing_up(load, flights):
    with pytest.raises(CommandError, match="only while DEBUG=true"):
        load("--bookings", "450")

    assert (Booking.objects.count(), flights.taken(2)) == (0, 0)


def test_one_of_several_cells_is_not_filled_up(load, settings, development):
    settings.CELL = Cell(1, 2)

    with pytest.raises(CommandError, match="omit CELL"):
        load("--bookings", "450")

    assert Booking.objects.count() == 0


@pytest.fixture
def roomy(flights, development):
    """Flights with more seats than a small demo sells."""
    for shown in flights.ledger()["flights"]:
        flights.set_flight(shown["id"], remaining=1_000)
    return flights


def test_it_fills_up_to_as_many_bookings_as_wanted(load, roomy):
    assert load("--bookings", "450").out == "demo data: 453 new bookings, 453 in all\n"
    assert load("--bookings", "450").out == "demo data: 0 new bookings, 453 in all\n"
    assert load("--bookings", "700").out == "demo data: 250 new bookings, 703 in all\n"


def test_what_it_makes_satisfies_every_invariant(load, roomy):
    load("--bookings", "800")

    assert_in_step(roomy)


def test_each_booking_is_in_the_currency_of_its_flight(load, roomy, settings):
    settings.CURRENCY = "EUR"
    roomy.set_flight(2, currency="INR")

    load("--bookings", "800")

    found = Booking.objects.values_list("flight_id", "currency").distinct()
    assert {(flight == 2, currency) for flight, currency in found} == {(True, "INR"), (False, "EUR")}
    assert violations() == []


def test_every_kind_of_booking_is_there(load, roomy):
    load("--bookings", "3000")

    found = {
        (status, hold, reason)
        for status, hold, reason in Booking.objects.values_list("status", "hold", "cancel_reason").distinct()
    }
    assert found == {
        ("initiated", "held", ""),
        ("booked", "held", ""),
        ("cancelled", "giving_back", "expired"),
        ("cancelled", "giving_back", "customer_request"),
        ("cancelled", "giving_back", "fraud"),
        ("cancelled", "refused", "no_seats"),
        ("cancelled", "dropped", "unavailable"),
    }
    assert set(Payment.objects.values_list("state", flat=True)) == {"succeeded", "failed", "refunded"}
    assert set(Refund.objects.values_list("state", "cause")) == {("done", "booking_ended"), ("done", "goodwill")}
    today = BookingEvent.objects.filter(created_at__gte=database_time() - timedelta(days=1))
    assert today.filter(what="cancelled").count() > 100


def test_what_ended_or_was_paid_has_its_event_and_none_has_two(load, roomy):
    load("--bookings", "800")

    cancelled = Booking.objects.filter(status="cancelled", events__what="cancelled")
    booked = Booking.objects.filter(status="booked", events__what="booked")
    assert cancelled.count() == Booking.objects.filter(status="cancelled").count()
    assert booked.count() == Booking.objects.filter(status="booked").count()
    twice = BookingEvent.objects.values("booking", "what").annotate(rows=Count("pk")).filter(rows__gt=1)
    assert list(twice) == []
    assert BookingEvent.objects.filter(created_at__gt=database_time()).count() == 0


def test_the_first_flight_and_every_third_stay_free(load, roomy):
    load("--bookings", "800")

    assert [roomy.taken(number) for number in (1, 2, 3, 4)] == [1, 60 + 3, 60 + 2, 0]


def test_a_run_that_was_broken_off_is_finished_by_the_same_run(load, roomy):
    load()
    roomy.fail_next(Fault.DROP_REPLY)
    with pytest.raises(CommandError, match="run this again"):
        load("--bookings", "400")

    assert load("--bookings", "400").out == "demo data: 400 new bookings, 403 in all\n"
    assert_in_step(roomy)


def test_seats_of_a_run_that_was_broken_off_are_not_lost_while_the_flight_service_is_down(load, roomy):
    load()
    roomy.fail_next(Fault.DROP_REPLY)
    with pytest.raises(CommandError, match="run this again"):
        load("--bookings", "400")
    roomy.down = True
    with pytest.raises(CommandError, match="run this again"):
        load("--bookings", "400")
    roomy.down = False

    load("--bookings", "400")

    assert_in_step(roomy)


def test_without_a_flight_service_nothing_is_filled_up(load, flights, development):
    flights.down = True

    with pytest.raises(CommandError, match="run this again"):
        load("--bookings", "400")

    assert Booking.objects.count() == 0


def test_a_flight_that_is_sold_out_gets_no_more_bookings(load, flights, development):
    for number in (2, 3):
        flights.set_flight(number, remaining=70)

    load("--bookings", "1000")

    assert (flights.taken(2), flights.taken(3)) == (60 + 3, 60 + 2)
    assert_in_step(flights)


def test_a_number_that_makes_no_sense_is_refused(load):
    with pytest.raises(CommandError, match="--bookings must be"):
        load("--bookings", "-1")


# --- people ---------------------------------------------------------------------------------------------


def test_while_debugging_there_is_somebody_of_each_group(load, settings):
    settings.DEBUG = True
    for name in ("Support", "Supervisor", "Auditor"):
        Group.objects.get_or_create(name=name)
    load()
    load()

    people = get_user_model().objects.filter(is_superuser=False).order_by("username")
    assert [(person.username, person.is_staff, person.groups.get().name) for person in people] == [
        ("auditor", True, "Auditor"),
        ("supervisor", True, "Supervisor"),
        ("support", True, "Support"),
    ]
    assert people[2].check_password("support")


def test_without_the_groups_it_says_so(load, settings):
    settings.DEBUG = True
    Group.objects.all().delete()

    assert "there is no group Support" in load().err
    assert get_user_model().objects.count() == 1


def test_it_makes_the_log_ins_alone_and_takes_no_seat(load, flights, settings):
    settings.DEBUG = True

    load("--people-only")

    assert get_user_model().objects.filter(username="admin").exists()
    assert Booking.objects.count() == 0
    assert flights.taken(1) == 0
