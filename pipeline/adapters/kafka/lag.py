"""Measure the consumer's lag of each partition."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.model.event import TopicPartition

ASK_SECONDS = 0.1


class Lag:
    """Measured on the source's thread; any thread may read `lags`."""

    def __init__(self) -> None:
        self.lags: Mapping[TopicPartition, int] = {}
        self._round = 0

    def measure(self, consumer: Consumer, positions: Mapping[TopicPartition, int], idle: set[TopicPartition]) -> None:
        """Update `lags` from the partition ends that librdkafka knows from its fetches.

        Paused partitions are not fetched, so the broker is queried for one of `idle` in turn: each query may take
        `ASK_SECONDS` while the broker does not answer.
        """
        self._round += 1
        waiting = sorted(idle)
        queried = waiting[self._round % len(waiting)] if waiting else None
        lags: dict[TopicPartition, int] = {}
        for partition, position in positions.items():
            end = _end(consumer, partition, query=partition == queried)
            if end is not None and position >= 0:
                lags[partition] = max(0, end - position)
            elif partition in self.lags:
                lags[partition] = self.lags[partition]
        self.lags = lags


def _end(consumer: Consumer, partition: TopicPartition, *, query: bool) -> int | None:
    where = KafkaPartition(partition.topic, partition.partition)
    try:
        if query:
            watermarks = consumer.get_watermark_offsets(where, timeout=ASK_SECONDS)
        else:
            watermarks = consumer.get_watermark_offsets(where, cached=True)
    except KafkaException:
        return None
    return watermarks[1] if watermarks[1] >= 0 else None
