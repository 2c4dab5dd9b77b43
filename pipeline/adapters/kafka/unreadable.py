"""Partitions that cannot be read on: where, since when and why; and the way on where retention has passed us."""

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
    """Kept by the source's thread; `stuck` may be read from any."""

    def __init__(self, reset: str, gone: Callable[[str, int], None]) -> None:
        """`reset` is `auto.offset.reset`; `gone` counts events of a topic that retention deleted unread."""
        self._reset = reset
        self._gone = gone
        self._lost: dict[TopicPartition, int] = {}
        """The next offset of partitions whose log begins after it, or ends before it."""
        self.stuck: Mapping[TopicPartition, StuckPartition] = {}

    def report(self, key: TopicPartition, offset: int, error: str, now: float) -> None:
        """A partition cannot be read at `offset`; logged once for each offset."""
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
            hint="other partitions go on; how to pass over it: section NoticePartitionStuck of the runbook",
        )

    def clear(self, key: TopicPartition) -> None:
        """A record came, or the partition is no longer ours."""
        self._lost.pop(key, None)
        if key in self.stuck:
            self.stuck = {other: one for other, one in self.stuck.items() if other != key}
            log.info("partition_goes_on", topic=key.topic, partition=key.partition)

    def lost(self, key: TopicPartition, expected: int) -> None:
        """The offset to read next is not in the partition's log."""
        self._lost[key] = expected

    def resume(self, consumer: Consumer, owned: dict[TopicPartition, int], now: float) -> None:
        """Go on where the log begins or ends, as `auto.offset.reset` says; with `error` the partition stays stuck.

        librdkafka would do so by itself and report nothing, so it is told to stop there.
        """
        for key, expected in list(self._lost.items()):
            try:
                low, high = consumer.get_watermark_offsets(KafkaPartition(*key), timeout=ASK_SECONDS)
            except KafkaException:
                continue  # asked again at the next turn
            starts = {"earliest": low, "smallest": low, "beginning": low, "latest": high, "largest": high, "end": high}
            start = starts.get(self._reset)
            if start is None:
                what = "nothing is committed" if expected < 0 else f"it holds the offsets from {low} to {high - 1}"
                what = f"{what}, and auto.offset.reset is `{self._reset}`"
                self.report(key, expected, what, now)
                continue
            del self._lost[key]
            if 0 <= expected < low:
                log.error(
                    "events_gone_unread",
                    topic=key.topic,
                    partition=key.partition,
                    committed=expected,
                    start=low,
                    lost=low - expected,
                    error="retention deleted events before they were read",
                )
                self._gone(key.topic, low - expected)
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
