"""
Hands the spans of this process to OpenTelemetry. Loaded only where OTEL_ENABLED=true; nothing else imports it.

Ids and headers come from `bookings.observability.tracing`, with a collector or without. So nothing here
wraps Django, requests or the database: the packages that do are all pre-releases, and would export addresses and
statements with values in them.
"""

import atexit
import os
from importlib.metadata import entry_points

from django.core.exceptions import ImproperlyConfigured
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from bookings.observability import tracing
from bookings.observability.tracing import Kind, Span, Trace

EXPORTERS = "opentelemetry_traces_exporter"
USUAL_EXPORTER = "otlp_proto_http"

KINDS = {Kind.SERVER: SpanKind.SERVER, Kind.CLIENT: SpanKind.CLIENT, Kind.INTERNAL: SpanKind.INTERNAL}
SCOPE = InstrumentationScope("bookings")


class Collector:
    """Passes each ended span to a processor, in the form that exporters know."""

    def __init__(self, processor: SpanProcessor) -> None:
        # Of OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and the names of this process, the SDK makes one.
        self._resource = Resource.create()
        if str(self._resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            self._resource = self._resource.merge(Resource({SERVICE_NAME: "bookings"}))
        self._processor = processor

    def __call__(self, span: Span, ended_at: int) -> None:
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=_context(span.trace, is_remote=False),
                parent=None if span.parent is None else _context(span.parent, is_remote=True),
                resource=self._resource,
                attributes=span.attributes,
                kind=KINDS[span.kind],
                status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
                start_time=span.started_at,
                end_time=ended_at,
                instrumentation_scope=SCOPE,
            )
        )


def start() -> None:
    """
    Collect from now on, in this process and in those that it forks.

    The exporter is the one that OTEL_TRACES_EXPORTER names; it reads the other OTEL_ variables itself.

    :raises ImproperlyConfigured: if there is none of this name
    """
    name = os.environ.get("OTEL_TRACES_EXPORTER") or USUAL_EXPORTER
    found = list(entry_points(group=EXPORTERS, name=name))
    if not found:
        raise ImproperlyConfigured(
            f"OTEL_TRACES_EXPORTER={name}: no such exporter is installed. pip install -r requirements-tracing.txt "
            f"brings {USUAL_EXPORTER} and console; another one needs its own package."
        )
    processor = BatchSpanProcessor(found[0].load()())
    atexit.register(processor.shutdown)
    tracing.listen(Collector(processor))


def _context(trace: Trace, *, is_remote: bool) -> SpanContext:
    return SpanContext(
        trace_id=int(trace.trace_id, 16),
        span_id=int(trace.span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(trace.flags),
        trace_state=TraceState.from_header([trace.state]) if trace.state else None,
    )
