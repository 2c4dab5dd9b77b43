"""How long a new owner takes for the records of so many recipients: read from Kafka, unpacked, ready to decide."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import NamedTuple

from confluent_kafka import Producer

from bench.kafka import make_topics
from pipeline.adapters.kafka.care.reader import CareReader, CareSettings
from pipeline.care.declaration import Care
from pipeline.care.recipient import Accepted, Recipient, milliseconds
from pipeline.care.record import ABOUT, RECIPIENT, About, written_about, written_key, written_state
from pipeline.model.event import TopicPartition
from tests.broker.maven import MavenBroker

RECIPIENTS = 200_000
PARTITIONS = 4
MESSAGES = 2
"""Of each recipient: two that count, and as many keys of `once`."""
TOPIC = "bench.care"
WHOSE = About("bench", "form", PARTITIONS)
WRITER = b"bench..."


class TakeOver(NamedTuple):
    """One take-over."""

    recipients: int
    seconds: float
    cpu_seconds: float


class _Commit(NamedTuple):
    partition: TopicPartition
    metadata: str | None


class _Silent:
    def care_restored(self, seconds: float) -> None:
        """Nothing counts it here."""


def take_over(repeat: int) -> list[TakeOver]:
    """Write the records, and read them as a new owner of all partitions does.

    Raises:
        Unavailable: Java or Kafka is missing.
    """
    broker = MavenBroker()
    try:
        now = datetime.now(UTC).timestamp()  # noqa: TID251 - the time of messages that count
        _write(broker.bootstrap_servers, now)
        return [_read(broker.bootstrap_servers, now) for _ in range(repeat)]
    finally:
        broker.close()


def _write(servers: str, now: float) -> None:
    make_topics(servers, {TOPIC: PARTITIONS})
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000})
    for number in range(PARTITIONS):
        producer.produce(TOPIC, written_about(WHOSE), written_key(ABOUT), number)
    for number in range(RECIPIENTS):
        known = Recipient()
        for message in range(MESSAGES):
            at = milliseconds(now) - 60_000 * message
            known.fold(
                Accepted(f"{number}-{message}", "marketing", "order-paid", at, (number + message, at + 86_400_000))
            )
        value = written_state(WRITER, known.pack())
        producer.produce(TOPIC, value, written_key(RECIPIENT, f"{number:016x}"), number % PARTITIONS)
    if producer.flush(120):
        raise RuntimeError("the broker did not take the records")


def _read(servers: str, now: float) -> TakeOver:
    settings = CareSettings(TOPIC, "bench.intents", WHOSE)
    properties = {"bootstrap.servers": servers, "group.id": "bench"}
    reader = CareReader(properties, settings, lambda: Care({}, {}), lambda: now - 86_400, _Silent(), lambda: now)
    partitions = [TopicPartition("bench.intents", number) for number in range(PARTITIONS)]
    begin, cpu = time.monotonic(), time.process_time()
    reader.begin([_Commit(partition, "known") for partition in partitions], lambda: None)
    restored = [reader.restored(partition) for partition in partitions]
    seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
    return TakeOver(sum(len(one.recipients) for one in restored if one is not None), seconds, cpu)
