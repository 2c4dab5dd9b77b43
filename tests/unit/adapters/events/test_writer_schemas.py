"""Schemas that a registry has: requested once, bounded, and believed to be missing for a while only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

import pytest

from pipeline.adapters.events import writer_schemas as decoding_schemas
from pipeline.adapters.events.writer_schemas import SchemaKey, WriterSchemas
from pipeline.errors import SchemaError, SchemaUnavailable, Undecodable
from pipeline.model.outcome import Reason
from tests.unit.adapters.events.records import (
    PAID,
    PAID_BYTES,
    PAID_TYPE,
    decoder,
    one_field,
    record,
    refused,
)

GUID = UUID("6f0c3b6e-a6cb-5d7e-a7a3-c5f1f2d0b911")


def test_a_schema_named_by_header_needs_no_frame() -> None:
    """Both forms of Confluent's newer way are read."""
    by_id = (b"\x00" + PAID_BYTES[1:5],)
    event = decoder().decode(record(PAID_BYTES[5:], ("__value_schema_id", *by_id)))
    assert event.type == PAID_TYPE
    for broken in (b"", b"\x02" + GUID.bytes, b"\x01" + GUID.bytes[:15], b"\x00" * 9):
        refused(record(PAID_BYTES[5:], ("__value_schema_id", broken)), Reason.NOT_FRAMED)


class Registry:
    """Answers from a list, then from `schemas`."""

    def __init__(self, schemas: Mapping[SchemaKey, Mapping[str, object]], *faults: Exception | None) -> None:
        self.schemas = dict(schemas)
        self.faults = list(faults)
        self.requested: list[SchemaKey] = []

    def look_up(self, key: SchemaKey) -> Mapping[str, object] | None:
        self.requested.append(key)
        if self.faults:
            fault = self.faults.pop(0)
            if fault is not None:
                raise fault
            return None
        return self.schemas.get(key)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_schemas, "FIRST_WAIT", 0.001)


@pytest.mark.usefixtures("_impatient")
async def test_a_schema_is_requested_once_and_until_it_arrives() -> None:
    """The record waits while the registry is away; all that wait for the same schema share one question."""
    registry = Registry({7: PAID.avro}, SchemaUnavailable("away"), SchemaUnavailable("away"))
    subject = decoder(look_up=registry.look_up)
    given = record(b"\x00\x00\x00\x00\x07" + PAID_BYTES[5:])
    with pytest.raises(SchemaUnavailable):
        subject.decode(given)
    await asyncio.gather(*(subject.prepare(given) for _ in range(5)))
    assert subject.decode(given).type == PAID_TYPE
    assert registry.requested == [7, 7, 7]


async def test_a_schema_s_guid_is_requested() -> None:
    """The header's GUID goes to the registry as such."""
    registry = Registry({GUID: PAID.avro})
    subject = decoder(look_up=registry.look_up)
    given = record(PAID_BYTES[5:], ("__value_schema_id", b"\x01" + GUID.bytes))
    await subject.prepare(given)
    assert subject.decode(given).type == PAID_TYPE


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("fault", "reason"), [(None, Reason.UNKNOWN_SCHEMA), (SchemaError("is Protobuf"), Reason.UNSUPPORTED_SCHEMA)]
)
async def test_what_the_registry_lacks_is_requested_again_later(fault: Exception | None, reason: Reason) -> None:
    """ "There is none" is believed for half a minute: long enough to spare the registry, too short to lose a day."""
    now = 0.0
    registry = Registry({7: PAID.avro}, fault)
    registry.faults *= decoding_schemas.MISSING_REQUESTS if fault is None else 1
    subject = WriterSchemas(registry.look_up, {}, monotonic=lambda: now)
    await subject.prepare(7)
    refusal = subject.refuse(7)
    assert isinstance(refusal, Undecodable)
    assert refusal.reason is reason
    requested = list(registry.requested)
    await subject.prepare(7)
    assert registry.requested == requested
    now += 31
    assert isinstance(subject.refuse(7), SchemaUnavailable)
    await subject.prepare(7)
    assert 7 in subject.readers


async def test_an_unbounded_schema_is_unsupported() -> None:
    """Two uses of a type at each level, for example, double its fields without end."""
    fields: list[object] = [{"name": "f0", "type": {**one_field("int").avro, "name": "T0"}}]
    for level in range(1, 40):
        below = [{"name": name, "type": f"T{level - 1}"} for name in "ab"]
        fields.append({"name": f"f{level}", "type": {"type": "record", "name": f"T{level}", "fields": below}})
    subject = WriterSchemas(Registry({7: {"type": "record", "name": "T", "fields": fields}}).look_up, {})
    await subject.prepare(7)
    refusal = subject.refuse(7)
    assert isinstance(refusal, Undecodable)
    assert refusal.reason is Reason.UNSUPPORTED_SCHEMA


async def test_a_schema_whose_reading_raises_refuses_its_events_alone() -> None:
    """Whatever a registry answers, the task that waits for it ends, and the partition continues."""
    subject = WriterSchemas(Registry({}, TypeError("unhashable type: 'list'")).look_up, {})
    await subject.prepare(7)
    refusal = subject.refuse(7)
    assert isinstance(refusal, Undecodable)
    assert (refusal.reason, refusal.detail) == (Reason.INTERNAL_ERROR, "reading the schema raised TypeError")


@pytest.mark.usefixtures("_impatient")
async def test_a_schema_that_comes_late_is_found() -> None:
    """A registry's replica may lag behind its writer: one "not found" is not believed."""
    registry = Registry({7: PAID.avro}, None, None, None)
    subject = decoder(look_up=registry.look_up)
    given = record(b"\x00\x00\x00\x00\x07" + PAID_BYTES[5:])
    await subject.prepare(given)
    assert subject.decode(given).type == PAID_TYPE


async def test_waiting_for_missing_schemas_is_bounded() -> None:
    """Records of random bytes must not stop a partition for seconds each."""
    registry = Registry({})
    subject = WriterSchemas(registry.look_up, {}, monotonic=lambda: 0.0)
    subject._allowance = 0.0
    for key in range(50):
        await subject.prepare(key)
    assert registry.requested == list(range(50))


async def test_refusals_are_bounded() -> None:
    """Random bytes name as many ids as they like."""
    subject = WriterSchemas(Registry({}).look_up, {}, monotonic=lambda: 0.0)
    for key in range(decoding_schemas.MAX_REFUSALS + 5):
        subject._remember(key, Reason.UNKNOWN_SCHEMA, "")
    assert len(subject._refusals) == decoding_schemas.MAX_REFUSALS


async def test_nothing_is_requested_without_need() -> None:
    """A record of another kind, or no registry: preparing returns at once."""
    registry = Registry({})
    await decoder(look_up=registry.look_up).prepare(record(b"{}"))
    await decoder(look_up=registry.look_up).prepare(record(None))
    await decoder().prepare(record(b"\x00\x00\x00\x00\x07"))
    assert registry.requested == []
