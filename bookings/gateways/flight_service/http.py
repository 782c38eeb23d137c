"""
The Flight Service over HTTP.

The only file that knows its addresses; `responses` knows what they mean. An exchange whose end is not seen
is *unknown*, never failed: the request may have been carried out.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from bookings.conf import PROBED_FLIGHT, RETRY_NEEDS_SECONDS
from bookings.gateways.flight_service.resilience.guard import CallRefused, Guard
from bookings.gateways.flight_service.responses import (
    NO_WORDS,
    WHAT_TO_CONFIGURE,
    WORDS,
    NoMap,
    OwnWords,
    Reply,
    Shown,
    Unusable,
    concerns_all,
    flight_shown,
    is_healthy,
    names_flight,
    outcome_of,
    read_reply,
    retry_after,
    wants_configuring,
)
from bookings.gateways.flight_service.seats_by_number import body_by_number, map_shown, outcome_by_number
from bookings.gateways.flight_service.seen_flights import SeenFlights
from bookings.gateways.flight_service.unusable_flights import UnusableFlights
from bookings.gateways.http_exchange import Answer, ExchangeFailed, HttpExchange, NothingSent, Question
from bookings.observability import tracing
from bookings.observability.tracing import Kind
from bookings.ports import (
    Applied,
    Flight,
    FlightsHealth,
    FlightsUnreachable,
    NoFlight,
    NoSeatMap,
    NoSeats,
    NotSent,
    SeatChange,
    SeatMap,
    SeatOutcome,
    SeatsTaken,
    Unknown,
    UnknownFlight,
    UnusableFlight,
)

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 0.5
# For a whole exchange, including its connection.
EXCHANGE_SECONDS = 2.0
GET_TRIES = 2

# A flight is a few hundred bytes; a larger response comes from another server.
LARGEST_ANSWER_BYTES = 64 * 1024

T = TypeVar("T")


class HttpFlightService:
    """
    The port over HTTP, behind the guard of this process.

    Repeats a GET once; a change of seats is sent once, and the caller decides about a repetition. A change has a
    connection of its own, whether the Flight Service knows keys or not: see Note [Which request a response belongs
    to]. With `keep_alive=False` a GET has one too. `change_seconds` is how long a change of seats may take, if the
    caller has as much time, and `own_words` are the refusals that this Flight Service words in its own way.
    `price_seconds` is how long a flight is sold at the price that it was shown with; 0: it is asked for each time.
    """

    def __init__(
        self,
        base_url: str,
        *,
        guard: Guard | None = None,
        keep_alive: bool = True,
        change_seconds: float = EXCHANGE_SECONDS,
        own_words: OwnWords = NO_WORDS,
        price_seconds: float = 0.0,
    ) -> None:
        self._base_url = base_url
        self._keep_alive, self._change_seconds, self._own_words = keep_alive, change_seconds, own_words
        self._guard = guard or Guard()
        self._http = HttpExchange(connect_seconds=CONNECT_SECONDS, largest_bytes=LARGEST_ANSWER_BYTES)
        self._unusable = UnusableFlights()
        self._seen, self._price_seconds = SeenFlights(seconds=price_seconds), price_seconds

    def get_flight(self, flight_id: int, *, seconds: float) -> Flight:
        asked_at = time.monotonic()
        ends_at = asked_at + seconds
        for tries_before in range(GET_TRIES):
            left = ends_at - time.monotonic()
            if tries_before and not self._may_repeat(left):
                break
            # The connection may be what failed: the repetition does not use a kept one.
            shown = self._ask_for(flight_id, seconds=left, keep=self._keep_alive and not tries_before)
            if isinstance(shown, Flight):
                self._unusable.forget(flight_id)
                self._seen.keep(shown, asked_at=asked_at)
                return shown
            self._seen.doubt(flight_id)
            if isinstance(shown, NoFlight):
                self._unusable.forget(flight_id)
                raise UnknownFlight(flight_id)
            if isinstance(shown, Unusable):
                self._unusable.note(flight_id, shown.why)
                raise UnusableFlight(flight_id)
            log.warning("gateway.flights.get_failed", flight=flight_id, outcome=repr(shown))
        raise FlightsUnreachable(flight_id)

    def answers(self, *, seconds: float) -> bool:
        if seconds <= 0:
            return False
        # The guard neither counts nor refuses it: see Note [A probe decides nothing].
        reply = self._look_at(PROBED_FLIGHT, seconds=seconds, keep=self._keep_alive)
        if not isinstance(reply, Reply):
            return False
        return bool(is_healthy(reply, self._shown(PROBED_FLIGHT, reply), seconds=seconds))

    def recent_flight(self, flight_id: int, *, seconds: float) -> Flight:
        began, has_asked = time.monotonic(), False

        def ask() -> Flight:
            nonlocal has_asked
            has_asked = True
            return self.get_flight(flight_id, seconds=seconds)

        # In less time a question may fail that would not fail those who wait for it. A probe holds one thread.
        if not self._price_seconds or seconds < EXCHANGE_SECONDS or self._guard.is_probing(flight_id):
            return ask()
        try:
            return self._seen.show(flight_id, ask, seconds=seconds)
        except FlightsUnreachable:
            # Many wait for one question: counted by its failures alone, a flight that hangs would hold them for long.
            if not has_asked and time.monotonic() - began >= RETRY_NEEDS_SECONDS:
                self._guard.count_a_wait(flight_id)
            raise

    def recall_flight(self, flight_id: int) -> Flight | None:
        return self._seen.recall(flight_id)

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        is_by_number = bool(change.numbers or change.in_place_of)
        # JSON integers: the original peer reads `true` as zero, and releases seats for it.
        counts = b'"seats": %d, "dec": %d' % (change.seats, change.reserves)
        body = body_by_number(change, counts) if is_by_number else b"{%b}" % counts
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(change.key)}
        question = Question("PATCH", f"{self._address(change.flight_id)}/seats", headers, body)

        def send() -> Reply | NotSent | Unknown:
            return _read(self._exchange(question, seconds=min(seconds, self._change_seconds), keep=False))

        def read(reply: Reply) -> SeatOutcome:
            if is_by_number:
                return outcome_by_number(reply, change, own_words=self._own_words)
            return outcome_of(reply, flight_id=change.flight_id, reserves=change.reserves, own_words=self._own_words)

        outcome = self._guarded("PATCH", change.flight_id, send, read, seconds=seconds)
        if not isinstance(outcome, Applied):
            self._seen.doubt(change.flight_id)
        if not isinstance(outcome, Applied | NoSeats | SeatsTaken | NoFlight):
            log.warning("gateway.flights.patch_failed", flight=change.flight_id, outcome=repr(outcome))
        return outcome

    def get_seat_map(self, flight_id: int, *, seconds: float) -> SeatMap:
        # Seldom asked for, and long: on a connection of its own its answer cannot be that to another question.
        question = Question("GET", f"{self._address(flight_id)}/seats")

        def send() -> Reply | NotSent | Unknown:
            return _read(self._exchange(question, seconds=min(seconds, EXCHANGE_SECONDS), keep=False))

        def read(reply: Reply) -> SeatMap | NoMap | NoFlight | Unusable | Unknown:
            return map_shown(reply, flight_id=flight_id, own_words=self._own_words)

        shown = self._guarded("GET", flight_id, send, read, seconds=seconds)
        match shown:
            case SeatMap():
                return shown
            case NoMap():
                raise NoSeatMap(flight_id)
            case NoFlight():
                raise UnknownFlight(flight_id)
        log.warning("gateway.flights.map_failed", flight=flight_id, outcome=repr(shown))
        raise UnusableFlight(flight_id) if isinstance(shown, Unusable) else FlightsUnreachable(flight_id)

    def is_available(self) -> bool:
        return self._guard.is_available()

    def spend_repetition(self) -> bool:
        return self._guard.budget.spend()

    def health(self) -> FlightsHealth:
        return self._guard.health()

    def _may_repeat(self, seconds: float) -> bool:
        """Whether a GET may be repeated. Health checks have no time for it, and must not use up the budget."""
        return seconds >= RETRY_NEEDS_SECONDS and self.is_available() and self.spend_repetition()

    def _ask_for(self, flight_id: int, *, seconds: float, keep: bool) -> Shown | NotSent:
        """Ask for a flight, once."""
        return self._guarded(
            "GET",
            flight_id,
            lambda: self._look_at(flight_id, seconds=seconds, keep=keep),
            lambda reply: self._shown(flight_id, reply),
            seconds=seconds,
        )

    def _guarded(
        self,
        method: str,
        flight_id: int,
        send: Callable[[], Reply | NotSent | Unknown],
        read: Callable[[Reply], T],
        *,
        seconds: float,
    ) -> T | NotSent | Unknown:
        """Send one request about a flight if the guard admits it, and read its response."""
        if seconds <= 0:
            return NotSent("no time left")
        try:
            with (
                self._guard.call(flight_id) as call,
                tracing.Span(f"{method} Flight Service", Kind.CLIENT) as span,
            ):
                reply = send()
                result = read(reply) if isinstance(reply, Reply) else reply
                healthy = is_healthy(reply, result, seconds=seconds)
                call.ended(WORDS[type(result)], healthy=healthy, concerns_all=concerns_all(reply))
                span.attributes["outcome"] = call.word
                span.failed = not call.healthy
        except CallRefused as refused:
            return NotSent(str(refused))
        if isinstance(reply, Reply) and wants_configuring(reply, result):
            log.error("gateway.flights.not_understood", flight=flight_id, outcome=reply.why(), advice=WHAT_TO_CONFIGURE)
        return result

    def _look_at(self, flight_id: int, *, seconds: float, keep: bool) -> Reply | NotSent | Unknown:
        """
        Ask for a flight; ask once more where a response that would count may belong to another request.

        A response on a kept connection counts only if it names the flight.
        """
        ends_at = time.monotonic() + min(seconds, EXCHANGE_SECONDS)
        question = Question("GET", self._address(flight_id))
        answer = self._exchange(question, seconds=ends_at - time.monotonic(), keep=keep)
        reply = _read(answer)
        left = ends_at - time.monotonic()
        may_be_of_another = isinstance(answer, Answer) and answer.was_kept and not names_flight(flight_id, reply)
        if may_be_of_another and left > 0 and self._decides(flight_id, reply):
            reply = _read(self._exchange(question, seconds=left, keep=False))
        return reply

    def _decides(self, flight_id: int, reply: Reply | NotSent | Unknown) -> bool:
        """Whether a response would be believed. For any other the caller repeats the request, or gives up."""
        return isinstance(reply, Reply) and not isinstance(self._shown(flight_id, reply), Unknown)

    def _exchange(self, question: Question, *, seconds: float, keep: bool) -> Answer | NotSent | Unknown:
        """Send one request and read its response. A network fault is a result, not an exception."""
        trace = tracing.current()
        headers = {"Accept": "application/json", **(trace.headers() if trace else {}), **question.headers}
        try:
            traced = Question(question.method, question.url, headers, question.body)
            return self._http.send(traced, seconds=seconds, keep=keep)
        except NothingSent as error:
            return NotSent(str(error))
        except ExchangeFailed as error:
            return Unknown(str(error))

    def _shown(self, flight_id: int, reply: Reply) -> Shown:
        return flight_shown(reply, flight_id=flight_id, own_words=self._own_words)

    def _address(self, flight_id: int) -> str:
        return f"{self._base_url}/api/v1/flights/{int(flight_id)}"


def _read(answer: Answer | NotSent | Unknown) -> Reply | NotSent | Unknown:
    """Read the response, if there is one."""
    if not isinstance(answer, Answer):
        return answer
    headers, pause = answer.headers, None
    if "retry-after" in headers:
        pause = retry_after(headers["retry-after"], date=headers.get("date", ""), now=datetime.now(UTC))
    return read_reply(answer.status, answer.body, pause)
