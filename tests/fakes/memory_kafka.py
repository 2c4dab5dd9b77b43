"""Kafka in memory: a log, a ledger and commits, with the source and the outcome log that live on them."""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.delivery import pointer
from pipeline.errors import OutcomeLost
from pipeline.model.event import Record, TopicPartition
from pipeline.model.kafka_health import KafkaHealth, StuckPartition
from pipeline.model.ledger import Assigned, CommitPoint, LedgerPosition
from pipeline.model.outcome import Outcome

if TYPE_CHECKING:
    from pipeline.ports import Acknowledged, SourceListener


class MemoryKafka:
    """What outlives a process: events, outcomes, dead letters, commits. One ledger partition."""

    def __init__(self, topic: str = "events", partitions: int = 1) -> None:
        self.logs: dict[TopicPartition, list[Record]] = {TopicPartition(topic, n): [] for n in range(partitions)}
        self.ledger: list[Outcome] = []
        self.dead_letters: list[tuple[Outcome, Record]] = []
        self.commits: dict[TopicPartition, CommitPoint] = {}
        self.owners: dict[TopicPartition, MemoryEventSource] = {}
        self.epochs: dict[TopicPartition, int] = defaultdict(int)
        self.changed = threading.Condition()

    def append(self, partition: TopicPartition, key: bytes | None, value: bytes | None) -> Record:
        """Write one event."""
        with self.changed:
            log = self.logs[partition]
            record = Record(*partition, len(log), key, value, (), 1_700_000_000_000)
            log.append(record)
            self.changed.notify_all()
        return record

    def assigned(self, partition: TopicPartition) -> Assigned:
        """The partition as a new owner must know it."""
        self.epochs[partition] += 1
        own = CommitPoint(partition, 0, pointer.write(LedgerPosition(0, len(self.ledger))))
        commit = self.commits.setdefault(partition, own)
        at = pointer.read(commit.metadata)
        begin = at.ledger.offset if isinstance(at, pointer.Pointer) else len(self.ledger)
        frontier = commit.offset
        done = {
            (outcome.position.offset, outcome.id): LedgerPosition(0, offset)
            for offset, outcome in enumerate(self.ledger)
            if offset >= begin
            and TopicPartition(outcome.position.topic, outcome.position.partition) == partition
            and outcome.position.offset >= frontier
        }
        reached = max((self.ledger[position.offset].position.offset for position in done.values()), default=-1)
        end = LedgerPosition(0, len(self.ledger))
        return Assigned(partition, self.epochs[partition], frontier, done, reached, end)


class MemoryEventSource:
    """Implements `pipeline.ports.EventSource`: the first source that starts owns every partition until it stops."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka
        self._listener: SourceListener | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._wanted = 0
        self._hold: frozenset[TopicPartition] = frozenset()
        self._positions: dict[TopicPartition, int] = {}
        self._stopping = False
        self._polled_at = time.monotonic()

    def start(self, listener: SourceListener) -> None:
        self._listener = listener
        self._thread.start()

    def demand(self, records: int, size: int = sys.maxsize) -> None:
        with self._kafka.changed:
            self._wanted = records if size > 0 else 0
            self._kafka.changed.notify_all()

    def hold(self, partitions: frozenset[TopicPartition]) -> None:
        with self._kafka.changed:
            self._hold = partitions
            self._kafka.changed.notify_all()

    def committed(self, partition: TopicPartition) -> int:
        with self._kafka.changed:
            point = self._kafka.commits.get(partition)
        return 0 if point is None else point.offset

    def commit(self, points: Sequence[CommitPoint]) -> None:
        with self._kafka.changed:
            self._commit(points)

    def stop(self, timeout: float) -> None:
        with self._kafka.changed:
            self._stopping = True
            self._kafka.changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def lag(self) -> Mapping[TopicPartition, int]:
        with self._kafka.changed:
            return {key: len(self._kafka.logs[key]) - position for key, position in self._positions.items()}

    def stuck(self) -> Mapping[TopicPartition, StuckPartition]:
        """Every record can be read."""
        return {}

    def health(self) -> KafkaHealth | None:
        return KafkaHealth(1, 0.0)

    def out_of_touch(self) -> bool:
        """Never: there is nothing between."""
        return False

    def last_poll_at(self) -> float:
        return self._polled_at

    def _commit(self, points: Sequence[CommitPoint]) -> None:
        for point in points:
            if point.partition in self._positions:
                before = self._kafka.commits[point.partition].metadata
                self._kafka.commits[point.partition] = point._replace(metadata=point.metadata or before)

    def _run(self) -> None:
        listener = self._listener
        if listener is None:
            raise RuntimeError("start() comes first")
        kafka = self._kafka
        while not self._stopping:
            with kafka.changed:
                assigned = self._acquire()
                records = self._take()
                if not assigned and not records and not self._stopping:
                    kafka.changed.wait(0.05)
            if assigned:
                listener.on_assigned(assigned)
            if records:
                listener.on_records(records)
            self._polled_at = time.monotonic()
        mine = list(self._positions)
        points = listener.on_revoked(mine) if mine else ()
        with kafka.changed:
            self._commit(points)
            for key in mine:
                kafka.owners.pop(key, None)
            self._positions.clear()
            kafka.changed.notify_all()

    def _acquire(self) -> list[Assigned]:
        free = [key for key in self._kafka.logs if key not in self._kafka.owners]
        assigned = [self._kafka.assigned(key) for key in free]
        for one in assigned:
            self._kafka.owners[one.partition] = self
            self._positions[one.partition] = one.frontier or 0
        return assigned

    def _take(self) -> list[Record]:
        records: list[Record] = []
        for key, position in self._positions.items():
            if key not in self._hold:
                batch = self._kafka.logs[key][position : position + self._wanted - len(records)]
                self._positions[key] += len(batch)
                records.extend(batch)
        self._wanted -= len(records)
        return records


class _Pending(NamedTuple):
    outcome: Outcome
    record: Record | None
    acknowledged: Acknowledged


class MemoryOutcomeLog:
    """Implements `pipeline.ports.OutcomeLog`; acknowledges at each `poll`, unless set to hold back or to fail."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka
        self._pending: deque[_Pending] = deque()
        self.away = False
        """While true the broker answers nothing."""
        self.lost = False
        """Once true the broker permanently refuses writes."""

    def publish(self, outcome: Outcome, record: Record | None, acknowledged: Acknowledged) -> None:
        self._pending.append(_Pending(outcome, record, acknowledged))

    def poll(self) -> int:
        if self.lost:
            raise OutcomeLost("Kafka permanently refused a write")
        done = 0
        while self._pending and not self.away:
            pending = self._pending.popleft()
            with self._kafka.changed:
                if pending.record is not None and pending.outcome.leaves_dead_letter:
                    self._kafka.dead_letters.append((pending.outcome, pending.record))
                self._kafka.ledger.append(pending.outcome)
                offset = len(self._kafka.ledger) - 1
            pending.acknowledged(0, offset)
            done += 1
        return done

    def flush(self, timeout: float) -> int:  # noqa: ARG002 - memory needs no wait
        if not self.lost:
            self.poll()
        return len(self._pending)
