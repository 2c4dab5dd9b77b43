"""CloudEvents attributes, from headers or an envelope, and the identity, times and trace they give an event.

Sources: CloudEvents 1.0.2, its Kafka protocol binding, sections 3.2 (binary mode) and 3.3 (structured mode), and the
JSON event format, section 3.1.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import TypeGuard

from pipeline.adapters.events.strict_json import parse
from pipeline.errors import Undecodable
from pipeline.model import dead_letter
from pipeline.model.event import UNREADABLE_HEADERS, Event, EventAttributes, Position, Record, Redrive
from pipeline.model.outcome import Reason
from pipeline.model.trace import TraceContext, trace_context
from pipeline.rules.schema.time_texts import milliseconds_of

FAMILY = "application/cloudevents"
STRUCTURED = "application/cloudevents+json"
MAX_ATTRIBUTE = 2_048
"""Characters of id, source and type, which are in every outcome."""

_REQUIRED = ("ce_id", "ce_source", "ce_type")
_VERSION = re.compile(r"1\.0(\.[0-9]+)?")
"""The specification demands `1.0`; some senders write the document's own version, 1.0.2."""
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)
_POSITION = re.compile(r"([a-zA-Z0-9._-]{1,249})/([0-9]{1,9})/([0-9]{1,18})", re.ASCII)
_LARGEST_INT = 2**31 - 1
"""Of Avro's `int`: anyone can write our headers."""
_OTHER_PREFIX = re.compile(r"(ce-|cloudevents[:_])")
"""CloudEvents' HTTP and AMQP bindings name attributes so, and bridges and Spring copy the names."""
_TIMES = frozenset({"ce_time", "ce_expirytime"})
_OF_URLS = str.maketrans("-_", "+/")
_NOT_DATA = frozenset({"data", "data_base64"})


UnreadableTime = Callable[[Record, str], None]
"""Called with the record and the attribute's name, for a time that cannot be read."""


def header_texts(record: Record) -> dict[str, str]:
    """Headers by their names in lower case; one whose value is not a text is ignored, unless it is a time.

    A text in quotes counts without them, as Spring's header mapper writes texts in JSON. Attributes under the names of
    other bindings count where the record has none under Kafka's own.
    """
    texts: dict[str, str] = {}
    for name, raw in record.headers:
        if raw is not None:
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                if name.lower() not in _TIMES:
                    continue
                text = ""  # reported as a time that cannot be read
            texts[name.lower()] = text if text[:1] != '"' else _unquoted(text)
    if "content-type" not in texts and "contenttype" in texts:
        texts["content-type"] = texts["contenttype"]
    if "ce_id" not in texts:
        others = {
            _OTHER_PREFIX.sub("ce_", name, count=1): text for name, text in texts.items() if _OTHER_PREFIX.match(name)
        }
        texts = {**others, **texts} if others else texts
    return _with_plain_type(texts)


def _with_plain_type(texts: dict[str, str]) -> dict[str, str]:
    """Leave out what surrounds the type: blanks, and the NUL that ends a text in C, are part of no type."""
    if "ce_type" in texts:
        texts["ce_type"] = texts["ce_type"].strip(" \t\r\n\0")
    return texts


