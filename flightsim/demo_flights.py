"""Believable flights to try things out with: the same ones at every start, nothing about them is random."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flightsim.seat_map import with_seats
from flightsim.store import Flight, now_text

# Fixed, so that two stores made on different days agree; far enough off that the flights are yet to leave.
FIRST_DAY = datetime(2030, 1, 1, tzinfo=UTC)


class _Route(NamedTuple):
    """A flight that leaves every day; price in paise, times in UTC."""

    flight_number: str
    departure: str
    arrival: str
    leaves_at: timedelta
    minutes: int
    price: int
    gate: str
    airplane_id: int
    seats: int


def _at(hour: int, minute: int) -> timedelta:
    return timedelta(hours=hour, minutes=minute)


_ROUTES = (
    # The example flight of the API description, price included.
    _Route("UK 808", "DEL", "BLR", _at(9, 0), 180, 2000, "12A", 1, 120),
    _Route("AI 657", "BOM", "DEL", _at(2, 30), 130, 564500, "4", 2, 180),
    _Route("6E 2175", "BLR", "HYD", _at(4, 15), 75, 318900, "21B", 3, 186),
    _Route("AI 540", "DEL", "HYD", _at(5, 5), 135, 492000, "7", 4, 162),
    _Route("SG 8169", "MAA", "BOM", _at(6, 40), 115, 437500, "9A", 5, 189),
    _Route("6E 7214", "BLR", "COK", _at(7, 25), 70, 274900, "16", 6, 78),
    _Route("UK 720", "CCU", "DEL", _at(8, 10), 150, 589900, "3C", 7, 158),
    _Route("QP 1341", "BOM", "BLR", _at(10, 20), 105, 342000, "28", 8, 174),
    _Route("AI 803", "DEL", "CCU", _at(11, 45), 145, 611000, "14B", 9, 250),
    _Route("6E 5316", "PNQ", "GOI", _at(12, 30), 65, 256900, "2", 10, 186),
    _Route("9I 605", "JAI", "DEL", _at(13, 5), 60, 219900, "5A", 11, 50),
    _Route("SG 434", "AMD", "MAA", _at(14, 55), 140, 451200, "18", 12, 189),
)


def demo_flights(count: int, *, capacity: int | None, currency: str | None) -> list[Flight]:
    """
    Return flights 1 to `count`, with all their seats free.

    The dozen leaves again every day. `capacity`, where given, is the seats of each, and `currency` is shown with each.
    """
    created_at = now_text()
    return [_flight(number, capacity, currency, created_at) for number in range(1, count + 1)]


def _flight(number: int, capacity: int | None, currency: str | None, created_at: str) -> Flight:
    day, index = divmod(number - 1, len(_ROUTES))
    route = _ROUTES[index]
    departs = FIRST_DAY + timedelta(days=day) + route.leaves_at
    seats = route.seats if capacity is None else capacity
    flight = Flight(
        id=number,
        flight_number=route.flight_number,
        airplane_id=route.airplane_id,
        departure_airport_id=route.departure,
        arrival_airport_id=route.arrival,
        arrival_time=_text(departs + timedelta(minutes=route.minutes)),
        departure_time=_text(departs),
        price=route.price,
        currency=currency,
        boarding_gate=route.gate,
        capacity=0,
        remaining=0,
        taken=0,
        given_back=0,
        mapped=0,
        map_version=1,
        created_at=created_at,
        updated_at=created_at,
    )
    return with_seats(flight, seats)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
