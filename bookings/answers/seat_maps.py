"""The seats of a flight as the API shows them. Pure."""

from typing import Any

from bookings.ports import SeatMap


def seat_map_as_json(shown: SeatMap, *, currency: str) -> dict[str, Any]:
    """Show counter and seats of one look; prices are in `currency` where the Flight Service does not say in what."""
    flight = shown.flight
    return {
        "flightId": flight.id,
        "version": shown.version,
        "seatPrice": flight.price,
        "currency": flight.currency or currency,
        "capacity": flight.capacity,
        "seatsLeft": flight.seats_left,
        "cabins": [{"name": cabin.name, "columns": list(cabin.columns)} for cabin in shown.cabins],
        "seats": [
            {
                "number": seat.number,
                "row": seat.row,
                "column": seat.column,
                "cabin": seat.cabin,
                "status": str(seat.status),
            }
            for seat in shown.seats
        ],
    }
