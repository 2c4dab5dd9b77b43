"""Writes the records of recipient care, and writes over what another process wrote."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.delivery.evaluated_record import CareRecord
    from pipeline.delivery.machine_with_care import DeliveryWithCare
    from pipeline.model.event import TopicPartition
    from pipeline.model.ledger import Assigned
    from pipeline.ports import CareLog, CareWatch


class CareRecords:
    """What the engine does with records of recipients. Everything runs on the loop's thread, `_foreign` apart."""

    def __init__(
        self,
        delivery: DeliveryWithCare,
        care_log: CareLog,
        watch: CareWatch,
        *,
        progressed: Callable[[], None],
        overwritten: Callable[[], None],
    ) -> None:
        """`progressed` is called when something that waited for a record is done.

        `overwritten` is called for each record of a process that has lost the partition.
        """
        self._delivery = delivery
        self._log = care_log
        self._watch = watch
        self._progressed = progressed
        self._overwritten = overwritten
        self._watched: dict[int, TopicPartition] = {}

    def start(self) -> None:
        """Begin to watch for records of other processes."""
        loop = asyncio.get_running_loop()
        self._watch.start(lambda *record: _unless_closed(loop, partial(self._foreign, *record)))

    def assigned(self, assigned: Assigned) -> None:
        """Watch the records of a partition, if it has recipients."""
        if assigned.care is not None:
            number = assigned.partition.partition
            self._watched[number] = assigned.partition
            self._watch.watch(number, assigned.epoch, assigned.care.end)

    def left(self, partition: TopicPartition) -> None:
        """Watch the records of a partition no more."""
        if self._watched.get(partition.partition) == partition:
            del self._watched[partition.partition]
            self._watch.leave(partition.partition)

    def write(self, now: float) -> None:
        """Write the records that are due."""
        for record in self._delivery.care_writes(now):
            partition, write = record
            finished = partial(self._finished, record)
            number = partition.frontier.partition.partition
            self._log.write(number, partition.epoch, write.recipient, write.state, finished)

    def poll(self) -> None:
        """Run callbacks that are due."""
        self._log.poll()

    def stop(self) -> None:
        """Stop watching."""
        self._watch.close()

    def _finished(self, record: CareRecord, is_written: bool) -> None:  # noqa: FBT001 - a callback's
        self._delivery.care_written(record, is_written=is_written)
        self._progressed()

    def _foreign(self, number: int, recipient: str, state: bytes | None) -> None:
        partition = self._watched.get(number)
        if partition is not None:
            self._overwritten()
            self._delivery.care_overwritten(partition, recipient, state)


def _unless_closed(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
