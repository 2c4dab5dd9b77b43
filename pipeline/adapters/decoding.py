"""Record to event: Avro in Confluent framing, JSON, and CloudEvents 1.0 in both modes.

Sources: Confluent's wire format; CloudEvents Kafka protocol binding 1.0.2, sections 3.2 (binary) and 3.3 (structured).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from datetime import datetime

import orjson

from pipeline.adapters.avro import FRAME, AvroReader
from pipeline.errors import SchemaError, SchemaUnavailable, Undecodable
from pipeline.model.event import Event, Record
from pipeline.model.outcome import Reason
from pipeline.rules.event_json import SchemaMismatch, from_json, plain_json
from pipeline.rules.schema import EventSchema, SchemaCatalogue

STRUCTURED = "application/cloudevents+json"
SCHEMA_GUID_HEADER = "__value_schema_id"
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
"""Seconds between two questions to a registry that does not answer."""

LookUp = Callable[[int], Mapping[str, object] | None]
"""Schema id to schema; None: there is none. May block and may raise `SchemaUnavailable`."""


class EventDecoder:
    """Implements `pipeline.ports.Decoder`."""

    def __init__(
        self,
        *,
        look_up: LookUp | None,
        known: Mapping[int, EventSchema],
        catalogue: SchemaCatalogue,
        json_types: Mapping[str, str],
        max_bytes: int,
    ) -> None:
        """`known` schemas need no asking; `catalogue` gives JSON events their types; `look_up` asks the registry."""
        self._look_up = look_up
        self._readers: dict[int, AvroReader | Reason] = {number: AvroReader(schema) for number, schema in known.items()}
        self._catalogue = catalogue
        self._json_types = json_types
        self._max_bytes = max_bytes

    def decode(self, record: Record) -> Event:
        """Decode without waiting.

        Raises:
            Undecodable: the bytes are no event.
            SchemaUnavailable: `prepare` must be awaited first.
        """
        value = record.value
        if value is None:
            raise Undecodable(Reason.TOMBSTONE, "a record without a value")
        if len(value) > self._max_bytes:
            raise Undecodable(Reason.TOO_LARGE, f"{len(value)} of at most {self._max_bytes} bytes")
        if not record.headers:
            if value[:1] == b"\x00":
                return self._avro(record, value, {})
            return self._json(record, value, {})
        return self._with_headers(record, value)

    def _with_headers(self, record: Record, value: bytes) -> Event:
        attributes = _attributes(record)
        content_type = attributes.get("content-type", "").partition(";")[0].strip().lower()
        if content_type == STRUCTURED:
            return self._structured(record, value, attributes)
        if SCHEMA_GUID_HEADER in attributes:
            raise Undecodable(
                Reason.UNSUPPORTED_SCHEMA, "schema ids in headers (GUID) are not supported; use the framing"
            )
        if value[:1] == b"\x00":
            return self._avro(record, value, attributes)
        if "avro" in content_type:
            raise Undecodable(Reason.NOT_FRAMED, "Avro without Confluent's framing")
        return self._json(record, value, attributes)

    def _avro(self, record: Record, value: bytes, attributes: Mapping[str, str]) -> Event:
        if len(value) < FRAME:
            raise Undecodable(Reason.NOT_FRAMED, f"{len(value)} bytes are too few for a schema id")
        reader = self._readers.get(int.from_bytes(value[1:FRAME], "big"))
        if reader is None:
            raise SchemaUnavailable(f"schema {int.from_bytes(value[1:FRAME], 'big')} is not known yet")
        if isinstance(reader, Reason):
            raise Undecodable(reader, f"schema id {int.from_bytes(value[1:FRAME], 'big')}")
        return _event(reader.schema.name, reader.read(value, FRAME), record, attributes)

    def _json(self, record: Record, value: bytes, attributes: Mapping[str, str]) -> Event:
        event_type = attributes.get("ce_type") or attributes.get("type") or self._json_types.get(record.topic)
        if not event_type:
            raise Undecodable(
                Reason.NO_TYPE, "neither Avro's framing, nor a header `ce_type`, nor a type for this topic"
            )
        return _event(event_type, self._data(event_type, _parse(value, Reason.MALFORMED_JSON)), record, attributes)

    def _structured(self, record: Record, value: bytes, attributes: Mapping[str, str]) -> Event:
        envelope = _parse(value, Reason.MALFORMED_CLOUDEVENT)
        if not isinstance(envelope, dict):
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "the envelope is no object")
        named = {f"ce_{name}": text for name, text in envelope.items() if isinstance(text, str) and name != "data"}
        event_type = named.get("ce_type")
        if not event_type or not named.get("ce_id") or not named.get("ce_source"):
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "the envelope lacks type, id or source")
        if "data_base64" in envelope:
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "binary data in an envelope is not supported")
        data = self._data(event_type, envelope.get("data"))
        return _event(event_type, data, record, {**attributes, **named})

    def _data(self, event_type: str, value: object) -> dict[str, object]:
        """JSON data, typed by the newest schema of its type where there is one."""
        schema = self._catalogue.newest(event_type)
        try:
            data = from_json(schema, value) if schema is not None else plain_json(value)
        except SchemaMismatch as mismatch:
            raise Undecodable(Reason.SCHEMA_MISMATCH, mismatch.words.partition("`")[0].strip()[:200]) from None
        if not isinstance(data, dict):
            raise Undecodable(Reason.SCHEMA_MISMATCH, "an event's data is an object")
        return data

    async def prepare(self, record: Record) -> None:
        """Ask the registry for the record's schema until it answers; what it does not know is remembered as such."""
        schema_id = int.from_bytes((record.value or b"")[1:FRAME], "big")
        wait = FIRST_WAIT
        while schema_id not in self._readers:
            try:
                self._readers[schema_id] = await asyncio.to_thread(self._fetch, schema_id)
            except SchemaUnavailable:
                await asyncio.sleep(wait)
                wait = min(LONGEST_WAIT, wait * 2)

    def _fetch(self, schema_id: int) -> AvroReader | Reason:
        avro = self._look_up(schema_id) if self._look_up is not None else None
        if avro is None:
            return Reason.UNKNOWN_SCHEMA
        try:
            return AvroReader(EventSchema(avro, f"schema {schema_id}"))
        except SchemaError:
            return Reason.UNSUPPORTED_SCHEMA


