"""The envelope every answer of the Flight Service comes in, and a flight as JSON."""

import json
from collections.abc import Mapping

from flightsim.store import Flight
from flightsim.wire import Reply

# Compact and in plain UTF-8, as the original writes it.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def as_json(value: object) -> bytes:
    """Return compact JSON."""
    return _encode(value).encode()


def success(content: object) -> Reply:
    """Answer 200 with the content in the envelope."""
    return Reply(
        200,
        as_json(
            {
                "success": True,
                "message": "Successfully completed the request",
                "data": content,
                "error": {},
            }
        ),
    )


def failure(
    status: int,
    code: str | None,
    explanation: str,
    *,
    extra: bytes = b"",
    seat_numbers: Mapping[str, str] | None = None,
) -> Reply:
    """
    Answer an error in the envelope; the original knows no codes, so there `code` is None.

    `seat_numbers` says of each seat that an error is about how it stands.
    """
    error: dict[str, object] = {"statusCode": int(status)}
    if code is not None:
        error["code"] = code
    error["explanation"] = explanation
    if seat_numbers is not None:
        error["seatNumbers"] = seat_numbers
    return Reply(
        int(status),
        as_json({"success": False, "message": "Something went wrong", "data": {}, "error": error}),
        extra=extra,
    )


def flight_as_json(flight: Flight, *, with_capacity: bool, with_map: bool = False) -> dict[str, object]:
    """
    Return a flight with the names of the wire; `totalSeats` is what is left, `price` in minor units.

    `with_map` says that it has a map of its seats, by the version of that, if it has one.
    """
    described: dict[str, object] = {
        "id": flight.id,
        "flightNumber": flight.flight_number,
        "airplaneId": flight.airplane_id,
        "departureAirportId": flight.departure_airport_id,
        "arrivalAirportId": flight.arrival_airport_id,
        "arrivalTime": flight.arrival_time,
        "departureTime": flight.departure_time,
        "price": flight.price,
    }
    if flight.currency is not None:
        described["currency"] = flight.currency
    described["boardingGate"] = flight.boarding_gate
    described["totalSeats"] = flight.remaining
    if with_capacity:
        described["capacity"] = flight.capacity
    if with_map and flight.mapped:
        described["seatMap"] = flight.map_version
    described["createdAt"] = flight.created_at
    described["updatedAt"] = flight.updated_at
    return described
