"""Compute what may be committed of one partition: the lowest unfinished offset, and the pointer into the ledger.

Offsets have gaps (compaction, transaction markers): only offered ones count.

The pointer is the lowest ledger offset of an outcome at or above the frontier. Without such an outcome it is the offset
that the next one will get, because a process that dies after this commit writes its further outcomes from there on. An
empty pointer would make the next owner send again the notices that ended since the last commit.
"""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Callable

from pipeline.delivery import pointer
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import CommitPoint, LedgerPosition


class Unfinished:
    """One unfinished event, with the number of its unacknowledged outcomes."""

    __slots__ = ("left", "offset", "since", "size")

    def __init__(self, offset: int, left: int, since: float) -> None:
        """`since` is the event's own time, epoch seconds."""
        self.offset = offset
        self.left = left
        self.since = since
        self.size = 0
        """Bytes held in memory until it is finished."""


class Frontier:
    """One partition's progress, from assignment to release."""

    def __init__(
        self,
        partition: TopicPartition,
        committed: int | None,
        ledger_end: LedgerPosition | None = None,
        topic_id: str | None = None,
        ledger_id: str | None = None,
        line: str | None = None,
    ) -> None:
        """`committed` is the last committed offset, `ledger_end` where this process's outcomes begin; None if unknown.

        The ids are those of the source topic and of the ledger topic; `line` is carried on from commit to commit.
        """
        self.partition = partition
        self._open: deque[Unfinished] = deque()
        self._next = committed
        self._ledger: deque[tuple[int, int]] = deque()
        """(ledger offset, source offset) of outcomes at or above the frontier, in the ledger's order."""
        self._ledger_partition = ledger_end.partition if ledger_end is not None else None
        self._ledger_end = ledger_end.offset if ledger_end is not None else 0
        self._topic_id = topic_id
        self._ledger_id = ledger_id
        self._line = line
        self.scan: tuple[int, int | None] | None = None
        """Of a partition of intents: from which offset its next owner reads what was seen, and the checkpoint's own
        offset if it has a record."""
        self._returned: CommitPoint | None = None
        self.uncovered: Callable[[], int | None] | None = None
        """Returns the lowest ledger offset that the next owner must read for another reason; None: there is none."""

    @property
    def offset(self) -> int | None:
        """The lowest unfinished offset; None if nothing was committed or offered yet."""
        return self._open[0].offset if self._open else self._next

    @property
    def following(self) -> int | None:
        """The offset after the newest offered record; None if nothing was committed or offered yet."""
        return self._next

    @property
    def span(self) -> int:
        """The offsets between the frontier and the newest offered record."""
        return (self._next or 0) - self._open[0].offset if self._open else 0

    @property
    def oldest(self) -> float | None:
        """The time of the oldest unfinished event; None without one."""
        return self._open[0].since if self._open else None

    def offered(self, offset: int, left: int, since: float) -> Unfinished | None:
        """Add a record with `left` outcomes to be acknowledged; return None if it was offered before."""
        if self._next is not None and offset < self._next:
            return None
        self._next = offset + 1
        event = Unfinished(offset, left, since)
        if left or self._open:
            self._open.append(event)
        return event

    def noted(self, offset: int, ledger_partition: int, ledger_offset: int) -> None:
        """Record an outcome of the event at `offset` in the ledger.

        All outcomes of one partition are in one partition of the ledger. If the ledger was repartitioned nevertheless,
        only the newer partition counts, because a pointer names one.
        """
        ledger = self._ledger
        if ledger_partition != self._ledger_partition:
            ledger.clear()
            self._ledger_partition = ledger_partition
            self._ledger_end = 0
        if ledger_offset >= self._ledger_end:
            ledger.append((ledger_offset, offset))
            self._ledger_end = ledger_offset + 1
        else:
            ledger.insert(bisect(ledger, (ledger_offset, offset)), (ledger_offset, offset))

    def acknowledged(self, event: Unfinished, ledger_partition: int, ledger_offset: int) -> None:
        """Record that one more outcome of `event` is acknowledged."""
        self.noted(event.offset, ledger_partition, ledger_offset)
        self.done(event)

    def done(self, event: Unfinished) -> None:
        """Record that one more part of `event` is done."""
        event.left -= 1
        unfinished = self._open
        while unfinished and not unfinished[0].left:
            unfinished.popleft()

    def commit_point(self) -> CommitPoint | None:
        """Return what to commit; None if it has not changed since the last call."""
        point = self.current()
        if point is None or point == self._returned:
            return None
        self._returned = point
        return point

    def current(self) -> CommitPoint | None:
        """Return what to commit now; None if nothing was offered or committed."""
        offset = self.offset
        if offset is None:
            return None
        return CommitPoint(self.partition, offset, self._pointer(offset))

    def _pointer(self, frontier: int) -> str:
        ledger = self._ledger
        while ledger and ledger[0][1] < frontier:
            ledger.popleft()
        if self._ledger_partition is None:
            return ""
        begin = ledger[0][0] if ledger else self._ledger_end
        if self.uncovered is not None and (lowest := self.uncovered()) is not None:
            begin = min(begin, lowest)
        position = LedgerPosition(self._ledger_partition, begin)
        return pointer.write(position, self._topic_id, self._ledger_id, line=self._line, scan=self.scan)
