"""From one Kafka to another as docs/another-cluster.md says, on two real brokers: planned, and after a loss."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.range import TopicRange
from pipeline.model.outcome import OutcomeKind
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.parcels import RECIPIENTS, Parcels
from tests.acceptance.service import END_SECONDS
from tests.acceptance.waiting import wait_until_idle
from tests.broker.choice import Choice
from tests.broker.handle import Broker, Kind
from tests.broker.maven import MavenBroker

pytestmark = pytest.mark.kafka
EVENTS = 240
HALF = EVENTS // 2
QUICK = FaultPlan.model_validate({"latency": "20ms"})
SLOW = FaultPlan.model_validate({"latency": "200ms"})
"""A recipient's half of the notices takes 8 s: long enough to kill the service between the first and the last."""
IN_ORDER = {f"r{recipient}": list(range(recipient, EVENTS, RECIPIENTS)) for recipient in range(RECIPIENTS)}


class Clusters(NamedTuple):
    """The same service on two clusters, before one API."""

    old: Parcels
    new: Parcels
    broker: MavenBroker
    """The old cluster's."""
    sandbox: SandboxServer


@pytest.fixture
def clusters(tmp_path: Path, kafka_choice: Choice, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Clusters]:
    """The topic has two partitions on both."""
    if kafka_choice.broker.kind is not Kind.MAVEN:
        pytest.skip(f"needs Kafka from Maven Central for a second broker; ran on {kafka_choice.message}")
    name = topic("parcels", partitions=2)
    options = SandboxOptions(port=0, plan=QUICK, keep_messages=4 * EVENTS)
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox(options))
        broker = MavenBroker()
        stack.callback(broker.close)
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)
        both: list[Parcels] = []
        for folder, at in (("old", broker), ("new", real_kafka)):
            (tmp_path / folder).mkdir()
            parcels = Parcels(tmp_path / folder, at, name, sandbox)
            control = {"topic": f"{name}.control", "replication_factor": 1}
            parcels.service.configure({**parcels.service.configuration, "control": control})
            both.append(parcels)
        yield Clusters(both[0], both[1], broker, sandbox)


def test_a_planned_move_sends_everything_once_and_in_order(clusters: Clusters) -> None:
    """Producers first, then the service once it has read the old cluster to its end; both audits are clean."""
    old, new = clusters.old, clusters.new
    old.emit(range(HALF), rubbish=False)
    with old.service.running() as service:
        old.wait_for_outcomes(HALF // 2)
        new.emit(range(HALF, EVENTS), rubbish=False)
        old.outcomes(2 * HALF)
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, old.service.log
    audited = old.reported(0, "audit", "--strict")
    assert (audited["clean"], audited["pending"]) == (True, 0)
    with new.service.running() as service:
        new.outcomes(2 * (EVENTS - HALF))
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, new.service.log
    assert new.reported(0, "audit", "--strict")["clean"]
    assert old.taken() == new.taken("sent-template") == IN_ORDER
    assert clusters.sandbox.state.memory.counts.repeats == 0


@pytest.mark.parametrize("named", [True, False], ids=["with-an-id", "without-an-id"])
def test_after_a_loss_nothing_is_missing_and_what_comes_again_is_known(clusters: Clusters, *, named: bool) -> None:
    """The copied topic has other offsets, so the group begins at a time before the loss.

    Events with an id of their own are repeated under the same key, others under another one: these are sent twice.
    """
    old, new, sandbox = clusters.old, clusters.new, clusters.sandbox
    for parcels in (old, new) if named else ():
        parcels.service.configure({**parcels.service.configuration, "events": {"id_field": "number"}})
    new.emit(range(1_000, 1_010), rubbish=False)  # so that no copied record keeps its offset
    with old.service.running() as service:
        old.emit(range(HALF), rubbish=False)
        old.outcomes(2 * HALF)
        time.sleep(0.1)
        since = int(SystemClock().now() * 1_000)
        sandbox.state.follow(SLOW)
        old.emit(range(HALF, EVENTS), rubbish=False)
        _copy(old, new)
        old.wait_for_outcomes(2 * HALF + HALF // 2)
        service.kill()
        service.wait(END_SECONDS)
    clusters.broker.kill()
    wait_until_idle(sandbox)
    before = len(sandbox.state.memory.messages) - 2 * HALF
    assert 0 < before < 2 * HALF
    sandbox.state.follow(QUICK)
    _begin_at(new, since)
    with new.service.running() as service:
        outcomes = new.outcomes(2 * HALF)
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, new.service.log
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    counts = sandbox.state.memory.counts
    assert (counts.accepted, counts.repeats) == ((2 * EVENTS, before) if named else (2 * EVENTS + before, 0))
    for template in ("track-template", "sent-template"):
        assert {who: list(dict.fromkeys(taken)) for who, taken in new.taken(template).items()} == IN_ORDER


def _copy(old: Parcels, new: Parcels) -> None:
    """Copy the topic as a mirror does: partition, key, value, headers and time of each record."""
    producer = Producer(new.properties)
    with TopicRange(old.properties, old.topic) as records:
        for record in records.records():
            producer.produce(
                new.topic,
                record.value,
                record.key,
                record.partition,
                headers=list(record.headers),
                timestamp=record.timestamp_ms,
            )
    assert producer.flush(60) == 0


def _begin_at(parcels: Parcels, since_ms: int) -> None:
    """Let the group begin at a time: `kafka-consumer-groups --reset-offsets --to-datetime`."""
    group = f"{parcels.topic}.group"
    consumer = Consumer({**parcels.properties, "group.id": group})
    try:
        found = consumer.offsets_for_times([TopicPartition(parcels.topic, number, since_ms) for number in (0, 1)], 30)
    finally:
        consumer.close()
    admin = AdminClient({"bootstrap.servers": parcels.servers})
    for done in admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, found)]).values():
        done.result(30)
