"""Other schemas for a decoder in use: made beside it, used from one event to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping

import fastavro
import pytest

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.adapters.events.writer_schemas import SchemaKey
from pipeline.errors import SchemaError, SchemaUnavailable, Undecodable
from pipeline.model.event import Record
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue

FIRST = {"type": "record", "name": "T", "fields": [{"name": "n", "type": "long"}]}
SECOND = {
    "type": "record",
    "name": "T",
    "fields": [{"name": "n", "type": "double"}, {"name": "m", "type": "string", "default": "none"}],
}
OTHER = {"type": "record", "name": "U", "fields": [{"name": "n", "type": "long"}]}
JSON = ("ce_type", b"T")


def decoder(*schemas: Mapping[str, object]) -> EventDecoder:
    """Knows these of the folder; the registry has `FIRST` as 7."""

    def look_up(key: SchemaKey) -> Mapping[str, object] | None:
        return FIRST if key == 7 else None

    catalogue = SchemaCatalogue([EventSchema(one) for one in schemas])
    return EventDecoder(look_up=look_up, known={}, catalogue=catalogue, json_types={}, max_bytes=1_000)


def use(reader: EventDecoder, *schemas: Mapping[str, object]) -> None:
    """As a reload does."""
    made = [EventSchema(one) for one in schemas]
    reader.prepared({folder_id(one.fingerprint): one for one in made}, SchemaCatalogue(made))()


def read(reader: EventDecoder, value: bytes, *headers: tuple[str, bytes]) -> Mapping[str, object]:
    return reader.decode(Record("t", 0, 0, None, value, headers, 1)).data


def avro(schema: Mapping[str, object], number: int, value: int) -> bytes:
    event = EventEncoder(EventSchema(schema), number, Encoding.AVRO)
    return event.encode({"n": value}, 0)[0]


async def test_a_schema_of_the_registry_is_resolved_to_the_new_version() -> None:
    """It need not be asked for again, whether the registry answers or not."""
    reader = decoder(FIRST)
    record = Record("t", 0, 0, None, avro(FIRST, 7, 5), (), 1)
    await reader.prepare(record)
    assert reader.decode(record).data == {"n": 5}
    use(reader, SECOND)
    assert reader.decode(record).data == {"n": 5.0, "m": "none"}


def test_json_is_typed_by_the_new_version() -> None:
    """And by the schema of a type that is new."""
    reader = decoder(FIRST)
    assert read(reader, json.dumps({"n": 5}).encode(), JSON) == {"n": 5}
    assert read(reader, b'{"n": "5"}', ("ce_type", b"U")) == {"n": "5"}
    use(reader, SECOND, OTHER)
    assert read(reader, json.dumps({"n": 5}).encode(), JSON) == {"n": 5.0, "m": "none"}
    assert read(reader, b'{"n": "5"}', ("ce_type", b"U")) == {"n": 5}


def test_a_schema_that_is_new_in_the_folder_is_known_by_its_id() -> None:
    """A record that was refused before can be read."""
    reader = decoder()
    value = avro(OTHER, folder_id(EventSchema(OTHER).fingerprint), 5)
    with pytest.raises((SchemaUnavailable, Undecodable)):
        read(reader, value)
    use(reader, OTHER)
    assert read(reader, value) == {"n": 5}


async def test_what_is_learnt_between_making_and_use_is_kept() -> None:
    """The readers are made on another thread, and take a while."""
    reader = decoder(FIRST)
    new = EventSchema(SECOND)
    begin = reader.prepared({}, SchemaCatalogue([new]))
    record = Record("t", 0, 0, None, avro(FIRST, 7, 5), (), 1)
    await reader.prepare(record)
    begin()
    assert reader.decode(record).data == {"n": 5.0, "m": "none"}


def test_a_schema_that_fastavro_refuses_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reload is refused as a whole."""
    reader = decoder(FIRST)

    def refuse(*_: object) -> object:
        raise fastavro.schema.SchemaParseException("no")

    with monkeypatch.context() as patched:
        patched.setattr(fastavro, "parse_schema", refuse)
        with pytest.raises(SchemaError):
            use(reader, SECOND)
    assert read(reader, json.dumps({"n": 5}).encode(), JSON) == {"n": 5}
