"""The endpoints about seats by number: the map of a flight, and other seats for a booking."""

from django.http import HttpResponse
from rest_framework.request import Request

from bookings import wiring
from bookings.answers import rendering
from bookings.answers.rendering import FAILURES, render
from bookings.answers.seat_maps import seat_map_as_json
from bookings.api.errors import respond
from bookings.api.headers import idempotency_key, seen_versions
from bookings.api.schema import describe
from bookings.api.serializers import ChangeSeatsRequest
from bookings.api.views import LimitedViewSet, asked_for, booking_id_in, keyed
from bookings.conf import currency
from bookings.errors import FlightNotFound
from bookings.services.seats.change_seats import SeatWish, change_seats
from bookings.services.seats.seat_map import show_seat_map
from bookings.text.ids import exact_id

# The scope of an idempotency key beside its principal.
CHANGE_ENDPOINT = "POST /bookings/{id}/seats"


class SeatViewSet(LimitedViewSet):
    """Seats by number, as the Flight Service keeps them."""

    @property
    def failure(self) -> str:
        """The message of an error's envelope."""
        return FAILURES.get(self.action or "", "Request failed")

    @describe("seat_map")
    def seat_map(self, request: Request, pk: str) -> HttpResponse:
        flight_id = exact_id(pk)
        if flight_id is None:
            raise FlightNotFound
        shown = show_seat_map(flight_id=flight_id, flights=wiring.flight_service())
        data = seat_map_as_json(shown, currency=currency())
        return respond(rendering.success(data, message="Successfully completed the request"))

    @describe("change_seats")
    def change_seats(self, request: Request, pk: str) -> HttpResponse:
        booking_id = booking_id_in(pk)
        asked, actor = asked_for(request, ChangeSeatsRequest)
        key = idempotency_key(request)
        result = change_seats(
            wish=SeatWish(booking_id, tuple(asked["seatNumbers"]), actor, seen_versions(request, booking_id)),
            keyed=keyed(request, CHANGE_ENDPOINT, key, decides=booking_id, bookingId=booking_id, **asked)
            if key
            else None,
            flights=wiring.flight_service(),
        )
        return respond(render(result))
