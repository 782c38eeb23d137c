"""The table "Try every answer" of the guide: each row, with the service and a stand-in Flight Service as a process."""

import json
import re
import time

import pytest

from bookings import wiring
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.payments.demo import DemoPayments
from bookings.models import Booking
from bookings.ports import BreakerState
from tests.api.test_openapi import problems
from tests.docs.pages import page, tables
from tests.support.api import refused, shown
from tests.support.bookings import let_time_pass, one_pass, payment_states, states
from tests.support.invariants import assert_in_step
from tests.support.processes import start_flightsim
from tests.support.wired import use_gateway
from tests.test_start import start

pytestmark = pytest.mark.django_db

# How long the stand-in gives no answer under one key.
UNCLEAR_SECONDS = 5.2

# Before a fixture replaces it.
chosen_by_the_settings = wiring.flight_service.__wrapped__


def rows():
    """Each row: what is done, its fields, its headers, and the status and code that it names."""
    (table,) = (each for each in tables(page("docs/api.md")) if each[0][:2] == ["send", "you get"])
    for send, get, _because in table[1:]:
        verb, fields, prefer = re.fullmatch(r"(create|pay) `(\{.*\})`(?:, `Prefer: (.*)`)?", send).groups()
        status, code = re.fullmatch(r"(\d{3})(?: `(\w+)`)?", get).groups()
        yield verb, json.loads(fields), {"Prefer": prefer} if prefer else {}, (int(status), code or "")


def takes_seconds(fields):
    return fields.get("flightId") == 90504 and "noOfSeats" not in fields


def cases():
    for row in rows():
        marks = [pytest.mark.long] if takes_seconds(row[1]) else []
        yield pytest.param(*row, marks=marks, id=f"{row[0]} {json.dumps(row[1])} {row[2].get('Prefer', '')}".strip())


@pytest.fixture(scope="module")
def process():
    with start_flightsim("--currency", "INR") as sim:
        yield sim


@pytest.fixture
def sim(process, api, monkeypatch, settings):
    process.reset()
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    service, payments = HttpFlightService(process.url, price_seconds=2), DemoPayments()
    monkeypatch.setattr(wiring, "flight_service", lambda: service)
    use_gateway(monkeypatch, payments)
    return process


@pytest.fixture
def work(sim):
    """One pass of the worker, when all pauses are over."""

    def run():
        let_time_pass(seconds=15)
        return one_pass(wiring.flight_service(), wiring.payment_gateway())

    return run


def send(api, verb, fields, headers, *, key="k"):
    if verb == "create":
        return api.create(key=key, headers=headers, **fields)
    booking = shown(api.create(userId=fields.get("userId", 1001)))
    return api.pay(booking, **fields)


def heard(answer):
    return answer.status_code, answer.json()["error"].get("code", "")


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "fields", "headers", "said"), list(cases()))
def test_a_row_gets_what_it_says(api, sim, verb, fields, headers, said):
    assert heard(send(api, verb, fields, headers)) == said


def test_the_rows_are_found():
    found = list(rows())

    assert len(found) >= 15
    assert {said[0] for *_, said in found} == {201, 202, 400, 402, 404, 409, 502, 503}


def test_a_flight_that_is_full_leaves_no_booking_and_one_that_refuses_a_cancelled_one(api, sim):
    api.create(flightId=90400)
    full = states()
    api.create(flightId=90409)

    assert (full, states()) == ([], [("cancelled", "refused", "no_seats")])


def test_the_price_of_now_is_told_and_is_another_one_each_time(api, sim):
    prices = [
        api.create(flightId=90412, expectedPrice=1, key=f"k{number}").json()["error"]["details"]["seatPrice"]
        for number in range(3)
    ]

    assert len(set(prices)) == 3


def test_a_flight_service_that_answers_503_leaves_no_booking(api, sim):
    assert refused(api.create(flightId=90503, key="k")) == (503, "flight_service_unavailable")
    assert Booking.objects.count() == 0


@pytest.mark.slow
def test_trying_them_all_stops_no_other_flight(api, sim):
    for number, (verb, fields, headers, _said) in enumerate([row for row in rows() if not takes_seconds(row[1])] * 2):
        send(api, verb, fields, headers, key=f"k{number}")

    assert wiring.flight_service().health().breaker is BreakerState.CLOSED
    assert api.create(userId=7).status_code == 201


@pytest.mark.long
@pytest.mark.parametrize("seats", [1, 2])
def test_a_lost_answer_is_found_under_the_same_key(api, sim, seats):
    order = {"flightId": 90504, "noOfSeats": seats, "key": "k"}
    first = api.create(**order)
    time.sleep(UNCLEAR_SECONDS)
    let_time_pass(seconds=15)

    again = api.create(**order)

    assert (first.status_code, again.status_code, sim.flight(90504)["taken"]) == (503, 201, seats)
    assert [hold for _status, hold, _ in states()] == ["held"]


