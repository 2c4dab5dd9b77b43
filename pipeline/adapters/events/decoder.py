"""Record to event: Avro in Confluent's framing, JSON, and CloudEvents in both modes.

A record's form is decided in this order: content type `application/cloudevents+json` (structured), header
`__value_schema_id` (Avro, schema named by the header), first byte 0 (Avro, schema named by the frame), else JSON, where
an object with every attribute of an envelope is a structured CloudEvent.
An Avro event's type is its record's full name. A JSON event's type is its header `ce_type` or `type`, else the topic's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NoReturn
from uuid import UUID

from pipeline.adapters.events import cloudevents, json_content
from pipeline.adapters.events.avro import FRAME, MAGIC, AvroReader, UnionReader
from pipeline.adapters.events.cloudevents import UnreadableTime
from pipeline.adapters.events.event_fields import EventFields, event_id, event_time
from pipeline.adapters.events.strict_json import parse
from pipeline.adapters.events.writer_schemas import LookUp, SchemaKey, WriterSchemas
from pipeline.errors import Tombstone, Undecodable
from pipeline.model.event import UNREADABLE_HEADERS, Event, Origin, Record, record_identity
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.json_events import JsonReader, SchemaMismatch, plain_json

SCHEMA_HEADER = "__value_schema_id"
"""Confluent's newer way to name the schema: byte 0 and a 32-bit id, or byte 1 and a GUID; the value has no frame."""
_HEADER_ID, _HEADER_GUID = 5, 17
"""Lengths of the two."""
_APICURIO_FRAME = 9
"""Byte 0 and Apicurio's own global id of 64 bits, as its serializers write by default."""
_APICURIO = frozenset(f"apicurio.value.{name}" for name in ("globalid", "contentid", "contenthash", "encoding"))
"""Headers of its serializers, each of which says that the schema is named beside the value; in lower case."""
_NOT_ENCRYPTED = frozenset({"", "false", "none", "no", "off", "n", "f", "0", "\0", "null"})


