"""Which bookings a list shows: the filters of the back office, as its addresses spell them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import QuerySet

from bookings.conf import HIGHEST_ID
from bookings.lifecycle import BookingStatus
from bookings.models import Booking


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Filters of a list of bookings. None of them: all bookings.

    What an address holds and cannot be understood is left out, and named in `not_understood`.
    """

    flight: int | None = None
    user: int | None = None
    status: str = ""
    not_understood: tuple[str, ...] = ()

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Selection":
        """Read the filters of an address; other parameters are none of ours."""
        flight, user = _id(query.get("flight", "")), _id(query.get("user", ""))
        status = query.get("status", "")
        wrong = [name for name, value in (("flight", flight), ("user", user)) if query.get(name) and value is None]
        if status and status not in BookingStatus.values:
            wrong.append("status")
        return cls(flight, user, status if "status" not in wrong else "", tuple(wrong))

    def rows(self, now: datetime) -> QuerySet[Booking]:
        """The bookings, in no order. `now` is database time."""
        rows = Booking.objects.all()
        if self.flight is not None:
            rows = rows.filter(flight_id=self.flight)
        if self.user is not None:
            rows = rows.filter(user_id=self.user)
        if self.status:
            rows = rows.filter(status=self.status)
        return rows

    def query_string(self) -> str:
        """The filters as an address spells them; empty without any."""
        named = {"flight": self.flight, "user": self.user, "status": self.status}
        return urlencode({name: value for name, value in named.items() if value not in (None, "")})


def _id(text: str) -> int | None:
    """An id as somebody types it, or None."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if 1 <= number <= HIGHEST_ID else None
