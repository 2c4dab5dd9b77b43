"""How much more may be read: memory is bounded whatever the API does, and no partition stops another.

A process holds so many notices. That alone would let one recipient who cannot be served fill it, and everybody else
would wait. So when the buffer is full of notices that cannot move, the partitions with more than their share of it are
held, and the others get their own share on top: at most twice the bound in all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from pipeline.delivery.partition import Partition
from pipeline.model.event import TopicPartition

RESUME_SHARE = 0.5
"""A held partition is read again when it has come down by half: stopping and starting a fetch is dear (measured:
about 400 ms and the whole prefetch)."""


STEP_SHARE = 0.25
"""While there is enough to do, free space is reported only in steps of this share of the whole: each report wakes the
source's thread, which then fetches even a single record."""


class Buffers:
    """The bounds, and the partitions that are held for them."""

    def __init__(self, capacity: int, span: int, most_bytes: int = sys.maxsize) -> None:
        """`capacity`: notices of the process; `span`: offsets from a partition's frontier to its newest record.

        `most_bytes`: record values and bodies of notices that the process holds.
        """
        self._capacity = capacity
        self._span = span
        self._most_bytes = most_bytes
        self._long: frozenset[TopicPartition] = frozenset()
        self._crowding: frozenset[TopicPartition] = frozenset()

    def held(
        self, partitions: Mapping[TopicPartition, Partition], buffered: int, size: int = 0, *, stuck: bool
    ) -> frozenset[TopicPartition]:
        """Partitions of which nothing more may be read. `stuck`: nothing can be sent although there is room to."""
        self._long = frozenset(
            key
            for key, partition in partitions.items()
            if partition.frontier.span >= self._span * (RESUME_SHARE if key in self._long else 1)
        )
        full = buffered >= self._capacity or size >= self._most_bytes
        if (self._crowding or (stuck and full)) and len(partitions) > 1:
            self._crowding = frozenset(
                key
                for key, partition in partitions.items()
                if self._used(partition) * len(partitions) >= (RESUME_SHARE if key in self._crowding else 1)
            )
        else:
            self._crowding = frozenset()
        return self._long | self._crowding

    def _used(self, partition: Partition) -> float:
        """The part of the process's bounds that a partition takes, of the bound of which it takes more."""
        return max(partition.buffered / self._capacity, partition.bytes / self._most_bytes)

    def room(self, partitions: Mapping[TopicPartition, Partition], buffered: int, *, busy: bool) -> int:
        """How many more notices fit; `busy`: some could be sent as soon as others have ended."""
        free = max(0, self._capacity - buffered)
        if not self._crowding or not partitions:
            return 0 if busy and free < self._capacity * STEP_SHARE else free
        share = self._capacity // len(partitions)
        others = (partition for key, partition in partitions.items() if key not in self._crowding)
        return max(free, sum(max(0, share - partition.buffered) for partition in others))

    def room_bytes(self, partitions: Mapping[TopicPartition, Partition], size: int) -> int:
        """How many more bytes fit, by the same rule."""
        free = max(0, self._most_bytes - size)
        if not self._crowding or not partitions:
            return free
        share = self._most_bytes // len(partitions)
        others = (partition for key, partition in partitions.items() if key not in self._crowding)
        return max(free, sum(max(0, share - partition.bytes) for partition in others))
