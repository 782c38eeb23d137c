"""Which endpoint a request is for, and what it answers."""

import json
import re
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flightsim import keyed, unkeyed
from flightsim.answers import as_json, failure, flight_as_json, success
from flightsim.faults import Fault, Faults, InvalidFaults, plan_from_json
from flightsim.fixed_flights import SEATS, UNUSABLE, FixedFlights
from flightsim.seat_map import SeatNumbers, Standing, map_as_json, standing, with_seats
from flightsim.store import MAX_SEATS, Flight, Store
from flightsim.tally import Tally
from flightsim.wire import Reply, Request

_FLIGHTS = "/api/v1/flights"
_FLIGHT_PATH = re.compile(r"/api/v1/flights(?:/([^/]+)(/seats)?)?")

# At most 18 digits, which always fit the 64 bits of a row id.
_FLIGHT_ID = re.compile(r"[0-9]{1,18}")


class InvalidRequest(Exception):
    """The body of a request to the sim itself makes no sense."""


def is_flight_path(path: str) -> bool:
    """Return whether faults apply to this path: to flights, and not to the sim's own endpoints."""
    return path.startswith(_FLIGHTS)


def flight_in(path: str) -> int | None:
    """Return the id of the flight that a path is about; None if it has no number."""
    flight_path = _FLIGHT_PATH.fullmatch(path)
    return None if flight_path is None else _as_id(flight_path[1])


def _as_id(text: str | None) -> int | None:
    return int(text) if text and _FLIGHT_ID.fullmatch(text) else None


