"""
Thirteen faults that were measured in the service that this one replaces. None of them is here.

Most are what the specification says anyway: the table names its tests. The rest follow below.
"""

import ast

import pytest
from django.db import connection

from bookings import wiring
from bookings.deadline import Deadline
from bookings.models import Booking, Payment
from bookings.services.bookings import expire
from devtools.processes import REPOSITORY
from tests.support.api import BOOKINGS, Api, refused, shown
from tests.support.bookings import let_time_pass, one_pass
from tests.support.fakes import ChargeFault
from tests.support.gateways import a_tireless_gateway
from tests.support.invariants import assert_in_step
from tests.support.processes import start_flightsim

pytestmark = pytest.mark.django_db

# fault: the tests, below tests/, that fail if it comes back
FAULTS = {
    "1 expired bookings kept their seats": {
        "spec/bookings/test_expire.py": ["test_the_seats_of_an_expired_booking_come_back"],
        "spec/seats/test_release.py": ["test_mass_expiry_costs_one_call_for_each_flight"],
        "races/test_mass_expiry.py": [
            "test_two_thousand_bookings_on_fifty_flights_expire_with_one_call_for_each_flight"
        ],
    },
    "2 a lost answer leaked seats": {
        "spec/bookings/test_hold_seats.py": ["test_the_worker_gives_an_abandoned_take_back"],
        "regressions/test_node_service_faults.py": ["test_a_lost_answer_leaks_no_seat"],
    },
    "3 a process that died while it created leaked seats": {
        "spec/seats/test_resolve_reservations.py": [
            "test_a_request_that_dies_is_finished_by_the_worker_after_its_lease"
        ],
        "crashes/test_crash_points.py": [
            "test_a_create_that_dies_ends_in_one_booking",
            "test_a_create_without_a_key_that_dies_gives_its_seats_back_when_nobody_pays",
        ],
    },
    "4 two late payments gave seats back twice": {
        "spec/payments/test_pay.py": [
            "test_paying_too_late_is_refused_at_once_and_the_seats_are_owed_back",
            "test_a_booking_that_has_expired_answers_as_one_that_expires_now",
        ],
        "spec/seats/test_release.py": ["test_the_members_of_a_call_never_change"],
    },
    "5 requests that waited for the Flight Service held transactions": {
        "architecture/test_no_http_in_transactions.py": ["test_creating_with_every_outcome"],
        "deploy/test_threads.py": ["test_a_flight_service_that_hangs_leaves_all_others_their_threads"],
        "regressions/test_node_service_faults.py": ["test_requests_that_wait_keep_no_other_waiting"],
    },
    "6 a payment that made no sense ended the process": {
        "api/test_request_bodies.py": ["test_only_a_json_integer_is_a_number_in_a_payment"],
        "spec/payments/test_pay.py": ["test_an_unknown_booking_is_not_found"],
    },
    "7 a repeated payment was charged twice": {
        "spec/access/test_idempotency.py": [
            "test_a_repetition_is_answered_byte_for_byte_and_does_nothing",
            "test_another_body_under_the_same_key_is_refused_and_does_nothing",
        ],
        "spec/payments/test_pay.py": ["test_a_booking_is_paid_once_whatever_the_key"],
        "spec/payments/test_settle.py": ["test_another_key_waits_while_a_request_works_on_a_payment"],
        "races/test_same_key.py": ["test_one_key_sixteen_times_makes_one_payment"],
    },
    "8 a payment revived an expired booking": {
        "spec/payments/test_settle.py": ["test_a_charge_that_succeeds_after_half_an_hour_is_refunded"],
        "races/test_pay_against_expiry.py": ["test_a_booking_at_its_deadline_is_either_paid_or_expired"],
        "regressions/test_node_service_faults.py": ["test_a_payment_that_overlaps_the_expiry_never_revives_a_booking"],
    },
    "9 the last seats were sold twice": {
        "spec/bookings/test_hold_seats.py": ["test_seats_that_are_sold_between_looking_and_taking_are_refused"],
        "races/test_last_seats.py": ["test_two_hundred_threads_buy_the_last_ten_seats"],
    },
    "10 seats were negative, fractions or text, and an id became part of an address": {
        "api/test_request_bodies.py": [
            "test_only_a_json_integer_is_a_number",
            "test_one_to_ten_seats_can_be_held_at_once",
        ],
    },
    "11 what could not be had was a server error that told internals": {
        "spec/bookings/test_hold_seats.py": [
            "test_not_enough_seats_is_said_without_asking_for_them",
            "test_an_unknown_flight_is_not_found",
        ],
        "regressions/test_node_service_faults.py": ["test_what_cannot_be_had_tells_nothing_internal"],
    },
    "12 each pass read every booking": {
        "api/test_query_plans.py": ["test_the_pass_finds_what_is_due_by_the_deadline_index"],
        "volume/test_questions.py": ["test_nothing_reads_more_rows_than_it_may"],
    },
    "13 times lost their milliseconds, and text passed for a number": {
        "api/test_envelope.py": ["test_times_are_iso_8601_in_utc_with_milliseconds"],
        "api/test_request_bodies.py": ["test_only_a_json_integer_is_a_number_in_a_payment"],
    },
}


