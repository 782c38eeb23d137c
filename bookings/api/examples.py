"""Requests that end in one way each: in the OpenAPI document where the demo's gateway is used, as in `make run`."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample

# Of the table "Try every answer" in docs/api.md: what differs from an operation's own example. Not the request that
# its schema forbids.
TO_TRY: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "create": {
        "201, each answer takes half a second": {"flightId": 90200},
        "400 seats_unavailable, full": {"flightId": 90400},
        "400 seats_unavailable, refused": {"flightId": 90409},
        "409 seats_taken": {"noOfSeats": 1, "seatNumbers": ["1A"]},
        "409 seat_selection_unavailable": {"flightId": 90400, "noOfSeats": 1, "seatNumbers": ["1B"]},
        "400 price_changed": {"flightId": 90412, "expectedPrice": 1},
        "404 flight_not_found": {"flightId": 90404},
        "502 flight_unusable": {"flightId": 90502},
        "503 flight_service_unavailable, away": {"flightId": 90503},
        "503 flight_service_unavailable, cut": {"flightId": 90504, "noOfSeats": 1},
        "503 flight_service_unavailable, mute": {"flightId": 90504},
    },
    "pay": {
        "202, booked within half a minute": {"userId": 90202},
        "202, the payer has to act": {"userId": 90302},
        "202, never settled": {"userId": 90504},
        "400 amount_mismatch": {"totalCost": 1},
        "402 payment_declined": {"userId": 90402},
    },
}


def examples_of(name: str, example: Mapping[str, Any] | None) -> list[OpenApiExample]:
    """Give the examples of an operation's request: its own, and those to try where this is the place for it."""
    if example is None:
        return []
    is_place_to_try = settings.PAYMENT_GATEWAY == "demo"
    to_try = TO_TRY.get(name, {}) if is_place_to_try else {}
    values = {"Example": example, **{said: {**example, **fields} for said, fields in to_try.items()}}
    return [OpenApiExample(said, value=value, request_only=True) for said, value in values.items()]
