"""The pages on which staff decide about the reservation of one booking."""

from types import MappingProxyType

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import wiring
from bookings.lifecycle import BookingStatus, Decision, Hold
from bookings.models import Booking
from bookings.office.decisions import (
    DECISIONS,
    IN_ADDRESS,
    Consequences,
    decide,
    no_answer,
    seats_in_words,
)
from bookings.office.seats.at_flight_service import RIGHT, OfOneBooking
from bookings.services.seats.resolve_reservation import resolve_reservation
from bookings.services.shared.manual_resolution import Resolution
from bookings.text.ids import id_in

OVERSOLD = gettext_lazy(
    "If the Flight Service did not take the %(seats)s, seats are sold that are not reserved: the flight can "
    "be oversold, and a passenger stays behind."
)
BLOCKED = gettext_lazy("If the Flight Service did take the %(seats)s, they stay blocked, and cannot be sold.")

# Texts for a pending booking.
PENDING: Consequences = MappingProxyType(
    {
        Decision.RETRY: (
            gettext_lazy(
                "The same request is sent to the Flight Service once more, under the same key. If it took the "
                "%(seats)s the first time, it says so and takes none again; otherwise it takes them now, or "
                "refuses."
            ),
            "",
        ),
        Decision.APPLIED: (
            gettext_lazy(
                "The booking gets its %(seats)s. Its user can pay until the payment window closes; if not, they go "
                "back. Nothing is sent to the Flight Service now."
            ),
            OVERSOLD,
        ),
        Decision.NOT_APPLIED: (
            gettext_lazy("The booking is cancelled, which cannot be undone. Nothing is sent to the Flight Service."),
            BLOCKED,
        ),
    }
)
# Texts for a booking that was cancelled before its outcome was known.
CANCELLED: Consequences = MappingProxyType(
    {
        Decision.RETRY: (
            gettext_lazy(
                "The same request is sent to the Flight Service once more, under the same key. If it takes the "
                "%(seats)s, or did so the first time, they go back at once, as the booking is cancelled."
            ),
            "",
        ),
        Decision.APPLIED: (
            gettext_lazy("The booking stays cancelled, and its %(seats)s are given back to the Flight Service."),
            OVERSOLD,
        ),
        Decision.NOT_APPLIED: (
            gettext_lazy("The booking stays cancelled and owes no seats. Nothing is sent to the Flight Service."),
            BLOCKED,
        ),
    }
)


def urls_of_reservations(site: AdminSite) -> list[URLPattern]:
    """The addresses of the decisions about a reservation, below the booking's own."""

    def view(request: HttpRequest, booking_id: str, word: str) -> HttpResponseBase:
        return decide(request, site, lambda: StuckReservation(_booking(booking_id)), DECISIONS[word], right=RIGHT)

    pattern = rf"^(?P<booking_id>[0-9]+)/take/(?P<word>{IN_ADDRESS})/$"
    return [re_path(pattern, site.admin_view(view), name="bookings_booking_take")]


def _booking(number: str) -> Booking:
    booking_id = id_in(number)
    booking = None if booking_id is None else Booking.objects.filter(pk=booking_id).first()
    if booking is None:
        raise Http404
    return booking


class StuckReservation(OfOneBooking):
    """The reservation of a booking, as the page about a decision shows it."""

    template = "admin/bookings/booking/decide.html"

    def __init__(self, booking: Booking) -> None:
        self.row = self.booking = booking

    @property
    def name(self) -> str:
        return _("Seats of booking %(reference)s") % {"reference": self.booking.reference}

    @property
    def state(self) -> str:
        return self.booking.hold

    def carry_out(self, resolution: Resolution) -> tuple[int, str]:
        booking = resolve_reservation(
            booking_id=self.booking.pk, resolution=resolution, flights=wiring.flight_service()
        )
        match booking.hold:
            case Hold.ASKING:
                return no_answer(booking.first_sent_at)
            case Hold.STUCK:
                said = _("The Flight Service cannot use this request: %(error)s")
                return messages.ERROR, said % {"error": booking.last_error}
            case Hold.HELD:
                return messages.SUCCESS, _("The booking has its seats.")
            case Hold.GIVING_BACK:
                return messages.SUCCESS, _("The booking was cancelled already: its seats go back now.")
        return messages.SUCCESS, _("No seats were taken. The booking is cancelled.")

    def consequence(self, decision: Decision) -> tuple[str, str]:
        booking = self.booking
        happens, risk = (PENDING if booking.status == BookingStatus.PENDING else CANCELLED)[decision]
        named = {"seats": seats_in_words(booking.no_of_seats)}
        return str(happens) % named, str(risk) % named
