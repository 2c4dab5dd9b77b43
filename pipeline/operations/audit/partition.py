"""One audited source partition, and the versions of the rules that processed it."""

from __future__ import annotations

from pipeline.model.event import UNKNOWN_ORIGIN, Origin, TopicPartition


class PartitionRange:
    """The audited offsets of one partition."""

    def __init__(
        self,
        partition: TopicPartition,
        offsets: range,
        committed: int | None,
        provable: int,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> None:
        """`offsets` are audited; the ledger no longer holds outcomes below `provable`. Only `origin` counts."""
        self.partition = partition
        self.origin = origin
        self.offsets = offsets
        self.committed = committed
        self.provable = provable
        self.versions: dict[str, tuple[int, int]] = {}
        """First and last offset with an outcome, by version of the rules."""

    def is_pending(self, offset: int) -> bool:
        """Whether the group has not committed past this event, so that its outcomes may still follow."""
        return self.committed is None or offset >= self.committed

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
