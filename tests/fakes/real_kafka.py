"""The Kafka adapters as the service wires them, on the tests' broker."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Message, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.identities import Identities
from pipeline.adapters.kafka.ledger.reader import LedgerReader
from pipeline.adapters.kafka.outcome_record import LedgerDecoder
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.adapters.kafka.outcomes import KafkaOutcomeLog, Topics
from pipeline.adapters.kafka.source import KafkaSource
from pipeline.model.event import UNKNOWN_ORIGIN, Origin, TopicPartition
from pipeline.model.ledger import CommitPoint


class Counts:
    """What the adapters count."""

    def __init__(self) -> None:
        self.commits = {"ok": 0, "error": 0}
        self.replayed = 0
        self.unusable = 0
        self.gone = 0
        self.by_time = 0
        self.recreated: list[str] = []

    def committed(self, result: str, partitions: int) -> None:
        self.commits[result] += partitions

    def on_recreated(self, topic: str) -> None:
        self.recreated.append(topic)

    def events_gone(self, _topic: str, events: int) -> None:
        self.gone += events

    def was_unusable(self) -> None:
        self.unusable += 1


class LedgerCounts:
    """Implements `pipeline.adapters.kafka.ledger.reader.LedgerTelemetry`."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def replayed(self, records: int) -> None:
        self._counts.replayed += records

    def pointer_unusable(self) -> None:
        self._counts.unusable += 1

    def looked_up_by_time(self) -> None:
        self._counts.by_time += 1


class Names(NamedTuple):
    """Topics and group of one test."""

    events: str
    outcomes: str
    dead_letters: str
    group: str


class RealKafka:
    """One test's corner of the broker."""

    def __init__(self, bootstrap_servers: str, names: Names) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.names = names
        self.counts = Counts()
        self.given: dict[str, str] = {}
        """Settings on top, such as a user's."""
        self.batch_bytes: int | None = None
        """The known limit of the topics' batches."""
        self._sources: list[KafkaSource] = []
        self.partition = TopicPartition(names.events, 0)

    @property
    def properties(self) -> dict[str, Any]:
        """librdkafka's settings; silent, for failures are reported by our own words."""
        return {"bootstrap.servers": self.bootstrap_servers, "log_level": 0, **self.given}

    def source(self, protocol: str = "consumer", ledger: Any = None, **properties: object) -> KafkaSource:  # noqa: ANN401 - a ledger reader or what stands for one
        """A member of the group; stopped when the test ends."""
        given = {**self.properties, "group.id": self.names.group, **properties}
        source = KafkaSource(
            given,
            [self.names.events],
            ledger or self.ledger_reader(),
            SystemClock(),
            next_generation=protocol == "consumer",
            committed=self.counts.committed,
            events_gone=self.counts.events_gone,
            identities=self.identities,
            recreated=self.counts.on_recreated,
        )
        self._sources.append(source)
        return source

    def ledger_reader(self) -> LedgerReader:
        """Reads this test's ledger."""
        return LedgerReader(
            {**self.properties, "group.id": f"{self.names.group}.ledger"},
            self.names.outcomes,
            LedgerDecoder(),
            telemetry=LedgerCounts(self.counts),
            ledger_id=lambda: self.identities.origins([self.names.outcomes])[self.names.outcomes].topic_id,
        )

    @cached_property
    def identities(self) -> Identities:
        """Asks this broker, for this test's group."""
        return Identities(self.properties, self.names.group)

    @property
    def origin(self) -> Origin:
        """Of the events."""
        return self.identities.origins([self.names.events])[self.names.events]

    def outcomes(self, **properties: object) -> KafkaOutcomeLog:
        """Writes this test's ledger and dead letters."""
        partitions = self.partitions(self.names.outcomes)
        topics = Topics(self.names.outcomes, partitions, self.names.dead_letters, self.batch_bytes)
        origin = self.origin
        encode = OutcomeEncoder(1, lambda recipient: recipient)
        return KafkaOutcomeLog(
            {**self.properties, **properties},
            topics,
            lambda outcome: encode(outcome._replace(origin=origin) if outcome.origin is UNKNOWN_ORIGIN else outcome),
        )

    def produce(self, count: int, *, partition: int = 0, value: Callable[[int], bytes] = lambda n: b"%d" % n) -> None:
        """Write events."""
        producer = Producer({**self.properties, "linger.ms": 1})
        for number in range(count):
            producer.produce(self.names.events, value(number), b"key-%d" % number, partition)
        assert producer.flush(30) == 0

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has: librdkafka's mock makes four, whatever is requested."""
        admin = AdminClient(self.properties)
        return len(admin.list_topics(topic, timeout=10).topics[topic].partitions)

    def read(self, topic: str) -> list[Message]:
        """Everything on a topic."""
        partitions = range(self.partitions(topic))
        consumer = Consumer(
            {**self.properties, "group.id": "reader", "auto.offset.reset": "earliest", "enable.partition.eof": True}
        )
        consumer.assign([KafkaPartition(topic, partition, 0) for partition in partitions])
        messages: list[Message] = []
        ends = 0
        while ends < len(partitions):
            for message in consumer.consume(1000, 0.2):
                if message.error() is None:
                    messages.append(message)
                else:
                    ends += 1
        consumer.close()
        return messages

    def committed(self, partition: int = 0) -> KafkaPartition:
        """What the group has committed."""
        consumer = Consumer({**self.properties, "group.id": self.names.group})
        (answer,) = consumer.committed([KafkaPartition(self.names.events, partition)], timeout=10)
        consumer.close()
        return answer

    def commit(self, point: CommitPoint) -> None:
        """Commit for the group, which must be empty."""
        consumer = Consumer({**self.properties, "group.id": self.names.group})
        consumer.commit(offsets=[KafkaPartition(*point.partition, point.offset, point.metadata)], asynchronous=False)
        consumer.close()

    def close(self) -> None:
        """Stop every source."""
        for source in self._sources:
            source.stop(15)
