"""Where topics and groups stand; asked again where a topic was only just made and its partitions have no leader."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

ASK_SECONDS = 10.0
TIMEOUT = 60.0

Answer = TypeVar("Answer")


def watermarks(consumer: Consumer, where: TopicPartition) -> tuple[int, int]:
    """First and next offset of a partition.

    Raises:
        KafkaException: it stays unknown.
    """
    low, high = _patiently(lambda: consumer.get_watermark_offsets(where, timeout=ASK_SECONDS))
    return int(low), int(high)


def ranges(servers: str, topic: str) -> dict[int, tuple[int, int]]:
    """First and next offset of each partition; empty where there is no such topic yet."""
    return _requested(
        servers,
        f"{topic}.ranges",
        lambda consumer: {
            number: watermarks(consumer, TopicPartition(topic, number)) for number in partitions(consumer, topic)
        },
    )


def ends(servers: str, topic: str) -> dict[int, int]:
    """Next offset of each partition; empty where there is no such topic yet."""
    return {partition: high for partition, (_, high) in ranges(servers, topic).items()}


def known_ends(servers: str, topic: str) -> dict[int, int]:
    """Next offset of each partition whose leader knows it: a new one does not before it has enough replicas."""

    def ask(consumer: Consumer) -> dict[int, int]:
        found: dict[int, int] = {}
        for number in partitions(consumer, topic):
            try:
                _, found[number] = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ASK_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.OFFSET_NOT_AVAILABLE:
                    raise
        return found

    return _requested(servers, f"{topic}.ranges", ask)


def committed(servers: str, group: str, topic: str) -> dict[int, TopicPartition]:
    """What the group has committed, offset and metadata, by partition."""

    def ask(consumer: Consumer) -> dict[int, TopicPartition]:
        wanted = [TopicPartition(topic, number) for number in partitions(consumer, topic)]
        return {one.partition: one for one in _patiently(lambda: consumer.committed(wanted, timeout=ASK_SECONDS))}

    return _requested(servers, group, ask)


def create_again(servers: str, topic: str, count: int) -> None:
    """Delete a topic, and create another with this name and so many partitions.

    Raises:
        KafkaException: the broker refuses.
    """
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    admin.delete_topics([topic])[topic].result(TIMEOUT)
    # It is refused while the old one is still being deleted.
    _patiently(lambda: admin.create_topics([NewTopic(topic, count, -1)])[topic].result(TIMEOUT))


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """Its partitions; none where there is no such topic yet, or one without partitions, as a topic is for a moment."""
    # About this topic alone: a broker of a long test run answers for thousands of others, which took most of its time.
    return sorted(_patiently(lambda: consumer.list_topics(topic, timeout=ASK_SECONDS)).topics[topic].partitions)


def _requested(servers: str, group: str, ask: Callable[[Consumer], Answer]) -> Answer:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "log_level": 0})
    try:
        return ask(consumer)
    finally:
        consumer.close()


def _patiently(ask: Callable[[], Answer]) -> Answer:
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
