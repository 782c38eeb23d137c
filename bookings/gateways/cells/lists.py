"""Lists of other cells, by HTTP, as their own clients read them. What a cell lacks is never left out silently."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlencode

import structlog

from bookings.gateways.http_exchange import ExchangeFailed, HttpExchange, Question
from bookings.gateways.resilience.breaker import Breaker
from bookings.ports.cells import CellUnavailable, PageOfCell

log = structlog.get_logger(__name__)

# A router or a web server of our own is near.
CONNECT_SECONDS = 0.5

# A hundred bookings with all that a client may keep with them.
LARGEST_BYTES = 8 * 1024 * 1024


class HttpCells:
    """The port over the API of each cell, at the addresses of their web servers: cell 1 comes first."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._exchange = HttpExchange(connect_seconds=CONNECT_SECONDS, largest_bytes=LARGEST_BYTES)
        # One that hangs must not keep every list of the others waiting.
        self._breakers = [Breaker() for _ in addresses]

    def page_of(
        self, cell: int, *, query: Mapping[str, Sequence[str]], headers: Mapping[str, str], seconds: float
    ) -> PageOfCell:
        breaker = self._breakers[cell - 1]
        admission = breaker.admit()
        if admission is None:
            raise CellUnavailable("it has failed several times, and is not asked just now")
        address = f"{self._addresses[cell - 1]}/api/v1/bookings?{urlencode(query, doseq=True)}"
        page, why = None, ""
        try:
            answer = self._exchange.send(Question("GET", address, headers), seconds=seconds)
            page = _page_in(answer.body, answer.headers) if answer.status == HTTPStatus.OK else None
            why = f"status {answer.status}" if page is None else ""
        except ExchangeFailed as error:
            why = str(error)
        except (ValueError, KeyError, TypeError):
            why = "answer makes no sense"
        finally:
            breaker.end(admission, healthy=page is not None)
        if page is None:
            log.warning("gateway.cells.unavailable", item=cell, reason=why)
            raise CellUnavailable(why)
        return page


def _page_in(body: bytes, headers: Mapping[str, str]) -> PageOfCell:
    """
    Read a page.

    :raises ValueError: if it is none, or does not say the place of each booking
    """
    data = json.loads(body)["data"]
    bookings, places = data["results"], headers.get("booking-places", "").split()
    if len(places) != len(bookings):
        raise ValueError("not a place for each")
    return PageOfCell(bookings, places, has_more=data["next"] is not None)
