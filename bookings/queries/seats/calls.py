"""Calls to the Flight Service that staff must look at, and those that still have no answer."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from bookings.models import Booking, SeatCall, SeatExchange
from bookings.models.seats.seat_call import SeatCallState

R = TypeVar("R", bound=Model)

# As many rows as a person reads; more than that is an outage, and is looked at flight by flight.
ROWS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Truncated(Generic[R]):
    """The first rows of a table, and whether there are more."""

    rows: list[R]
    has_more: bool


def stuck_reservations(flight_id: int | None) -> QuerySet[Booking]:
    """Reservations that wait for staff, by flight, the oldest first; of one flight or of all."""
    return _of_flight(Booking.objects.stuck(), flight_id).order_by("flight_id", "pk")


def dead_releases(flight_id: int | None) -> QuerySet[SeatCall]:
    """Releases that wait for staff, the oldest first."""
    return _of_flight(SeatCall.objects.filter(state=SeatCallState.DEAD, next_at=None), flight_id).order_by("pk")


def stuck_exchanges(flight_id: int | None) -> QuerySet[SeatExchange]:
    """Exchanges that wait for staff, the oldest first."""
    return _of_flight(SeatExchange.objects.stuck().select_related("booking"), flight_id).order_by("pk")


def unanswered_reservations(flight_id: int | None) -> QuerySet[Booking]:
    """Reservations without an answer, the one that is repeated next first."""
    return _of_flight(Booking.objects.unanswered(), flight_id).order_by("next_at")


def unanswered_exchanges(flight_id: int | None) -> QuerySet[SeatExchange]:
    """Exchanges without an answer, the one that is repeated next first."""
    return _of_flight(SeatExchange.objects.unanswered().select_related("booking"), flight_id).order_by("next_at")


def unanswered_releases(flight_id: int | None) -> QuerySet[SeatCall]:
    """Releases without an answer, the one that is sent next first."""
    return _of_flight(SeatCall.objects.filter(state=SeatCallState.OPEN), flight_id).order_by("next_at")


def first_of(rows: QuerySet[R]) -> Truncated[R]:
    """Read as many rows as a table shows."""
    found = list(rows[: ROWS_SHOWN + 1])
    return Truncated(found[:ROWS_SHOWN], len(found) > ROWS_SHOWN)


def _of_flight(rows: QuerySet[R], flight_id: int | None) -> QuerySet[R]:
    return rows if flight_id is None else rows.filter(flight_id=flight_id)
