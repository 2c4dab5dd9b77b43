"""The body of an HTTP answer without its content encodings, of bounded size."""

from __future__ import annotations

import zlib

MAX_ENCODINGS = 3
MAX_MEMBERS = 100
"""Of a gzip stream; each costs a copy of what follows it."""
_GZIP = b"\x1f\x8b"


def inflated(body: bytes, encodings: str | None, limit: int) -> bytes | None:
    """The body without its content encodings; None if it is longer than `limit` then.

    A body that is not what its header claims is returned as it is, and one that is gzip without a header, or more often
    than the header says, is unpacked.
    """
    names = [name.strip().lower() for name in (encodings or "").split(",")][:MAX_ENCODINGS]
    for name in (*reversed(names), *[""] * (MAX_ENCODINGS - len(names))):
        if name in {"gzip", "x-gzip", "deflate"} or body.startswith(_GZIP):
            layer = _one_layer(body, limit)
            if layer is None:
                return body
            if len(layer) > limit:
                return None
            body = layer
    return body


def _one_layer(body: bytes, limit: int) -> bytes | None:
    """At most `limit` + 1 bytes of a gzip, zlib or raw deflate stream; None if it is none of these."""
    for wbits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        try:
            stream = zlib.decompressobj(wbits)
            found = stream.decompress(body, limit + 1)
        except zlib.error:
            continue
        return found + _further_members(stream.unused_data, limit - len(found))
    return None


def _further_members(body: bytes, limit: int) -> bytes:
    """At most `limit` + 1 bytes of the members that follow the first (RFC 1952, section 2.2)."""
    found = b""
    for _ in range(MAX_MEMBERS):
        if not body.startswith(_GZIP) or len(found) > limit:
            break
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            found += stream.decompress(body, limit - len(found) + 1)
        except zlib.error:  # bytes after the end that are not a member
            break
        body = stream.unused_data
    return found