class EventDecoder:
    """Implements `pipeline.ports.Decoder`."""

    def __init__(  # noqa: PLR0913 - a setting each
        self,
        *,
        look_up: LookUp | None,
        known: Mapping[int, EventSchema],
        catalogue: SchemaCatalogue,
        json_types: Mapping[str, str],
        max_bytes: int,
        fields: EventFields = EventFields(),  # noqa: B008 - an immutable tuple
        tombstone_topics: Collection[str] = (),
        unreadable_time: UnreadableTime | None = None,
    ) -> None:
        """`known` schemas are looked up nowhere else; `catalogue` has the versions that rules know.

        `look_up` asks the registry; `fields` carry id and time of events without CloudEvents attributes; in
        `tombstone_topics` a record without a value deletes, and is not an event; `unreadable_time` is called for a time
        that cannot be read.

        Raises:
            SchemaError: fastavro refuses a known schema.
        """
        self._schemas = WriterSchemas(look_up, known, catalogue.newest)
        self._readers = self._schemas.readers
        self._framed: dict[bytes, AvroReader] = {}
        """Readers by the frames of earlier records."""
        self._json_readers = _json_readers(catalogue)
        self._json_types = json_types
        self._max_bytes = max_bytes
        self._fields = fields
        self._has_fields = bool(fields.id or fields.time)
        self._time_source = f"field {'.'.join(fields.time)}"
        self._tombstone_topics = frozenset(tombstone_topics)
        self._unreadable_time = unreadable_time or _ignore

    def decode(self, record: Record, origin: Origin | None = None) -> Event:
        """Decode without waiting. With an `origin` the event's identity is complete, see `Event.identify`.

        Raises:
            Undecodable: the bytes are not an event; with what its attributes say of it.
            Tombstone: the record deletes, and is not an event.
            SchemaUnavailable: `prepare` must be awaited first.
        """
        topic, partition, offset, _, value, headers, timestamp_ms, _ = record  # by name it takes four times as long
        try:
            if value is None or len(value) > self._max_bytes:
                self._refuse(topic, value)
            elif headers:
                event = self._with_headers(record, value)
            elif (reader := self._framed.get(value[:FRAME])) is not None:
                data = reader.read(value, FRAME)
                if origin is None:
                    identity = f"{topic}/{partition}/{offset}"
                else:
                    identity = record_identity(origin, topic, partition, offset)
                event = Event(reader.schema.name, data, record, identity, None, None, timestamp_ms, None, None)
                if not self._has_fields:
                    return event
            elif value[:1] == MAGIC:
                event = self._avro(record, value, {}, _framed_key(value), FRAME)
            else:
                event = self._json(record, value, {})
        except Undecodable as fault:
            fault.attributes = cloudevents.attributes_of(record)
            raise
        if self._has_fields:
            self._read_fields(event)
        if origin is not None:
            event.identify(origin)
        return event

    def prepared(self, known: Mapping[int, EventSchema], catalogue: SchemaCatalogue) -> Callable[[], None]:
        """Make the readers for other schemas, on any thread.

        The function that is returned puts them in use, on the thread that decodes: all at once, between two events.

        Raises:
            SchemaError: fastavro refuses a known schema.
        """
        use_avro = self._schemas.prepared(known, catalogue.newest)
        json_readers = _json_readers(catalogue)

        def use() -> None:
            use_avro()
            self._framed.clear()
            self._json_readers = json_readers

        return use

    def _refuse(self, topic: str, value: bytes | None) -> NoReturn:
        if value is not None:
            raise Undecodable(Reason.TOO_LARGE, f"{len(value)} of at most {self._max_bytes} bytes")
        if topic in self._tombstone_topics:
            raise Tombstone(Reason.TOMBSTONE, "a record without a value, which deletes")
        raise Undecodable(Reason.TOMBSTONE, "a record without a value")

    def _read_fields(self, event: Event) -> None:
        """Take id and time from the event's data where no attributes give them."""
        if self._fields.id and event.id is None:
            event.id = event_id(event.data, self._fields.id)
            if event.id is not None:
                event.identity = f"{event.type}\x1f{event.id}"
                event.has_own_identity = True
        if self._fields.time and event.time_source is None:
            time_ms = event_time(event.data, self._fields.time)
            if time_ms is None:
                self._unreadable_time(event.record, ".".join(self._fields.time))
            else:
                event.time_ms, event.time_source = time_ms, self._time_source

    @property
    def unavailable(self) -> str | None:
        """Why the registry gave no schema when it was asked last; None if it answered."""
        return self._schemas.unavailable

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
        for name, raw in record.headers:
            if "ncrypt" in name or "NCRYPT" in name:
                _require_plain(name, attributes.get(name.lower(), "�") if raw else "")
        key = _schema_header(record)
        if key is not None:
            return self._avro(record, value, attributes, key, 0)
        if any(name[:8] == "apicurio" and name.lower() in _APICURIO for name, _ in record.headers):
            raise Undecodable(
                Reason.NOT_FRAMED, "Apicurio's schema headers are not read; set apicurio.registry.headers.enabled=false"
            )
        if value[:1] == MAGIC:
            return self._avro(record, value, attributes, _framed_key(value), FRAME)
        if "avro" in content_type:
            azure = " (Azure's schema registry names it there)" if "+" in content_type else ""
            raise Undecodable(Reason.NOT_FRAMED, f"Avro without Confluent's framing{azure}")
        return self._json(record, value, attributes)

    def _avro(self, record: Record, value: bytes, attributes: Mapping[str, str], key: SchemaKey, start: int) -> Event:
        if start and value[1:FRAME] == b"\0\0\0\0" and len(value) >= _APICURIO_FRAME and 0 not in self._readers:
            raise Undecodable(
                Reason.NOT_FRAMED,
                "looks like Apicurio's framing with ids of 8 bytes; set apicurio.registry.as-confluent=true "
                "and apicurio.registry.use-id=contentId",
            )
        reader = self._readers.get(key)
        if reader is None:
            raise self._schemas.refuse(key)
        if isinstance(reader, UnionReader):
            reader, start = reader.branch(value, start)
        elif start:
            self._framed[value[:FRAME]] = reader
        data = reader.read(value, start)
        return cloudevents.event(reader.schema.name, data, record, attributes, self._unreadable_time)

    def _json(self, record: Record, value: bytes, attributes: Mapping[str, str]) -> Event:
        encoding = attributes.get("content-encoding", "")
        if encoding.lower() not in {"", "identity", "utf-8", "utf8"}:
            raise Undecodable(Reason.MALFORMED_JSON, f"content encoding {encoding[:20]} is not read")
        named = attributes.get("type", "")
        event_type = attributes.get("ce_type") or ("" if "/" in named else named) or self._json_types.get(record.topic)
        if not event_type and not json_content.may_be_object(value):
            raise _no_type(value)
        content = json_content.read(value, attributes.get("content-type", ""))
        if "ce_specversion" not in attributes and cloudevents.is_envelope(content, has_type=bool(event_type)):
            return self._enveloped(record, content, attributes)
        if not event_type:
            raise _no_type(value)
        data = self._data(event_type, content)
        return cloudevents.event(event_type, data, record, attributes, self._unreadable_time)

    def _structured(self, record: Record, value: bytes, attributes: Mapping[str, str], content_type: str) -> Event:
        if content_type != cloudevents.STRUCTURED:
            raise Undecodable(
                Reason.MALFORMED_CLOUDEVENT,
                f"of CloudEvents only {cloudevents.STRUCTURED} is read, with one event, not {content_type[:60]}",
            )
        return self._enveloped(record, parse(value, Reason.MALFORMED_CLOUDEVENT), attributes)

    def _enveloped(self, record: Record, envelope: object, attributes: Mapping[str, str]) -> Event:
        if not isinstance(envelope, dict):
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, "the envelope is not an object")
        # The envelope decides; of the headers only those that are not CloudEvents attributes count.
        others = {name: text for name, text in attributes.items() if not name.startswith("ce_")}
        named = {**others, **cloudevents.envelope_texts(envelope)}
        cloudevents.require_valid(named)
        content = cloudevents.envelope_data(envelope)
        data_type = named.get("ce_datacontenttype", "")
        if not isinstance(content, dict) and not json_content.is_json(data_type):
            raise Undecodable(Reason.MALFORMED_CLOUDEVENT, f"data of the type {data_type[:60]} is not read")
        data = self._data(named["ce_type"], content)
        return cloudevents.event(named["ce_type"], data, record, named, self._unreadable_time)

    def _data(self, event_type: str, value: object) -> dict[str, object]:
        """JSON data, typed by the newest schema of its type where there is one."""
        if not isinstance(value, dict):
            raise Undecodable(Reason.SCHEMA_MISMATCH, f"an event's data is an object{_instead(value)}")
        reader = self._json_readers.get(event_type)
        if reader is None and value.keys() == {"schema", "payload"} and isinstance(value["schema"], dict):
            raise Undecodable(
                Reason.SCHEMA_MISMATCH, "Kafka Connect's envelope; set value.converter.schemas.enable=false"
            )
        try:
            data = reader.read(value) if reader is not None else plain_json(value)
        except SchemaMismatch as mismatch:
            raise Undecodable(Reason.SCHEMA_MISMATCH, mismatch.impersonal) from None
        assert isinstance(data, dict)  # noqa: S101 - made of a dict
        return data