def _attributes(record: Record) -> dict[str, str]:
    """Headers as text; what is no text is passed over, for it is none of ours."""
    attributes: dict[str, str] = {}
    for name, raw in record.headers:
        if raw is not None:
            try:
                attributes[name.lower()] = raw.decode()
            except UnicodeDecodeError:
                continue
    return attributes


def _parse(value: bytes, reason: Reason) -> object:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Undecodable(reason, f"not JSON at character {error.pos}") from None


def _event(event_type: str, data: dict[str, object], record: Record, attributes: Mapping[str, str]) -> Event:
    if not attributes:
        identity = f"{record.topic}/{record.partition}/{record.offset}"
        return Event(event_type, data, record, identity, None, None, record.timestamp_ms, None, None)
    source, event_id = attributes.get("ce_source"), attributes.get("ce_id")
    # Both must be there: an id alone is unique only within its source (CloudEvents 1.0.2, section 3.1.1).
    identity = f"{source}\x1f{event_id}" if source and event_id else str(record.position)
    time_ms = _milliseconds(attributes.get("ce_time"))
    return Event(
        event_type,
        data,
        record,
        identity,
        event_id,
        source,
        record.timestamp_ms if time_ms is None else time_ms,
        _milliseconds(attributes.get("ce_expirytime")),
        attributes.get("traceparent") or attributes.get("ce_traceparent"),
    )


def _milliseconds(text: str | None) -> int | None:
    """RFC 3339 to milliseconds since the epoch; None for what is none: a bad time must not stop an event."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        seconds = moment.timestamp() if moment.tzinfo is not None else math.nan
        return int(seconds * 1000)
    except (ValueError, OverflowError):
        return None
