"""Intents: notices on their way from the events' partitions to the partition of their recipient.

With recipient care each member has two roles. The map role makes intents of events and writes them to the intents
topic, keyed by the recipient; the send role reads them there and delivers (docs/decisions/intents-hop.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.model.event import Event, Origin, Position
from pipeline.model.notice import Notice


class Intent(NamedTuple):
    """One notice, with everything that its delivery and its outcome need of the event."""

    notice: Notice
    event: Event
    """Without data; its record is the event's own, with the bytes that a dead letter keeps."""
    origin: Origin
    """Of the event's topic."""
    rules_version: str
    received_at: float
    """When the event's record was read."""
    stream: str
    """Names the event's partition, see `stream_name`."""
    committed: int
    """The last offset of that partition which Kafka had acknowledged as committed when the intent was written: what is
    below is never read again, so that an intent of it that arrives later is a repetition."""


class PreferencesChoice(NamedTuple):
    """A recipient's preferences, as the map role has read them."""

    recipient: str
    """In clear."""
    preferences: str | None
    """JSON; None: forgotten."""


class ChoiceIntent(NamedTuple):
    """A recipient's preferences, on their way to the partition of the recipient's notices."""

    choice: PreferencesChoice
    position: Position
    """Where the map role has read them."""
    timestamp_ms: int
    """Kafka's, of that record."""
    stream: str
    """As of `Intent`."""
    committed: int
    """As of `Intent`."""


class Seen(NamedTuple):
    """What is remembered of one intent to recognise its repetition."""

    stream: str
    offset: int
    """The event's offset."""
    id: str
    committed: int
    timestamp_ms: int
    """When the intent was written."""


class StreamState(NamedTuple):
    """What a partition of the intents topic has seen of one partition of events."""

    committed: int
    """The highest `Intent.committed`."""
    last_ms: int
    """When its last intent was written."""
    seen: Sequence[tuple[int, str]]
    """Event offset and notice id of each intent at or above `committed`: the map role may write them again."""


class Checkpoint(NamedTuple):
    """What a partition of the intents topic has seen up to an offset."""

    at: int
    """Everything below this offset is in `streams`."""
    streams: Mapping[str, StreamState]


class RestoredIntents(NamedTuple):
    """What the send role must know when it is assigned a partition of the intents topic."""

    checkpoint: Checkpoint | None
    """None: nothing was read before."""
    position: int | None
    """Offset of the checkpoint's own record in this partition; None: it has none, because it is empty."""
    since: Sequence[Seen]
    """The intents from the checkpoint to the frontier, in their order."""


class Mapped(NamedTuple):
    """What the map role writes into each intent of an event's partition."""

    stream: str
    origin: Origin


NOT_RESTORED = RestoredIntents(None, None, ())


def stream_name(origin: Origin, topic: str, partition: int, line: str | None) -> str:
    """Return the name of an event's partition in intents.

    `line` changes when an operator resets the group's offsets: what is then read again is not a repetition of a dead
    process, and must not be taken for one. A topic that is created again has another id, and so another name.
    """
    name = f"{origin.topic_id or topic}/{partition}"
    return f"{name}/{line}" if line else name
