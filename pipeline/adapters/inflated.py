"""The body of an HTTP answer without its content encodings, of bounded size."""

from __future__ import annotations

import zlib

MAX_ENCODINGS = 3
GZIP = b"\x1f\x8b"
"""How each of its streams begins."""
MOST_STREAMS = 100
"""Read of one body: what is left is copied for each."""


def inflated(body: bytes, encodings: str | None, limit: int) -> bytes | None:
    """The body without its content encodings; None if it is longer than `limit` then.

    A body that is not what its header claims is returned as it is, and one that is gzip without a header is unpacked.
    """
    names = [name.strip().lower() for name in (encodings or "").split(",") if name.strip()]
    if not names and body[:2] == GZIP:
        names = ["gzip"]
    for name in reversed(names[:MAX_ENCODINGS]):
        if name in {"gzip", "x-gzip", "deflate"}:
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
            return _members(body, wbits, limit)
        except zlib.error:
            continue
    return None


def _members(body: bytes, wbits: int, limit: int) -> bytes:
    """The same; gzip may consist of several streams, one after the other (RFC 1952, section 2.2)."""
    whole = b""
    for _ in range(MOST_STREAMS):
        stream = zlib.decompressobj(wbits)
        whole += stream.decompress(body, limit + 1 - len(whole))
        body = stream.unused_data
        if body[:2] != GZIP or len(whole) > limit:
            break
    return whole
