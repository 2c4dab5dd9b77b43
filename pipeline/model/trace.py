"""The trace of an event: W3C Trace Context from the event's headers.

The headers come from outside. An invalid trace context is ignored: it is neither an error nor passed on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_STATE = 512
"""Characters of a tracestate that must be passed on (W3C Trace Context, section 3.3.1.5); a longer one is dropped."""
MAX_MEMBERS = 32
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
    """The parent span. Texts from outside must be parsed by `trace_context`."""

    traceparent: str
    """`00-<32 hex digits>-<16 hex digits>-<2 hex digits>`."""
    tracestate: str = ""
    """Vendor-specific data, passed on unchanged; may be empty."""

    @property
    def trace_id(self) -> int:
        """The trace id, 128 bits."""
        return int(self.traceparent[3:35], 16)

    @property
    def span_id(self) -> int:
        """The span id, 64 bits."""
        return int(self.traceparent[36:52], 16)

    @property
    def sampled(self) -> bool:
        """Whether the service that started the trace samples it."""
        return int(self.traceparent[53:55], 16) & 1 == 1


def trace_context(traceparent: str | None, tracestate: str | None = None) -> TraceContext | None:
    """Return the context of the two headers, or None if they are absent or invalid.

    A later version's traceparent is parsed as version 00 and passed on as such (section 4.3).

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
    if not tracestate or len(tracestate) > MAX_STATE:
        return ""
    members = [member.strip(" \t") for member in tracestate.split(",")]
    written = [member for member in members if member]
    if len(written) > MAX_MEMBERS or not all(_MEMBER.fullmatch(member) for member in written):
        return ""
    return ",".join(written)
