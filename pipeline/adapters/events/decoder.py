"""Record to event: Avro in Confluent's framing, JSON, and CloudEvents in both modes.

How a record's kind is told, in this order: content type `application/cloudevents+json` (structured), header
`__value_schema_id` (Avro, schema named by the header), first byte 0 (Avro, schema named by the frame), else JSON.
An Avro event's type is its record's full name. A JSON event's type is its header `ce_type` or `type`, else the topic's.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pipeline.adapters.events import cloudevents
from pipeline.adapters.events.avro import FRAME, MAGIC, AvroReader
from pipeline.adapters.events.strict_json import parse
from pipeline.adapters.events.writer_schemas import LookUp, SchemaKey, WriterSchemas
from pipeline.errors import Undecodable
from pipeline.model.event import UNREADABLE_HEADERS, Event, Record
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.json_events import JsonReader, SchemaMismatch, plain_json

SCHEMA_HEADER = "__value_schema_id"
"""Confluent's newer way to name the schema: byte 0 and a 32-bit id, or byte 1 and a GUID; the value has no frame."""
_HEADER_ID, _HEADER_GUID = 5, 17
"""Lengths of the two."""


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
        """`known` schemas need no asking; `catalogue` gives JSON events their types; `look_up` asks the registry.

        Raises:
            SchemaError: fastavro refuses a known schema.
        """
        self._schemas = WriterSchemas(look_up, known)
        self._readers = self._schemas.readers
        self._framed: dict[bytes, AvroReader] = {}
        """Those of frames that came before, by the frame."""
        self._json_readers = {
            name: JsonReader(schema, ignore_unknown=True)
            for name in catalogue
            if (schema := catalogue.newest(name)) is not None
        }
        self._json_types = json_types
        self._max_bytes = max_bytes

    def decode(self, record: Record) -> Event:
        """Decode without waiting.

        Raises:
            Undecodable: the bytes are no event.
            SchemaUnavailable: `prepare` must be awaited first.
        """
        topic, partition, offset, _, value, headers, timestamp_ms = record  # by name it takes four times as long
        if value is None:
            raise Undecodable(Reason.TOMBSTONE, "a record without a value")
        if len(value) > self._max_bytes:
            raise Undecodable(Reason.TOO_LARGE, f"{len(value)} of at most {self._max_bytes} bytes")
        if headers:
            return self._with_headers(record, value)
        reader = self._framed.get(value[:FRAME])
        if reader is None:
            if value[:1] != MAGIC:
                return self._json(record, value, {})
            reader = self._reader_of(value)
        data = reader.read(value, FRAME)
        identity = f"{topic}/{partition}/{offset}"
        return Event(reader.schema.name, data, record, identity, None, None, timestamp_ms, None, None)

    def _reader_of(self, value: bytes) -> AvroReader:
        """The reader that a frame names, kept for the next one of its kind.

        Raises:
            Undecodable: too few bytes for a frame, or no such schema.
            SchemaUnavailable: `prepare` must be awaited first.
        """
        key = _framed_key(value)
        reader = self._readers.get(key)
        if reader is None:
            raise self._schemas.refuse(key)
        self._framed[value[:FRAME]] = reader
        return reader

    async def prepare(self, record: Record) -> None:
        """Ask the registry for the record's schema until it answers; what it does not know is refused for a while."""
        key = _schema_header(record)
        if key is None and record.value is not None and record.value[:1] == MAGIC:
            key = _framed_key(record.value)
        if key is not None:
            await self._schemas.prepare(key)

    def _with_headers(self, record: Record, value: bytes) -> Event:
        if record.headers is UNREADABLE_HEADERS:
            raise Undecodable(Reason.MALFORMED_HEADERS, "the name of a header is not UTF-8")
        attributes = cloudevents.header_texts(record)
        content_type = attributes.get("content-type", "").partition(";")[0].strip().lower()
        if content_type.startswith(cloudevents.FAMILY):
            return self._structured(record, value, attributes, content_type)
        cloudevents.require_valid(attributes)
        key = _schema_header(record)
        if key is not None:
            return self._avro(record, value, attributes, key, 0)
        if value[:1] == MAGIC:
            return self._avro(record, value, attributes, _framed_key(value), FRAME)
        if "avro" in content_type:
            raise Undecodable(Reason.NOT_FRAMED, "Avro without Confluent's framing")
        return self._json(record, value, attributes)

    def _avro(self, record: Record, value: bytes, attributes: Mapping[str, str], key: SchemaKey, start: int) -> Event:
        reader = self._readers.get(key)
        if reader is None:
            raise self._schemas.refuse(key)
        return cloudevents.event(reader.schema.name, reader.read(value, start), record, attributes)

    def _json(self, record: Record, value: bytes, attributes: Mapping[str, str]) -> Event:
        event_type = attributes.get("ce_type") or attributes.get("type") or self._json_types.get(record.topic)
        if not event_type:
            raise Undecodable(
                Reason.NO_TYPE, "neither Avro's framing, nor a header `ce_type`, nor a type for this topic"
            )
        data = self._data(event_type, parse(value, Reason.MALFORMED_JSON))
        return cloudevents.event(event_type, data, record, attributes)

    def _structured(self, record: Record, value: bytes, attributes: Mapping[str, str], content_type: str) -> Event:
        if content_type != cloudevents.STRUCTURED:
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, f"only {cloudevents.STRUCTURED} is read")
        envelope = parse(value, Reason.MALFORMED_CLOUDEVENT)
        if not isinstance(envelope, dict):
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "the envelope is no object")
        # What the envelope says counts; of the headers only those that are no CloudEvents attributes.
        others = {name: text for name, text in attributes.items() if not name.startswith("ce_")}
        named = {**others, **cloudevents.envelope_texts(envelope)}
        cloudevents.require_valid(named)
        event_type = named["ce_type"]
        return cloudevents.event(event_type, self._data(event_type, envelope.get("data")), record, named)

    def _data(self, event_type: str, value: object) -> dict[str, object]:
        """JSON data, typed by the newest schema of its type where there is one."""
        reader = self._json_readers.get(event_type)
        try:
            data = reader.read(value) if reader is not None else plain_json(value)
        except SchemaMismatch as mismatch:
            raise Undecodable(Reason.SCHEMA_MISMATCH, mismatch.impersonal) from None
        if not isinstance(data, dict):
            raise Undecodable(Reason.SCHEMA_MISMATCH, "an event's data is an object")
        return data


def _framed_key(value: bytes) -> int:
    if len(value) < FRAME:
        raise Undecodable(Reason.NOT_FRAMED, f"{len(value)} bytes are too few for a schema id")
    return int.from_bytes(value[1:FRAME], "big")


def _schema_header(record: Record) -> SchemaKey | None:
    """The schema that a header names, where there is one.

    Raises:
        Undecodable: the header is of neither known form.
    """
    raw = next((raw for name, raw in record.headers if name == SCHEMA_HEADER), None)
    if raw is None:
        return None
    if len(raw) == _HEADER_ID and raw[:1] == MAGIC:
        return int.from_bytes(raw[1:], "big")
    if len(raw) == _HEADER_GUID and raw[:1] == b"\x01":
        return UUID(bytes=raw[1:])
    raise Undecodable(Reason.NOT_FRAMED, f"the header {SCHEMA_HEADER} holds neither an id nor a GUID")
