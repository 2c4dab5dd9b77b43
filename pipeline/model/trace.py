"""The trace that an event belongs to: W3C Trace Context, as event headers bring it.

Anybody may have written those headers. What is no trace context is none: it is neither an error nor passed on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_STATE = 512
"""Characters of a tracestate that must be passed on (W3C Trace Context, section 3.3.1.5); a longer one is dropped."""
MOST_MEMBERS = 32
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_MEMBER = re.compile(
    r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
"""Section 3.3.1.3: key, and a value of printable ASCII without comma and equals sign."""
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_FIRST_VERSION = "00"
_NO_VERSION = "ff"


class TraceContext(NamedTuple):
    """Which span something came from. Only `trace_context` makes one of texts that came from outside."""

    traceparent: str
    """`00-<32 hex digits>-<16 hex digits>-<2 hex digits>`."""
    tracestate: str = ""
    """Other tracers' notes, to be passed on as they are; empty where there are none."""

    @property
    def trace_id(self) -> int:
        """128 bits."""
        return int(self.traceparent[3:35], 16)

    @property
    def span_id(self) -> int:
        """64 bits."""
        return int(self.traceparent[36:52], 16)

    @property
    def sampled(self) -> bool:
        """Whether the service that began the trace keeps it."""
        return int(self.traceparent[53:55], 16) & 1 == 1


def trace_context(traceparent: str | None, tracestate: str | None = None) -> TraceContext | None:
    """The context that two headers tell of, or None where they tell of none.

    A later version's traceparent is read as far as this one goes, and passed on as this one's (section 4.3).

    >>> trace_context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1")
    TraceContext(traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate='a=1')
    >>> trace_context("00-00000000000000000000000000000000-b7ad6b7169203331-01") is None
    True
    """
    if traceparent is None:
        return None
    found = _PARENT.match(traceparent)
    if found is None:
        return None
    version, trace, span, flags = found.groups()
    rest = traceparent[found.end() :]
    if version == _NO_VERSION or trace == _NO_TRACE or span == _NO_SPAN:
        return None
    if rest and (version == _FIRST_VERSION or not rest.startswith("-")):
        return None
    parent = traceparent if version == _FIRST_VERSION else f"00-{trace}-{span}-{int(flags, 16) & 1:02x}"
    return TraceContext(parent, _usable(tracestate))


def _usable(tracestate: str | None) -> str:
    if not tracestate or len(tracestate) > MOST_STATE:
        return ""
    members = [member.strip(" \t") for member in tracestate.split(",")]
    written = [member for member in members if member]
    if len(written) > MOST_MEMBERS or not all(_MEMBER.fullmatch(member) for member in written):
        return ""
    return ",".join(written)
