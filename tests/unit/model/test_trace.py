"""Which headers are a trace context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.trace import TraceContext, trace_context

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_a_trace_context_has_ids_and_a_flag() -> None:
    """Read as the specification's own example."""
    found = trace_context(PARENT, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert found == TraceContext(PARENT, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert (found.trace_id, found.span_id, found.sampled) == (int(TRACE, 16), int(SPAN, 16), True)
    unsampled = trace_context(f"00-{TRACE}-{SPAN}-00")
    assert unsampled is not None
    assert not unsampled.sampled


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "00",
        PARENT.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{PARENT}-more",
        f"{PARENT}\r\nEvil: 1",
        f"{PARENT}\n",
        f" {PARENT}",
        f"01-{TRACE}-{SPAN}-01x",
        f"00-{TRACE}-{SPAN}-1",
        PARENT * 1000,
        "00-" + "０" * 32 + f"-{SPAN}-01",
    ],
)
def test_what_is_no_trace_context_is_none(parent: str | None) -> None:
    """Hostile and broken headers are as if they were not there."""
    assert trace_context(parent, "a=1") is None


def test_a_later_version_is_read_as_far_as_this_one_goes() -> None:
    """And passed on as this one's, without what is not understood."""
    assert trace_context(f"cc-{TRACE}-{SPAN}-03-what-the-future-brings") == TraceContext(PARENT)


@pytest.mark.parametrize(
    "state",
    [
        "a=1\r\nEvil: 1",
        "a",
        "=1",
        "A=1",
        "a=1;b=2=3",
        "a=é",
        "a=" + "x" * 257,
        ",".join(f"k{number}=v" for number in range(33)),
        "a=1," * 200,
        "a=\x00",
    ],
)
def test_a_bad_tracestate_is_dropped_and_the_parent_kept(state: str) -> None:
    """A fault in one header must not cut the trace."""
    assert trace_context(PARENT, state) == TraceContext(PARENT)


def test_empty_members_of_a_tracestate_are_left_out() -> None:
    """The specification allows them, and white space around."""
    assert trace_context(PARENT, "a=1 ,, b@c=2\t,") == TraceContext(PARENT, "a=1,b@c=2")


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_gets_through_that_a_header_cannot_hold(parent: str, state: str) -> None:
    """Whatever comes, what continues is printable ASCII."""
    for given_parent in (parent, PARENT):
        found = trace_context(given_parent, state)
        if found is not None:
            assert all(" " <= character <= "~" for character in found.traceparent + found.tracestate)
