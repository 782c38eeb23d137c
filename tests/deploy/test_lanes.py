"""The threads of a web process, by kind of request: who gets how many, who waits, and who is turned away."""

import contextlib
import threading
import time

import pytest
from django.db import DatabaseError, connections
from django.http import HttpResponse, StreamingHttpResponse

from bookings.conf import calls_at_once
from bookingsite.processes.web_server import CARRIERS_BESIDE_THREADS
from bookingsite.web import lanes as lanes_module
from bookingsite.web.lanes import Kind, Lane, LaneFull, Lanes, carriers_beside, kind_of, threads_by_kind
from bookingsite.web.refusals import REFUSAL
from tests.support.threads import PATIENCE_SECONDS
from tests.support.waiting import await_that

ALL_THREADS = [*range(1, 65), 100, 256]


@pytest.mark.parametrize("threads", ALL_THREADS)
def test_creates_leave_threads_to_the_others_and_every_kind_has_one(threads):
    shares = threads_by_kind(threads)
    working = sum(shares.values()) - shares[Kind.OPERATIONS]

    assert 8 * shares[Kind.CREATE] <= max(5 * threads - 8, 8)
    assert min(shares.values()) >= 1
    assert shares[Kind.OPERATIONS] >= 2
    assert working <= max(threads, 5)


def test_of_32_threads_no_kind_has_few():
    shares = threads_by_kind(32)

    assert [shares[kind] for kind in (Kind.CREATE, Kind.CHANGE, Kind.READ, Kind.OFFICE)] == [19, 5, 5, 3]


@pytest.mark.parametrize("threads", ALL_THREADS)
def test_the_web_server_has_a_thread_for_each_request_that_may_wait(threads):
    assert carriers_beside(threads) <= CARRIERS_BESIDE_THREADS


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/api/v1/bookings", "create"),
        ("POST", "/api/v1/bookings/", "create"),
        ("GET", "/api/v1/bookings", "read"),
        ("GET", "/api/v1/bookings/7", "read"),
        ("POST", "/api/v1/bookings/payments", "change"),
        ("POST", "/api/v1/bookings/7/cancel", "change"),
        ("PUT", "/anything", "change"),
        ("GET", "/", "read"),
        ("GET", "/admin", "office"),
        ("POST", "/admin/bookings/booking/7/cancel/", "office"),
        ("GET", "/administration", "read"),
        ("GET", "/static/bookings/office.css", "file"),
        ("GET", "/health/ready", "operations"),
        ("GET", "/health/ready/", "operations"),
        ("GET", "/metrics", "operations"),
        ("GET", "/health/live", "live"),
    ],
)
def test_each_request_is_of_one_kind(method, path, kind):
    assert kind_of(method, path) == kind


class Gate:
    """Work that does not end before it is let."""

    def __init__(self):
        self.begun, self.opened = threading.Semaphore(0), threading.Event()

    def work(self):
        self.begun.release()
        assert self.opened.wait(PATIENCE_SECONDS)
        return "done"


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


def in_background(work):
    """Run it in a thread; gives a function that waits for its result or error."""
    results = []

    def run():
        try:
            results.append(work())
        except LaneFull:
            results.append("full")

    thread = threading.Thread(target=run)
    thread.start()

    def result():
        thread.join(PATIENCE_SECONDS)
        return results[0]

    return result


def test_a_lane_works_on_as_many_as_it_has_threads_and_the_next_wait_in_line(gate):
    lane = Lane(2)
    running = [in_background(lambda: lane.run(gate.work)) for _ in range(2)]
    for _ in running:
        assert gate.begun.acquire(timeout=PATIENCE_SECONDS)

    waiting = in_background(lambda: lane.run(lambda: "its turn", line=1, seconds=PATIENCE_SECONDS))
    while lane.waiting() < 1:
        pass
    with pytest.raises(LaneFull):
        lane.run(lambda: "never", line=1)
    gate.opened.set()

    assert waiting() == "its turn"
    assert [result() for result in running] == ["done", "done"]
    assert lane.run(lambda: "free again", line=0) == "free again"


def test_whoever_has_waited_too_long_is_turned_away_and_nothing_of_it_is_done(gate):
    lane, done = Lane(1), []
    running = in_background(lambda: lane.run(gate.work))
    assert gate.begun.acquire(timeout=PATIENCE_SECONDS)

    with pytest.raises(LaneFull):
        lane.run(lambda: done.append("late"), seconds=0.01)
    gate.opened.set()

    assert running() == "done"
    lane.run(lambda: None)
    assert done == []


