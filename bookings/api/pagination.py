"""Pages that cost the same wherever they are."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from bookings.errors import InvalidRequest
from bookings.queries.bookings.pages import made_at
from bookings.queries.bookings.shown import Question, ShownBooking

# Parts the place in a list from the mark of its filters.
BETWEEN = "~"


class NewestFirst(CursorPagination):
    """Keyset pages by id, newest first: a page starts at a row, never at a count of rows."""

    positions = re.compile(r"\d+", re.ASCII)
    ordering = "-id"
    page_size = 20
    page_size_query_param = "limit"
    max_page_size = 100

    def __init__(self, filters: Mapping[str, Any]) -> None:
        self.mark = _mark_of(filters)
        # In the place of the request's cursor: where a list of several cells goes on with this one, or "", its begin.
        self.goes_on_at: str | None = None

    def page_of(self, rows: Question, request: Request) -> list[ShownBooking]:
        """Read the page that the request's cursor names, or the first."""
        asked: Any = rows  # as much of a query set as is used
        return self.paginate_queryset(asked, request) or []

    def places_of(self, rows: Sequence[ShownBooking]) -> list[str]:
        """Where a page that begins behind each of these bookings goes on."""
        # By now the framework has made a tuple of it.
        return [str(self._get_position_from_instance(row, self.ordering)) for row in rows]

    def first_of(self, bookings: Sequence[Mapping[str, Any]]) -> int:
        """Which of these comes first, as they are shown; of several cells the ids say nothing of when."""
        return max(range(len(bookings)), key=lambda at: (bookings[at]["createdAt"], bookings[at]["id"]))

    def decode_cursor(self, request: Request) -> Any:
        if self.goes_on_at is not None:
            begin: Any = self.goes_on_at
            return Cursor(offset=0, reverse=False, position=begin) if begin else None
        try:
            cursor: Any = super().decode_cursor(request)
        except NotFound as error:
            raise no_cursor_of_ours() from error
        if cursor is None:
            return None
        # Without a position the framework takes it for the first page; with one, it hands what the client wrote to
        # the database as an id.
        position, _, mark = str(cursor.position or "").partition(BETWEEN)
        if not self.positions.fullmatch(position):
            raise no_cursor_of_ours()
        if mark != self.mark:
            raise InvalidRequest(fields={"cursor": "It is of a list with other filters: send those, or begin again."})
        return cursor._replace(position=position)

    def encode_cursor(self, cursor: Any) -> str:
        """Say in the link which list it goes on with: under other filters it would silently be another one."""
        marked = cursor._replace(position=f"{cursor.position}{BETWEEN}{self.mark}")
        link: str = super().encode_cursor(marked)
        return link


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NewestFirstByTime(NewestFirst):
    """
    The same by the time of creation, where a list begins or ends at one: it is found on that time's index.

    By id everything that is newer than the list would be read first, and everything older after its last page.
    A cursor still names a booking; those of one moment follow each other by id.
    """

    # For the checker these are what the framework's class sets them to at first.
    cursor: Any
    next_position: Any
    previous_position: Any

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request, self.base_url = request, request.build_absolute_uri()
        size = self.get_page_size(request) or self.page_size
        self.ordering = ("-id",)  # type: ignore[assignment]  # the framework's own links want a tuple
        self.cursor = self.decode_cursor(request)
        place = None if self.cursor is None else self.cursor.position
        backwards = self.cursor is not None and self.cursor.reverse
        rows = queryset.order_by("created_at", "pk") if backwards else queryset.order_by("-created_at", "-pk")
        if place is not None:
            rows = _beyond(int(place), rows, backwards=backwards)
        found = list(rows[: size + 1])
        self.page, has_more = found[:size], len(found) > size
        if backwards:
            self.page.reverse()
        self.has_next, self.has_previous = (True, has_more) if backwards else (has_more, place is not None)
        # What a link names where the page itself is empty.
        self.next_position = self.previous_position = place
        return self.page


class OldestChangeFirst(NewestFirst):
    """
    Pages by the time of the last change, oldest first, for clients that keep a copy. They lead forward alone.

    A booking that changes moves to the end, so that one that reads on meets it again and misses none. A cursor has
    the time itself, as that of its booking moves.
    """

    positions = re.compile(r"\d{1,18}\.\d{1,19}", re.ASCII)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request, self.base_url = request, request.build_absolute_uri()
        size = self.get_page_size(request) or self.page_size
        self.ordering = ("updated_at",)  # type: ignore[assignment]  # the framework's own links want a tuple
        cursor = self.decode_cursor(request)
        self.cursor = cursor
        rows = queryset.order_by("updated_at", "pk")
        if cursor is not None:
            microseconds, booking_id = map(int, cursor.position.split("."))
            try:
                at = EPOCH + timedelta(microseconds=microseconds)
            except OverflowError:
                raise no_cursor_of_ours() from None
            rows = rows.filter(Q(updated_at__gt=at) | Q(pk__gt=booking_id), updated_at__gte=at)
        found = list(rows[: size + 1])
        self.page, self.has_next = found[:size], len(found) > size
        self.has_previous, self.next_position = False, None
        return self.page

    def first_of(self, bookings: Sequence[Mapping[str, Any]]) -> int:
        return min(range(len(bookings)), key=lambda at: (bookings[at]["updatedAt"], bookings[at]["id"]))

    def _get_position_from_instance(self, instance: ShownBooking, ordering: Any) -> str:
        return f"{(instance.updated_at - EPOCH) // timedelta(microseconds=1)}.{instance.id}"


def _beyond(place: int, rows: Question, *, backwards: bool) -> Question:
    """The rows behind a booking, in the order of time."""
    at = made_at(place)
    compare = "gt" if backwards else "lt"
    by_id = Q(**{f"pk__{compare}": place})
    if at is None:
        return rows.filter(by_id)
    return rows.filter(Q(**{f"created_at__{compare}": at}) | by_id, **{f"created_at__{compare}e": at})


def pages_for(asked: Mapping[str, Any]) -> NewestFirst:
    """The order for a list with these filters."""
    filters = {name: asked[name] for name in asked if name not in ("cursor", "limit")}
    if "updatedAfter" in filters:
        return OldestChangeFirst(filters)
    by_time = filters.keys() & {"createdAfter", "createdBefore"}
    return NewestFirstByTime(filters) if by_time else NewestFirst(filters)


def cursor_at(place: str, mark: str) -> str:
    """Write the cursor of a list, with these filters, that goes on behind a place."""
    return b64encode(urlencode({"p": f"{place}{BETWEEN}{mark}"}).encode()).decode()


def _mark_of(filters: Mapping[str, Any]) -> str:
    """A short word that is another one for other filters."""
    written = repr(sorted(filters.items())).encode()
    return blake2b(written, digest_size=6).hexdigest()


def no_cursor_of_ours() -> InvalidRequest:
    return InvalidRequest(fields={"cursor": "Take it from `next` or `previous` of another page."})
