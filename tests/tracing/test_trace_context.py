"""What is understood of `traceparent` and `tracestate`: what the specification allows, to the letter."""

import pytest

from bookings.observability import tracing
from bookings.observability.tracing import Span, Trace, parse

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("sent", "flags"),
    [
        (f"00-{ID}-{PARENT}-01", 1),
        (f"00-{ID}-{PARENT}-00", 0),
        (f"00-{ID}-{PARENT}-03", 3),
        (f"00-{ID}-{PARENT}-ff", 3),
        (f"01-{ID}-{PARENT}-01", 1),
        (f"cc-{ID}-{PARENT}-01-what-comes-later", 1),
    ],
)
def test_a_valid_traceparent_is_understood(sent, flags):
    assert parse(sent) == Trace(ID, PARENT, flags)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "00",
        f"00-{ID}-{PARENT}",
        f"00-{ID}-{PARENT}-1",
        f"00-{ID}-{PARENT}-01-more",
        f"00-{ID}-{PARENT}-01-",
        f"00-{ID}-{PARENT}-01 ",
        f" 00-{ID}-{PARENT}-01",
        f"00-{ID}-{PARENT}-01\n",
        f"00-{ID}-{PARENT}-01\r\nX-Evil: 1",
        f"00-{ID}-{PARENT}-01,00-{ID}-{PARENT}-01",
        f"00-{ID.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID[:-1]}-{PARENT}-01",
        f"00-{ID}g-{PARENT}-01",
        f"00-{ID}-{PARENT}-0x",
        f"ff-{ID}-{PARENT}-01",
        f"0-{ID}-{PARENT}-01",
        f"cc-{ID}-{PARENT}-01.more",
        f"cc-{ID}-{PARENT}-01-{'x' * 300}",
        f"00-{'٣' * 32}-{PARENT}-01",
    ],
)
def test_anything_else_is_no_trace(sent):
    assert parse(sent) is None


@pytest.mark.parametrize(
    "state",
    [
        "congo=t61rcWkgMzE",
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "rojo=1, congo=2 ,, tenant@vendor=3",
        ",".join(f"k{number}=v" for number in range(32)),
        f"k={'v' * 256}",
    ],
)
def test_a_sane_tracestate_goes_on_unchanged(state):
    assert parse(f"00-{ID}-{PARENT}-01", state).state == state


@pytest.mark.parametrize(
    "state",
    [
        "no value",
        "Upper=1",
        "a=b=c",
        "a=1,a=2",
        "a=1\r\nX-Evil: 1",
        "a=1,\tb=2",
        "a=é",
        ", ,",
        f"k={'v' * 257}",
        ",".join(f"k{number}=v" for number in range(33)),
        ",".join(f"key{number}={'v' * 20}" for number in range(25)),
    ],
)
def test_another_is_left_out_and_the_trace_goes_on(state):
    assert parse(f"00-{ID}-{PARENT}-01", state) == Trace(ID, PARENT, 1)


def test_a_span_is_a_part_of_its_parent_and_has_an_id_of_its_own():
    with Span("a", parent=Trace(ID, PARENT, 1, "k=v")) as outer, Span("b") as inner:
        inside = tracing.current()

    assert (outer.trace.trace_id, outer.trace.flags, outer.trace.state) == (ID, 1, "k=v")
    assert (inner.trace.trace_id, inner.parent) == (ID, outer.trace)
    assert len({PARENT, outer.trace.span_id, inner.trace.span_id}) == 3
    assert inside == inner.trace
    assert tracing.current() is None


def test_without_a_parent_a_trace_begins_that_is_valid_and_not_sampled():
    with Span("a") as first, Span("b") as second:
        pass
    with Span("c") as other:
        pass

    assert parse(first.trace.traceparent) == first.trace
    assert first.trace.traceparent.endswith("-02")
    assert second.trace.trace_id == first.trace.trace_id != other.trace.trace_id


def test_a_span_that_ends_by_an_exception_has_failed_and_is_over():
    with pytest.raises(ZeroDivisionError), Span("a") as span:
        1 / 0  # noqa: B018

    assert (span.failed, tracing.current()) == (True, None)


@pytest.mark.parametrize("kept", ["", "nonsense"])
def test_what_was_not_kept_cannot_be_resumed(kept):
    with Span("a") as span, tracing.resumed(kept):
        assert tracing.current() == span.trace