def test_what_has_begun_is_waited_for_however_long_it_takes(gate):
    lane = Lane(1)
    running = in_background(lambda: lane.run(gate.work, seconds=0.01))
    assert gate.begun.acquire(timeout=PATIENCE_SECONDS)

    threading.Timer(0.1, gate.opened.set).start()

    assert running() == "done"


def test_an_error_of_the_work_is_the_callers_and_frees_the_thread():
    lane = Lane(1)

    def fails():
        raise TimeoutError("of the work itself")

    with pytest.raises(TimeoutError, match="of the work itself"):
        lane.run(fails)
    assert lane.run(lambda: "free") == "free"
    assert lane.running() == []


def test_a_lane_is_stuck_when_none_of_its_threads_has_come_back_for_a_minute(gate):
    lane = Lane(2)
    first = in_background(lambda: lane.run(gate.work))
    assert gate.begun.acquire(timeout=PATIENCE_SECONDS)
    half_taken = lane.is_stuck(max(lane.running()) + 61)
    second = in_background(lambda: lane.run(gate.work))
    assert gate.begun.acquire(timeout=PATIENCE_SECONDS)
    newest = max(lane.running())

    assert not half_taken
    assert not lane.is_stuck(newest + 59)
    assert lane.is_stuck(newest + 61)

    gate.opened.set()
    assert (first(), second()) == ("done", "done")
    assert not lane.is_stuck(newest + 61)


def test_those_who_wait_come_in_turn(gate):
    lane, came = Lane(1), []
    running = in_background(lambda: lane.run(gate.work))
    assert gate.begun.acquire(timeout=PATIENCE_SECONDS)
    waiting = []
    for number in range(5):
        waiting.append(in_background(lambda number=number: lane.run(lambda: came.append(number))))
        while lane.waiting() <= number:
            pass

    gate.opened.set()

    assert [running(), *(result() for result in waiting)] == ["done", *[None] * 5]
    assert came == [0, 1, 2, 3, 4]


def test_a_place_is_never_taken_twice_nor_lost_when_its_turn_comes_as_the_patience_ends():
    lane, inside, most = Lane(2), [], []

    def work():
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.0001)
        inside.pop()

    def come_often():
        for _ in range(100):
            with contextlib.suppress(LaneFull):
                lane.run(work, seconds=0.0001)

    for result in [in_background(come_often) for _ in range(6)]:
        result()

    assert max(most) <= 2
    assert (len(lane._free), lane.waiting(), lane.running()) == (2, 0, [])


def test_a_connection_to_the_database_stays_in_its_place_whichever_thread_comes():
    lane = Lane(2)

    def come():
        mine = lane.run(lambda: connections["default"])
        return mine, connections.all(initialized_only=True)

    (first, left), (second, left_again) = in_background(come)(), in_background(come)()

    assert first is second
    first.validate_thread_sharing()
    assert left == left_again == []


def test_a_connection_belongs_to_its_thread_where_there_is_no_place(monkeypatch):
    """The twin."""
    monkeypatch.setattr(lanes_module, "_Place", contextlib.nullcontext)
    lane = Lane(1)
    first, second = (in_background(lambda: lane.run(lambda: connections["default"]))() for _ in range(2))

    assert first is not second
    with pytest.raises(DatabaseError, match="thread"):
        first.validate_thread_sharing()


# --- the application of a process ----------------------------------------------------------------------


class App:
    """An application whose requests under /api hang until the gate opens; says what was refused."""

    def __init__(self, gate):
        self.gate, self.worked_on = gate, []

    def __call__(self, environ, start_response):
        if (refusal := environ.get(REFUSAL)) is not None:
            return HttpResponse(refusal.code)
        self.worked_on.append(environ["PATH_INFO"])
        if environ["PATH_INFO"].startswith("/api"):
            self.gate.work()
        if environ["PATH_INFO"].endswith("export/"):
            return StreamingHttpResponse(iter([b"one", b"two"]))
        return HttpResponse(environ["wsgi.input"].read(100) if "wsgi.input" in environ else b"fine")


def carry(lanes, method, path, **more):
    """Do what the web server does in a carrier."""
    answer = lanes({"REQUEST_METHOD": method, "PATH_INFO": path, **more}, lambda *_: None)
    try:
        return b"".join(answer).decode()
    finally:
        if hasattr(answer, "close"):
            answer.close()


def ask(lanes, method, path, **more):
    # In a thread of its own: a carrier closes the connections to the database of its thread.
    return in_background(lambda: carry(lanes, method, path, **more))()


@pytest.fixture
def lanes(gate, monkeypatch):
    monkeypatch.setattr(lanes_module, "LONGEST_LINE", 0)
    return Lanes(App(gate), threads=8)


