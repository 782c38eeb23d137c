"""
Writes down the SQL of one create, for the ceiling to send the same.

So it need not be kept in step with the service by hand. What only prepares a connection is left out; what differs
from one create to the next becomes a field in the manner of `str.format`.
"""

from __future__ import annotations

import re
from typing import Any

from benchmarks.load import Clients, LoadFailed, post
from benchmarks.meters import rows

# Numbers that are nothing else in a statement. Each user is a new one, as those that are measured.
USERS, FLIGHT = range(987_654_000, 987_654_200), 876_543_210
# The Flight Service must take so long meanwhile: the last pause in the log is the call for the seats.
LATENCY_MS = 200
PAUSE_SECONDS = LATENCY_MS / 2000
SECONDS = 5.0
# The log has one entry for each packet, with all its statements.
KEPT = re.compile(r"(START TRANSACTION|SELECT|INSERT|UPDATE|DELETE|COMMIT)\b(?!.*@@)", re.DOTALL)
RANDOM = {
    "uuid": re.compile(r"'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'"),
    "hex": re.compile(r"'[0-9a-f]{32}'"),
}
BOOKING = re.compile(r'"id": ?([0-9]+),"reference": ?("[A-Z0-9]+")')
LOG = """
    SELECT command_type, UNIX_TIMESTAMP(event_time), CONVERT(argument USING utf8mb4) FROM mysql.general_log
    WHERE thread_id <> CONNECTION_ID()
"""


def record_create(session: Any, *, port: int) -> tuple[list[str], list[str]]:
    """
    Give the packets of statements of a create before its seats are asked for, and those after.

    :raises LoadFailed: if there is no create that opens no connection
    """
    rows(session, "SET GLOBAL log_output='TABLE'")
    with Clients(port, count=1) as client:
        for user in USERS:
            rows(session, "TRUNCATE mysql.general_log")
            rows(session, "SET GLOBAL general_log=1")
            request = post("/api/v1/bookings", {"flightId": FLIGHT, "userId": user, "noOfSeats": 1})
            answer = client.drive(iter([request]), seconds=SECONDS).bodies[0].decode()
            rows(session, "SET GLOBAL general_log=0")
            log = rows(session, LOG)
            # Every thread of the service opens a connection at its first create.
            if "Connect" not in {kind for kind, _at, _text in log} and (booking := BOOKING.search(answer)):
                own = {str(user): "{user}", str(FLIGHT): "{flight}", booking[2].replace('"', "'"): "'{reference}'"}
                own[f"`id` = {booking[1]}"] = "`id` = {booking}"
                return halves([(float(at), text) for _kind, at, text in log], own)
    raise LoadFailed("no create could be recorded")


def halves(log: list[tuple[float, str]], own: dict[str, str]) -> tuple[list[str], list[str]]:
    """Part what was sent (seconds, packet) at its last pause; fields take the place of what is a create's own."""
    part = max(place for place in range(1, len(log)) if log[place][0] - log[place - 1][0] > PAUSE_SECONDS)
    known: dict[str, str] = {}
    before, after = (
        [_with_fields(text, own, known) for _at, text in half if KEPT.match(text)] for half in (log[:part], log[part:])
    )
    return before, after


def _with_fields(statement: str, own: dict[str, str], known: dict[str, str]) -> str:
    text = statement.replace("{", "{{").replace("}", "}}")
    for name, pattern in RANDOM.items():
        for literal in pattern.findall(text):
            known.setdefault(literal, f"'{{{name}[{len(known)}]}}'")
    for literal, marked in {**own, **known}.items():
        text = text.replace(literal, marked)
    return text
