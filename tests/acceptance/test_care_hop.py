"""Order per recipient across topics by recipient care: the service, the sandbox and `audit` on a real Kafka."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.events.writer import EventProducer
from pipeline.adapters.kafka.intents.record import IntentDecoder
from pipeline.adapters.kafka.range import TopicRange
from pipeline.model.intent import Intent
from pipeline.model.outcome import OutcomeKind
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.service import END_SECONDS, uncommitted
from tests.acceptance.stage import Stage, recipient
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

pytestmark = pytest.mark.kafka
EVENTS = 1_000
PARTITIONS = 4
RECIPIENTS = 20


class TwoTopics(Stage):
    """Events of the same recipients on two topics."""

    def __init__(
        self, folder: Path, broker: Broker, topics: tuple[str, str], registry: FakeRegistry, sandbox: SandboxServer
    ) -> None:
        self.topics = topics
        self.intents = f"{topics[0]}.intents"
        care = {
            "enabled": True,
            "intents_topic": self.intents,
            "care_topic": f"{topics[0]}.care",
            "partitions": PARTITIONS,
            "replication_factor": 1,
        }
        changes: dict[str, Mapping[str, object]] = {
            "kafka": {"topics": list(topics)},
            "recipient_care": care,
            "control": {"topic": f"{topics[0]}.control", "replication_factor": 1},
        }
        super().__init__(folder, broker, topics[0], registry, sandbox, changes)

    def emit(self, count: int, first: int = 0) -> None:
        """Events by turns on both topics."""
        producer = EventProducer({"bootstrap.servers": self.broker.bootstrap_servers})
        for number in range(first, first + count):
            who = recipient(number % RECIPIENTS)
            producer.send(self.topics[number // RECIPIENTS % 2], who, self.encode(number, who), [])
        producer.flush()

    def written(self) -> Mapping[str, list[int]]:
        """The numbers of each recipient's events, in the order of the intents topic; repetitions are left out."""
        decode = IntentDecoder()
        found: dict[str, list[int]] = defaultdict(list)
        properties = {"bootstrap.servers": self.broker.bootstrap_servers, "log_level": 0}
        with TopicRange(properties, self.intents) as records:
            for record in records.records():
                read = decode(record.value)
                if read is not None and isinstance(read.content, Intent):
                    notice = read.content.notice
                    value = int(json.loads(notice.body)["data"]["number1"]["value"])
                    if value not in found[notice.recipient]:
                        found[notice.recipient].append(value)
        return found

    def audited(self) -> dict[str, Any]:
        """What `audit` reports; it finds nothing wrong."""
        return self.service.report("audit")

    def left(self) -> int:
        """Events at or above the group's commits. In the intents topic a checkpoint may follow the last notice."""
        return sum(uncommitted(self.broker.bootstrap_servers, self.group, topic) for topic in self.topics)


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[TwoTopics]:
    options = SandboxOptions(port=0, keep_messages=20_000)
    with FakeRegistry() as registry, running_sandbox(options) as sandbox:
        topics = (topic("parked", partitions=2), topic("left", partitions=3))
        yield TwoTopics(tmp_path, real_kafka, topics, registry, sandbox)


def first_of_each(taken: Mapping[str, list[int]]) -> Mapping[str, list[int]]:
    return {who: list(dict.fromkeys(numbers)) for who, numbers in taken.items()}


def test_order_per_recipient_holds_across_topics(stage: TwoTopics) -> None:
    """Messages of one recipient leave one after the other, in the order in which their events were read."""
    stage.sandbox.state.follow(FaultPlan.model_validate({"latency": "1ms-20ms"}))
    stage.emit(EVENTS)
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert {outcome.position.topic for outcome in outcomes} == set(stage.topics)
    assert all(outcome.intent is not None for outcome in outcomes)
    taken = stage.numbers_by_recipient()
    assert sorted(number for numbers in taken.values() for number in numbers) == list(range(EVENTS))
    assert taken == stage.written()
    assert stage.sandbox.state.memory.counts.overlapping == 0
    assert stage.left() == 0
    assert stage.audited()["pending"] == 0


def test_nothing_is_lost_and_the_order_holds_although_the_process_is_killed(stage: TwoTopics) -> None:
    """Killed three times in the middle and started again; what is sent twice was in flight or not yet acknowledged."""
    stage.sandbox.state.follow(FaultPlan.model_validate({"latency": "40ms-80ms"}))
    stage.emit(EVENTS)
    unknown = 0
    for number in range(1, 4):
        unknown += stage.kill_after(number * EVENTS // 5)
        stage.audited()  # what waits in the intents topic is not lost
    counts = stage.sandbox.state.memory.counts
    assert counts.accepted < EVENTS
    stage.sandbox.state.follow(FaultPlan())
    with stage.service.running() as process:
        stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    taken = stage.numbers_by_recipient()
    assert sorted({number for numbers in taken.values() for number in numbers}) == list(range(EVENTS))
    assert first_of_each(taken) == stage.written()
    assert counts.overlapping == 0
    assert counts.repeats <= unknown
    assert stage.left() == 0
    assert stage.audited()["pending"] == 0
