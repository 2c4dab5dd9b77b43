"""Rewrites the head of a reply that is not strict HTTP but has one meaning only, so that the strict parser reads it.

Accepted, as by other clients: a line that ends with a line feed alone; a value that continues on the next line, which
begins with white space (RFC 9112, section 5.2); several equal values of `Content-Length` (RFC
9110, section 8.6); `Content-Length` beside `Transfer-Encoding: chunked`, where the latter counts (RFC 9112, section
6.1). Refused, because two readers could disagree on where a reply ends or which header it has: different lengths, white
space before a colon, control characters in values.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_END = re.compile(rb"\r?\n\r?\n")
_DIGITS = re.compile(rb"[0-9]{1,18}")


class Rewritten(NamedTuple):
    """A head that the strict parser reads, with what followed it."""

    data: bytes
    keep: bool
    """Whether the connection may be used again."""


def is_complete(data: bytes) -> bool:
    """Whether the data holds a whole head, or cannot become one."""
    return not b"HTTP/".startswith(data[:5]) or _END.search(data) is not None


def rewritten(data: bytes) -> Rewritten | None:
    """The data with a strict head; None if the head is strict already, or has no single meaning."""
    end = _END.search(data)
    if end is None or not data.startswith(b"HTTP/"):
        return None
    lines = _unfolded([line.removesuffix(b"\r") for line in data[: end.start()].split(b"\n")])
    lengths: list[bytes] = []
    kept: list[bytes] = []
    is_chunked = False
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and name.lower() == b"content-length":
            lengths += [one.strip() for one in value.split(b",")]
            continue
        if colon and name.lower() == b"transfer-encoding" and value.strip().lower() == b"chunked":
            is_chunked = True
        kept.append(line)
    if len(set(lengths)) > 1 or any(_DIGITS.fullmatch(length) is None for length in lengths):
        return None
    if lengths and not is_chunked:
        kept.append(b"Content-Length: " + lengths[0])
    head = b"\r\n".join([*kept, b"", b""])
    changed = head + data[end.end() :]
    return None if changed == data else Rewritten(changed, keep=not (lengths and is_chunked))


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """The lines, each with those that continue it; one after the status line continues no value and stays."""
    whole = lines[:2]
    for line in lines[2:]:
        if line[:1] in {b" ", b"\t"}:
            whole[-1] += b" " + line.strip(b" \t")
        else:
            whole.append(line)
    return whole
