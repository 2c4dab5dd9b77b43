"""What is known of one source partition beforehand, and which versions of the rules have worked on it."""

from __future__ import annotations

from pipeline.model.event import UNKNOWN_ORIGIN, Origin, TopicPartition


class PartitionRange:
    """Offsets of one partition that are audited."""

    def __init__(
        self,
        partition: TopicPartition,
        offsets: range,
        committed: int | None,
        provable: int,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> None:
        """`offsets` are read; below `provable` the ledger has forgotten; only what is of `origin` counts."""
        self.partition = partition
        self.origin = origin
        self.offsets = offsets
        self.committed = committed
        self.provable = provable
        self.versions: dict[str, tuple[int, int]] = {}
        """Where outcomes of each version of the rules stand: first and last offset."""

    def is_pending(self, offset: int) -> bool:
        """Whether the group has not committed past this event: its outcomes are still to come."""
        return self.committed is None or offset >= self.committed

    def note_version(self, version: str, offset: int) -> None:
        """An outcome of this version stands at `offset`."""
        first, last = self.versions.get(version, (offset, offset))
        if first <= offset <= last and version in self.versions:
            return
        self.versions[version] = (min(first, offset), max(last, offset))

    def was_worked_on_by(self, version: str, offset: int) -> bool:
        """Whether it is certain that these rules and no others were in use at `offset`, in this partition."""
        own = self.versions.get(version)
        if own is None or not own[0] <= offset <= own[1]:
            return False
        return not any(first <= offset <= last for name, (first, last) in self.versions.items() if name != version)
