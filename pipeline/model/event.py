"""The input: Kafka records, and the domain events they carry.

Values of the hot path are `NamedTuple`s: frozen, and created in a third of the time of a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.model.trace import TraceContext

Headers = tuple[tuple[str, bytes | None], ...]

UNREADABLE_HEADERS: Headers = (("notice.unreadable-headers", None),)
"""Replaces a record's headers if the client cannot read them because a name is not UTF-8. Compared by identity."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Position(NamedTuple):
    """The position of a record in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """`topic/partition/offset`, as accepted by `explain`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class IntentPosition(NamedTuple):
    """Where the send role read a notice: partition and offset of the intents topic."""

    partition: int
    offset: int


class Origin(NamedTuple):
    """The consumer group, cluster and topic that a position alone does not identify."""

    group: str = ""
    """The consumer group; empty in tools without one."""
    cluster_id: str | None = None
    """The cluster's id (KIP-78); None if the broker has none."""
    topic_id: str | None = None
    """The topic's id (KIP-516), in Kafka's text form. A topic that is deleted and created again has another one."""


UNKNOWN_ORIGIN = Origin()


def position_identity(origin: Origin, topic: str, partition: int, offset: int) -> str:
    """Return a record's identity: cluster id, topic id, partition, offset.

    If the broker has no topic ids, it is the position, which another cluster or a new topic of that name may repeat.
    """
    _, cluster_id, topic_id = origin
    return f"{cluster_id}/{topic_id}/{partition}/{offset}" if topic_id else f"{topic}/{partition}/{offset}"


def record_identity(origin: Origin, topic: str, partition: int, offset: int) -> str:
    """Return what stands for the record in ids that only its group makes: the group, and `position_identity`."""
    group, cluster_id, topic_id = origin  # not by `position_identity`: this runs for every event
    if topic_id:
        return f"{group}\x1f{cluster_id}/{topic_id}/{partition}/{offset}"
    return f"{group}\x1f{topic}/{partition}/{offset}"


EVENT_BYTES = 2_048
"""Memory that an event takes beside its bytes: objects of its record, attributes and notices, and entries of tables.
Measured: some 1,200 bytes for an event with one notice."""


class Record(NamedTuple):
    """One Kafka record as read, with uninterpreted bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    """Kafka's timestamp, milliseconds since the epoch; 0 if the broker gave none."""
    size: int = 0
    """Bytes of key, value and headers, and `EVENT_BYTES`; 0 for a record that was not read from Kafka."""

    @property
    def position(self) -> Position:
        """The position of this record."""
        return Position(self.topic, self.partition, self.offset)


class Redrive(NamedTuple):
    """The instructions in the headers of a redriven record."""

    rule: str | None
    """The only rule to run; None: all rules, because the record could not be decoded before."""
    key_round: int
    """Above 0 if the API rejected the notice before: a new idempotency key is made for this number."""
    number: int = 1
    """How many times the event has been redriven, this time included."""
    first: Position | None = None
    """The event's first position, if the headers give one."""
    item: int | None = None
    """The only item of the rule's `for_each` to make a message for; None: all."""


class EventAttributes(NamedTuple):
    """The known attributes of an event whose data cannot be decoded."""

    type: str | None
    id: str | None
    source: str | None
    trace: TraceContext | None


@dataclass(slots=True)
class Event:
    """One decoded domain event. Not a tuple: its fields are read often, and its data is released early."""

    type: str
    """Avro record's full name, or CloudEvents `type`."""
    data: Mapping[str, object]
    """Values as rule expressions read them; see `pipeline.rules.schema.event_schema` for how each Avro type arrives."""
    record: Record
    identity: str
    """What makes it the same event each time it is read, emitted again or redriven: CloudEvents source and id, else
    type and the field that `events.id_field` names, else its position. Completed by `identify`."""
    id: str | None
    """CloudEvents `id`, else the field that `events.id_field` names; None without either."""
    source: str | None
    """CloudEvents `source`, if any."""
    time_ms: int
    """CloudEvents `time`, else the field that `events.time_field` names, else Kafka's timestamp; milliseconds since the
    epoch."""
    expires_at_ms: int | None
    """CloudEvents extension `expirytime`, if any."""
    trace: TraceContext | None
    """W3C trace context from the headers, if any."""
    redrive: Redrive | None = None
    """The instructions of a redriven record; None for others."""
    time_source: str | None = None
    """The source of `time_ms`; None: Kafka's timestamp."""
    has_own_identity: bool = False
    """Whether the event brings its identity, such as CloudEvents source and id; else it is the record's position."""

    def identify(self, origin: Origin) -> None:
        """Complete the identity from which notice ids and idempotency keys are made.

        It is the group, followed by the event's own identity, which holds on every cluster, or else by cluster id,
        topic id and position.
        """
        if self.has_own_identity:
            self.identity = f"{origin.group}\x1f{self.identity}"
        else:
            topic, partition, offset, _, _, _, _, _ = self.record
            self.identity = record_identity(origin, topic, partition, offset)

    def release_data(self) -> None:
        """Release the data once the notices are made; the attributes are still needed.

        Thousands of notices may wait, and the memory of one event's data is reused for the next.
        """
        self.data = _NO_DATA


_NO_DATA: Mapping[str, object] = {}
