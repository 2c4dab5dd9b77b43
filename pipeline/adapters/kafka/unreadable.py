"""Track partitions that cannot be read, and continue after offsets that retention deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.model.event import TopicPartition
from pipeline.model.kafka_health import StuckPartition

ASK_SECONDS = 1.0
log = structlog.get_logger("source")


class UnreadablePartitions:
    """Updated by the source's thread; any thread may read `stuck`."""

    def __init__(self, reset: str, gone: Callable[[TopicPartition, int, int], None]) -> None:
        """`reset` is `auto.offset.reset`.

        `gone` reports events that retention deleted unread: their partition, the first offset and the log's new start.
        """
        self._reset = reset
        self._gone = gone
        self._lost: dict[TopicPartition, int] = {}
        """The next offset of each partition whose log does not contain it."""
        self.stuck: Mapping[TopicPartition, StuckPartition] = {}

    def report(self, key: TopicPartition, offset: int, error: str, now: float) -> None:
        """Record that a partition cannot be read at `offset`; log it once for each offset."""
        known = self.stuck.get(key)
        if known is not None and known.offset == offset:
            return
        self.stuck = {**self.stuck, key: StuckPartition(offset, now, error)}
        log.error(
            "partition_stuck",
            topic=key.topic,
            partition=key.partition,
            offset=offset,
            error=error,
            hint="other partitions continue; how to skip the record: section NoticePartitionStuck of the runbook",
        )

    def clear(self, key: TopicPartition) -> None:
        """Forget a partition that delivers records again, or is no longer assigned."""
        self._lost.pop(key, None)
        if key in self.stuck:
            self.stuck = {other: one for other, one in self.stuck.items() if other != key}
            log.info("partition_goes_on", topic=key.topic, partition=key.partition)

    def lost(self, key: TopicPartition, expected: int) -> None:
        """Record that the next offset is not in the partition's log."""
        self._lost[key] = expected

    def resume(self, consumer: Consumer, owned: dict[TopicPartition, int], now: float) -> None:
        """Continue at the log's start or end, as `auto.offset.reset` says; with `error` the partition stays stuck.

        librdkafka would do so without a report, so it is configured to raise an error instead.
        """
        for key, expected in list(self._lost.items()):
            try:
                low, high = consumer.get_watermark_offsets(KafkaPartition(*key), timeout=ASK_SECONDS)
            except KafkaException:
                continue  # retried in the next turn
            starts = {"earliest": low, "smallest": low, "beginning": low, "latest": high, "largest": high, "end": high}
            start = starts.get(self._reset)
            if start is None:
                what = "nothing is committed" if expected < 0 else f"it holds the offsets from {low} to {high - 1}"
                what = f"{what}, and auto.offset.reset is `{self._reset}`"
                self.report(key, expected, what, now)
                continue
            del self._lost[key]
            if 0 <= expected < low:
                self._gone(key, expected, low)
            elif expected > high:
                log.error(
                    "committed_offset_beyond_end",
                    topic=key.topic,
                    partition=key.partition,
                    committed=expected,
                    end=high,
                    hint="was the topic deleted and created again?",
                )
            owned[key] = start
            consumer.incremental_unassign([KafkaPartition(*key)])
            consumer.incremental_assign([KafkaPartition(key.topic, key.partition, start)])
            self.clear(key)
