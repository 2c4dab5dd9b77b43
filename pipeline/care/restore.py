"""Restore what is known of a partition's recipients: their records first, then what the ledger has beyond them."""

from __future__ import annotations

from pipeline.care.declaration import Care
from pipeline.care.recipient import Accepted, Recipient
from pipeline.care.recipients import counts
from pipeline.errors import DamagedCareState
from pipeline.model.ledger import RestoredCare


class Restoring:
    """The states of one partition while they are read."""

    def __init__(self, care: Care) -> None:
        """`care` is the declaration in use."""
        self._care = care
        self._packed: dict[str, bytes] = {}
        self._writers: dict[str, bytes] = {}
        self._stale: set[str] = set()
        self._uncovered: dict[str, int] = {}
        self.records = 0
        """How many records were read."""
        self.damaged = 0
        """Records that could not be read, whose recipients are known by the ledger alone."""

    def record(self, recipient: str, writer: bytes, state: bytes) -> None:
        """Take a record. Records of one key come in the order of their offsets.

        A record replaces the one before it of the same writer. What different writers know is merged: the record of a
        process that has lost the partition may come after that of the new owner, and know less.
        """
        self.records += 1
        known = self._packed.get(recipient)
        merged = state
        try:
            read = Recipient.unpack(state)
            if known is not None and self._writers[recipient] != writer:
                read.merge(Recipient.unpack(known))
                merged = read.pack()
        except DamagedCareState:
            self.damaged += 1
            return
        self._packed[recipient] = merged
        self._writers[recipient] = writer
        if merged == state:
            self._stale.discard(recipient)
        else:
            self._stale.add(recipient)

    def removed(self, recipient: str, now: float) -> None:
        """Take a record without a value: its writer had nothing left to know, `now` is seconds since the epoch.

        A process that has lost the partition may write one after the new owner's record, and know less. So it takes
        away only what no decision can see any more.
        """
        self.records += 1
        packed = self._packed.get(recipient)
        if packed is None:
            return
        if Recipient.unpack(packed).forget(self._care, now):
            del self._packed[recipient], self._writers[recipient]
            self._stale.discard(recipient)
        else:
            self._stale.add(recipient)

    def outcome(self, recipient: str, accepted: Accepted, offset: int) -> None:
        """Take a message of the ledger, after all records."""
        if not counts(self._care, accepted):
            return
        packed = self._packed.get(recipient)
        known = Recipient() if packed is None else Recipient.unpack(packed)
        if not known.fold(accepted):
            return  # the record has it
        known.cover(offset)
        self._packed[recipient] = known.pack()
        # A next owner must read from here, until this owner has written the record.
        self._uncovered[recipient] = min(offset, self._uncovered.get(recipient, offset))

    def restored(self, end: int = 0) -> RestoredCare:
        """Return everything; nothing is taken afterwards. `end` is that of the records when they were read."""
        return RestoredCare(self._packed, self._uncovered, frozenset(self._stale), end)
