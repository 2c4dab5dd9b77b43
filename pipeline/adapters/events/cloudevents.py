"""CloudEvents attributes, from headers or an envelope, and what they make of an event.

Source: CloudEvents 1.0.2 and its Kafka protocol binding, sections 3.2 (binary mode) and 3.3 (structured mode).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline.errors import Undecodable
from pipeline.model import dead_letter
from pipeline.model.event import Event, Record, Redrive
from pipeline.model.outcome import Reason
from pipeline.model.trace import TraceContext, trace_context

FAMILY = "application/cloudevents"
STRUCTURED = "application/cloudevents+json"
SPEC_VERSION = "1.0"
MAX_ATTRIBUTE = 2_048
"""Characters of id, source and type together with room: they stand in every outcome."""

_REQUIRED = ("ce_id", "ce_source", "ce_type")
_DIGITS = re.compile(r"[0-9]{1,15}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def header_texts(record: Record) -> dict[str, str]:
    """Headers by their names in lower case; one whose value is no text is passed over, for it is none of ours."""
    texts: dict[str, str] = {}
    for name, raw in record.headers:
        if raw is not None:
            try:
                texts[name.lower()] = raw.decode()
            except UnicodeDecodeError:
                continue
    return texts


def envelope_texts(envelope: Mapping[str, object]) -> dict[str, str]:
    """The attributes of a structured event, named as headers would be.

    Raises:
        Undecodable: it has binary data, or an attribute too few.
    """
    if "data_base64" in envelope:
        raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "binary data in an envelope is not supported")
    texts = {f"ce_{name}": text for name, text in envelope.items() if isinstance(text, str) and name != "data"}
    texts.setdefault("ce_specversion", "")
    return texts


def require_valid(attributes: Mapping[str, str]) -> None:
    """Check what claims to be a CloudEvent (it has a `specversion`); other records need nothing of the kind.

    Raises:
        Undecodable: of another version, or without type, id or source; or one of them far too long.
    """
    version = attributes.get("ce_specversion")
    if version is not None:
        if version != SPEC_VERSION:
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, f"`specversion` is not {SPEC_VERSION}")
        missing = [name.removeprefix("ce_") for name in _REQUIRED if not attributes.get(name)]
        if missing:
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, f"it lacks {', '.join(missing)}")
    for name in _REQUIRED:
        if len(attributes.get(name, "")) > MAX_ATTRIBUTE:
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, f"{name} has more than {MAX_ATTRIBUTE} characters")


def event(event_type: str, data: dict[str, object], record: Record, attributes: Mapping[str, str]) -> Event:
    """The event, with identity and times from its attributes where it has them, else from the record."""
    source, event_id = attributes.get("ce_source"), attributes.get("ce_id")
    # Both must be there: an id alone is unique only within its source (CloudEvents 1.0.2, section 3.1.1).
    if source and event_id:
        identity = f"{source}\x1f{event_id}"
    else:
        identity = attributes.get(dead_letter.EVENT_IDENTITY) or str(record.position)
    time_ms = milliseconds(attributes.get("ce_time"))
    if time_ms is None:
        time_ms = _number(attributes.get(dead_letter.EVENT_TIME)) or record.timestamp_ms
    return Event(
        event_type,
        data,
        record,
        identity,
        event_id,
        source,
        time_ms,
        milliseconds(attributes.get("ce_expirytime")),
        _trace(attributes),
        _redrive(attributes),
    )


def _redrive(attributes: Mapping[str, str]) -> Redrive | None:
    if dead_letter.REDRIVES not in attributes:
        return None
    return Redrive(attributes.get(dead_letter.ONLY_RULE) or None, _number(attributes.get(dead_letter.KEY_ROUND)))


def _number(text: str | None) -> int:
    """A whole number of one of our own headers; 0 for what is none, for anybody can write there."""
    return int(text) if text is not None and _DIGITS.fullmatch(text) else 0


def _trace(attributes: Mapping[str, str]) -> TraceContext | None:
    """From the record's own headers, else from CloudEvents' extension for distributed tracing."""
    prefix = "" if "traceparent" in attributes else "ce_"
    parent = attributes.get(f"{prefix}traceparent")
    return trace_context(parent, attributes.get(f"{prefix}tracestate")) if parent else None


def milliseconds(text: str | None) -> int | None:
    """RFC 3339 to milliseconds since the epoch; None for what is none: a bad time must not stop an event."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000
