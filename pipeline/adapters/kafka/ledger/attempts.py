"""How many attempts the ledger has since a time: what a restarted service has used of its number per day."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import structlog
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import TO_THE_END, outside_group
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.model.event import TopicPartition

BATCH = 2_000
ASK_SECONDS = 10.0
MOST_SECONDS = 60.0
"""The service starts after this time, whatever was read."""

log = structlog.get_logger("ledger")


def attempts_since(
    properties: Mapping[str, Any], topic: str, group: str, since: float
) -> Mapping[tuple[str | None, TopicPartition], int]:
    """Attempts of the group's outcomes that ended at `since` or later, by template and partition of the event.

    What cannot be read counts as nothing, with a warning: a limit of our own must not keep the service from starting.
    """
    found: Counter[tuple[str | None, TopicPartition]] = Counter()
    try:
        consumer = Consumer({**outside_group(properties), **TO_THE_END})
        try:
            is_whole = _read(consumer, topic, group, since, found)
        finally:
            consumer.close()
    except KafkaException as error:
        log.warning(
            "day_not_counted", topic=topic, error=kafka_errors.message(error), hint="the day's number begins at 0"
        )
    else:
        if not is_whole:
            log.warning(
                "day_not_counted", topic=topic, attempts=found.total(), hint="more of the day's notices have left"
            )
    return found


def _read(
    consumer: Consumer, topic: str, group: str, since: float, found: Counter[tuple[str | None, TopicPartition]]
) -> bool:
    """Whether the topic was read to its end."""
    partitions = consumer.list_topics(topic, timeout=ASK_SECONDS).topics[topic].partitions
    wanted = [KafkaPartition(topic, number, round(since * 1_000)) for number in partitions]
    begins = [one for one in consumer.offsets_for_times(wanted, timeout=ASK_SECONDS) if one.offset != OFFSET_END]
    consumer.assign(begins)
    left, decode = {one.partition for one in begins}, OutcomeDecoder()
    deadline = time.monotonic() + MOST_SECONDS
    while left and time.monotonic() < deadline:
        for message in consumer.consume(BATCH, 0.1):
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's own name
                    raise KafkaException(error)
                left.discard(message.partition())
                continue
            outcome = decode(message.value())
            if outcome is not None and outcome.origin.group == group and outcome.finished_at >= since:
                key = TopicPartition(outcome.position.topic, outcome.position.partition)
                found[outcome.template, key] += outcome.attempts
    return not left
