"""One trace from a client's request to the Flight Service and the worker, and in every log line on the way."""

import pytest
import structlog
from django_q.models import OrmQ

from bookings import tasks
from bookings.gateways.flight_service.http import HttpFlightService
from bookings.models import Booking
from bookings.ports import Flight
from tests.support.api import shown
from tests.support.bookings import let_time_pass
from tests.tracing.wire import DONE, ID, PARENT, SENT, answer_patches

pytestmark = pytest.mark.django_db


def traces(wire):
    """Method, trace, span and flags of each request that was sent."""
    return [(call.method, *call.headers["traceparent"].split("-")[1:]) for call in wire.calls]


def test_the_calls_of_a_request_are_parts_of_its_callers_trace(api, wire):
    api.create(headers=SENT)

    get, patch = traces(wire)
    assert (get[:2], get[3]) == (("GET", ID), "01")
    assert (patch[:2], patch[3]) == (("PATCH", ID), "01")
    assert len({PARENT, get[2], patch[2]}) == 3
    assert [call.headers["tracestate"] for call in wire.calls] == ["congo=t61rcWkgMzE"] * 2


@pytest.mark.parametrize("sent", [{}, {"traceparent": f"00-{'0' * 32}-{PARENT}-01", "tracestate": "congo=1"}])
def test_without_a_valid_one_a_trace_begins_here(api, wire, sent):
    api.create(headers=sent)
    api.create(headers=sent)

    ids = [trace_id for _, trace_id, _, _ in traces(wire)]
    assert (ids[0], ids[2]) == (ids[1], ids[3])
    assert len({ID, "0" * 32, *ids}) == 4
    assert not any("tracestate" in call.headers for call in wire.calls)


def test_a_repetition_has_a_span_of_its_own(api, wire):
    answer_patches(wire, status=502)

    assert api.create(headers=SENT).status_code == 503

    assert [method for method, *_ in traces(wire)] == ["GET", "PATCH", "PATCH"]
    assert {trace_id for _, trace_id, *_ in traces(wire)} == {ID}
    assert len({span for _, _, span, _ in traces(wire)}) == 3


def test_a_take_that_the_worker_repeats_goes_on_in_the_trace_of_its_request(api, wire):
    answer_patches(wire, status=502)
    api.create(headers=SENT, key="a")
    kept = Booking.objects.get().traceparent
    wire.calls.clear()
    answer_patches(wire, json=DONE)
    let_time_pass(seconds=20)

    tasks.run_pass()

    (patch,) = traces(wire)
    assert (patch[:2], patch[3]) == (("PATCH", ID), "01")
    assert Booking.objects.get().status == "initiated"
    assert kept.startswith(f"00-{ID}-")
    assert PARENT not in kept  # the span of our own, not its parent's


def test_the_pass_that_a_request_wakes_is_a_part_of_its_trace(api, wire):
    booking = shown(api.create())
    wire.calls.clear()
    api.cancel(booking, headers=SENT)

    task = OrmQ.objects.get().task
    tasks.run_pass(**task["kwargs"])

    assert task["kwargs"]["traceparent"].startswith(f"00-{ID}-")
    assert [sent[:2] for sent in traces(wire)] == [("PATCH", ID)]


@pytest.mark.parametrize("kept", ["", f"00-{ID}-{PARENT}-01\r\nX-Evil: 1"])
def test_a_pass_that_nobody_woke_begins_a_trace(api, wire, kept):
    api.cancel(shown(api.create()), headers=SENT)
    wire.calls.clear()

    tasks.run_pass(traceparent=kept)

    ((_, trace_id, *_),) = traces(wire)
    assert trace_id != ID
    assert trace_id.isalnum()


def test_every_line_of_a_request_names_its_trace(api, wire):
    with structlog.testing.capture_logs(framing()) as lines:
        api.create(headers=SENT)

    assert [line["event"] for line in lines] == ["booking.created", "booking.held", "request.answered"]
    assert {line["trace_id"] for line in lines} == {ID}
    assert len({line["request_id"] for line in lines}) == 1


def framing():
    """What puts the trace into a line, as the site is configured."""
    return [step for step in structlog.get_config()["processors"] if step.__name__ == "_frame"]


def test_a_call_outside_of_everything_begins_a_trace(wire):
    shown = HttpFlightService(wire.url).get_flight(1, seconds=5)

    assert isinstance(shown, Flight)
    assert len(traces(wire)) == 1


def test_requests_that_follow_each_other_on_a_thread_inherit_nothing(api, wire):
    api.create(headers=SENT)
    wire.calls.clear()

    api.create()

    assert ID not in {trace_id for _, trace_id, *_ in traces(wire)}


def test_a_row_of_the_release_before_this_one_has_no_trace(api, wire):
    answer_patches(wire, status=502)
    api.create(key="a")
    Booking.objects.update(traceparent="")
    wire.calls.clear()
    let_time_pass(seconds=20)

    tasks.run_pass()

    assert len(traces(wire)) == 1
