"""Read single records of several topics, by one client for each topic."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

from pipeline.adapters.kafka.range import TopicRange
from pipeline.model.event import Position, Record

FETCH_WAIT_MS = 10
"""A client fetches further than the record that was asked for. At a partition's end the broker would hold that fetch,
and with it the next record's, for half a second."""


class RecordReader:
    """Opens a topic when its first record is read: to connect takes much longer than to read."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        """`properties` are librdkafka's."""
        self._properties = {**properties, "fetch.wait.max.ms": FETCH_WAIT_MS}
        self._topics: dict[str, TopicRange] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        """Nothing is open yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._opened.close()

    def read(self, position: Position) -> Record:
        """Return the record at a position.

        Raises:
            Unreachable: no broker answers, or there is no such topic.
            UserError: there is no such partition, or no record at that offset.
        """
        if position.topic not in self._topics:
            self._topics[position.topic] = self._opened.enter_context(TopicRange(self._properties, position.topic))
        return self._topics[position.topic].at(position)
