"""Percent-encoding and the sorted forms of query parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""RFC 3986, section 2.3."""
_ENCODED = [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
"""What most values consist of: returned as they are."""
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")

Pair = tuple[str, str]
"""Name and value of a query parameter, decoded."""


def percent_encoded(text: str) -> str:
    """Every byte of the UTF-8 text that is not unreserved (RFC 3986) as `%XX` in upper case; a space is `%20`."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join([_ENCODED[byte] for byte in text.encode()])


def encoded_query(pairs: Iterable[Pair]) -> str:
    """`name=value` joined by `&`, both percent-encoded, in the given order."""
    return "&".join(f"{percent_encoded(name)}={percent_encoded(value)}" for name, value in pairs)


def decoded_query(query: str) -> list[Pair]:
    """The parameters of a query as servers read it: `+` is a space, a name without `=` has an empty value."""
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in parts]


def _decoded(text: str) -> str:
    raw = text.replace("+", " ").encode()
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), raw).decode("utf-8", "replace")
