"""
The original's seat changes, habits included: no keys, no floor, JavaScript's idea of a number.

It answers with the flight as it was before the change, and never refuses to take seats. Nothing here is how a
Flight Service should be; it is how one is. Its habit of freezing at five PATCHes at once is in `freezing`.
"""

import json
import math
import re
from http import HTTPStatus

from flightsim.answers import failure, flight_as_json, success
from flightsim.store import MAX_SEATS, Store
from flightsim.tally import Tally
from flightsim.wire import HTML, Reply, Request

_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

_BAD_JSON_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error</title>
</head>
<body>
<pre>SyntaxError: Unexpected token in JSON</pre>
</body>
</html>
"""


def change_seats(store: Store, tally: Tally, request: Request, flight_id: int | None) -> Reply:
    """Change the counter, whatever becomes of it, and answer with the flight as it was before."""
    try:
        content = _body_as_express_reads_it(request.body)
    except ValueError:
        tally.add("rejected")
        return Reply(HTTPStatus.BAD_REQUEST, _BAD_JSON_PAGE, content_type=HTML)
    seats = content.get("seats")
    if not is_truthy(seats):
        tally.add("rejected")
        return failure(HTTPStatus.BAD_REQUEST, None, "seats not found in the incoming request")
    flight = None if flight_id is None else store.flight(flight_id)
    if flight is None:
        return _broken(tally)
    # Absent means the parameter's default, which is true; null does not.
    takes = is_truthy(number(content.get("dec", True)))
    amount = number(seats)
    left = flight.remaining - amount if takes else flight.remaining + amount
    # The integer column: what is no number, or does not fit, is an error of the database.
    if not abs(left) <= MAX_SEATS:
        return _broken(tally)
    store.change_unchecked(flight.id, rounded(left) - flight.remaining)
    tally.add("applied", flight.id)
    return success(flight_as_json(flight, with_capacity=False))


def _broken(tally: Tally) -> Reply:
    tally.add("failed")
    return failure(HTTPStatus.INTERNAL_SERVER_ERROR, None, "Cannot update data of the flight")


def _body_as_express_reads_it(body: bytes) -> dict[str, object]:
    """
    Read the body; none at all, and an array, are as good as an object without fields.

    :raises ValueError: if it is no JSON object or array
    """
    try:
        content = json.loads(body or b"{}", parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if isinstance(content, dict):
        return content
    if isinstance(content, list):
        return {}
    raise ValueError("neither an object nor an array")


def _no_constant(name: str) -> float:
    # Python reads NaN and Infinity, which JSON does not have.
    raise ValueError(f"{name} is not JSON")


def is_truthy(value: object) -> bool:
    """Return what JavaScript makes of the value in an `if`: NaN is false, an empty array or object true."""
    if isinstance(value, (dict, list)):
        return True
    return bool(value) and value == value


def number(value: object) -> float:
    """Return what JavaScript's `+value` is for a JSON value; NaN where it is no number."""
    if isinstance(value, list):
        # An array is the text of its elements: [] is "", [2] is "2", [1,2] is "1,2".
        if len(value) > 1:
            return math.nan
        return number(value[0]) if value else 0.0
    if value is None:
        return 0.0
    if isinstance(value, str):
        text = value.strip()
        # Not left to float(): it also reads "1_000" and "nan".
        return float(text or 0) if not text or _DECIMAL.fullmatch(text) else math.nan
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return math.nan


def rounded(value: float) -> int:
    """Return the integer the column makes of a fraction: halves go away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))
