"""Memory is bounded in bytes: large events and an API that is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.stage import SCHEMA, Stage, recipient
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

EVENTS = 2_500
MESSAGES = 40
"""So many are accepted some seconds after the buffers have become full."""
BYTES = 200_000
MOST_MEGABYTES = 165
"""Buffers of 32 MiB, librdkafka's queue and the process itself: 146 MB measured. 500 MB of events wait."""
WIDE = {**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "attachment", "type": "string"}]}


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Stage]:
    slow = FaultPlan.model_validate({"latency": "2s-4s"})
    with FakeRegistry() as registry, running_sandbox(SandboxOptions(port=0, plan=slow)) as sandbox:
        yield Stage(tmp_path, real_kafka, topic("large", partitions=4), registry, sandbox)


def resident_megabytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) // 1_024


@pytest.mark.kafka
def test_large_events_and_a_slow_api_stay_within_the_buffers(stage: Stage) -> None:
    """The records wait for the API, and each is kept for its dead letter until then."""
    schema_id = stage.registry.add(f"{stage.topic}-value", WIDE)
    encoder = EventEncoder(EventSchema(WIDE), schema_id, Encoding.AVRO)
    event = {"since": "2026-11-23T07:01:00+00:00", "fee": "1.50", "attachment": "x" * BYTES}
    producer = Producer({"bootstrap.servers": stage.broker.bootstrap_servers, "linger.ms": 5})
    for number in range(EVENTS):
        who = recipient(number)
        producer.produce(stage.topic, encoder.encode({**event, "who": who, "number": number}, number)[0], who)
        if number % 100 == 0:
            producer.flush(60)
    producer.flush(60)
    with stage.service.running() as process:
        wait_for(lambda: len(stage.sandbox.state.memory.messages) > MESSAGES)
        assert process.poll() is None
        assert resident_megabytes(process.pid) < MOST_MEGABYTES
