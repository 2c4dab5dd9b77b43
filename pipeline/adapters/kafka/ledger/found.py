"""Outcomes of an assignment's partitions, as they are found in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.model.event import IntentPosition, Origin
from pipeline.model.ledger import Assigned, LedgerPosition

if TYPE_CHECKING:
    from pipeline.adapters.kafka.ledger.reader import Committed
    from pipeline.adapters.kafka.outcome_record import LedgerEntry


class FoundOutcomes:
    """Outcomes acknowledged at or above each partition's frontier."""

    def __init__(self, committed: Sequence[Committed], intents: str | None = None) -> None:
        """`intents` is the intents topic, where recipient care is on."""
        self._intents = intents
        self._again = {one.partition for one in committed if one.line is not None and one.metadata is None}
        self._ended: dict[tuple[str, int], set[tuple[int, str]]] = {one.partition: set() for one in committed}
        self._frontiers: dict[tuple[str, int], int] = {one.partition: one.offset or 0 for one in committed}
        self._done: dict[tuple[str, int], dict[tuple[int, str], LedgerPosition]] = {
            one.partition: {} for one in committed
        }
        self._reached: dict[tuple[str, int], int] = {}
        self._origins: dict[tuple[str, int], Origin] = {one.partition: one.origin for one in committed}
        self.group = next((one.origin.group for one in committed), "")
        self.other_group = ""
        """A group whose entries were met and which is not ours; empty without one."""
        self.count = 0

    def is_own(self, entry: LedgerEntry) -> bool:
        """Whether our group wrote the entry; another group is remembered."""
        if entry.origin.group == self.group:
            return True
        self.other_group = self.other_group or entry.origin.group
        return False

    def add(self, entry: LedgerEntry, position: LedgerPosition) -> None:
        """Add an entry of the ledger. Of several entries with one key the first counts, because its offset is lowest.

        Entries of another group, cluster or topic id are ignored: they do not concern this group's notices.
        """
        if not self.is_own(entry):
            return
        topic, partition, offset = entry.position
        source = (topic, partition)
        if self._intents is not None and entry.intent is not None:
            self._add_of_intent(entry, entry.intent, source, offset, position)
            return
        if offset >= self._frontiers.get(source, offset + 1) and entry.origin == self._origins[source]:
            self.count += 1
            self._done[source].setdefault((offset, entry.id), position)
            self._reached[source] = max(self._reached.get(source, -1), offset)

    def _add_of_intent(
        self, entry: LedgerEntry, intent: IntentPosition, source: tuple[str, int], offset: int, position: LedgerPosition
    ) -> None:
        """Add an entry to the partition of intents, and to that of its event in case the event is read again."""
        read = (str(self._intents), intent.partition)
        if intent.offset >= self._frontiers.get(read, intent.offset + 1):
            self.count += 1
            self._done[read].setdefault((intent.offset, entry.id), position)
            self._reached[read] = max(self._reached.get(read, -1), intent.offset)
        if source in self._again and offset >= self._frontiers[source] and entry.origin == self._origins[source]:
            self.count += 1
            self._ended[source].add((offset, entry.id))

    def assigned(self, one: Committed, epoch: int, ledger_end: LedgerPosition, ledger_id: str | None) -> Assigned:
        """Return the partition's state for its new owner."""
        key = one.partition
        reached = self._reached.get(key, -1)
        return Assigned(
            key,
            epoch,
            one.offset,
            self._done[key],
            reached,
            ledger_end,
            one.origin,
            ledger_id,
            ended=self._ended[key],
            line=one.line,
        )
