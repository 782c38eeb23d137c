"""Chooses the implementations that the settings name. Only entry points call it."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from bookings.gateways.flights import HttpFlightService
from bookings.ports import FlightService, PaymentGateway


@cache
def flight_service() -> FlightService:
    """The Flight Service of this process: one connection pool, made at first use and so after any fork."""
    return HttpFlightService(settings.FLIGHT_SERVICE_URL)


@cache
def payment_gateway() -> PaymentGateway:
    """Whoever takes the money."""
    gateway: PaymentGateway = import_string(settings.PAYMENT_GATEWAY)()
    return gateway
