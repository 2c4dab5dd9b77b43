"""What a group has processed of its topics: identities and commits, read without joining the group."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka import rights
from pipeline.adapters.kafka.clients import outside_group
from pipeline.adapters.kafka.identities import Identities
from pipeline.adapters.kafka.range import ASK_SECONDS
from pipeline.delivery import pointer
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import Origin, TopicPartition

SLICE_SECONDS = 1.0
"""Timeout of one query for commits. Without the right, librdkafka repeats it until the timeout, and reports the missing
right as an event of the consumer."""


def described(properties: Mapping[str, Any], group: str, topics: Sequence[str]) -> Mapping[str, Origin]:
    """Return the identities of the topics as they are now.

    Raises:
        Unreachable: they cannot be described.
    """
    try:
        return Identities(properties, group).origins(topics)
    except KafkaException as error:
        cause = kafka_errors.cause(error)
        message = f"{', '.join(topics)} cannot be described: {cause.str()}"
        raise Unreachable(message, hint=kafka_errors.hint({cause.code()})) from None


class GroupCommit(NamedTuple):
    """What a group has committed of one partition."""

    offset: int | None
    """None: nothing, or of an earlier topic of this name only."""
    gone: pointer.Gone | None = None
    """Events that retention deleted before the group had read them, as the service noted it."""


def group_commits(
    properties: Mapping[str, Any], group: str, locations: Sequence[TopicPartition], origins: Mapping[str, Origin]
) -> Mapping[tuple[str, int], GroupCommit]:
    """Return what the group has committed of each partition.

    Raises:
        RightsMissing: this user may not describe the group.
        Unreachable: the commits cannot be read.
    """
    settings = {**outside_group(properties), "group.id": group, "enable.auto.commit": False, "log_level": 0}
    partitions = [KafkaPartition(*location) for location in locations]
    deadline = time.monotonic() + ASK_SECONDS
    consumer = kafka_errors.configured(lambda: Consumer(settings))  # not closed: see former_clients.py
    while True:
        try:
            answers = consumer.committed(partitions, timeout=SLICE_SECONDS)
        except KafkaException as error:
            refusal = _refusal(consumer)
            if refusal is not None or time.monotonic() > deadline:
                raise _unreadable(properties, group, refusal or kafka_errors.cause(error)) from None
        else:
            return {(one.topic, one.partition): _commit(one, origins[one.topic]) for one in answers}


def _unreadable(properties: Mapping[str, Any], group: str, cause: KafkaError) -> UserError:
    if cause.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return rights.refused(properties, [rights.Right("DESCRIBE", "group", group)])
    message = f"what the group {group} has committed cannot be read: {cause.str()}"
    return Unreachable(message, hint=kafka_errors.hint({cause.code()}))


def _commit(answer: KafkaPartition, origin: Origin) -> GroupCommit:
    found = pointer.read(answer.metadata)
    if not isinstance(found, pointer.Pointer):
        return GroupCommit(answer.offset if answer.offset >= 0 else None)
    is_current = answer.offset >= 0 and found.topic_id in (None, origin.topic_id)
    return GroupCommit(answer.offset, found.gone) if is_current else GroupCommit(None)


def _refusal(consumer: Consumer) -> KafkaError | None:
    """Return the error by which Kafka refuses the group to this user, if it does."""
    while (message := consumer.poll(0)) is not None:
        error = message.error()
        if error is not None and kafka_errors.is_refused(error):
            return error
    return None
