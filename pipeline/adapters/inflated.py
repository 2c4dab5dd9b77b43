"""The body of an HTTP answer without its content encodings, of bounded size."""

from __future__ import annotations

import zlib

MAX_ENCODINGS = 3


def inflated(body: bytes, encodings: str | None, limit: int) -> bytes | None:
    """The body without its content encodings; None if it is longer than `limit` then.

    A body that is not what its header claims is returned as it is, and one that is gzip without a header is unpacked.
    """
    names = [name.strip().lower() for name in (encodings or "").split(",") if name.strip()]
    if not names and body[:2] == b"\x1f\x8b":
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
            return zlib.decompressobj(wbits).decompress(body, limit + 1)
        except zlib.error:
            continue
    return None
