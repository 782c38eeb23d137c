"""What the OpenAPI document tells people of flights: their seats by number."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from bookings import errors
from bookings.api.operation import Answer, Operation
from bookings.conf import HIGHEST_ID

SEAT_MAP: Mapping[str, Any] = {
    "flightId": 1,
    "version": 3,
    "seatPrice": 2000,
    "currency": "INR",
    "capacity": 120,
    "seatsLeft": 118,
    "cabins": [{"name": "economy", "columns": ["A", "B", "C", None, "D", "E", "F"]}],
    "seats": [
        {"number": "12A", "row": 12, "column": "A", "cabin": "economy", "status": "taken"},
        {"number": "12B", "row": 12, "column": "B", "cabin": "economy", "status": "free"},
    ],
}
REFUSED_SEATS: Mapping[str, str] = {"12A": "taken", "40Z": "unknown"}
FLIGHT_ID = OpenApiParameter(
    "id",
    {"type": "integer", "minimum": 1, "maximum": HIGHEST_ID},
    OpenApiParameter.PATH,
    description="The flight's id.",
)
FLIGHT_OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "seat_map": Operation(
            "getSeatMap",
            "Read the seats of a flight",
            "Shows each seat by its number, as the Flight Service shows it now. A free one may be taken a moment "
            "later: whether you get it, `POST /bookings` says. Fewer may be left than are free.",
            {200: Answer("Successfully completed the request", "SeatMap", SEAT_MAP)},
            parameters=(FLIGHT_ID,),
            refusals=(
                errors.FlightNotFound,
                errors.SeatSelectionUnavailable,
                errors.FlightServiceUnavailable,
                errors.FlightUnusable,
            ),
        ),
    }
)
