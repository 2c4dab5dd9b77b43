"""The forms that an event in a file can have, recognised by its keys.

- a CloudEvent in structured mode: it has `specversion`, whatever content type its record has
- an exported Kafka record: it has `topic`, `partition` and `offset`; the event is `data`, `value` or `payload`
- an object with `type` and `data`, and no keys but attributes of an event
- else, the data alone
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.adapters.events import cloudevents
from pipeline.adapters.events.strict_json import Malformed, loads
from pipeline.errors import Undecodable
from pipeline.model.event import Headers, Position, Record
from pipeline.phrases import joined, phrase
from pipeline.rules.schema.time_texts import point_in_time

_ATTRIBUTES = ("type", "id", "source", "time", "expirytime", "traceparent", "tracestate")
"""Attributes of an event in an object around its data, named as in CloudEvents."""
_AROUND = frozenset({*_ATTRIBUTES, "data", "key", "headers", "timestamp", "subject"})
_CONTENTS = ("data", "value", "payload")
"""Keys of a record's value in exports: of this program, of REST proxies, and of kcat."""
_TIMES = ("timestamp", "timestamp_ms", "ts")


class UnrecognisedShape(ValueError):
    """An object resembles one of the forms and does not have it."""


class Given(NamedTuple):
    """An event as given, with its data as JSON values, not typed by a schema."""

    type: str | None
    """None: the event does not name its type."""
    data: object
    record: Record
    attributes: Mapping[str, str]
    """CloudEvents attributes and headers, by header name."""


def given(value: object, position: Position) -> Given:
    """The event in an object of a file; `position` is used if the object does not give one.

    Raises:
        UnrecognisedShape: it has none of the forms.
    """
    if not isinstance(value, Mapping):
        raise UnrecognisedShape(phrase("an event is a JSON object"))
    stands = _position(value)
    if stands is not None:
        return _exported(value, stands)
    return _wrapped(value, _record(value, position), {})


def _wrapped(value: object, record: Record, around: Mapping[str, str]) -> Given:
    """`around` are the attributes in the headers of the record."""
    if not isinstance(value, Mapping):
        return Given(around.get("ce_type") or around.get("type"), value, record, around)
    if "specversion" in value:
        return _cloud_event(value, record, around)
    if isinstance(value.get("type"), str) and "data" in value and _AROUND.issuperset(value):
        attributes = {**around, **_attributes(value)}
        return Given(attributes["ce_type"], value["data"], record, attributes)
    return Given(around.get("ce_type") or around.get("type"), value, record, around)


def _cloud_event(value: Mapping[str, object], record: Record, around: Mapping[str, str]) -> Given:
    try:
        others = {name: text for name, text in around.items() if not name.startswith("ce_")}
        attributes = {**others, **cloudevents.envelope_texts(value)}
        cloudevents.require_valid(attributes)
        data = cloudevents.envelope_data(value)
    except Undecodable as fault:
        raise UnrecognisedShape(phrase("not a CloudEvent: {detail}", detail=fault.detail)) from None
    return Given(attributes["ce_type"], data, record, attributes)


def _exported(value: Mapping[str, object], position: Position) -> Given:
    record = _record(value, position)
    content = next((value[name] for name in _CONTENTS if name in value), None)
    if content is None:
        raise UnrecognisedShape(
            phrase("a record without {contents}", contents=joined(" or ", (f"`{name}`" for name in _CONTENTS)))
        )
    if isinstance(content, str):
        try:
            content = loads(content)
        except Malformed:
            raise UnrecognisedShape(
                phrase("the value of the record is not JSON: read Avro from Kafka, not from an export")
            ) from None
    around = {**cloudevents.header_texts(record), **_attributes(value)}
    return _wrapped(content, record, around)


def _position(value: Mapping[str, object]) -> Position | None:
    topic, partition, offset = (value.get(name) for name in ("topic", "partition", "offset"))
    if not isinstance(topic, str) or isinstance(partition, bool) or isinstance(offset, bool):
        return None
    if not isinstance(partition, int) or not isinstance(offset, int):
        return None
    return Position(_whole(topic), partition, offset)


def _whole(text: str) -> str:
    """The text, if it can be encoded.

    Raises:
        UnrecognisedShape: it has a lone surrogate.
    """
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UnrecognisedShape(phrase("a lone surrogate (half of a character)"))
    return text


def _record(value: Mapping[str, object], position: Position) -> Record:
    key = value.get("key")
    given = next((value[name] for name in _TIMES if name in value), 0)
    timestamp = given if isinstance(given, int) and not isinstance(given, bool) else 0
    key_bytes = str(key).encode("utf-8", "replace") if isinstance(key, str | int) else None
    return Record(*position, key_bytes, b"", _headers(value.get("headers")), max(0, timestamp))


def _attributes(value: Mapping[str, object]) -> dict[str, str]:
    """The attributes in the object, by header name."""
    attributes: dict[str, str] = {}
    for name in _ATTRIBUTES:
        text = value.get(name)
        if isinstance(text, str) and text:
            attributes[f"ce_{name}"] = _whole(text)
        elif text is not None and name in value:
            raise UnrecognisedShape(phrase("`{name}` must be text", name=name))
    text = attributes.get("ce_time")
    time = point_in_time(text) if text is not None else None
    if text is not None and (time is None or time.tzinfo is None):
        raise UnrecognisedShape(
            phrase("`time` must be a time such as 2026-11-23T15:01:00Z, not `{text}`", text=text[:40])
        )
    return attributes


def _headers(value: object) -> Headers:
    """Headers given as an object, as pairs, as objects of name and value, or as a flat list (kcat)."""
    pairs: list[tuple[object, object]] = []
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        if all(isinstance(one, str | None) for one in value):
            pairs = list(zip(value[::2], value[1::2], strict=False))
        else:
            pairs = [_pair(one) for one in value]
    return tuple(
        (name, text.encode("utf-8", "replace") if isinstance(text, str) else None)
        for name, text in pairs
        if isinstance(name, str)
    )


def _pair(one: object) -> tuple[object, object]:
    if isinstance(one, Mapping):
        return one.get("key", one.get("name")), one.get("value")
    if isinstance(one, list) and len(one) == 2:  # noqa: PLR2004 - a pair
        return one[0], one[1]
    raise UnrecognisedShape(phrase("headers must be an object, or pairs of name and value"))
