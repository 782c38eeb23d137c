"""Which of the two is used is a setting; nothing else knows."""

from datetime import timedelta

import pytest

from bookings import wiring
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.unkeyed.flights import Counter, UnkeyedFlights


@pytest.mark.parametrize(("word", "is_exclusive"), [("exclusive", True), ("shared", False)])
def test_without_keys_the_gateway_is_wrapped_as_the_settings_say(settings, word, is_exclusive):
    settings.FLIGHT_SERVICE_COUNTER, settings.FLIGHT_SERVICE_SETTLE_SECONDS = word, 90

    service = wiring.flight_service.__wrapped__()

    assert type(service) is UnkeyedFlights
    assert (service._is_exclusive, service._settle, service._at_once) == (is_exclusive, timedelta(seconds=90), 4)


def test_with_keys_it_is_the_gateway_itself(settings):
    settings.FLIGHT_SERVICE_KEYED = True

    assert type(wiring.flight_service.__wrapped__()) is HttpFlightService


def test_the_default_is_the_careful_one(settings):
    assert Counter(settings.FLIGHT_SERVICE_COUNTER) is Counter.SHARED
