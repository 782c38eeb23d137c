"""Lists that name no flight, of two cells: nothing twice, nothing left out, and never one that lacks a cell."""

import json
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured

from bookings import wiring
from bookings.gateways.cells.lists import HttpCells
from bookings.ports.cells import CellUnavailable, PageOfCell
from bookings.text.cells import Cell
from bookingsite.config import cells
from devtools.processes import HOST, free_port
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import a_saved_row

ONE_CELL = {"Booking-Cell": "1"}


def walked(api, **query):
    """Follow `next` to the end; give the ids of each page."""
    pages, address = [], f"{BOOKINGS}?{'&'.join(f'{name}={value}' for name, value in query.items())}"
    while address:
        answer = api.client.get(address)
        assert answer.status_code == 200, answer.content
        pages.append([each["id"] for each in shown(answer)["results"]])
        assert shown(answer)["previous"] is None
        address = shown(answer)["next"]
        assert len(pages) < 20
    return pages


class Rows:
    """A cell in memory: pages behind a place, which is a number here."""

    def __init__(self, *rows):
        self.rows, self.asked = rows, []

    def page_of(self, cell, *, query, headers, seconds):
        self.asked.append((cell, query, headers))
        begin = int(place_in(query["cursor"][0])) if "cursor" in query else 10**9
        left = [row for row in self.rows if row["id"] < begin]
        page = left[: int(query["limit"][0])]
        return PageOfCell(page, [str(row["id"]) for row in page], len(left) > len(page))


def place_in(cursor):
    """The place that a cursor of one cell names."""
    return parse_qs(b64decode(cursor).decode())["p"][0].partition("~")[0]


def a_row(pk, second):
    return {
        "id": pk,
        "createdAt": f"2030-01-01T00:00:{second:02}.000Z",
        "updatedAt": f"2030-01-01T00:00:{second:02}.000Z",
    }


@pytest.fixture
def rows_of_the_other(settings, monkeypatch):
    """Cell 2 has ids that are far higher, as it sells more; they say nothing of when."""
    there = Rows(*(a_row(1000 - 2 * number, 50 - number) for number in range(5)))
    settings.CELL, settings.CELLS = Cell(1, 2), ["http://cell1", "http://cell2"]
    monkeypatch.setattr(wiring, "other_cells", lambda: there)
    return there


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_of_two_cells_have_every_booking_once_newest_first(api, rows_of_the_other, limit):
    mine = [a_saved_row("initiated", pk=pk, user_id=5, flight_id=1).pk for pk in (1, 3, 5, 7)]

    pages = walked(api, userId=5, limit=limit)

    found = [pk for page in pages for pk in page]
    assert sorted(found) == sorted([*mine, 1000, 998, 996, 994, 992])
    assert [pk for pk in found if pk > 900] == [1000, 998, 996, 994, 992]
    assert [pk for pk in found if pk < 900] == [7, 5, 3, 1]
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert {cell for cell, _query, _headers in rows_of_the_other.asked} == {2}


def test_the_other_cell_is_asked_in_the_name_of_the_client_for_its_own_alone(api, rows_of_the_other):
    answer = api.get(BOOKINGS, {"userId": 5, "status": "initiated", "limit": 2})

    ((_cell, query, headers),) = rows_of_the_other.asked
    assert query == {"userId": ["5"], "status": ["initiated"], "limit": ["2"]}
    assert (headers["Booking-Cell"], headers["X-Forwarded-Proto"]) == ("2", "http")
    assert [each["id"] for each in shown(answer)["results"]] == [1000, 998]


def test_a_list_that_lacks_a_cell_is_refused(api, rows_of_the_other, monkeypatch):
    def away(*_args, **_kwargs):
        raise CellUnavailable("connection refused")

    monkeypatch.setattr(rows_of_the_other, "page_of", away)
    answer = api.get(BOOKINGS, {"userId": 5})

    assert (refused(answer), answer.headers["Retry-After"]) == ((503, "temporarily_unavailable"), "5")
    assert "cell" not in answer.json()["error"]["explanation"]


def test_a_list_of_one_flight_or_of_one_cell_asks_no_other(api, rows_of_the_other):
    a_saved_row("initiated", pk=1, user_id=5, flight_id=1)

    by_flight, of_one = api.get(BOOKINGS, {"flightId": 1}), api.get(BOOKINGS, {"userId": 5}, **ONE_CELL)

    assert [[each["id"] for each in shown(answer)["results"]] for answer in (by_flight, of_one)] == [[1], [1]]
    assert ("Booking-Places" in by_flight.headers, of_one.headers["Booking-Places"]) == (False, "1")
    assert refused(api.get(BOOKINGS, {"flightId": 2})) == (503, "wrong_cell")
    assert rows_of_the_other.asked == []


