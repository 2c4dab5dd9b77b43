"""The broker's side of the measurement: topics filled, progress watched, the ledger read and judged."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.workload import PARTITIONS, events
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.model.event import Position
from pipeline.model.outcome import Outcome, OutcomeKind

LEDGER_PARTITIONS = 4
READ_SECONDS = 60.0
MOST_QUEUED = 50_000


class Entry(NamedTuple):
    """An outcome and when the broker wrote it."""

    outcome: Outcome
    key: bytes
    written_at: float


def make_topics(servers: str, topics: Mapping[str, int]) -> None:
    """Topics and their partitions; the broker stamps each record with the time at which it writes it."""
    admin = AdminClient({"bootstrap.servers": servers})
    wanted = [
        NewTopic(name, count, 1, config={"message.timestamp.type": "LogAppendTime"}) for name, count in topics.items()
    ]
    for made in admin.create_topics(wanted).values():
        made.result(20)


def fill(servers: str, topic: str, count: int) -> None:
    """Write the workload's events."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "acks": "all", "partitioner": "murmur2_random"})
    for key, value in events(count):
        producer.produce(topic, value, key)
        if len(producer) > MOST_QUEUED:
            producer.poll(0.05)
    if producer.flush(60):
        raise RuntimeError("the broker did not take the events")


class Ledger:
    """The outcomes topic while and after a run."""

    def __init__(self, servers: str, topic: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 50}
        )
        self._partitions = [TopicPartition(topic, number, 0) for number in range(LEDGER_PARTITIONS)]
        self.written()  # waits for leaders

    def written(self) -> int:
        """How many outcomes stand there now; asked again while a partition has no leader, as new topics do."""
        deadline = time.monotonic() + READ_SECONDS
        while True:
            try:
                return sum(int(self._consumer.get_watermark_offsets(one, timeout=10)[1]) for one in self._partitions)
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def read(self) -> list[Entry]:
        """All of them, each partition in its order."""
        count, decode = self.written(), OutcomeDecoder()
        self._consumer.assign(self._partitions)
        entries: list[Entry] = []
        deadline = time.monotonic() + READ_SECONDS
        while len(entries) < count and time.monotonic() < deadline:
            for message in self._consumer.consume(5_000, 1.0):
                outcome = decode(message.value())
                if message.error() is None and outcome is not None:
                    entries.append(Entry(outcome, message.key() or b"", message.timestamp()[1] / 1000))
        return entries

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()


def faults(entries: list[Entry], expected: int) -> list[str]:
    """What is wrong with a run: lost, doubled or refused notices, or one user's out of order. Empty: nothing."""
    seen: set[Position] = set()
    newest: dict[bytes, int] = {}
    doubled = disordered = refused = 0
    for outcome, key, _ in entries:
        doubled += outcome.position in seen
        refused += outcome.kind is not OutcomeKind.ACCEPTED
        disordered += newest.get(key, -1) > outcome.position.offset
        seen.add(outcome.position)
        newest[key] = outcome.position.offset
    found = {
        "lost": expected - len(seen),
        "doubled": doubled,
        "not accepted": refused,
        "out of order": disordered,
    }
    return [f"{count} {what}" for what, count in found.items() if count]


__all__ = ["LEDGER_PARTITIONS", "PARTITIONS", "Entry", "Ledger", "faults", "fill", "make_topics"]
