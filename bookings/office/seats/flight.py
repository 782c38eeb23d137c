"""The page of a flight: its seats as both sides have them, who has which, and where the sides differ."""

from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from bookings import wiring
from bookings.conf import counter_is_shared
from bookings.db.clock import database_time
from bookings.models import Booking
from bookings.office.addresses import NotUnderstood, only, reader_of
from bookings.office.base import require
from bookings.office.bookings.list import SEE, lines_of
from bookings.office.seats.plan import Plan, plan_of, plan_of_numbers
from bookings.office.seats.standings import STANDING, SeatsOfBoth, ShownSeat, Standing, seats_of_both
from bookings.queries.seats.of_flight import MOST_WITHOUT_NUMBERS, FlightHere, flight_here, holders_of
from bookings.services.seats.look_at_flight import FlightLook, Seen, look_at_flight
from bookings.text.ids import id_in
from bookings.text.seat_numbers import seat_number_in

CALLS = "bookings.view_seatcall"


@dataclass(frozen=True, slots=True)
class FlightPage:
    """Both sides of a flight, as the page shows them; `mine` is the booking that the address names."""

    flight_id: int
    look: FlightLook
    here: FlightHere
    both: SeatsOfBoth
    mine: int | None

    @property
    def name(self) -> str:
        """What people call it, as its newest booking knows that; otherwise its id."""
        return (self.here.newest.flight_number if self.here.newest else "") or str(self.flight_id)

    @property
    def taken(self) -> int | None:
        """How many seats the Flight Service counts as taken; None where it does not show that."""
        flight = self.look.flight
        if flight is None or flight.capacity is None:
            return None
        return flight.capacity - flight.seats_left + flight.oversold

    @property
    def plan(self) -> Plan:
        shown = self.look.seat_map
        return plan_of_numbers(self.both.seats) if shown is None else plan_of(shown.cabins, shown.seats)

    @property
    def legend(self) -> list[tuple[Standing, Any, int]]:
        """The standings that the plan has, each with its words and how many seats."""
        counts = Counter(seat.standing for seat in self.both.seats.values())
        return [(standing, words, counts[standing]) for standing, words in STANDING.items() if counts[standing]]

    @property
    def of_mine(self) -> list[ShownSeat]:
        return [seat for seat in self.both.seats.values() if seat.is_mine]

    @property
    def without_numbers(self) -> list[Booking]:
        return self.here.without_numbers[:MOST_WITHOUT_NUMBERS]

    @property
    def has_more_without(self) -> bool:
        return len(self.here.without_numbers) > MOST_WITHOUT_NUMBERS


def flight_page(flight_id: int, *, mine: int | None = None) -> FlightPage:
    """Read our side, look at the other one, which takes a second at most, and read ours again."""
    before = holders_of(flight_id)
    look = look_at_flight(flight_id=flight_id, flights=wiring.flight_service())
    here = flight_here(flight_id)
    both = seats_of_both(before, look.seat_map, here, mine=mine, others_sell=counter_is_shared())
    return FlightPage(flight_id, look, here, both, mine)


def flight(site: AdminSite, request: HttpRequest, number: str) -> HttpResponse:
    """Show the flight that the address names; `booking` and `seat` of it are looked for, if they are named."""
    require(request, SEE)
    only(request, "booking", "seat")
    read, wrong = reader_of(request.GET)
    mine, wanted = read("booking", id_in), read("seat", seat_number_in)
    flight_id = id_in(number)
    if flight_id is None:
        raise Http404
    if wrong:
        raise NotUnderstood(wrong)
    page = flight_page(flight_id, mine=mine)
    is_known = page.here.newest is not None or page.both.seats or page.look.seen is not Seen.UNKNOWN
    context = {
        **site.each_context(request),
        "title": _("Flight %(name)s") % {"name": page.name},
        "page": page,
        "wanted": wanted,
        "found": page.both.seats.get(wanted) if wanted else None,
        "lines": lines_of(page.without_numbers, now=database_time()),
        "may_see_calls": request.user.has_perm(CALLS),
    }
    status = HTTPStatus.OK if is_known else HTTPStatus.NOT_FOUND
    return TemplateResponse(request, "admin/bookings/flight/page.html", context, status=status)
