"""What came in: a Kafka record, and the domain event it carries.

Values of the hot path are `NamedTuple`s: frozen, and made in a third of the time of a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.model.trace import TraceContext

Headers = tuple[tuple[str, bytes | None], ...]

UNREADABLE_HEADERS: Headers = (("notice.unreadable-headers", None),)
"""Stands for a record's headers where the client cannot read them: a name is not UTF-8. Compared by identity."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Position(NamedTuple):
    """Where a record stands in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """`topic/partition/offset`, as accepted by `explain`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Origin(NamedTuple):
    """Which group reads, and which topic of which cluster: what a position alone leaves open."""

    group: str = ""
    """The consumer group; empty in tools that read for none."""
    cluster_id: str | None = None
    """The cluster's id (KIP-78); None where the broker has none."""
    topic_id: str | None = None
    """The topic's id (KIP-516), in Kafka's text form. A topic that is deleted and created again has another one."""


UNKNOWN_ORIGIN = Origin()


def position_identity(origin: Origin, topic: str, partition: int, offset: int) -> str:
    """What makes a record unique: cluster id, topic id, partition, offset.

    Where the broker gives no topic ids, it is the position, which another cluster or a new topic of that name repeats.
    """
    _, cluster_id, topic_id = origin
    return f"{cluster_id}/{topic_id}/{partition}/{offset}" if topic_id else f"{topic}/{partition}/{offset}"


class Record(NamedTuple):
    """One Kafka record as it was read: bytes, nothing interpreted."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    """Kafka's own timestamp, milliseconds since the epoch; 0 where the broker gave none."""

    @property
    def position(self) -> Position:
        """Where this record stands."""
        return Position(self.topic, self.partition, self.offset)


class Redrive(NamedTuple):
    """What a redriven record asks for: one that was sent again from the dead letters."""

    rule: str | None
    """The only rule to run; None: all rules, because the record could not be decoded before."""
    key_round: int
    """Above 0: the API refused the notice before, and a new idempotency key is made for this round."""
    number: int = 1
    """How many times the event has been redriven, this time included."""
    first: Position | None = None
    """The event's first position, where the headers give one."""


class EventAttributes(NamedTuple):
    """What is known of an event whose data cannot be decoded."""

    type: str | None
    id: str | None
    source: str | None
    trace: TraceContext | None


@dataclass(slots=True)
class Event:
    """One domain event, decoded. No tuple: its fields are read often, and its data is let go of first."""

    type: str
    """Avro record's full name, or CloudEvents `type`."""
    data: Mapping[str, object]
    """Values as rule expressions read them; see `pipeline.rules.schema.event_schema` for how each Avro type arrives."""
    record: Record
    identity: str
    """What makes it the same event each time it is read, emitted again or redriven: CloudEvents source and id, else
    type and the field that `events.id_field` names, else its position. Completed by `identify`."""
    id: str | None
    """CloudEvents `id`, else the field that `events.id_field` names, where there is one."""
    source: str | None
    """CloudEvents `source`, where there is one."""
    time_ms: int
    """CloudEvents `time`, else the field that `events.time_field` names, else Kafka's timestamp; milliseconds since the
    epoch."""
    expires_at_ms: int | None
    """CloudEvents extension `expirytime`, where there is one."""
    trace: TraceContext | None
    """W3C trace context from the headers, where there is one."""
    redrive: Redrive | None = None
    """What is asked for, where this record was sent again from the dead letters."""
    time_source: str | None = None
    """Where `time_ms` comes from; None: Kafka's timestamp."""
    has_own_identity: bool = False
    """Whether `identity` came with the event, as CloudEvents source and id do; else it is the record's position."""

    def identify(self, origin: Origin) -> None:
        """Complete the identity, of which notice ids and idempotency keys are made: group, then what is unique in it.

        That is the event's own identity, which holds on every cluster, else cluster id, topic id and position.
        """
        own = self.identity if self.has_own_identity else position_identity(origin, *self.record[:3])
        self.identity = f"{origin.group}\x1f{own}"

    def release_data(self) -> None:
        """Once its notices are made, what is said of the event is of use, its data no more.

        Thousands of notices wait for their turn. Let go at once, the memory of one event's data serves the next.
        """
        self.data = _NO_DATA


_NO_DATA: Mapping[str, object] = {}