def fill(lanes, gate, method, path, count):
    hanging = [in_background(lambda: carry(lanes, method, path)) for _ in range(count)]
    for _ in hanging:
        assert gate.begun.acquire(timeout=PATIENCE_SECONDS)
    return hanging


@pytest.mark.parametrize(
    ("method", "path", "count"),
    [("POST", "/api/v1/bookings", 4), ("POST", "/api/v1/bookings/payments", 1), ("GET", "/api/v1/bookings", 2)],
    ids=["creates", "payments", "reads"],
)
def test_a_kind_that_hangs_takes_its_own_threads_and_no_others(lanes, gate, method, path, count):
    fill(lanes, gate, method, path, count)

    assert ask(lanes, method, path) == "service_busy"
    assert ask(lanes, "GET", "/") != "service_busy" or kind_of(method, path) is Kind.READ
    for other in ("/admin/", "/health/ready", "/health/live", "/metrics", "/static/x.css"):
        assert ask(lanes, "GET", other) == "fine"


def test_without_lanes_of_their_own_creates_would_take_all_threads(gate, monkeypatch):
    """The twin: with one lane for all, a hanging kind is turned away no sooner than all others."""
    monkeypatch.setattr(lanes_module, "LONGEST_LINE", 0)
    lanes = Lanes(App(gate), threads=8)
    shared = Lane(8)
    monkeypatch.setattr(lanes, "_lanes", dict.fromkeys(lanes._lanes, shared))
    fill(lanes, gate, "POST", "/api/v1/bookings", 8)

    assert ask(lanes, "GET", "/health/ready") == "service_busy"


def test_a_line_may_be_as_long_as_it_says_and_all_lines_together(gate, monkeypatch):
    monkeypatch.setattr(lanes_module, "LONGEST_LINE", 3)
    monkeypatch.setattr(lanes_module, "LONGEST_LINES", 4)
    lanes = Lanes(App(gate), threads=8)

    def wait_in_line(kind, path, count):
        waiting = [in_background(lambda: carry(lanes, "POST", path)) for _ in range(count)]
        await_that(lambda: lanes._lanes[kind].waiting() == count)
        return waiting

    running = fill(lanes, gate, "POST", "/api/v1/bookings/7/cancel", 1)
    running += fill(lanes, gate, "POST", "/api/v1/bookings", 4)
    waiting = wait_in_line(Kind.CHANGE, "/api/v1/bookings/7/cancel", 3)
    assert ask(lanes, "POST", "/api/v1/bookings/7/cancel") == "service_busy"
    waiting += wait_in_line(Kind.CREATE, "/api/v1/bookings", 1)
    assert ask(lanes, "POST", "/api/v1/bookings") == "service_busy"
    gate.opened.set()

    assert {result() for result in running + waiting} == {"fine"}


@pytest.mark.slow
def test_a_body_that_does_not_come_takes_no_thread_that_works(lanes):
    class Slow:
        def __init__(self):
            self.asked, self.comes = threading.Semaphore(0), threading.Event()

        def read(self, _size):
            self.asked.release()
            self.comes.wait(PATIENCE_SECONDS)
            return b""

    slow = Slow()
    body = {"CONTENT_LENGTH": "5", "wsgi.input": slow}
    hanging = [
        in_background(lambda: carry(lanes, "POST", "/admin/", **body)) for _ in range(lanes_module.BODIES_AT_ONCE)
    ]
    for _ in hanging:
        assert slow.asked.acquire(timeout=PATIENCE_SECONDS)

    assert ask(lanes, "POST", "/admin/", **body) == "service_busy"
    assert ask(lanes, "GET", "/admin/") == "fine"

    slow.comes.set()
    assert {result() for result in hanging} == {"invalid_request"}


def test_an_export_that_nobody_reads_on_holds_its_place_and_no_thread(lanes):
    def export():
        return lanes({"REQUEST_METHOD": "GET", "PATH_INFO": "/admin/export/"}, lambda *_: None)

    open_ones = [export() for _ in range(lanes_module.EXPORTS_AT_ONCE)]

    assert ask(lanes, "GET", "/admin/export/") == "service_busy"
    assert ask(lanes, "GET", "/admin/") == "fine"

    def read_on(answer):
        content = b"".join(answer)
        answer.close()
        answer.close()
        return content

    assert [in_background(lambda each=each: read_on(each))() for each in open_ones] == [b"onetwo"] * len(open_ones)
    assert ask(lanes, "GET", "/admin/export/") == "onetwo"


@pytest.mark.parametrize("threads", ALL_THREADS)
def test_a_create_that_has_a_thread_may_call_the_flight_service(settings, threads):
    settings.WEB_THREADS = threads

    assert calls_at_once() == threads_by_kind(threads)[Kind.CREATE] <= 32
