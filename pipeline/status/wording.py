"""Words of the messages: times, counts, names of partitions and rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pipeline.model.event import TopicPartition
from pipeline.phrases import counted, joined, phrase

NAMED = 5
"""Names in a message; tables and the evidence have more."""
IN_EVIDENCE = 50


def partition_name(key: TopicPartition) -> str:
    """Return `topic/partition`."""
    return f"{key.topic}/{key.partition}"


def partition_names(keys: Iterable[TopicPartition]) -> list[str]:
    """Return the names of partitions, sorted, as many as evidence holds."""
    return sorted(map(partition_name, keys))[:IN_EVIDENCE]


def partitions_listed(keys: Iterable[TopicPartition]) -> str:
    """Return partitions as a message names them."""
    return listed(sorted(map(partition_name, keys)))


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    first = joined(", ", names[:NAMED])
    return phrase("{names} and {more} more", names=first, more=len(names) - NAMED) if len(names) > NAMED else first


def rules_are(rules: Sequence[str]) -> str:
    """Return rules as the subject of a sentence."""
    if len(rules) == 1:
        return phrase("Rule {rule} is", rule=rules[0])
    return phrase("{count} rules ({rules}) are", count=len(rules), rules=listed(rules))


def events(count: int) -> str:
    """Return a number of events."""
    return counted(count, "{count:,} event", "{count:,} events")


def first_of(errors: Sequence[str]) -> str:
    """Return the first error as a sentence."""
    return phrase("{error}.", error=errors[0]) if errors else ""


def clock(at: float) -> str:
    """Return a time as people read it."""
    time = datetime.fromtimestamp(at, UTC)
    return phrase("{time} UTC on {day}", time=f"{time:%H:%M:%S}", day=f"{time:%Y-%m-%d}")
