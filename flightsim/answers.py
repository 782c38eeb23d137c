"""The envelope every answer of the Flight Service comes in, and a flight as JSON."""

import json

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


def failure(status: int, code: str | None, explanation: str, *, extra: bytes = b"") -> Reply:
    """Answer an error in the envelope; the original knows no codes, so there `code` is None."""
    error: dict[str, object] = {"statusCode": int(status)}
    if code is not None:
        error["code"] = code
    error["explanation"] = explanation
    return Reply(
        int(status),
        as_json({"success": False, "message": "Something went wrong", "data": {}, "error": error}),
        extra=extra,
    )


def flight_as_json(flight: Flight, *, with_capacity: bool) -> dict[str, object]:
    """Return a flight with the names of the wire; `totalSeats` is what is left, `price` in minor units."""
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
    described["createdAt"] = flight.created_at
    described["updatedAt"] = flight.updated_at
    return described