@pytest.mark.parametrize("tests", FAULTS.values(), ids=FAULTS)
def test_the_tests_that_would_fail_are_there(tests):
    for file, names in tests.items():
        tree = ast.parse((REPOSITORY / "tests" / file).read_text())
        assert {*names} <= {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}


@pytest.fixture(scope="module")
def process():
    with start_flightsim("--capacity", "100") as sim:
        yield sim


@pytest.fixture
def sim(process, api, monkeypatch):
    """A Flight Service as a process of its own, in the place of the one in memory."""
    process.reset()
    process.faults()
    gateway = a_tireless_gateway(process.url)
    monkeypatch.setattr(wiring, "flight_service", lambda: gateway)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("key", [None, "k"], ids=["without key", "with key"])
def test_a_lost_answer_leaks_no_seat(api, sim, payments, key):
    for number in range(5):
        sim.faults(drop_reply_rate=1.0, faults_on="patch", times=2)
        assert api.create(key=key and f"{key}{number}").status_code == 503
    lost = sim.flight(1)["taken"]
    for _ in range(2):
        let_time_pass(seconds=15)
        one_pass(wiring.flight_service(), payments)

    assert lost == 10
    assert_in_step(sim)


def test_requests_that_wait_keep_no_other_waiting(api, flights):
    booking = shown(api.create())
    depth = len(connection.savepoint_ids)
    heard = []

    def wait(left):
        if left:
            flights.meanwhile(lambda: wait(left - 1))
            heard.append(Api().create().status_code)
            return
        heard.append(len(connection.savepoint_ids) - depth)
        heard.append(Api().get(f"{BOOKINGS}/{booking['id']}").status_code)
        heard.append(Api().pay(booking).status_code)

    wait(5)

    # Under five takes at once no transaction is open, and reading and paying go on.
    assert heard == [0, 200, 201, 201, 201, 201, 201, 201]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [None, ChargeFault.UNKNOWN_MOVED])
def test_a_payment_that_overlaps_the_expiry_never_revives_a_booking(api, flights, payments, fault):
    booking = shown(api.create())

    def window_closes():
        let_time_pass(minutes=46)
        expire.expire_bookings(deadline=Deadline(20))

    payments.fail_next(*[fault] if fault else [])
    payments.meanwhile(window_closes)

    api.pay(booking)

    for _ in range(2):
        let_time_pass(seconds=15)
        one_pass(flights, payments)

    assert Booking.objects.get().status == "cancelled"
    assert Payment.objects.get().state == "refunded"
    assert payments.net_charges(booking["reference"]) == 0
    assert_in_step(flights, payments)


@pytest.mark.parametrize(
    ("order", "answer"),
    [({"noOfSeats": 10}, (400, "seats_unavailable")), ({"flightId": 999}, (404, "flight_not_found"))],
)
def test_what_cannot_be_had_tells_nothing_internal(api, sim, order, answer):
    sim.reset(flights={"1": 5})

    heard = api.create(**order)

    assert refused(heard) == answer
    assert len(heard.content) < 400
    assert b"127.0.0.1" not in heard.content
    assert b'File "' not in heard.content
