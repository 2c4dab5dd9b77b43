"""The source's thread against a client that says what a test wants it to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka import source as kafka_source
from pipeline.adapters.kafka.group import membership as kafka_group
from pipeline.adapters.kafka.group.coordinator_watchdog import RECOVERY_SECONDS, CoordinatorWatchdog
from pipeline.adapters.kafka.ledger.reader import Committed, LedgerReader, Replay
from pipeline.adapters.kafka.source import BATCH, BATCH_BYTES, KafkaSource
from pipeline.model.ledger import Assigned
from tests.fakes.identities import UnknownIdentities
from tests.fakes.listener import TIMEOUT, RecordingListener

COMPLAINTS = 200


class EmptyLedger(LedgerReader):
    """Nothing was ever delivered."""

    def __init__(self) -> None:
        """It has no broker."""

    def read(
        self, committed: Sequence[Committed], epoch: int, alive: Callable[[], None] = lambda: None
    ) -> list[Replay]:
        alive()
        return [Replay(Assigned(one.partition, epoch, 0, {}), "") for one in committed]


class Client:
    """A consumer of one empty partition, whose queue holds complaints about a broker that was away."""

    def __init__(self, _properties: object) -> None:
        self.left = COMPLAINTS
        self.heard = threading.Event()
        self._assign: Iterator[Callable[[Any, list[KafkaPartition]], None]] = iter(())

    def subscribe(
        self, _topics: list[str], on_assign: Callable[[Any, list[KafkaPartition]], None], **_: object
    ) -> None:
        self._assign = iter([on_assign])

    def poll(self, _seconds: float) -> Message | None:
        for assign in self._assign:
            assign(self, [KafkaPartition("events", 0)])
        if not self.left:
            self.heard.set()
            return None
        self.left -= 1
        return Message(topic="events", error=KafkaError(KafkaError._TRANSPORT, "gone"))

    def committed(self, partitions: list[KafkaPartition], **_: object) -> list[KafkaPartition]:
        return partitions

    def get_watermark_offsets(self, *_: object, **__: object) -> tuple[int, int]:
        return 0, 0

    def commit(self, **_: object) -> None:
        """Into the void."""

    def _nothing(self, *_: object) -> None: ...

    pause = resume = incremental_assign = incremental_unassign = close = _nothing


class Endless(Client):
    """A consumer whose partition holds as many records as anybody requests."""

    def __init__(self, properties: object, value: bytes = b"{}") -> None:
        super().__init__(properties)
        self.value = value
        self.left = 0
        self.offset = 0
        self.looks = 0

    def poll(self, seconds: float) -> Message | None:
        self.looks += 1
        super().poll(seconds)
        self.offset += 1
        return Message(topic="events", partition=0, offset=self.offset, value=self.value, timestamp=(1, 0))

    def consume(self, count: int, _seconds: float) -> list[Message | None]:
        return [self.poll(0.0) for _ in range(count)]


def _source(
    monkeypatch: pytest.MonkeyPatch, client: Callable[[object], Client], settle_seconds: float = 0.0
) -> tuple[KafkaSource, Client]:
    made: list[Client] = []

    def make(properties: object) -> Client:
        made.append(client(properties))
        return made[-1]

    monkeypatch.setattr(kafka_group, "Consumer", make)
    monkeypatch.setattr(kafka_source, "IDLE_POLL_SECONDS", 0.2)
    monkeypatch.setattr(kafka_group, "JOIN_SECONDS", settle_seconds)
    source = KafkaSource(
        {"group.id": "g"},
        ["events"],
        EmptyLedger(),
        SystemClock(),
        next_generation=True,
        committed=lambda *_: None,
        identities=UnknownIdentities(),
    )
    return source, made[0]


def test_a_long_queue_of_complaints_does_not_hide_what_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing is wanted the group is looked in on but once a second: a look must not end with the first word."""
    source, client = _source(monkeypatch, Client)
    source.start(RecordingListener())
    try:
        assert client.heard.wait(TIMEOUT / 2)
    finally:
        source.stop(TIMEOUT)


@pytest.mark.parametrize(
    ("size", "most"), [(20, BATCH), (1_000_000, BATCH_BYTES // 1_000_000 + 1), (2 * BATCH_BYTES, 1)]
)
def test_batches_after_the_first_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch, size: int, most: int) -> None:
    """librdkafka's copies of a batch are freed after the whole batch: large records come few at a time."""
    source, _ = _source(monkeypatch, lambda properties: Endless(properties, bytes(size)))
    listener = RecordingListener()
    batches = listener.batches
    source.start(listener)
    try:
        for count in range(1, 13):
            source.demand(1_000)
            listener.wait(lambda count=count: len(batches) >= count)  # type: ignore[misc] # a default is a closure here
        assert max(batches[6:]) <= most
        assert batches[-1] > most // 2
    finally:
        source.stop(TIMEOUT)


def test_no_records_are_handed_over_while_the_coordinator_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier demand is ignored without a busy loop; reading resumes once the coordinator answers again."""
    now = 0.0
    source, client = _source(monkeypatch, Endless)
    silence = CoordinatorWatchdog(lambda: now)
    source._group.watchdog = silence
    for second in range(4):
        silence.observe(float(second), 1, 1)
    listener = RecordingListener()
    source.demand(10)
    source.start(listener)
    try:
        assert isinstance(client, Endless)
        listener.wait(lambda: listener.assigned)
        before = client.looks
        time.sleep(1.0)
        assert client.looks - before < 20, "one look each 0.2 s"
        assert not listener.records
        silence.observe(5.0, 2, 0)
        now = RECOVERY_SECONDS
        listener.wait(lambda: listener.records)
        assert len(listener.records) == 10
    finally:
        source.stop(TIMEOUT)


class Contested(Endless):
    """A consumer of two partitions whose group takes one away again 0.2 s after the assignment."""

    def subscribe(self, _topics: list[str], on_assign: Callable[..., None], **callbacks: object) -> None:
        self._revoke = callbacks["on_revoke"]
        self._assign = iter([lambda *_: on_assign(self, [KafkaPartition("events", 0), KafkaPartition("events", 1)])])
        self._assigned_at = 0.0

    def poll(self, seconds: float) -> Message | None:
        message = super().poll(seconds)
        if not self._assigned_at:
            self._assigned_at = time.monotonic()
        elif self._revoke is not None and time.monotonic() > self._assigned_at + 0.2:
            revoke, self._revoke = self._revoke, None
            revoke(self, [KafkaPartition("events", 0)])  # type: ignore[operator] # the source's callback
        return message


def test_nothing_of_a_first_assignment_is_handed_over_before_the_group_can_take_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of members that join at once, two may be assigned one partition; the group is served meanwhile."""
    source, _ = _source(monkeypatch, Contested, settle_seconds=0.5)
    listener = RecordingListener()
    source.demand(10)
    source.start(listener)
    try:
        listener.wait(lambda: listener.revoked)
        assert not listener.records
    finally:
        source.stop(TIMEOUT)
    assert all(record.partition == 1 for record in listener.records)
