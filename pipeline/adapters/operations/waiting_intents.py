"""Notices that are on their way in the intents topic: their events are committed, and they have no outcome yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.adapters.kafka.intents.record import IntentDecoder
from pipeline.adapters.kafka.range import ASK_SECONDS, Span, TopicRange
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.adapters.operations.group_state import described, group_commits
from pipeline.model.event import TopicPartition
from pipeline.model.intent import Intent


class WaitingIntents:
    """What the group has not delivered of its intents topic.

    Create it right after the commits of events were read: an event that was committed then has its intents in the
    topic, and those below the commits that are read here have their outcomes.
    """

    def __init__(self, properties: Mapping[str, Any], group: str, topic: str) -> None:
        """Read what the group has committed. A group that never had recipient care has no intents.

        Raises:
            UserError: the commits cannot be read.
        """
        self._properties = properties
        self._group = group
        self._topic = topic
        self._committed: Mapping[int, int] = {}
        partitions = TopicCheck(properties, ASK_SECONDS).partitions().get(topic, 0)
        if partitions:
            locations = [TopicPartition(topic, number) for number in range(partitions)]
            commits = group_commits(properties, group, locations, described(properties, group, [topic]))
            known = {number: one.offset for (_, number), one in commits.items() if one.offset is not None}
            self._committed = {number: known.get(number, 0) for number in range(partitions)} if known else {}

    @property
    def is_used(self) -> bool:
        """Whether the group has, or had, recipient care."""
        return bool(self._committed)

    def read(self) -> Iterator[Intent]:
        """Yield the intents from the commits to the topic's present end.

        Raises:
            UserError: the topic cannot be read.
        """
        if not self._committed:
            return
        decode = IntentDecoder()
        with TopicRange(self._properties, self._topic, Span(after=self._committed)) as records:
            for record in records.records():
                found = decode(record.value)
                if found is not None and found.group == self._group and isinstance(found.content, Intent):
                    yield found.content
