"""Memory is bounded in bytes: large events and an API that is slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.stage import Stage, recipient
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

EVENTS = 2_500
BYTES = 200_000
SECONDS = 25
MOST_MEGABYTES = 200
"""Buffers of 64 MiB by default and the process itself; 500 MB of events are there to be read."""


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
    """What is behind the Avro record's end is not read, and held in memory all the same."""
    producer = Producer({"bootstrap.servers": stage.broker.bootstrap_servers, "linger.ms": 5})
    for number in range(EVENTS):
        who = recipient(number)
        producer.produce(stage.topic, stage.encode(number, who) + bytes(BYTES), who)
        if number % 100 == 0:
            producer.flush(60)
    producer.flush(60)
    with stage.service.running() as process:
        assert stage.service.reported("partitions_assigned")
        time.sleep(SECONDS)
        assert process.poll() is None
        assert resident_megabytes(process.pid) < MOST_MEGABYTES
