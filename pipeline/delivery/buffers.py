"""Limit how much is read, so that memory is bounded whatever the API does and no partition blocks another.

The number of buffered notices is bounded. The bound alone would let one recipient whose notices fail fill the buffer,
and all others would wait. So when the buffer is full of notices that cannot be sent, the partitions that use more than
their share are held, and the others get their own share on top: at most twice the bound in all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from pipeline.delivery.partition import Partition
from pipeline.model.event import TopicPartition

RESUME_SHARE = 0.5
"""A held partition is read again once its use has halved: stopping and starting a fetch is expensive (measured: about
400 ms and the whole prefetch)."""

STEP_SHARE = 0.25
"""While there is enough work, free space is reported only in steps of this share of the capacity: each report wakes the
source's thread, which then fetches even a single record."""


class Buffers:
    """The bounds, and the partitions that are held because of them."""

    def __init__(self, capacity: int, span: int, max_bytes: int = sys.maxsize) -> None:
        """Bound the process to `capacity` notices, and to `max_bytes` of record values and bodies of notices.

        `span` bounds the offsets from a partition's frontier to its newest record.
        """
        self._capacity = capacity
        self._span = span
        self._max_bytes = max_bytes
        self._long: frozenset[TopicPartition] = frozenset()
        self._crowding: frozenset[TopicPartition] = frozenset()

    def held(
        self, partitions: Mapping[TopicPartition, Partition], buffered: int, size: int = 0, *, stuck: bool
    ) -> frozenset[TopicPartition]:
        """Return the partitions not to read. `stuck`: nothing can be sent although requests would be allowed."""
        self._long = frozenset(
            key
            for key, partition in partitions.items()
            if partition.frontier.span >= self._span * (RESUME_SHARE if key in self._long else 1)
        )
        full = buffered >= self._capacity or size >= self._max_bytes
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
        """Return the share of the process's bounds that a partition uses: the larger of the two."""
        return max(partition.buffered / self._capacity, partition.bytes / self._max_bytes)

    def room(self, partitions: Mapping[TopicPartition, Partition], buffered: int, *, busy: bool) -> int:
        """Return how many more notices fit; `busy`: some can be sent as soon as others have ended."""
        free = max(0, self._capacity - buffered)
        if not self._crowding or not partitions:
            return 0 if busy and free < self._capacity * STEP_SHARE else free
        share = self._capacity // len(partitions)
        others = (partition for key, partition in partitions.items() if key not in self._crowding)
        return max(free, sum(max(0, share - partition.buffered) for partition in others))

    def room_bytes(self, partitions: Mapping[TopicPartition, Partition], size: int) -> int:
        """Return how many more bytes fit, by the same rule."""
        free = max(0, self._max_bytes - size)
        if not self._crowding or not partitions:
            return free
        share = self._max_bytes // len(partitions)
        others = (partition for key, partition in partitions.items() if key not in self._crowding)
        return max(free, sum(max(0, share - partition.bytes) for partition in others))
