"""A source's listener that keeps what is reported to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pipeline.model.event import Record, TopicPartition
from pipeline.model.ledger import Assigned, CommitPoint

TIMEOUT = 120.0
"""Seconds; only a failing test, or a very busy machine, ever waits so long."""


class RecordingListener:
    """Implements `pipeline.ports.SourceListener`."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.batches: list[int] = []
        self.assigned: dict[TopicPartition, Assigned] = {}
        """What is ours now."""
        self.calls: list[str] = []
        self.revoked: list[TopicPartition] = []
        self.lost: list[TopicPartition] = []
        self.fatal: Exception | None = None
        self.threads: set[int] = set()
        self.points: Callable[[Sequence[TopicPartition]], Sequence[CommitPoint]] = lambda _: ()
        """What is to be committed when partitions are given up."""
        self.before_records: Callable[[], None] = lambda: None
        self._changed = threading.Condition()

    def on_records(self, records: Sequence[Record]) -> None:
        self.before_records()
        with self._changed:
            self.records.extend(records)
            self.batches.append(len(records))
            self._reported("records")

    def on_assigned(self, partitions: Sequence[Assigned]) -> None:
        with self._changed:
            self.assigned.update((one.partition, one) for one in partitions)
            self._reported("assigned")

    def on_revoked(self, partitions: Sequence[TopicPartition]) -> Sequence[CommitPoint]:
        points = self.points(partitions)
        with self._changed:
            self.revoked.extend(partitions)
            self._forget(partitions)
            self._reported("revoked")
        return points

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        with self._changed:
            self.lost.extend(partitions)
            self._forget(partitions)
            self._reported("lost")

    def on_fatal(self, error: Exception) -> None:
        with self._changed:
            self.fatal = error
            self._reported("fatal")

    def _forget(self, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            self.assigned.pop(partition, None)

    def _reported(self, what: str) -> None:
        self.calls.append(what)
        self.threads.add(threading.get_ident())
        self._changed.notify_all()

    def wait(self, until: Callable[[], object], seconds: float = TIMEOUT) -> None:
        """Wait until `until` holds, looking whenever something is reported.

        Raises:
            AssertionError: it did not in time, or the source ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(until()) or self.fatal is not None, seconds)
        if not until():
            raise AssertionError(f"waited in vain; calls: {self.calls[-10:]}, fatal: {self.fatal!r}")

    def offsets(self, partition: int = 0) -> list[int]:
        """Offsets that came of a partition, in their order."""
        return [record.offset for record in self.records if record.partition == partition]
