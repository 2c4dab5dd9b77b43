"""Reading the ledger back: which outcomes of a partition are acknowledged already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.delivery import pointer
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import Assigned, LedgerPosition
from pipeline.model.outcome import Outcome

BATCH = 2_000
SILENT_POLLS = 20
"""Empty polls of a second each before the ledger's broker counts as gone."""

log = structlog.get_logger("ledger")


class Committed(NamedTuple):
    """What the group has committed for a partition."""

    partition: TopicPartition
    offset: int | None
    metadata: str | None


class LedgerReader:
    """Reads the outcomes topic from the commit's pointer to its end as of now."""

    def __init__(
        self,
        properties: Mapping[str, Any],
        topic: str,
        decode: Callable[[bytes | None], Outcome | None],
        *,
        replayed: Callable[[int], None],
        unusable: Callable[[], None],
    ) -> None:
        """`replayed` counts the records read; `unusable` a pointer that could not be used."""
        self._properties = {**properties, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        self._topic = topic
        self._decode = decode
        self._replayed = replayed
        self._unusable = unusable

    def assign(self, committed: Sequence[Committed], epoch: int) -> list[Assigned]:
        """What is ours from now on, with what is done already; blocks until the ledger is read.

        Raises:
            KafkaException: the ledger cannot be read; the partitions must not be worked on without it.
        """
        begins: dict[int, int] = {}
        for one in committed:
            position = pointer.read(one.metadata)
            if isinstance(position, pointer.Unusable):
                self._unusable()
                log.warning("ledger_pointer_unusable", partition=str(one.partition), why=position.value)
            elif position is not None:
                begins[position.partition] = min(position.offset, begins.get(position.partition, position.offset))
        done: dict[TopicPartition, dict[str, LedgerPosition]] = {one.partition: {} for one in committed}
        reached: dict[TopicPartition, int] = {}
        frontiers = {one.partition: one.offset or 0 for one in committed}
        for partition, offset in begins.items():
            for position, outcome in self._read(partition, offset):
                source = TopicPartition(outcome.position.topic, outcome.position.partition)
                if source in done and outcome.position.offset >= frontiers[source]:
                    done[source][outcome.id] = position
                    reached[source] = max(reached.get(source, -1), outcome.position.offset)
        return [
            Assigned(one.partition, epoch, one.offset, done[one.partition], reached.get(one.partition, -1))
            for one in committed
        ]

    def _read(self, partition: int, offset: int) -> list[tuple[LedgerPosition, Outcome]]:
        consumer = Consumer(self._properties)
        try:
            where = KafkaPartition(self._topic, partition)
            low, high = consumer.get_watermark_offsets(where, timeout=10)
            if offset < low:
                self._unusable()
                log.warning("ledger_pointer_below_start", partition=partition, pointer=offset, start=low)
            consumer.assign(
                [KafkaPartition(self._topic, partition, max(offset, low) if low else offset or OFFSET_BEGINNING)]
            )
            return self._until(consumer, where, high)
        finally:
            consumer.close()

    def _until(self, consumer: Consumer, where: KafkaPartition, end: int) -> list[tuple[LedgerPosition, Outcome]]:
        found: list[tuple[LedgerPosition, Outcome]] = []
        read = silent = 0
        while True:
            at = consumer.position([where])[0].offset
            if at >= end or end == 0:
                break
            messages = consumer.consume(BATCH, timeout=1.0 if not read else 0.2)
            silent = 0 if messages else silent + 1
            if silent > SILENT_POLLS:
                raise KafkaException(f"the ledger {where.topic}/{where.partition} does not answer")
            for message in messages:
                if message.error() is not None:
                    continue
                read += 1
                outcome = self._decode(message.value())
                if outcome is not None:
                    found.append((LedgerPosition(where.partition, message.offset() or 0), outcome))
        self._replayed(read)
        return found