def _is_text(value: object) -> TypeGuard[str]:
    """Whether a JSON value is a text that can be written as UTF-8: not one with half a surrogate pair."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value))


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return plain if _is_text(plain) else text
    return text


def is_envelope(value: object, *, has_type: bool) -> bool:
    """Whether a JSON value is a structured event: it has the attributes that each must have.

    A value that has no type from elsewhere is one if it has a version: what it lacks is its fault.
    """
    if not isinstance(value, dict):
        return False
    return all(_is_text(value.get(name)) for name in _ENVELOPE) or ("specversion" in value and not has_type)


_ENVELOPE = ("specversion", "type", "source", "id")


def envelope_texts(envelope: Mapping[str, object]) -> dict[str, str]:
    """The attributes of a structured event, named as headers would be; times that are not texts as JSON."""
    texts = {f"ce_{name}": text for name, text in envelope.items() if _is_text(text) and name not in _NOT_DATA}
    for name in ("time", "expirytime"):
        if (given := envelope.get(name)) is not None and not isinstance(given, str):
            texts[f"ce_{name}"] = f"{type(given).__name__}"  # reported as unreadable
    texts.setdefault("ce_specversion", "")
    return _with_plain_type(texts)


def envelope_data(envelope: Mapping[str, object]) -> object:
    """The data of a structured event.

    Raises:
        Undecodable: it is binary, and not JSON.
    """
    if envelope.get("data_base64") is None:
        return envelope.get("data")
    if envelope.get("data") is not None:
        raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "it has both `data` and `data_base64`")
    kind = str(envelope.get("datacontenttype") or "application/json").partition(";")[0].strip().lower()
    if not (kind.endswith(("/json", "+json"))):
        raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "`data_base64` is read only where `datacontenttype` is JSON")
    # Some encoders leave the padding out, break lines (MIME), or use the alphabet for URLs (RFC 4648, section 5).
    text = "".join(str(envelope["data_base64"]).split()).translate(_OF_URLS).rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "`data_base64` is not base64") from None
    return parse(raw, Reason.MALFORMED_CLOUDEVENT)


def require_valid(attributes: Mapping[str, str]) -> None:
    """Check a record that claims to be a CloudEvent (it has a `specversion`); other records need no attributes.

    Raises:
        Undecodable: of another version, or without type, id or source; or one of them far too long.
    """
    version = attributes.get("ce_specversion")
    if version is not None:
        if not _VERSION.fullmatch(version):
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "`specversion` is not the text 1.0")
        missing = [name.removeprefix("ce_") for name in _REQUIRED if not attributes.get(name)]
        if missing:
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, f"{', '.join(missing)} is missing, empty or not a text")
    for name in _REQUIRED:
        if len(attributes.get(name, "")) > MAX_ATTRIBUTE:
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, f"{name} has more than {MAX_ATTRIBUTE} characters")


def event(
    event_type: str,
    data: dict[str, object],
    record: Record,
    attributes: Mapping[str, str],
    unreadable_time: UnreadableTime = lambda _record, _attribute: None,
) -> Event:
    """The event, with identity and times from its attributes where it has them, else from the record."""
    source, event_id = attributes.get("ce_source"), attributes.get("ce_id")
    # Both must be there: an id alone is unique only within its source (CloudEvents 1.0.2, section 3.1.1).
    own = f"{source}\x1f{event_id}" if source and event_id else attributes.get(dead_letter.EVENT_IDENTITY)
    given_ms = _time(attributes, "ce_time", record, unreadable_time)
    time_ms = given_ms if given_ms is not None else _number(attributes.get(dead_letter.EVENT_TIME))
    return Event(
        event_type,
        data,
        record,
        own or str(record.position),
        event_id,
        source,
        time_ms or record.timestamp_ms,
        _time(attributes, "ce_expirytime", record, unreadable_time),
        _trace(attributes),
        _redrive(attributes),
        "CloudEvents time" if given_ms is not None else None,
        has_own_identity=bool(own),
    )


def attributes_of(record: Record) -> EventAttributes | None:
    """What headers or envelope say of a record that could not be decoded; None where they say nothing."""
    if record.headers is UNREADABLE_HEADERS:
        return None
    texts = header_texts(record)
    if "ce_id" not in texts and record.value is not None and b'"specversion"' in record.value:
        try:
            content = parse(record.value, Reason.MALFORMED_CLOUDEVENT)
        except Undecodable:
            content = None
        if isinstance(content, dict) and isinstance(content.get("specversion"), str):
            texts = {**texts, **envelope_texts(content)}
    event_type, event_id, source = (_bounded(texts.get(name)) for name in ("ce_type", "ce_id", "ce_source"))
    found = EventAttributes(event_type, event_id, source, _trace(texts))
    return found if any(found) else None


def _bounded(text: str | None) -> str | None:
    return text if text and len(text) <= MAX_ATTRIBUTE else None


def _redrive(attributes: Mapping[str, str]) -> Redrive | None:
    if dead_letter.REDRIVES not in attributes:
        return None
    return Redrive(
        attributes.get(dead_letter.ONLY_RULE) or None,
        _number(attributes.get(dead_letter.KEY_ROUND)),
        min(_number(attributes.get(dead_letter.REDRIVES)), _LARGEST_INT),
        _position(attributes.get(dead_letter.FIRST_POSITION, "")),
        _number(attributes[dead_letter.ONLY_ITEM]) if dead_letter.ONLY_ITEM in attributes else None,
    )


def _position(text: str) -> Position | None:
    found = _POSITION.fullmatch(text)
    return None if found is None else Position(found[1], int(found[2]), int(found[3]))


def _number(text: str | None) -> int:
    """A whole number of one of our own headers; 0 for anything else, for anyone can write there."""
    return int(text) if text is not None and _DIGITS.fullmatch(text) else 0


def _trace(attributes: Mapping[str, str]) -> TraceContext | None:
    """From the record's own headers, else from CloudEvents' extension for distributed tracing."""
    prefix = "" if "traceparent" in attributes else "ce_"
    parent = attributes.get(f"{prefix}traceparent")
    return trace_context(parent, attributes.get(f"{prefix}tracestate")) if parent else None


def _time(attributes: Mapping[str, str], name: str, record: Record, unreadable_time: UnreadableTime) -> int | None:
    """A time attribute in milliseconds since 1970; one that is none is reported, and does not stop the event."""
    text = attributes.get(name)
    if text is None:
        return None
    time_ms = milliseconds_of(text)
    if time_ms is None:
        unreadable_time(record, name.removeprefix("ce_"))
    return time_ms
