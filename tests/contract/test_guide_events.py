"""The guide for emitting systems keeps its word: its programs run as printed, and we read what they write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.registry import RegistryOptions, SchemaRegistry
from pipeline.adapters.kafka.embedded import EmbeddedBroker
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.adapters.kafka.record import record_of
from pipeline.model.event import Event, Record
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.rules.schema.event_schema import SchemaCatalogue
from tests.fakes.outcomes import an_outcome
from tests.fakes.registry import FakeRegistry

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guide-events.md").read_text(encoding="utf-8")
AVRO, CLOUDEVENT, OUTCOMES = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PARTITIONS = range(4)
"""Of every topic on the embedded broker."""


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """Good enough here: nothing is claimed of Kafka."""
    with EmbeddedBroker() as embedded:
        yield embedded.bootstrap_servers


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


def run(program: str, broker: str, registry: FakeRegistry) -> None:
    """One of the guide's programs, with this test's addresses in place of its own."""
    program = program.replace("localhost:9092", broker).replace("http://localhost:8081", registry.url)
    exec(compile(program, "guide-events.md", "exec"), {"__name__": "guide"})  # noqa: S102 - that is the test


def only_record(broker: str, topic: str) -> Record:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "guide-test", "auto.offset.reset": "earliest"})
    with closing(consumer):
        consumer.assign([TopicPartition(topic, partition, 0) for partition in PARTITIONS])
        message = consumer.poll(10)
        assert message is not None
        assert message.error() is None
        return record_of(message)


async def decoded(record: Record, registry: FakeRegistry) -> Event:
    with closing(SchemaRegistry(RegistryOptions(registry.url))) as client:
        decoder = EventDecoder(
            look_up=client.by_id, known={}, catalogue=SchemaCatalogue(), json_types={}, max_bytes=1_048_576
        )
        await decoder.prepare(record)
        return decoder.decode(record)


async def test_the_avro_program_writes_an_event(
    broker: str, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its type is the schema's name, its key the recipient."""
    monkeypatch.chdir(ROOT)
    run(AVRO, broker, registry)
    record = only_record(broker, "user.account.events")
    event = await decoded(record, registry)
    assert event.type == "com.example.user.wallet.recharged.v1"
    assert record.key == str(event.data["sub"]).encode()
    assert event.data["amount"] == 100.0


async def test_the_cloudevents_program_writes_an_event(broker: str, registry: FakeRegistry) -> None:
    """With an identity of its own, its time and its end."""
    run(CLOUDEVENT, broker, registry)
    event = await decoded(only_record(broker, "kiosk.events"), registry)
    assert (event.type, event.source, event.id) == ("com.example.kiosk.sold.v1", "/kiosk/7", "T20261123150100001")
    assert event.identity != str(event.record.position)
    assert event.expires_at_ms == event.time_ms + 86_400_000


def test_the_outcomes_program_reads_outcomes(
    broker: str, registry: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the service writes them."""
    with closing(SchemaRegistry(RegistryOptions(registry.url))) as client:
        encode = OutcomeEncoder(client.register("notice.outcomes-value", outcome_schema()), lambda _: None)
    producer = Producer({"bootstrap.servers": broker})
    producer.produce("notice.outcomes", encode(an_outcome()))
    assert producer.flush(10) == 0
    run(OUTCOMES.replace("poll(10)", "poll(5)"), broker, registry)
    assert capsys.readouterr().out.split()[-2:] == ["accepted", "ok"]


def test_the_guide_names_every_kind_of_outcome_and_refusal() -> None:
    """A word that is added to the vocabulary is added to the guide."""
    refusals = list(Reason)[list(Reason).index(Reason.TOMBSTONE) : list(Reason).index(Reason.NO_RULE_FOR_TYPE)]
    assert [word for word in (*OutcomeKind, *refusals) if f"`{word}`" not in GUIDE] == []
