"""What the decisions about calls to the Flight Service have in common."""

from types import MappingProxyType

from django.utils.translation import gettext_lazy

from bookings.conf import peer_knows_keys
from bookings.lifecycle import Decision
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
