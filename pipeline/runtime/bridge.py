"""Connects the event source's thread and the loop: passes batches and rebalances."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

import structlog

from pipeline.model.event import Record, TopicPartition
from pipeline.model.ledger import Assigned, CommitPoint

if TYPE_CHECKING:
    from pipeline.delivery.machine import Delivery
    from pipeline.ports import Clock
    from pipeline.runtime.care_records import CareRecords
    from pipeline.runtime.engine import Engine
    from pipeline.runtime.intake import Intake

log = structlog.get_logger("partitions")


class Bridge:
    """Implements `pipeline.ports.SourceListener`: its methods are called from the source's thread."""

    def __init__(  # noqa: PLR0913 - one argument for each thing it works with
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        delivery: Delivery,
        intake: Intake,
        engine: Engine,
        clock: Clock,
        drain_seconds: float,
        fatal: Callable[[Exception], None],
        care: CareRecords | None = None,
    ) -> None:
        """`drain_seconds` limits the wait for requests in flight when partitions are revoked.

        `care` watches the records of partitions that have recipients.
        """
        self._loop = loop
        self._delivery = delivery
        self._intake = intake
        self._engine = engine
        self._clock = clock
        self._drain_seconds = drain_seconds
        self._fatal = fatal
        self._care = care
        self.assigned: set[TopicPartition] = set()
        self.draining = False
        """Whether the source's thread is waiting for a drain, which has its own deadline."""

    def on_records(self, records: Sequence[Record]) -> None:
        """Pass a whole batch on: one wake-up of the loop, not one for each record."""
        self._loop.call_soon_threadsafe(self._intake.take, records)

    def on_assigned(self, partitions: Sequence[Assigned]) -> None:
        """Open the partitions before records that follow, because calls keep their order."""
        self._loop.call_soon_threadsafe(self._assign, partitions)

    def on_revoked(self, partitions: Sequence[TopicPartition]) -> Sequence[CommitPoint]:
        """Block the source's thread until the partitions are drained."""
        deadline = self._clock.now() + self._drain_seconds
        future = asyncio.run_coroutine_threadsafe(self._revoke(partitions, deadline), self._loop)
        return future.result()

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Block the source's thread until the partitions are forgotten."""
        forgotten: Future[None] = Future()

        def forget() -> None:
            self._close(partitions)
            self._engine.forget(partitions)
            forgotten.set_result(None)

        self._loop.call_soon_threadsafe(forget)
        forgotten.result()
        log.warning("partitions_lost", partitions=_names(partitions))

    def on_fatal(self, error: Exception) -> None:
        """End the service."""
        self._loop.call_soon_threadsafe(self._fatal, error)

    def _assign(self, partitions: Sequence[Assigned]) -> None:
        for assigned in partitions:
            self._delivery.assign(assigned)
            self._intake.open(assigned)
            if self._care is not None:
                self._care.assigned(assigned)
            self.assigned.add(assigned.partition)
        log.info(
            "partitions_assigned",
            partitions=_names([assigned.partition for assigned in partitions]),
            already_done=sum(len(assigned.done) for assigned in partitions),
        )
        self._engine.progressed()

    async def _revoke(self, partitions: Sequence[TopicPartition], deadline: float) -> Sequence[CommitPoint]:
        self._close(partitions)
        self.draining = True
        try:
            points = await self._engine.drain(partitions, deadline)
        finally:
            self.draining = False
        log.info("partitions_revoked", partitions=_names(partitions))
        return points

    def _close(self, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            self._intake.close(partition)
            if self._care is not None:
                self._care.left(partition)
            self.assigned.discard(partition)


def _names(partitions: Sequence[TopicPartition]) -> list[str]:
    return sorted(f"{topic}/{partition}" for topic, partition in partitions)
