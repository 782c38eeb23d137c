"""A booking is in the currency of its flight, or in that of the installation, and stays in it."""

import pytest

from bookings.models import Booking, Payment
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import one_pass
from tests.support.fakes import Fault
from tests.support.invariants import violations

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def euros(settings):
    settings.CURRENCY = "EUR"


def test_a_flight_that_shows_no_currency_is_sold_in_that_of_the_installation(api):
    booking = shown(api.create())

    assert (booking["totalCost"], booking["currency"]) == (4000, "EUR")


@pytest.mark.parametrize("currency", ["INR", "JPY", "BHD"], ids=["2 digits", "0 digits", "3 digits"])
def test_a_flight_is_sold_in_the_currency_that_it_shows_and_its_price_is_never_converted(api, flights, currency):
    flights.set_flight(1, price=1999, currency=currency)

    booking = shown(api.create(noOfSeats=3))

    assert (booking["seatPrice"], booking["totalCost"], booking["currency"]) == (1999, 5997, currency)


def test_a_booking_keeps_the_currency_that_it_was_made_with(api, flights, settings):
    booking = shown(api.create())
    settings.CURRENCY = "USD"
    flights.set_flight(1, currency="GBP")

    assert shown(api.get(f"{BOOKINGS}/{booking['id']}"))["currency"] == "EUR"
    assert shown(api.pay(booking))["currency"] == "EUR"


def test_every_answer_that_shows_a_booking_names_its_currency(api, flights):
    flights.set_flight(1, currency="INR")
    booking = shown(api.create(key="k"))

    answers = [
        shown(api.create(key="k")),
        shown(api.get(f"{BOOKINGS}/{booking['id']}")),
        shown(api.get(BOOKINGS))["results"][0],
        shown(api.cancel(booking)),
    ]

    assert [answer["currency"] for answer in answers] == ["INR"] * 4


def test_a_payment_is_in_the_currency_of_its_booking(api, flights):
    flights.set_flight(1, currency="INR")

    api.pay(shown(api.create()))

    assert list(Payment.objects.values_list("amount", "currency", "state")) == [(4000, "INR", "succeeded")]
    assert violations() == []


def test_a_price_that_has_changed_is_said_with_its_currency(api, flights):
    flights.set_flight(1, price=2500, currency="INR")

    answer = api.create(expectedPrice=2000)

    assert refused(answer) == (400, "price_changed")
    assert answer.json()["error"]["details"] == {"seatPrice": 2500, "totalCost": 5000, "currency": "INR"}


@pytest.mark.slow
def test_a_booking_that_is_promised_is_in_the_currency_that_was_last_seen(api, flights, payments):
    flights.set_flight(1, currency="INR")
    flights.get_flight(1, seconds=1)
    flights.shows_flights = False
    flights.fail_next(Fault.DROP_REPLY)

    promised = api.create(headers={"Prefer": "respond-async"})
    one_pass(flights, payments)
    one_pass(flights, payments)

    assert (promised.status_code, shown(promised)["currency"]) == (202, "INR")
    assert list(Booking.objects.values_list("currency", flat=True)) == ["INR"]
