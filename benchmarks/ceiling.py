"""
The ceiling: what a create would cost if it were nothing but its SQL and its two calls of the Flight Service.

A bare WSGI callable on the same server sends the statements that this service was recorded to send; see `recording`.
It checks nothing, promises nothing, logs nothing, and asks for the price each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import MySQLdb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

BEFORE, AFTER = json.loads(os.environ["CEILING_STATEMENTS"])
DATABASE = urlsplit(os.environ["DATABASE_URL"])
FLIGHTS = urlsplit(os.environ["FLIGHT_SERVICE_URL"]).netloc
JSON_TYPE = {"Content-Type": "application/json"}
ANSWER_SECONDS = 5
# More than there are fields of a kind.
FRESH = range(8)
# Connections that no request uses at this moment.
idle: list[tuple[Any, HTTPConnection]] = []


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Create a booking; any GET shows that the server is there."""
    answer: dict[str, Any] = {}
    if environ["REQUEST_METHOD"] == "POST":
        order = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        try:
            mine = idle.pop()
        except IndexError:
            mine = _connected(), HTTPConnection(FLIGHTS, timeout=ANSWER_SECONDS)
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


def _create(order: Mapping[str, int], database: Any, flights: HTTPConnection) -> dict[str, int]:
    path = f"/api/v1/flights/{order['flightId']}"
    price = _call(flights, "GET", path)["data"]["price"]
    fields: dict[str, Any] = {
        "user": order["userId"],
        "flight": order["flightId"],
        "reference": uuid.uuid4().hex[:8].upper(),
        "uuid": [uuid.uuid4() for _ in FRESH],
        "hex": [uuid.uuid4().hex for _ in FRESH],
        "booking": 0,
    }
    cursor = database.cursor()
    for statement in BEFORE:
        cursor.execute(statement.format_map(fields))
        if statement.startswith("INSERT INTO `booking` "):
            ((fields["booking"],),) = cursor.fetchall()
    # On a connection of its own, as the service's.
    with contextlib.closing(HTTPConnection(FLIGHTS, timeout=ANSWER_SECONDS)) as connection:
        _call(connection, "PATCH", f"{path}/seats", json.dumps({"seats": order["noOfSeats"], "dec": 1}).encode())
    for statement in AFTER:
        cursor.execute(statement.format_map(fields))
    return {"id": fields["booking"], **order, "totalCost": order["noOfSeats"] * price}


def _call(connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> Any:
    connection.request(method, path, body, JSON_TYPE)
    with connection.getresponse() as response:
        return json.loads(response.read())
