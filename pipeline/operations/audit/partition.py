"""One audited source partition, and the versions of the rules that processed it."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.delivery.pointer import Gone
from pipeline.model.event import UNKNOWN_ORIGIN, Origin, TopicPartition

STEP_SECONDS = 0.02
"""An outcome that was decided this much before the one that precedes it in the ledger was decided by another clock."""


class PartitionRange:
    """The audited offsets of one partition."""

    def __init__(
        self,
        partition: TopicPartition,
        offsets: range,
        committed: int | None,
        provable: int,
        origin: Origin = UNKNOWN_ORIGIN,
        *,
        start: int = 0,
        gone: Gone | None = None,
    ) -> None:
        """`offsets` are audited; the ledger no longer holds outcomes below `provable`. Only `origin` counts.

        The partition's log begins at `start`; the group's commit says that `gone` were deleted unread.
        """
        self.partition = partition
        self.origin = origin
        self.offsets = offsets
        self.committed = committed
        self.provable = provable
        self.start = start
        self.gone = gone
        self.clock_steps = 0
        """How often the clock of the service, or its owner's, was set back so far."""
        self._newest_finished = float("-inf")
        self.versions: dict[str, tuple[int, int]] = {}
        """First and last offset with an outcome, by version of the rules."""

    def is_pending(self, offset: int) -> bool:
        """Whether the group has not committed past this event, so that its outcomes may still follow."""
        return self.committed is None or offset >= self.committed

    def deleted_unread(self) -> Iterator[tuple[int, str]]:
        """The first offset of events that retention deleted before the group had read them, and a description.

        Those before an older record that is still there are older than the range.
        """
        if self.offsets.start > self.start:
            return
        if self.gone is not None:
            first, last, events = self.gone
            yield first, f"{events:,} events up to offset {last} were deleted by retention before the group read them"
        if self.committed is not None and self.committed < self.start:
            lost, last = self.start - self.committed, self.start - 1
            message = f"{lost:,} events up to offset {last} were deleted by retention before the group committed them"
            yield self.committed, message

    def note_finished(self, seconds: float) -> None:
        """Record when an outcome was decided; outcomes without dead letters come in the order of their decision."""
        if seconds < self._newest_finished - STEP_SECONDS:
            self.clock_steps += 1
            self._newest_finished = seconds
        self._newest_finished = max(self._newest_finished, seconds)

    def note_version(self, version: str, offset: int) -> None:
        """Record an outcome of this version at `offset`."""
        first, last = self.versions.get(version, (offset, offset))
        if first <= offset <= last and version in self.versions:
            return
        self.versions[version] = (min(first, offset), max(last, offset))

    def was_processed_by(self, version: str, offset: int) -> bool:
        """Whether only these rules were certainly in use at `offset`."""
        own = self.versions.get(version)
        if own is None or not own[0] <= offset <= own[1]:
            return False
        return not any(first <= offset <= last for name, (first, last) in self.versions.items() if name != version)
