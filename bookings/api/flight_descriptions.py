"""What the OpenAPI document tells people of seats by number: the map of a flight, and other seats for a booking."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from bookings import errors
from bookings.api.descriptions import BOOKING, BOOKING_ID, IF_MATCH, OPTIONAL_KEY, REPLAYED
from bookings.api.operation import Answer, Operation
from bookings.api.serializers import ChangeSeatsRequest
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
CHANGED: Mapping[str, Any] = {
    **BOOKING,
    "seatNumbers": ["14C", "14D"],
    "availableActions": ["pay", "cancel", "choose_seats"],
}
CHANGING: Mapping[str, Any] = {
    **BOOKING,
    "seatNumbers": ["12A", "12B"],
    "seatChange": {"seatNumbers": ["14C", "14D"]},
}
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
        "change_seats": Operation(
            "changeSeats",
            "Choose other seats",
            "Gives a booking these seats in the place of those that it has, all of them or none. It costs the same. "
            "202: it is not known yet; the same request again, or the booking, tells how it ended.",
            {
                200: Answer("Seats changed successfully", "Booking", CHANGED, ("ETag", REPLAYED)),
                202: Answer("Seats are being changed", "Booking", CHANGING, ("Location", "ETag")),
            },
            parameters=(BOOKING_ID, OPTIONAL_KEY, IF_MATCH),
            request=ChangeSeatsRequest,
            example={"userId": 1001, "seatNumbers": ["14C", "14D"]},
            refusals=(
                errors.UserMismatch,
                errors.SeatsUnavailable,
                errors.PaymentWindowClosed,
                errors.BookingNotFound,
                errors.FlightNotFound,
                errors.BookingChanged,
                errors.BookingCancelled,
                errors.SeatsTakenByOthers,
                errors.SeatSelectionUnavailable,
                errors.SeatChangeInProgress,
                errors.IdempotencyKeyReused,
                errors.RequestInProgress,
                errors.FlightServiceUnavailable,
                errors.FlightUnusable,
            ),
        ),
    }
)
