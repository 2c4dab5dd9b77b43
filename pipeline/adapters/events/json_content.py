"""A record's value as JSON, whatever its content type says; the message about one that is not JSON names the type."""

from __future__ import annotations

from pipeline.adapters.events import first_bytes
from pipeline.adapters.events.strict_json import parse
from pipeline.errors import Undecodable
from pipeline.model.outcome import Reason

_JSON_TYPES = ("/json", "+json", "text/plain", "application/octet-stream")
_SPACE = b" \t\r\n"
_BEGINS_OBJECT = (b"{", b"\xef")
"""Of an object, and of a byte order mark."""


def may_be_object(value: bytes) -> bool:
    """Whether the first bytes are those of a JSON object."""
    return value.lstrip(_SPACE)[:1] in _BEGINS_OBJECT


def read(value: bytes, content_type: str) -> object:
    """The JSON value.

    Raises:
        Undecodable: it is not JSON, or of another type and not an object.
    """
    try:
        content = parse(value, Reason.MALFORMED_JSON)
    except Undecodable as fault:
        if is_json(content_type):
            raise
        raise Undecodable(fault.reason, f"content type {content_type[:60]} is not read; {fault.detail}") from None
    if not isinstance(content, dict) and not is_json(content_type):
        raise Undecodable(Reason.MALFORMED_JSON, f"content type {content_type[:60]} is not read")
    return content


def is_json(content_type: str) -> bool:
    """Whether a content type, with or without parameters, is one of JSON, or says nothing."""
    bare = content_type.partition(";")[0].strip().lower()
    return not bare or bare.endswith(_JSON_TYPES)


def looks_like(value: bytes) -> str:
    """What is added to a message about a value without a type, where its form shows what it is."""
    if value.lstrip(_SPACE)[:1] == b"[" and b'"specversion"' in value:
        return "; it looks like a batch of CloudEvents, but a record holds one event"
    return first_bytes.looks_like(value)