class FlightService:
    """The endpoints, keyed or unkeyed; `first_state` is what a reset goes back to, `numbers` what becomes of them."""

    def __init__(
        self,
        *,
        store: Store,
        tally: Tally,
        faults: Faults,
        fixed: FixedFlights,
        first_state: Sequence[Flight],
        keyed: bool,
        allow_reset: bool,
        numbers: SeatNumbers = SeatNumbers.KEPT,
    ) -> None:
        self._store = store
        self._tally = tally
        self._faults, self._fixed = faults, fixed
        self._first_state = first_state
        self._keyed, self._numbers = keyed, numbers if keyed else SeatNumbers.UNKNOWN
        self._allow_reset = allow_reset

    def answer_all(self, requests: Sequence[Request]) -> list[Reply]:
        """
        Answer the requests, in their order, in one transaction that is committed on return.

        Where the database fails, nothing is decided and all are answered 500.
        """
        try:
            with self._store.transaction():
                return [self._answer(request) for request in requests]
        except sqlite3.Error as error:
            print(f"flightsim: the store failed: {error}", file=sys.stderr, flush=True)
            return [self.failed() for _ in requests]

    def failed(self, fault: Fault = Fault.FAIL) -> Reply:
        """Count and answer a 500, or the 503 of a fault: nothing was decided."""
        self._tally.add("failed")
        if fault is Fault.UNAVAILABLE:
            return self._failure(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Try again later")
        return self._failure(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Cannot finish the request")

    def _answer(self, request: Request) -> Reply:
        flight_path = _FLIGHT_PATH.fullmatch(request.path)
        if flight_path is not None:
            return self._answer_flights(request, *flight_path.groups())
        match request.path:
            case "/__ledger":
                return self._only("GET", request) or Reply(200, as_json(self._ledger()))
            case "/__reset" if self._allow_reset:
                return self._only("POST", request) or self._reset(request)
            case "/__faults" if self._allow_reset:
                return self._only("POST", request) or self._change_faults(request)
            case "/__block" if self._allow_reset:
                return self._only("POST", request) or self._block(request)
        return self._failure(HTTPStatus.NOT_FOUND, "not_found", "There is nothing at this address")

    def _answer_flights(self, request: Request, id_text: str | None, seats: str | None) -> Reply:
        flight_id = _as_id(id_text)
        if seats and request.method == "GET" and self._numbers is not SeatNumbers.UNKNOWN:
            return self._show_map(flight_id)
        if seats:
            return self._only("PATCH", request) or self._change_seats(request, flight_id)
        wrong_method = self._only("GET", request)
        if wrong_method:
            return wrong_method
        if id_text is None:
            self._tally.add("get")
            return success([self._described(flight) for flight in self._store.flights()])
        self._tally.add("get", flight_id)
        flight = None if flight_id is None else self._store.flight(flight_id)
        if flight is None:
            return self._no_flight()
        described = self._described(flight)
        if self._faults.spoils(flight.id) or flight.id == UNUSABLE:
            described["price"] = "twenty"
        return success(described)

    def _change_seats(self, request: Request, flight_id: int | None) -> Reply:
        self._tally.add("patch", flight_id)
        if self._keyed:
            return keyed.change_seats(self._store, self._tally, request, flight_id, self._numbers)
        return unkeyed.change_seats(self._store, self._tally, request, flight_id)

    def _show_map(self, flight_id: int | None) -> Reply:
        self._tally.add("get", flight_id)
        flight = None if flight_id is None else self._store.flight(flight_id)
        if flight is None:
            return self._no_flight()
        if not flight.mapped:
            return self._failure(HTTPStatus.NOT_FOUND, "no_seat_map", "This flight has no map of its seats")
        return success(map_as_json(self._fixed.as_shown(flight), self._store.seats_kept(flight.id)))

    def _block(self, request: Request) -> Reply:
        """Block a free seat, or let it be taken again: it is no seat of the flight meanwhile."""
        try:
            content = _json_object(request.body)
            if content.keys() != {"flight", "number", "blocked"} or type(content["blocked"]) is not bool:
                raise InvalidRequest("Name flight, number, and blocked: true or false")
            flight = self._store.flight(content["flight"]) if type(content["flight"]) is int else None
            if flight is None:
                raise InvalidRequest("There is no such flight")
            number, blocked = str(content["number"]), content["blocked"]
            found = standing(flight, number, self._store.seats_kept(flight.id))
            if found is not (Standing.FREE if blocked else Standing.BLOCKED):
                raise InvalidRequest(f"This seat is {found.value}")
            if not self._store.resize(flight.id, -1 if blocked else 1):
                raise InvalidRequest("No seat is left to be blocked")
        except InvalidRequest as error:
            return self._failure(HTTPStatus.BAD_REQUEST, "invalid_request", str(error))
        self._store.keep_seats(flight.id, {number: (blocked, None)})
        return success({})

    def _ledger(self) -> dict[str, object]:
        flights = [
            {
                "id": flight.id,
                "flightNumber": flight.flight_number,
                "capacity": flight.capacity,
                "remaining": flight.remaining,
                "taken": flight.taken,
                "given_back": flight.given_back,
                "seatsTaken": self._taken_by_number(flight),
                "calls": self._tally.of_flight(flight.id),
            }
            for flight in self._store.flights()
        ]
        return {"flights": flights, "calls": self._tally.totals()}

    def _taken_by_number(self, flight: Flight) -> dict[str, str]:
        kept = self._store.seats_kept(flight.id)
        return {number: taken_by for number, (_, taken_by) in kept.items() if taken_by is not None}

    def _reset(self, request: Request) -> Reply:
        try:
            flights = with_capacities(self._first_state, _json_object(request.body))
        except InvalidRequest as error:
            return self._failure(HTTPStatus.BAD_REQUEST, "invalid_request", str(error))
        self._store.start_over(flights)
        self._tally.start_over(flight.id for flight in flights)
        return Reply(200, as_json(self._ledger()))

    def _change_faults(self, request: Request) -> Reply:
        try:
            content = _json_object(request.body)
            seed = content.pop("seed", None)
            if seed is not None and type(seed) is not int:
                raise InvalidFaults("Wrong type: seed")
            self._faults.change(plan_from_json(content), seed=seed)
        except (InvalidFaults, InvalidRequest) as error:
            return self._failure(HTTPStatus.BAD_REQUEST, "invalid_request", str(error))
        return success({})

    def _described(self, flight: Flight) -> dict[str, object]:
        with_map = self._numbers is not SeatNumbers.UNKNOWN
        return flight_as_json(self._fixed.as_shown(flight), with_capacity=self._keyed, with_map=with_map)

    def _no_flight(self) -> Reply:
        return self._failure(HTTPStatus.NOT_FOUND, "flight_not_found", "The flight you requested is not present")

    def _only(self, method: str, request: Request) -> Reply | None:
        if request.method == method:
            return None
        return self._failure(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method_not_allowed",
            f"Only {method} is possible here",
            extra=f"Allow: {method}\r\n".encode(),
        )

    def _failure(self, status: HTTPStatus, code: str, explanation: str, *, extra: bytes = b"") -> Reply:
        return failure(status, code if self._keyed else None, explanation, extra=extra)


def with_capacities(flights: Sequence[Flight], wanted: Mapping[str, object]) -> list[Flight]:
    """
    Return the flights, full, with `capacity` for all and `flights` (id to capacity) for particular ones.

    Those of fixed behavior change their seats only where they are named.

    :raises InvalidRequest: if a name, an id or a capacity makes no sense
    """
    if not wanted.keys() <= {"capacity", "flights"}:
        raise InvalidRequest("Only capacity and flights can be set")
    particular = wanted.get("flights", {})
    if not isinstance(particular, dict) or not particular.keys() <= {str(flight.id) for flight in flights}:
        raise InvalidRequest("flights must be an object from ids of flights to capacities")
    of_all = wanted.get("capacity")
    return [
        _filled(flight, particular.get(str(flight.id), None if flight.id in SEATS else of_all)) for flight in flights
    ]


def _filled(flight: Flight, capacity: object) -> Flight:
    if capacity is None:
        return flight
    if type(capacity) is not int or not 0 <= capacity <= MAX_SEATS:
        raise InvalidRequest(f"A capacity is an integer from 0 to {MAX_SEATS}")
    return with_seats(flight, capacity)


def _json_object(body: bytes) -> dict[str, object]:
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not JSON") from error
    if not isinstance(content, dict):
        raise InvalidRequest("The body must be a JSON object")
    return content