@pytest.mark.long
def test_a_booking_that_was_promised_is_held_by_the_worker(api, sim, work):
    promised = api.create(flightId=90504, noOfSeats=1, key="k", headers={"Prefer": "respond-async"})
    time.sleep(UNCLEAR_SECONDS)

    work()

    assert (shown(promised)["status"], states()) == ("pending", [("initiated", "held", "")])
    assert sim.flight(90504)["taken"] == 1


@pytest.mark.long
def test_without_a_key_the_booking_ends_and_its_seat_comes_back(api, sim, work):
    lost = api.create(flightId=90504, noOfSeats=1)
    time.sleep(UNCLEAR_SECONDS)

    work()
    work()

    assert (lost.status_code, states()) == (503, [("cancelled", "giving_back", "abandoned")])
    assert_in_step(sim)


@pytest.mark.slow
def test_a_declined_payment_is_declined_under_each_key_and_keeps_the_seats(api, sim):
    booking = shown(api.create(userId=90402))

    answers = [api.pay(booking, key=key) for key in ("one", "two", "one")]

    assert [refused(answer) for answer in answers] == [(402, "payment_declined")] * 3
    assert states() == [("initiated", "held", "")]


def test_a_late_payment_is_found_under_its_key_after_five_seconds(api, sim):
    booking = shown(api.create(userId=90202))
    first = api.pay(booking, key="k")
    let_time_pass(seconds=5)

    again = api.pay(booking, key="k")

    assert (first.status_code, again.status_code, shown(again)["status"]) == (202, 201, "booked")


@pytest.mark.slow
def test_a_late_payment_is_settled_by_the_worker(api, sim, work):
    api.pay(shown(api.create(userId=90202)))

    work()

    assert (payment_states(), states()) == (["succeeded"], [("booked", "held", "")])


def test_a_payment_without_an_end_keeps_every_other_one_away(api, sim, work):
    booking = shown(api.create(userId=90504))
    first = api.pay(booking, key="k")
    work()

    assert (first.status_code, refused(api.pay(booking))) == (202, (409, "payment_in_progress"))
    assert payment_states() == ["processing"]


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_without_keys_the_flight_that_refuses_is_another_one_and_no_seat_has_a_number(api, monkeypatch, settings):
    settings.FLIGHT_SERVICE_KEYED = False
    use_gateway(monkeypatch, DemoPayments())
    with start_flightsim("--unkeyed") as unkeyed:
        settings.FLIGHT_SERVICE_URL = unkeyed.url
        service = chosen_by_the_settings()
        monkeypatch.setattr(wiring, "flight_service", lambda: service)

        answers = [
            (fields, heard(send(api, verb, fields, headers, key=f"k{number}")), said)
            for number, (verb, fields, headers, said) in enumerate(rows())
        ]

    other = [(fields, got) for fields, got, said in answers if got != said]
    assert other == [
        ({"flightId": 90409}, (201, "")),
        ({"noOfSeats": 1, "seatNumbers": ["1A"]}, (409, "seat_selection_unavailable")),
    ]
    assert ("cancelled", "stuck", "unavailable") in states()


PRINT_DOCUMENT = """
import django; django.setup()
from bookings.api.documents import openapi_document; print(openapi_document().decode())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("gateway", "has_them"), [("demo", True), ("instant", False)])
def test_the_description_has_the_rows_as_examples_where_they_can_be_tried(gateway, has_them):
    run = start(
        "-c",
        PRINT_DOCUMENT,
        DEBUG="true",
        ALLOWED_HOSTS="localhost",
        PAYMENT_GATEWAY=gateway,
        DJANGO_SETTINGS_MODULE="bookingsite.settings",
    )
    document = json.loads(run.stdout)
    bodies = [
        (verb, document["paths"][path]["post"]["requestBody"]["content"]["application/json"])
        for verb, path in (("create", "/api/v1/bookings"), ("pay", "/api/v1/bookings/payments"))
    ]
    own = {verb: body["examples"]["Example"]["value"] for verb, body in bodies}

    found = {
        (verb, json.dumps(example["value"], sort_keys=True))
        for verb, body in bodies
        for example in body["examples"].values()
    }

    to_try = {
        (verb, json.dumps({**own[verb], **fields}, sort_keys=True))
        for verb, fields, _headers, (_status, code) in rows()
        if code != "invalid_request"
    }
    assert found == {(verb, json.dumps(body, sort_keys=True)) for verb, body in own.items()} | (
        to_try if has_them else set()
    )
    assert [
        problems(document, body["schema"], example["value"])
        for _, body in bodies
        for example in body["examples"].values()
    ] == [[]] * len(found)
