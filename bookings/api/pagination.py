"""Pages that cost the same wherever they are."""

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from bookings.errors import InvalidRequest


class NewestFirst(CursorPagination):
    """Keyset pages by id, newest first: a page starts at a row, never at a count of rows."""

    ordering = "-id"
    page_size = 20
    page_size_query_param = "limit"
    max_page_size = 100

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise _no_cursor_of_ours() from error
        position = getattr(cursor, "position", None)
        # The framework hands what the client wrote to the database as an id.
        if position is not None and not (position.isascii() and position.isdigit()):
            raise _no_cursor_of_ours()
        return cursor


def _no_cursor_of_ours() -> InvalidRequest:
    return InvalidRequest(fields={"cursor": "Take it from `next` or `previous` of another page."})
