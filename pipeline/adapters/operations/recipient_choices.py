"""What recipients have chosen, and where in the intents topic: an opt-out holds for what follows it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.adapters.kafka.intents.record import IntentDecoder
from pipeline.adapters.kafka.range import ASK_SECONDS, Span, TopicRange
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.care.preferences import Preferences, parse_preferences
from pipeline.care.recipient import Recipient
from pipeline.care.record import RECIPIENT, read_key, read_state
from pipeline.errors import DamagedCareState, Undecodable
from pipeline.model.event import Position
from pipeline.model.intent import PreferencesChoice


class RecipientChoice(NamedTuple):
    """One choice of a recipient."""

    recipient: str
    """As in outcomes."""
    offset: int
    """In the recipient's partition of the intents topic."""
    preferences: Preferences | None
    """None: what was chosen before is forgotten."""
    source: Position | None
    """Where it was read first; None: not known."""
    at: float | None = None
    """When it was written to the intents topic, seconds since the epoch; None: not known."""


class RecipientChoices:
    """Choices of one group's recipients."""

    def __init__(
        self, properties: Mapping[str, Any], group: str, intents: str, care: str, identify: Callable[[str], str]
    ) -> None:
        """`intents` and `care` are the topics; `identify` returns a recipient as outcomes have it."""
        self._properties = properties
        self._group = group
        self._intents = intents
        self._care = care
        self._identify = identify

    def read(self, span: Span) -> Iterator[RecipientChoice]:
        """Yield the last choice of each recipient, and all of the span.

        Raises:
            UserError: a topic cannot be read.
        """
        available = TopicCheck(self._properties, ASK_SECONDS).partitions()
        if self._care in available:
            yield from self._last()
        if self._intents in available:
            yield from self._of_span(span)

    def _last(self) -> Iterator[RecipientChoice]:
        with TopicRange(self._properties, self._care) as records:
            for record in records.records():
                kind, name = read_key(record.key) or ("", "")
                if kind != RECIPIENT or record.value is None:
                    continue
                try:
                    known = Recipient.unpack(read_state(record.value)[1])
                except DamagedCareState:
                    continue  # `run` refuses to start with it
                if known.chosen >= 0:
                    yield RecipientChoice(name, known.chosen, known.preferences, None)

    def _of_span(self, span: Span) -> Iterator[RecipientChoice]:
        decode = IntentDecoder()
        with TopicRange(self._properties, self._intents, span) as records:
            for record in records.records():
                found = decode(record.value)
                if found is None or found.group != self._group or not isinstance(found.content, PreferencesChoice):
                    continue
                text = found.content.preferences
                try:
                    read = parse_preferences(None if text is None else text.encode())
                except Undecodable:
                    continue  # as the service
                preferences = None if read is None else read.preferences
                recipient = self._identify(found.content.recipient)
                written_at = record.timestamp_ms / 1_000
                yield RecipientChoice(recipient, record.offset, preferences, found.position, written_at)
