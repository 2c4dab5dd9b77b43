"""How much of a topic a group has left to process, read without joining the group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import outside_group
from pipeline.errors import Unreachable

ASK_SECONDS = 10.0


def undelivered(properties: Mapping[str, Any], group: str, topic: str) -> int:
    """Return how many records of the topic are after the group's commits; 0 if the group has never committed any.

    Raises:
        Unreachable: Kafka does not answer.
    """
    settings = outside_group(properties)
    consumer = Consumer({**settings, "group.id": group, "enable.auto.commit": False})  # not closed: former_clients.py
    try:
        wanted = [KafkaPartition(topic, number) for number in _partitions(consumer, topic)]
        committed = {one.partition: one.offset for one in consumer.committed(wanted, timeout=ASK_SECONDS)}
        if all(offset < 0 for offset in committed.values()):
            return 0
        left = 0
        for number, offset in committed.items():
            low, high = consumer.get_watermark_offsets(KafkaPartition(topic, number), timeout=ASK_SECONDS)
            left += max(0, high - max(low, offset))
    except KafkaException as error:
        cause = kafka_errors.cause(error)
        raise Unreachable(f"the commits of {group} cannot be read: {cause.str()}") from None
    return left


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    found = consumer.list_topics(topic, timeout=ASK_SECONDS).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return list(found.partitions)