def _json_readers(catalogue: SchemaCatalogue) -> Mapping[str, JsonReader]:
    newest = (catalogue.newest(name) for name in catalogue)
    return {schema.name: JsonReader(schema, is_lenient=True) for schema in newest if schema is not None}


def _no_type(value: bytes) -> Undecodable:
    return Undecodable(
        Reason.NO_TYPE,
        "neither Avro's framing, nor a header `ce_type`, nor a type for this topic" + json_content.looks_like(value),
    )


def _instead(value: object) -> str:
    if isinstance(value, str):
        return ", not a text; JSON in a text was encoded twice"
    if isinstance(value, list):
        return ", not a list; a record holds one event"
    return ", and it is null or missing" if value is None else ""


def _ignore(_record: Record, _attribute: str) -> None:
    """Report an unreadable time nowhere: for tools that decode what the service has reported."""


def _require_plain(name: str, text: str) -> None:
    """Refuse a record with a header such as `encrypted: true`, or Kroxylicious' `kroxylicious.io/encryption`."""
    if text.strip().lower() not in _NOT_ENCRYPTED:
        raise Undecodable(Reason.UNSUPPORTED_SCHEMA, f"the header `{name[:60]}` says that it is encrypted")


def _framed_key(value: bytes) -> int:
    if len(value) < FRAME:
        raise Undecodable(Reason.NOT_FRAMED, f"{len(value)} bytes are too few for a schema id")
    return int.from_bytes(value[1:FRAME], "big")


def _schema_header(record: Record) -> SchemaKey | None:
    """The schema that a header names, where there is one.

    Raises:
        Undecodable: the header is of neither known form.
    """
    raw = None
    for name, value in record.headers:
        if len(name) == len(SCHEMA_HEADER) and name.lower() == SCHEMA_HEADER:
            raw = value
    if raw is None:
        return None
    if len(raw) == _HEADER_ID and raw[:1] == MAGIC:
        return int.from_bytes(raw[1:], "big")
    if len(raw) == _HEADER_GUID and raw[:1] == b"\x01":
        return UUID(bytes=raw[1:])
    raise Undecodable(Reason.NOT_FRAMED, f"the header {SCHEMA_HEADER} holds neither an id nor a GUID")
