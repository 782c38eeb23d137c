"""
Places by kind of request, so that no kind of request takes those of another.

The web server gives each request a thread of its own, a *carrier*, and there are many of these: it waits for the body,
and for a place in the *lane* of its kind, works there, and sends the response, at the client's pace. There are as many
places as WEB_THREADS says, and they keep the connections to the database. Whatever a kind of request waits for, a slow
Flight Service or a lock, it holds its own lane. Health has a lane too, and liveness needs none.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from http import HTTPStatus
from threading import Lock, Semaphore
from typing import Any, TypeVar

from django.db import connections
from django.http import StreamingHttpResponse

from bookings.answers.rendering import SERVICE_BUSY
from bookings.conf import create_threads
from bookings.observability import metrics
from bookingsite.web.bodies import TOO_SLOW, discard, has_body, read_body
from bookingsite.web.refusals import REFUSAL, Refusal

T = TypeVar("T")
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# See docs/decisions/0031-a-request-is-worked-on-where-it-arrived.md.

# A burst is served one after another. After so long a client is told to try again later.
LINE_SECONDS = 2.0

# Requests that wait for their turn, in one lane and in all: a lane that is stuck leaves the others a line.
LONGEST_LINE = 48
LONGEST_LINES = 64

# The proxy waits longer, and sends what is here as a whole.
BODY_SECONDS = 5.0
# A client that still sends has so long to finish before its connection ends, so that it reads the response.
DISCARD_SECONDS = 0.5

# Bodies that are being read, and files that are being sent: clients set the pace.
BODIES_AT_ONCE = 32
FILES_AT_ONCE = 32
# Bodies of a burst are here as a whole and read in no time, so that a place comes free in a moment; not where clients
# hold them.
BODIES_IN_LINE = 48
BODY_LINE_SECONDS = 0.5
# Each reads while its client receives, on a database connection of its own.
EXPORTS_AT_ONCE = 2

# So that refusals and liveness find a carrier even then.
SPARE_CARRIERS = 8

# Health and metrics. Two, as one of them may wait for the database.
OPERATIONS_THREADS = 2

# Far longer than any request may take: threads that do not come back in this time never will.
STUCK_SECONDS = 60.0

BUSY = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    *SERVICE_BUSY,
    is_retryable=True,
    retry_after=2,
)


class Kind(StrEnum):
    """The kinds of requests that do not wait for each other."""

    CREATE = "create"
    CHANGE = "change"  # of what is there: paying and cancelling, which lock a booking, and notices of gateways
    READ = "read"
    OFFICE = "office"
    OPERATIONS = "operations"
    FILE = "file"
    LIVE = "live"


def kind_of(method: str, path: str) -> Kind:
    """Tell what kind of request this is. An unknown address changes nothing, so a GET of it is a read."""
    address = path.rstrip("/")
    if address == "/health/live":
        return Kind.LIVE
    if address in ("/health/ready", "/metrics"):
        return Kind.OPERATIONS
    if address == "/admin" or path.startswith("/admin/"):
        return Kind.OFFICE
    if path.startswith("/static/"):
        return Kind.FILE
    if method in ("GET", "HEAD", "OPTIONS"):
        # The map of a flight's seats waits for the Flight Service, as a create does, and must not hold up what reads.
        return Kind.CREATE if path.startswith("/api/v1/flights/") else Kind.READ
    return Kind.CREATE if address == "/api/v1/bookings" else Kind.CHANGE


def threads_by_kind(threads: int) -> Mapping[Kind, int]:
    """
    Divide the threads of one process: somewhat more than half may create, as a create waits for the Flight Service.

    Each kind has at least one, so fewer than four are four.
    """
    create, office = create_threads(threads), max(1, threads * 3 // 32)
    change = max(1, threads * 5 // 32)
    return {
        Kind.CREATE: create,
        Kind.CHANGE: change,
        Kind.OFFICE: office,
        Kind.READ: max(1, threads - create - change - office),
        Kind.OPERATIONS: OPERATIONS_THREADS,
    }


class LaneFull(Exception):
    """The turn of this request did not come in time; nothing of it was done."""


class _Place:
    """Where one request at a time is worked on, with the connections to the database that those before it opened."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def __enter__(self) -> None:
        """Let this thread have the connections."""
        for connection in self._kept:
            connections[connection.alias] = connection

    def __exit__(self, *_error: object) -> None:
        """Keep them, with those that were opened here, for the thread that comes next."""
        opened: list[Any] = [*connections.all(initialized_only=True)]
        for connection in opened:
            if connection not in self._kept:
                connection.inc_thread_sharing()
            del connections[connection.alias]
        self._kept = opened


class _Turn:
    """A request that waits for a place."""

    def __init__(self) -> None:
        self.place: _Place | None = None
        self._comes = Lock()
        self._comes.acquire()

    def come(self, place: _Place) -> None:
        self.place = place
        self._comes.release()

    def wait(self, seconds: float) -> None:
        self._comes.acquire(timeout=seconds)


