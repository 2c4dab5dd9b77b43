"""What librdkafka hands over, as our own value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.model.event import Record

if TYPE_CHECKING:
    from confluent_kafka import Message


def record_of(message: Message) -> Record:
    """The record that a message without an error is."""
    headers = message.headers()
    moment = message.timestamp()[1]
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple(headers) if headers else (),  # type: ignore[arg-type]  # pairs of text and bytes
        max(0, moment),
    )
