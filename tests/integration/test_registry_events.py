"""Events and outcomes under ids of a real schema registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.registry import RegistryOptions, SchemaRegistry
from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.errors import Undecodable
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.schema.json_events import from_json
from tests.broker.handle import Unavailable
from tests.jvm.apicurio import Apicurio
from tests.unit.adapters.events.records import PAID, PAID_EVENT, record


@pytest.fixture(scope="module")
def registry() -> Iterator[SchemaRegistry]:
    try:
        with Apicurio() as real, closing(SchemaRegistry(RegistryOptions(real.url))) as client:
            real.be_strict()
            yield client
    except Unavailable as reason:
        pytest.skip(f"no real schema registry: {reason}")


def decoder(registry: SchemaRegistry) -> EventDecoder:
    """One that knows no schema at its start."""
    return EventDecoder(
        look_up=registry.by_id, known={}, catalogue=SchemaCatalogue(), json_types={}, max_bytes=1_048_576
    )


async def test_an_event_s_schema_is_fetched_by_its_id(registry: SchemaRegistry) -> None:
    """Nothing but the registry's URL is configured: the event arrives whole."""
    number = registry.register("orders-value", PAID.avro)
    value, _ = EventEncoder(PAID, number, Encoding.AVRO).encode(PAID_EVENT, 0)
    subject = decoder(registry)
    await subject.prepare(record(value))
    assert subject.decode(record(value)).data == from_json(PAID, PAID_EVENT)


async def test_an_id_that_the_registry_lacks_is_reported(registry: SchemaRegistry) -> None:
    """After its definite answer, not before."""
    subject = decoder(registry)
    given = record(b"\x00\x00\x0f\x42\x40abc")
    await subject.prepare(given)
    with pytest.raises(Undecodable) as caught:
        subject.decode(given)
    assert caught.value.reason is Reason.UNKNOWN_SCHEMA


def test_the_outcome_schema_is_taken(registry: SchemaRegistry) -> None:
    """As every start of the service registers it."""
    first = registry.register("notice.outcomes-value", outcome_schema())
    assert registry.register("notice.outcomes-value", outcome_schema()) == first
