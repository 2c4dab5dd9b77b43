"""Records and schemas for the tests of decoding."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import pytest

from pipeline.adapters.events.avro import AvroWriter, folder_id
from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.adapters.events.writer_schemas import LookUp
from pipeline.errors import Undecodable
from pipeline.model.event import Record
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.examples import example

CATALOGUE = read_schemas(Path(__file__).resolve().parents[4] / "schemas" / "events")
PAID_TYPE = "com.example.trade.order.paid.v1"
NOON_MS = 1_795_406_400_000


def _paid() -> EventSchema:
    found = CATALOGUE.newest(PAID_TYPE)
    assert found is not None
    return found


PAID = _paid()
PAID_ID = folder_id(PAID.fingerprint)
PAID_EVENT = example(PAID, random.Random(7).random)  # noqa: S311 - an example, not a secret
PAID_BYTES = EventEncoder(PAID, PAID_ID, Encoding.AVRO).encode(PAID_EVENT, 0)[0]


def record(value: bytes | None, *headers: tuple[str, bytes | None], topic: str = "orders") -> Record:
    """Offset 17 of partition 3, at noon."""
    return Record(topic, 3, 17, b"k", value, headers, NOON_MS)


def decoder(
    *schemas: EventSchema,
    look_up: LookUp | None = None,
    json_types: dict[str, str] | None = None,
    max_bytes: int = 1_048_576,
) -> EventDecoder:
    """A decoder that knows these schemas, and those of the examples, by their folder ids."""
    catalogue = SchemaCatalogue([*(version for name in CATALOGUE for version in CATALOGUE.versions(name)), *schemas])
    known = {folder_id(schema.fingerprint): schema for name in catalogue for schema in catalogue.versions(name)}
    return EventDecoder(
        look_up=look_up, known=known, catalogue=catalogue, json_types=json_types or {}, max_bytes=max_bytes
    )


def seconds_to_decode(subject: EventDecoder, given: Record) -> float:
    """CPU time of the faster of two tries: the second tells a slow decoder from a pause of the cycle collector."""
    return min(_seconds(subject, given) for _ in range(2))


def _seconds(subject: EventDecoder, given: Record) -> float:
    started = time.thread_time()
    with contextlib.suppress(Undecodable):
        subject.decode(given)
    return time.thread_time() - started


def one_field(kind: object, **more: object) -> EventSchema:
    """A record `T` with one field `f` of this type."""
    return EventSchema({"type": "record", "name": "T", "fields": [{"name": "f", "type": kind, **more}]})


def framed(schema: EventSchema, value: object) -> bytes:
    """`{"f": value}` in Confluent's framing."""
    return AvroWriter(schema.avro, folder_id(schema.fingerprint)).write({"f": value})


def raw(schema: EventSchema, payload: bytes) -> bytes:
    """These bytes, framed as if they were the schema's."""
    return b"\x00" + folder_id(schema.fingerprint).to_bytes(4, "big") + payload


def zigzag(number: int) -> bytes:
    """A number as Avro writes it."""
    rest = ((number << 1) ^ (number >> 63)) & (2**64 - 1)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def refused(given: Record, reason: Reason, *schemas: EventSchema) -> str:
    """The detail with which `given` is refused for `reason`."""
    with pytest.raises(Undecodable) as caught:
        decoder(*schemas).decode(given)
    assert caught.value.reason is reason, caught.value.detail
    return caught.value.detail
