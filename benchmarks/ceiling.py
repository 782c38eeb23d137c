"""
The ceiling: what a create would cost if it were nothing but its SQL and its calls of the Flight Service.

A bare WSGI callable on the same server sends the packets that this service was recorded to send; see `recording`.
It remembers a price for as long; it checks nothing, promises nothing and logs nothing.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import MySQLdb
import pycurl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from wsgiref.types import StartResponse, WSGIEnvironment

BEFORE, AFTER = json.loads(os.environ["CEILING_STATEMENTS"])
DATABASE = urlsplit(os.environ["DATABASE_URL"])
FLIGHTS = os.environ["FLIGHT_SERVICE_URL"]
JSON_TYPE = {"Content-Type": "application/json"}
ANSWER_SECONDS = 5
PRICE_SECONDS = 2.0
# More than there are fields of a kind.
FRESH = range(8)
# What no request uses at this moment: connections of the database, and handles of libcurl.
idle: list[tuple[Any, pycurl.Curl]] = []
# When a flight was asked for, and its price.
prices: dict[int, tuple[float, int]] = {}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Create a booking; any GET shows that the server is there."""
    answer: dict[str, Any] = {}
    if environ["REQUEST_METHOD"] == "POST":
        order = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        try:
            mine = idle.pop()
        except IndexError:
            mine = _connected(), _handle()
        answer = {
            "success": True,
            "message": "Booking created successfully",
            "data": _create(order, *mine),
            "error": {},
        }
        idle.append(mine)
    body = json.dumps(answer, separators=(",", ":")).encode()
    start_response("201 Created" if answer else "200 OK", [*JSON_TYPE.items(), ("Content-Length", str(len(body)))])
    return [body]


def _connected() -> Any:
    return MySQLdb.connect(
        host=DATABASE.hostname,
        port=DATABASE.port,
        user=DATABASE.username,
        db=DATABASE.path[1:],
        autocommit=True,
        init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )


def _handle() -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Connection: close"])
    handle.setopt(pycurl.FORBID_REUSE, 1)
    handle.setopt(pycurl.FRESH_CONNECT, 1)
    handle.setopt(pycurl.TIMEOUT, ANSWER_SECONDS)
    handle.setopt(pycurl.NOSIGNAL, 1)
    return handle


def _create(order: Mapping[str, int], database: Any, flights: pycurl.Curl) -> dict[str, int]:
    address = f"{FLIGHTS}/api/v1/flights/{order['flightId']}"
    price = _price(flights, order["flightId"], address)
    fields: dict[str, Any] = {
        "user": order["userId"],
        "flight": order["flightId"],
        "reference": uuid.uuid4().hex[:8].upper(),
        "uuid": [uuid.uuid4() for _ in FRESH],
        "hex": [uuid.uuid4().hex for _ in FRESH],
        "booking": 0,
    }
    fields["booking"] = _send(database, BEFORE, fields)
    _call(flights, "PATCH", f"{address}/seats", json.dumps({"seats": order["noOfSeats"], "dec": 1}).encode())
    _send(database, AFTER, fields)
    return {"id": fields["booking"], **order, "totalCost": order["noOfSeats"] * price}


def _send(database: Any, packets: Sequence[str], fields: Mapping[str, Any]) -> int:
    """Send the packets, and give the id of the booking that they insert, if they do."""
    booking = 0
    cursor = database.cursor()
    for packet in packets:
        cursor.execute(packet.format_map(fields))
        for statement in packet.split(";"):
            if statement.startswith("INSERT INTO `booking` "):
                rows = cursor.fetchall()
                booking = rows[0][0] if rows else cursor.lastrowid
            cursor.nextset()
    return booking


def _price(flights: pycurl.Curl, flight_id: int, address: str) -> int:
    """Ask for a price that was not shown within two seconds."""
    asked_at, price = prices.get(flight_id, (-PRICE_SECONDS, 0))
    now = time.monotonic()
    if now - asked_at >= PRICE_SECONDS:
        price = _call(flights, "GET", address)["data"]["price"]
        prices[flight_id] = now, price
    return price


def _call(handle: pycurl.Curl, method: str, address: str, body: bytes | None = None) -> Any:
    """Send a request on a connection of its own, as the service sends a change of seats."""
    answer = bytearray()
    handle.setopt(pycurl.URL, address)
    handle.setopt(pycurl.HTTPGET, 1)
    if body is not None:
        handle.setopt(pycurl.POSTFIELDS, body)
    handle.setopt(pycurl.CUSTOMREQUEST, method)
    handle.setopt(pycurl.WRITEFUNCTION, answer.extend)
    handle.perform()
    return json.loads(answer)
