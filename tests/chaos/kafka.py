"""Kafka as a witness: what was emitted, what the ledger holds, what is committed, what became a dead letter."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stub
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import TopicRange
from pipeline.model import dead_letter
from pipeline.model.event import Position
from pipeline.model.outcome import RECIPIENT_CARE, Outcome, OutcomeKind
from tests.broker import topics

READ_SECONDS = 60.0


class Tail:
    """One topic, read on from where we were whenever asked."""

    def __init__(self, servers: str, topic: str) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": f"{topic}.witness",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "allow.auto.create.topics": False,
                # A node that is frozen must not hold the witness up for the default of a minute.
                "socket.timeout.ms": 10_000,
                "topic.metadata.refresh.interval.ms": 2_000,
                "log_level": 0,
            }
        )
        self._next: dict[int, int] = {}

    def read(self) -> Iterator[Message]:
        """What has come since the last call, up to the end as of now.

        Raises:
            TimeoutError: the broker does not give it.
        """
        ends = self._ends()
        if any(self._next[partition] < end for partition, end in ends.items()):
            self._consumer.assign([TopicPartition(self._topic, number, at) for number, at in self._next.items()])
        deadline = time.monotonic() + READ_SECONDS
        while any(self._next[partition] < end for partition, end in ends.items()):
            for message in self._consumer.consume(2_000, 0.1):
                if message.error() is None:
                    self._next[message.partition() or 0] = (message.offset() or 0) + 1
                    yield message
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._topic} cannot be read to its end")

    def _ends(self) -> dict[int, int]:
        ends: dict[int, int] = {}
        for number in topics.partitions(self._consumer, self._topic):
            low, high = topics.watermarks(self._consumer, TopicPartition(self._topic, number))
            self._next[number] = max(low, self._next.get(number, 0))
            ends[number] = high
        return ends

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()


class Found:
    """Outcomes that were found."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[Outcome]] = defaultdict(list)
        """By notice, in the order of the ledger: more than one is a duplicate."""
        self.positions: set[Position] = set()

    def note(self, outcome: Outcome) -> None:
        """One more."""
        self.outcomes[outcome.id].append(outcome)
        self.positions.add(outcome.position)

    @property
    def sent(self) -> set[str]:
        """Notices with an outcome that does not stem from a pause."""
        return {
            name
            for name, found in self.outcomes.items()
            if any(one.kind is not OutcomeKind.SUPPRESSED for one in found)
        }

    @property
    def suppressed_by_care(self) -> int:
        """How many notices recipient care suppressed."""
        return sum(found[-1].reason in RECIPIENT_CARE for found in self.outcomes.values())

    def doubled(self) -> set[str]:
        """Notices with two outcomes for one record, or accepted twice; one that is sent again has two records."""
        return {
            name
            for name, found in self.outcomes.items()
            if len({one.position for one in found}) < len(found)
            or sum(one.kind is OutcomeKind.ACCEPTED for one in found) > 1
        }

    def ends(self, kind: OutcomeKind) -> set[str]:
        """Notices that ended so."""
        return {name for name, found in self.outcomes.items() if any(one.kind is kind for one in found)}


class Ledger(Found):
    """One group's outcomes, as far as the outcomes topic has been read."""

    def __init__(self, servers: str, topic: str, group: str) -> None:
        super().__init__()
        self._topic = topic
        self._group = group
        self._tail = Tail(servers, topic)
        self._decode = OutcomeDecoder()

    def move(self, servers: str) -> None:
        """Read on from the topic of the same name on another Kafka."""
        self._tail.close()
        self._tail = Tail(servers, self._topic)

    def catch_up(self) -> None:
        """Read what has come."""
        for message in self._tail.read():
            outcome = self._decode(message.value())
            if outcome is not None and outcome.origin.group == self._group:
                self.note(outcome)

    def close(self) -> None:
        """Let go of the broker."""
        self._tail.close()


def dead_letters(servers: str, topic: str) -> dict[str, int]:
    """How many dead letters there are of each notice."""
    found: dict[str, int] = defaultdict(int)
    tail = Tail(servers, topic)
    try:
        for message in tail.read():
            headers = dict(message.headers() or ())
            name = headers.get(dead_letter.OUTCOME_ID, b"")
            found[name.decode() if isinstance(name, bytes) else str(name)] += 1
    finally:
        tail.close()
    return found


def markers(servers: str, topic: str) -> frozenset[tuple[int, int]]:
    """Partitions and offsets that no record has: a transaction ends there."""
    with TopicRange({"bootstrap.servers": servers, "log_level": 0}, topic) as found:
        records = {(record.partition, record.offset) for record in found.records()}
    within = {(number, at) for number, (low, high) in topics.ranges(servers, topic).items() for at in range(low, high)}
    return frozenset(within - records)


def set_config(servers: str, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic while it is in use."""
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(15)
