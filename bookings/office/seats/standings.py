"""How each seat of a flight stands, out of what both sides say of it. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bookings.ports import SeatMap, SeatStatus
from bookings.queries.seats.of_flight import FlightHere, Holder
from bookings.text.seat_numbers import in_order


class Standing(enum.StrEnum):
    """Each has a shape or a letter of its own in the drawing: no color says it alone."""

    FREE = "free"
    TAKEN = "taken"
    BLOCKED = "blocked"
    HELD = "held"
    MOVING = "moving"
    MISSING = "missing"
    UNCLAIMED = "unclaimed"


STANDING: Mapping[Standing, str | Promise] = MappingProxyType(
    {
        Standing.FREE: _("free"),
        Standing.TAKEN: _("taken, of no booking here"),
        Standing.BLOCKED: _("blocked, not for sale"),
        Standing.HELD: _("taken, of a booking here"),
        Standing.MOVING: _("on its way: asked for, exchanged or given back, without an answer yet"),
        Standing.MISSING: _("held here, and not taken at the Flight Service: it can be sold again"),
        Standing.UNCLAIMED: _("taken at the Flight Service, and held by no booking here"),
    }
)
SHOWN = MappingProxyType(
    {
        SeatStatus.FREE: Standing.FREE,
        SeatStatus.TAKEN: Standing.TAKEN,
        SeatStatus.BLOCKED: Standing.BLOCKED,
    }
)


@dataclass(frozen=True, slots=True)
class ShownSeat:
    """One seat as the pages show it; `holder` is the booking that has it, or is about to."""

    number: str
    standing: Standing
    cabin: str = ""
    holder: Holder | None = None
    # Of the booking that the page is about: a ring is drawn around it, whatever its standing is.
    is_mine: bool = False

    @property
    def words(self) -> str | Promise:
        return STANDING[self.standing]


@dataclass(frozen=True, slots=True)
class SeatsOfBoth:
    """All seats that either side knows, from the front to the back; and those about which the sides differ."""

    seats: Mapping[str, ShownSeat] = field(default_factory=dict)

    def of(self, standing: Standing) -> list[ShownSeat]:
        return [seat for seat in self.seats.values() if seat.standing is standing]

    @property
    def missing(self) -> list[ShownSeat]:
        return self.of(Standing.MISSING)

    @property
    def unclaimed(self) -> list[ShownSeat]:
        return self.of(Standing.UNCLAIMED)


def seats_of_both(
    before: Mapping[str, Holder],
    seat_map: SeatMap | None,
    here: FlightHere,
    *,
    mine: int | None = None,
    others_sell: bool = False,
) -> SeatsOfBoth:
    """
    Say how each seat stands.

    A row of ours stands only while the seat is taken there. So one that a booking had before the look at the map and
    has after it was taken in between, or something is wrong. `mine` is the booking that the page is about.
    """
    there = {seat.number: seat for seat in seat_map.seats} if seat_map else {}
    held, moving = here.holders, here.moving
    steady = {number for number, holder in held.items() if before.get(number) == holder} if seat_map else set()
    # While a call is unanswered, and where others sell the same seats, it may well be right that one is taken.
    may_be_ours = others_sell or here.count.under_way > 0
    found = {}
    for number in in_order({*there, *held, *moving}):
        seat, holder = there.get(number), held.get(number) or moving.get(number)
        if number in steady and (seat is None or seat.status is not SeatStatus.TAKEN):
            standing = Standing.MISSING
        elif number in held:
            standing = Standing.HELD
        elif number in moving:
            standing = Standing.MOVING
        else:
            standing = SHOWN[there[number].status]
            if standing is Standing.TAKEN and not may_be_ours and number not in before:
                standing = Standing.UNCLAIMED
        is_mine = holder is not None and holder.booking_id == mine
        found[number] = ShownSeat(number, standing, seat.cabin if seat else "", holder, is_mine=is_mine)
    return SeatsOfBoth(found)
