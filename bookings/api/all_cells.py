"""
Lists that name no flight: put together of all cells, newest first as in each, or by the oldest change.

A page asks every cell for as many bookings as it has room for, takes those that come first, and its cursor says how far
each cell was read. A list that lacks a cell is refused: it would look complete.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from bookings.answers import rendering
from bookings.api.pagination import BETWEEN, NewestFirst, cursor_at, no_cursor_of_ours
from bookings.cells import cell
from bookings.conf import RETRY_AFTER_SECONDS
from bookings.db.replica import read_list
from bookings.deadline import Deadline
from bookings.errors import TemporarilyUnavailable
from bookings.ports.cells import CellUnavailable, OtherCells, PageOfCell
from bookings.queries.bookings.shown import Question

# What the router says to a web server that is asked for its own cell, and cells to each other.
ONE_CELL = "Booking-Cell"
# What a cell answers then: the place of each booking of its page.
PLACES = "Booking-Places"

# All cells are asked within it, one after the other; a healthy one answers in some hundredths.
LIST_SECONDS = 3.0

# A place of a cell in a cursor: where it was read to; nothing of it was shown yet; nothing is left of it.
BEGIN, END = "b", "e"
PLACE = re.compile(r"[0-9]{1,19}(\.[0-9]{1,19})?|b|e", re.ASCII)
PARTS = "_"


def is_of_one_cell(request: Request) -> bool:
    """Whether a list is asked for of this cell alone: by another cell, or at the address of this one."""
    return ONE_CELL in request.headers


@dataclass(slots=True)
class _Part:
    """What is there of one cell: its page, how many of it were taken, and where the next page begins."""

    page: PageOfCell
    begins: str
    taken: int = 0

    @property
    def place(self) -> str:
        """Where the next page has to go on with this cell."""
        if self.taken == len(self.page.bookings) and not self.page.has_more:
            return END
        return self.page.places[self.taken - 1] if self.taken else self.begins


def list_of_all_cells(
    request: Request, matching: Question, *, pages: NewestFirst, others: OtherCells
) -> dict[str, Any]:
    """
    Give one page of the list of all cells.

    :raises InvalidRequest: if the cursor is none of such a list
    :raises TemporarilyUnavailable: if a cell cannot be asked
    """
    this, deadline = cell(), Deadline(LIST_SECONDS)
    begins = _places_in(request.query_params.get("cursor", ""), mark=pages.mark, cells=this.of)
    parts = []
    for number, place in enumerate(begins, start=1):
        if place == END:
            page = PageOfCell([], [], has_more=False)
        elif number == this.number:
            page = _own_page(request, matching, pages, place)
        else:
            page = _page_of(number, request, others, place=place, mark=pages.mark, deadline=deadline)
        parts.append(_Part(page, place))
    size = pages.get_page_size(request) or pages.page_size
    results = [_take_first(parts, pages) for _ in range(min(size, sum(len(part.page.bookings) for part in parts)))]
    places = [part.place for part in parts]
    is_last = all(place == END for place in places)
    cursor = f"{PARTS.join(places)}{BETWEEN}{pages.mark}"
    following = None if is_last else replace_query_param(request.build_absolute_uri(), "cursor", cursor)
    return {"results": results, "next": following, "previous": None}


def _own_page(request: Request, matching: Question, pages: NewestFirst, place: str) -> PageOfCell:
    pages.goes_on_at = "" if place == BEGIN else place
    rows = read_list(lambda: pages.page_of(matching, request))
    shown = [rendering.booking_as_json(row, now=row.read_at) for row in rows]
    return PageOfCell(shown, pages.places_of(rows), has_more=bool(pages.has_next))


def _page_of(
    number: int, request: Request, others: OtherCells, *, place: str, mark: str, deadline: Deadline
) -> PageOfCell:
    query = {name: values for name, values in request.query_params.lists() if name != "cursor"}
    if place != BEGIN:
        query["cursor"] = [cursor_at(place, mark)]
    try:
        return others.page_of(number, query=query, headers=_headers(request, number), seconds=deadline.left())
    except CellUnavailable as error:
        raise TemporarilyUnavailable(
            "Not all bookings can be listed right now. Repeat the request.", retry_after=RETRY_AFTER_SECONDS
        ) from error


def _headers(request: Request, number: int) -> Mapping[str, str]:
    """Say who asks, as it was said here, and that no other cell is to be asked."""
    sent = {name: request.headers[name] for name in ("Authorization", "Host") if name in request.headers}
    return {
        **sent,
        "Accept": "application/json",
        "X-Forwarded-For": str(getattr(request._request, "client_address", "")),
        "X-Forwarded-Proto": "https" if request.is_secure() else "http",
        "X-Request-ID": str(getattr(request, "request_id", "")),
        ONE_CELL: str(number),
    }


def _take_first(parts: Sequence[_Part], pages: NewestFirst) -> Mapping[str, Any]:
    """Take the booking that comes first of those that are next in their cells."""
    waiting = [part for part in parts if part.taken < len(part.page.bookings)]
    first = waiting[pages.first_of([part.page.bookings[part.taken] for part in waiting])]
    first.taken += 1
    return first.page.bookings[first.taken - 1]


def _places_in(cursor: str, *, mark: str, cells: int) -> list[str]:
    """
    Read how far each cell was read.

    :raises InvalidRequest: if it is no cursor of such a list, or of one with other filters
    """
    if not cursor:
        return [BEGIN] * cells
    said, _, of_filters = cursor.partition(BETWEEN)
    places = said.split(PARTS)
    if len(places) != cells or of_filters != mark or not all(PLACE.fullmatch(place) for place in places):
        raise no_cursor_of_ours()
    return places
