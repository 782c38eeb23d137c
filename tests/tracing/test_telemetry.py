"""OTEL_ENABLED=true: the spans of requests, calls and passes, collected in memory."""

import os

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from bookings import tasks
from bookings.observability import tracing
from bookingsite.telemetry import Collector
from tests.support import starts
from tests.support.api import shown
from tests.tracing.wire import ID, PARENT, SENT, answer_patches

pytestmark = pytest.mark.django_db


@pytest.fixture
def collected():
    exporter = InMemorySpanExporter()
    tracing.listen(Collector(SimpleSpanProcessor(exporter)))
    yield exporter.get_finished_spans
    tracing.listen(None)


def brief(spans):
    return [(span.name, span.kind) for span in spans]


def test_a_request_and_its_calls_are_spans_of_the_trace_that_was_passed_on(api, wire, collected):
    api.create(headers=SENT)

    get, patch, request = collected()
    assert brief([get, patch, request]) == [
        ("GET Flight Service", SpanKind.CLIENT),
        ("PATCH Flight Service", SpanKind.CLIENT),
        ("POST /api/v1/bookings", SpanKind.SERVER),
    ]
    assert {format(span.context.trace_id, "032x") for span in (get, patch, request)} == {ID}
    assert format(request.parent.span_id, "016x") == PARENT
    assert (get.parent.span_id, patch.parent.span_id) == (request.context.span_id,) * 2
    assert [f"{span.context.span_id:016x}" for span in (get, patch)] == [
        call.headers["traceparent"].split("-")[2] for call in wire.calls
    ]
    assert request.context.trace_state.get("congo") == "t61rcWkgMzE"


def test_a_span_says_what_happened_and_nothing_that_a_client_wrote(api, wire, collected):
    api.create(headers=SENT, key="a-key-of-a-client")

    get, patch, request = collected()
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/bookings",
        "http.response.status_code": 201,
    }
    assert (dict(get.attributes), dict(patch.attributes)) == ({"outcome": "done"}, {"outcome": "done"})
    assert request.start_time <= get.start_time <= get.end_time <= patch.start_time <= request.end_time
    assert request.resource.attributes["service.name"] == "bookings"


def test_what_failed_is_marked(api, wire, collected):
    answer_patches(wire, status=502)

    api.create(headers=SENT)

    assert [span.status.status_code for span in collected()] == [
        *(StatusCode.UNSET, StatusCode.ERROR, StatusCode.ERROR),
        StatusCode.ERROR,
    ]


def test_the_pass_that_a_request_wakes_is_a_span_of_its_trace(api, wire, collected):
    booking = shown(api.create())
    api.cancel(booking, headers=SENT)
    with tracing.Span("somebody", parent=tracing.parse(**SENT)):
        kept = tracing.traceparent()

    tasks.run_pass(traceparent=kept)

    call, whole = collected()[-2:]
    assert brief([call, whole]) == [("PATCH Flight Service", SpanKind.CLIENT), ("pass", SpanKind.INTERNAL)]
    assert (call.parent.span_id, f"{whole.context.trace_id:032x}") == (whole.context.span_id, ID)


def test_what_the_caller_does_not_sample_is_not_collected_and_what_begins_here_is(api, wire, collected):
    api.create(headers={"traceparent": SENT["traceparent"][:-2] + "00"})
    not_sampled = collected()
    api.create()

    assert not_sampled == ()
    assert len(collected()) == 3


def start(*command, **settings):
    """Start a command with OpenTelemetry wanted."""
    environment = {**os.environ, "DEBUG": "true", "ENV_FILE": "", "DATABASE_URL": "sqlite://:memory:"}
    command = command or ("manage.py", "check")
    return starts.start(*command, env={**environment, "OTEL_ENABLED": "true", **settings})


@pytest.mark.slow
def test_an_exporter_that_is_not_installed_is_refused_at_the_start():
    refused = start(OTEL_TRACES_EXPORTER="nobodys")

    assert refused.returncode == 1
    assert "OTEL_TRACES_EXPORTER=nobodys: no such exporter is installed. pip install -r" in refused.stderr


WITHOUT = "import sys; sys.modules['opentelemetry'] = None; import bookingsite.settings"


@pytest.mark.slow
def test_without_its_packages_it_is_refused_at_the_start():
    refused = start("-c", WITHOUT)

    assert refused.returncode == 1
    assert "OTEL_ENABLED=true needs OpenTelemetry, which is not installed: pip install -r" in refused.stderr


def test_without_its_packages_all_else_starts():
    assert start("-c", WITHOUT, OTEL_ENABLED="false").returncode == 0


@pytest.mark.slow
def test_spans_reach_the_exporter_that_is_named():
    ended = start(
        "-c",
        "import django; django.setup()\nfrom bookings.observability.tracing import Span\nwith Span('a span'): pass",
        DJANGO_SETTINGS_MODULE="bookingsite.settings",
        OTEL_TRACES_EXPORTER="console",
    )

    assert (ended.returncode, '"name": "a span"' in ended.stdout) == (0, True)
