"""What there is to tell others about, and what they were told: short ranges of indexes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from bookings.conf import ANNOUNCEMENTS_AT_ONCE
from bookings.errors import InvalidRequest
from bookings.models import Announcement, Booking, BookingEvent
from bookings.models.bookings.booking_event import IS_NEWS


def due_bookings(now: datetime, most: int = ANNOUNCEMENTS_AT_ONCE) -> list[int]:
    """Find bookings about which there is something to tell, those that have waited longest, by ascending id."""
    due = Booking.objects.filter(announce_at__lte=now).order_by("announce_at")
    return sorted(due.values_list("pk", flat=True)[:most])


def waiting_since() -> datetime | None:
    """Since when, or until when, the first of them waits; None if there is none. One step into an index."""
    flagged = Booking.objects.filter(announce_at__isnull=False).order_by("announce_at")
    return flagged.values_list("announce_at", flat=True).first()


def is_news_due(now: datetime) -> bool:
    """Tell whether there is something to tell now."""
    since = waiting_since()
    return since is not None and since <= now


def untold_bookings(*, since: datetime, most: int, only: int | None = None) -> list[int]:
    """
    Find bookings that something is to be told about since then, and that are not flagged: by their events, or held.

    :param only: look at this booking alone
    """
    bookings = Booking.objects.filter(announce_at=None, created_at__gte=since, held_at__isnull=False, announced=0)
    events = BookingEvent.objects.filter(
        IS_NEWS, created_at__gte=since, booking__announce_at=None, pk__gt=F("booking__announced_event_id")
    )
    if only is not None:
        bookings, events = bookings.filter(pk=only), events.filter(booking_id=only)
    held = bookings.values_list("pk", flat=True)[:most]
    moved = events.values_list("booking_id", flat=True)[:most]
    return [*held, *moved]


def flagged_beyond_window(now: datetime, *, most: int) -> list[int]:
    """Find bookings whose flag is beyond the end of their payment window; `now` is a little ahead itself."""
    ahead = Booking.objects.filter(announce_at__gt=now).exclude(announce_at__lte=F("expires_at"))
    return list(ahead.values_list("pk", flat=True)[:most])


# Of a list of some types each page looks at so many of all types, and may be short, or empty: none has an index.
LOOKED_AT_FOR_TYPES = 1_000


@dataclass(frozen=True, slots=True)
class AnnouncementPage:
    """Some announcements, the last one that was looked at for them, and whether there are more behind it."""

    rows: Sequence[Announcement]
    after: str | None
    has_more: bool


def announcements_after(key: str | None, *, types: Collection[str], most: int) -> AnnouncementPage:
    """
    Read the announcements that come after one, or the oldest, with their bookings: of these types, or of all.

    None is missed: they are committed in the order of their ids.

    :raises InvalidRequest: if there is no such announcement, or it is not kept any more
    """
    most_seen = LOOKED_AT_FOR_TYPES if types else most + 1
    behind = Announcement.objects.filter(pk__gt=_place_of(key)).order_by("pk")
    seen = list(behind.values_list("pk", "key", "type")[:most_seen])
    wanted = [pk for pk, _, news in seen if not types or news in types][:most]
    # Behind the last row of a full page the next one begins; otherwise behind all that was seen.
    passed = [each for each in seen if len(wanted) < most or each[0] <= wanted[-1]]
    return AnnouncementPage(
        rows=list(Announcement.objects.filter(pk__in=wanted).select_related("booking").order_by("pk")),
        after=passed[-1][1] if passed else key,
        has_more=len(passed) < len(seen) or len(seen) == most_seen,
    )


def _place_of(key: str | None) -> int:
    if key is None:
        return 0
    place = Announcement.objects.filter(key=key).values_list("pk", flat=True).first()
    if place is None:
        text = "There is no such event; events are kept for 30 days. Read the bookings, and begin without `after`."
        raise InvalidRequest(fields={"after": text})
    return place