@pytest.mark.parametrize("cursor", ["x", "1_2_3~abc", "1_b", "b_b~000000000000", "b_-1~", "cD0x"])
def test_a_cursor_of_another_list_is_refused(api, rows_of_the_other, cursor):
    assert refused(api.get(BOOKINGS, {"userId": 5, "cursor": cursor})) == (400, "invalid_request")
    assert rows_of_the_other.asked == []


def test_changes_come_oldest_first_and_their_places_are_exact(api, rows_of_the_other):
    a_saved_row("initiated", pk=1, user_id=5, flight_id=1)
    answer = api.get(BOOKINGS, {"updatedAfter": "2020-01-01T00:00:00Z", "limit": 5})

    ids = [each["id"] for each in shown(answer)["results"]]
    assert ids[0] == 1  # made now, and the others in 2030
    place = api.get(BOOKINGS, {"updatedAfter": "2020-01-01T00:00:00Z"}, **ONE_CELL).headers["Booking-Places"]
    assert place.endswith(".1")


# --- the gateway ------------------------------------------------------------------------------------------


class Web(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Booking-Cell"]))
        status, places, body = self.server.says
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if places is not None:
            self.send_header("Booking-Places", places)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def web():
    with ThreadingHTTPServer((HOST, 0), Web) as server:
        server.asked, server.says = [], None
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def page_of(gateway, seconds=5.0):
    return gateway.page_of(
        1, query={"userId": ["5"], "status": ["a", "b"]}, headers={"Booking-Cell": "1"}, seconds=seconds
    )


A_PAGE = json.dumps({"data": {"results": [{"id": 1}, {"id": 3}], "next": None}}).encode()


def test_the_gateway_reads_a_page_with_a_place_for_each_booking(web):
    web.says = (200, "1 3", A_PAGE)

    page = page_of(HttpCells([f"http://{HOST}:{web.server_port}"]))

    assert (page.bookings, page.places, page.has_more) == ([{"id": 1}, {"id": 3}], ["1", "3"], False)
    ((path, cell),) = web.asked
    assert (urlsplit(path).path, parse_qs(urlsplit(path).query), cell) == (
        BOOKINGS,
        {"userId": ["5"], "status": ["a", "b"]},
        "1",
    )


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ((503, "", b"{}"), "status 503"),
        ((200, "1 3", b"<html>"), "answer makes no sense"),
        ((200, "1 3", b"{}"), "answer makes no sense"),
        ((200, "1", A_PAGE), "answer makes no sense"),
        ((200, None, A_PAGE), "answer makes no sense"),
    ],
)
def test_whatever_is_no_whole_page_is_no_page(web, says, why):
    web.says = says

    with pytest.raises(CellUnavailable, match=why):
        page_of(HttpCells([f"http://{HOST}:{web.server_port}"]))


def test_a_cell_that_is_away_is_not_asked_again_at_once():
    gateway = HttpCells([f"http://{HOST}:{free_port()}"])

    said = []
    for _ in range(7):
        with pytest.raises(CellUnavailable) as error:
            page_of(gateway)
        said.append(str(error.value))

    assert said[0] == "connection refused"
    assert said[-1] == "it has failed several times, and is not asked just now"


# --- the setting ------------------------------------------------------------------------------------------


@pytest.fixture
def configured(monkeypatch):
    def configure(**values):
        for name in ("CELL", "CELLS", "REDIS_URL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return cells.addresses()

    return configure


def test_each_cell_has_an_address_inside(configured, settings):
    two = {"CELL": "1/2", "REDIS_URL": "redis://r/0"}
    assert configured(**two, CELLS="http://a:8000, http://b:8000") == ["http://a:8000", "http://b:8000"]
    assert configured() == []
    for wrong in ("", "http://a:8000", "http://a:8000,b:8000", "http://a:1,http://b:1,http://c:1"):
        with pytest.raises(ImproperlyConfigured, match="CELLS must name 2 where CELL=1/2"):
            configured(**two, CELLS=wrong)
    with pytest.raises(ImproperlyConfigured, match="CELLS must name nothing"):
        configured(CELLS="http://a:8000")


def test_lists_are_put_together_where_there_are_cells_alone(settings):
    wiring.other_cells.cache_clear()
    assert wiring.other_cells() is None
    settings.CELLS = ["http://a:8000"]
    wiring.other_cells.cache_clear()
    assert isinstance(wiring.other_cells(), HttpCells)
    wiring.other_cells.cache_clear()
