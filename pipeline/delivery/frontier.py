"""What may be committed of one partition: the lowest offset not yet done, and where the ledger speaks of what is above.

Offsets have gaps (compaction, transaction markers): only those that were offered count.
"""

from __future__ import annotations

from collections import deque

from pipeline.delivery import pointer
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import CommitPoint, LedgerPosition


class Unfinished:
    """One event that is not yet done: how many of its outcomes are still to be acknowledged."""

    __slots__ = ("left", "offset", "since")

    def __init__(self, offset: int, left: int, since: float) -> None:
        """`since` is the event's own time, epoch seconds."""
        self.offset = offset
        self.left = left
        self.since = since


class Frontier:
    """One partition's progress, from assignment to release."""

    def __init__(self, partition: TopicPartition, committed: int | None) -> None:
        """`committed` is the offset last committed; None where there is none."""
        self.partition = partition
        self._open: deque[Unfinished] = deque()
        self._next = committed
        self._ledger: deque[tuple[int, LedgerPosition]] = deque()
        self._told: tuple[int | None, str] = (committed, "")

    @property
    def offset(self) -> int | None:
        """Lowest offset not yet done; None where nothing was committed or offered yet."""
        return self._open[0].offset if self._open else self._next

    @property
    def span(self) -> int:
        """Offsets between the frontier and the newest record offered."""
        return (self._next or 0) - self._open[0].offset if self._open else 0

    @property
    def oldest(self) -> float | None:
        """The time of the oldest unfinished event; None where all is done."""
        return self._open[0].since if self._open else None

    def offered(self, offset: int, left: int, since: float) -> Unfinished | None:
        """A record is taken, `left` outcomes of which must still be acknowledged; None where it was offered before."""
        if self._next is not None and offset < self._next:
            return None
        self._next = offset + 1
        event = Unfinished(offset, left, since)
        if left or self._open:
            self._open.append(event)
        return event

    def noted(self, offset: int, position: LedgerPosition) -> None:
        """An outcome of the event at `offset` stands in the ledger; called in the ledger's order."""
        self._ledger.append((offset, position))

    def acknowledged(self, event: Unfinished, position: LedgerPosition) -> None:
        """One more outcome of `event` is acknowledged."""
        self.noted(event.offset, position)
        event.left -= 1
        if event is self._open[0] and not event.left:
            self._advance()

    def _advance(self) -> None:
        unfinished = self._open
        while unfinished and not unfinished[0].left:
            unfinished.popleft()

    def commit_point(self) -> CommitPoint | None:
        """What to commit, if it is not what was told last."""
        point = self.current()
        if point is None or (point.offset, point.metadata) == self._told:
            return None
        self._told = (point.offset, point.metadata)
        return point

    def current(self) -> CommitPoint | None:
        """What to commit now; None where nothing was ever offered or committed."""
        offset = self.offset
        if offset is None:
            return None
        ledger = self._ledger
        while ledger and ledger[0][0] < offset:
            ledger.popleft()
        return CommitPoint(self.partition, offset, pointer.write(ledger[0][1]) if ledger else "")