class Lane:
    """The places of one kind of request, and the requests that wait for one of them, first come, first served."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._lock = Lock()
        # The one that was left last is taken first: its connection was used a moment ago.
        self._free = [_Place() for _ in range(places)]
        self._line: deque[_Turn] = deque()
        self._begun: dict[_Place, float] = {}

    def run(self, work: Callable[[], T], *, line: int = LONGEST_LINE, seconds: float = LINE_SECONDS) -> T:
        """
        Do the work in a place of the lane, and give its result.

        :param line: so many may wait for a place
        :raises LaneFull: if too many wait, or its turn does not come in time
        """
        place = self._take_place(line, seconds)
        try:
            self._begun[place] = time.monotonic()
            with place:
                return work()
        finally:
            del self._begun[place]
            self._leave(place)

    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._line)

    def running(self) -> list[float]:
        """Tell when each request that is being worked on was begun."""
        return list(self._begun.values())

    def is_stuck(self, now: float) -> bool:
        """Whether all its places have been taken for longer than any request takes."""
        begun = self.running()
        return len(begun) >= self.places and now - max(begun) > STUCK_SECONDS

    def _take_place(self, line: int, seconds: float) -> _Place:
        with self._lock:
            if self._free:
                return self._free.pop()
            if len(self._line) >= line:
                raise LaneFull
            turn = _Turn()
            self._line.append(turn)
        turn.wait(seconds)
        with self._lock:
            if turn.place is None:
                self._line.remove(turn)
                raise LaneFull
            return turn.place

    def _leave(self, place: _Place) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().come(place)
            else:
                self._free.append(place)


class _Sent:
    """A response that is made while it is sent; it holds its place until the client has it, or is gone."""

    def __init__(self, answer: Iterable[bytes], place: Semaphore) -> None:
        self._answer, self._place = answer, place
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        try:
            if (close := getattr(self._answer, "close", None)) is not None:
                close()
            connections.close_all()  # of this carrier
        finally:
            self._place.release()


class Lanes:
    """The application of a web process, with each kind of request in its lane."""

    def __init__(self, application: Application, *, threads: int) -> None:
        self._application = application
        self._lanes = {kind: Lane(count) for kind, count in threads_by_kind(threads).items()}
        self._bodies, self._body_line = Semaphore(BODIES_AT_ONCE), Semaphore(BODIES_IN_LINE)
        self._readers = ThreadPoolExecutor(BODIES_AT_ONCE)
        self._files = Semaphore(FILES_AT_ONCE)
        self._exports = Semaphore(EXPORTS_AT_ONCE)
        for kind in (*self._lanes, Kind.FILE):  # one that has not happened yet is a zero, not a gap
            metrics.REQUESTS_TURNED_AWAY.labels(kind)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        kind = kind_of(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        try:
            refusal = self._read(environ)
            if refusal is None:
                return self._answer(kind, environ, start_response)
        except LaneFull:
            metrics.REQUESTS_TURNED_AWAY.labels(kind).inc()
            refusal = BUSY
        environ[REFUSAL] = refusal
        return self._whole(environ, start_response)

    def show(self, now: float) -> None:
        """Update the metrics of the requests that are being worked on."""
        oldest = 0.0
        for kind, lane in self._lanes.items():
            begun = lane.running()
            metrics.REQUESTS_RUNNING.labels(kind).set(len(begun))
            oldest = max([oldest, *(now - moment for moment in begun)])
        metrics.OLDEST_REQUEST_SECONDS.set(oldest)

    def stuck(self, now: float) -> list[Kind]:
        """Name the lanes that will not move again."""
        return [kind for kind, lane in self._lanes.items() if lane.is_stuck(now)]

    def _read(self, environ: Environ) -> Refusal | None:
        if not has_body(environ):
            return None
        try:
            refusal = self._within(BODY_SECONDS, lambda: read_body(environ))
        except TimeoutError:
            return TOO_SLOW
        if refusal is not None:
            with contextlib.suppress(TimeoutError, LaneFull):
                self._within(DISCARD_SECONDS, lambda: discard(environ))
        return refusal

    def _within(self, seconds: float, work: Callable[[], T]) -> T:
        """
        Wait for a client, and no longer than this.

        Nothing can interrupt a read but the client, by ending its connection; until then its place is taken.
        Behind the proxy bodies are here as a whole.

        :raises TimeoutError: if it takes longer
        :raises LaneFull: if too many clients are waited for
        """
        if not (self._bodies.acquire(blocking=False) or self._waits_for_a_reader()):
            raise LaneFull

        def read() -> T:
            try:
                return work()
            finally:
                self._bodies.release()

        return self._readers.submit(read).result(seconds)

    def _waits_for_a_reader(self) -> bool:
        """Wait a moment, if few do; tell whether a body may be read now."""
        if not self._body_line.acquire(blocking=False):
            return False
        try:
            return self._bodies.acquire(timeout=BODY_LINE_SECONDS)
        finally:
            self._body_line.release()

    def _answer(self, kind: Kind, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if kind is Kind.LIVE:
            return self._whole(environ, start_response)
        if kind is Kind.FILE:
            return self._sent(self._files, lambda: self._application(environ, start_response))
        own = self._lanes[kind]
        others = sum(lane.waiting() for lane in self._lanes.values() if lane is not own)
        line = max(0, min(LONGEST_LINE, LONGEST_LINES - others))
        answer = own.run(lambda: self._whole(environ, start_response), line=line)
        return self._sent(self._exports, lambda: answer) if isinstance(answer, StreamingHttpResponse) else answer

    def _whole(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Work on a request, and give its whole response, so that its thread need not wait for the client."""
        answer = self._application(environ, start_response)
        if isinstance(answer, StreamingHttpResponse):
            return answer
        try:
            return [b"".join(answer)]
        finally:
            if (close := getattr(answer, "close", None)) is not None:
                close()

    def _sent(self, places: Semaphore, make: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
        if not places.acquire(blocking=False):
            raise LaneFull
        try:
            return _Sent(make(), places)
        except BaseException:
            places.release()
            raise


def carriers_beside(threads: int) -> int:
    """Tell how many threads of the web server may be taken by requests that nothing works on, and liveness."""
    surplus = sum(threads_by_kind(threads).values()) - threads
    bodies = BODIES_AT_ONCE + BODIES_IN_LINE
    return surplus + LONGEST_LINES + bodies + FILES_AT_ONCE + EXPORTS_AT_ONCE + SPARE_CARRIERS
