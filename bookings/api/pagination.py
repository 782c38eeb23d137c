"""Pages that cost the same wherever they are."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from bookings.errors import InvalidRequest
from bookings.queries.bookings.pages import made_at
from bookings.queries.bookings.shown import Question, ShownBooking


class NewestFirst(CursorPagination):
    """Keyset pages by id, newest first: a page starts at a row, never at a count of rows."""

    ordering = "-id"
    page_size = 20
    page_size_query_param = "limit"
    max_page_size = 100

    def page_of(self, rows: Question, request: Request) -> list[ShownBooking]:
        """Read the page that the request's cursor names, or the first."""
        asked: Any = rows  # as much of a query set as is used
        return self.paginate_queryset(asked, request) or []

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise _no_cursor_of_ours() from error
        if cursor is None:
            return None
        # Without a position the framework takes it for the first page; with one, it hands what the client wrote to
        # the database as an id.
        position = str(cursor.position or "")
        if not (position.isascii() and position.isdigit()):
            raise _no_cursor_of_ours()
        return cursor


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


def _beyond(place: int, rows: Question, *, backwards: bool) -> Question:
    """The rows behind a booking, in the order of time."""
    at = made_at(place)
    compare = "gt" if backwards else "lt"
    by_id = Q(**{f"pk__{compare}": place})
    if at is None:
        return rows.filter(by_id)
    return rows.filter(Q(**{f"created_at__{compare}": at}) | by_id, **{f"created_at__{compare}e": at})


def pages_for(filters: Collection[str]) -> NewestFirst:
    """The order for a list with these filters."""
    return NewestFirst() if {"createdAfter", "createdBefore"}.isdisjoint(filters) else NewestFirstByTime()


def _no_cursor_of_ours() -> InvalidRequest:
    return InvalidRequest(fields={"cursor": "Take it from `next` or `previous` of another page."})
