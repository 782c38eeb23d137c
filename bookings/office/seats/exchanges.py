"""The pages on which staff decide about the exchange of a booking's seats for others."""

from types import MappingProxyType

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import wiring
from bookings.lifecycle import BookingStatus, Decision
from bookings.models import SeatExchange
from bookings.models.seats.seat_exchange import ExchangeState
from bookings.office.decisions import DECISIONS, IN_ADDRESS, Consequences, decide, no_answer, seats_in_words
from bookings.office.seats.at_flight_service import RIGHT, OfOneBooking
from bookings.services.seats.resolve_exchange import resolve_exchange
from bookings.services.shared.manual_resolution import Resolution
from bookings.text.ids import id_in
from bookings.text.seat_numbers import to_read

WRONG_SEATS = gettext_lazy(
    "If that is not so at the Flight Service, the passenger sits on a seat that is sold again, and another stays empty."
)
ASKED_AGAIN = gettext_lazy(
    "The same request is sent to the Flight Service once more, under the same key. If it has exchanged the seats "
    "already, it says so and exchanges none again; otherwise it does so now, or refuses."
)

# Texts for a booking that goes on.
LIVE: Consequences = MappingProxyType(
    {
        Decision.RETRY: (ASKED_AGAIN, ""),
        Decision.APPLIED: (gettext_lazy("The booking has %(take)s from now on. Nothing is sent."), WRONG_SEATS),
        Decision.NOT_APPLIED: (gettext_lazy("The booking keeps %(give)s. Nothing is sent."), WRONG_SEATS),
    }
)
# Texts for one that was cancelled before the outcome was known.
CANCELLED: Consequences = MappingProxyType(
    {
        Decision.RETRY: (ASKED_AGAIN, ""),
        Decision.APPLIED: (
            gettext_lazy("The booking stays cancelled, and %(take)s goes back to the Flight Service."),
            WRONG_SEATS,
        ),
        Decision.NOT_APPLIED: (
            gettext_lazy("The booking stays cancelled, and %(give)s goes back to the Flight Service."),
            WRONG_SEATS,
        ),
    }
)


def urls_of_exchanges(site: AdminSite) -> list[URLPattern]:
    """The addresses of the decisions about an exchange, below those of bookings."""

    def view(request: HttpRequest, exchange_id: str, word: str) -> HttpResponseBase:
        return decide(request, site, lambda: StuckExchange(_exchange(exchange_id)), DECISIONS[word], right=RIGHT)

    pattern = rf"^exchange/(?P<exchange_id>[0-9]+)/(?P<word>{IN_ADDRESS})/$"
    return [re_path(pattern, site.admin_view(view), name="bookings_booking_exchange")]


def _exchange(number: str) -> SeatExchange:
    exchange_id = id_in(number)
    rows = SeatExchange.objects.select_related("booking")
    exchange = None if exchange_id is None else rows.filter(pk=exchange_id).first()
    if exchange is None:
        raise Http404
    return exchange


class StuckExchange(OfOneBooking):
    """The exchange of a booking's seats, as the page about a decision shows it."""

    template = "admin/bookings/booking/decide_exchange.html"

    def __init__(self, exchange: SeatExchange) -> None:
        self.row = self.exchange = exchange
        self.booking = exchange.booking

    @property
    def name(self) -> str:
        return _("Other seats for booking %(reference)s") % {"reference": self.booking.reference}

    @property
    def state(self) -> str:
        return self.exchange.state

    def carry_out(self, resolution: Resolution) -> tuple[int, str]:
        exchange = resolve_exchange(
            exchange_id=self.exchange.pk, resolution=resolution, flights=wiring.flight_service()
        )
        match ExchangeState(exchange.state):
            case ExchangeState.ASKING:
                return no_answer(exchange.first_sent_at)
            case ExchangeState.STUCK:
                said = _("The Flight Service cannot use this request: %(error)s")
                return messages.ERROR, said % {"error": exchange.last_error}
            case ExchangeState.DONE:
                return messages.SUCCESS, _("The seats were exchanged.")
            case ExchangeState.REFUSED | ExchangeState.DROPPED:
                return messages.SUCCESS, _("The seats were not exchanged.")

    def consequence(self, decision: Decision) -> tuple[str, str]:
        happens, risk = (CANCELLED if self.booking.status == BookingStatus.CANCELLED else LIVE)[decision]
        exchange = self.exchange
        given = to_read(exchange.give_numbers) or seats_in_words(exchange.seats)
        return str(happens) % {"take": to_read(exchange.take_numbers), "give": given}, str(risk)
