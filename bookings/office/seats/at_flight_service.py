"""What the decisions about calls to the Flight Service have in common."""

from collections.abc import Sequence
from types import MappingProxyType

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.conf import peer_knows_keys
from bookings.lifecycle import Decision
from bookings.models import Booking, BookingEvent
from bookings.office.decisions import ManualCase, Verbs

RIGHT = "bookings.resolve_seatcall"


class AtFlightService(ManualCase):
    """A call to the Flight Service that staff decide about."""

    verbs: Verbs = MappingProxyType(
        {
            Decision.RETRY: gettext_lazy("Send once more"),
            Decision.APPLIED: gettext_lazy("It was applied"),
            Decision.NOT_APPLIED: gettext_lazy("It was not applied"),
        }
    )
    peer = gettext_lazy("the Flight Service")

    @property
    def knows_keys(self) -> bool:
        return peer_knows_keys()


class OfOneBooking(AtFlightService):
    """A call about one booking, whose page and timeline are the call's too."""

    booking: Booking

    @property
    def address(self) -> str:
        return reverse("admin:bookings_booking_change", args=[self.booking.pk])

    @property
    def trail(self) -> Sequence[tuple[str, str]]:
        calls = reverse("admin:bookings_seatcall_changelist")
        return [(_("Calls to the Flight Service"), calls), (self.booking.reference, self.address)]

    def last_event(self) -> BookingEvent | None:
        return BookingEvent.objects.filter(booking=self.booking).order_by("pk").last()
