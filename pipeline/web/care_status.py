"""Recipient care on the status page: who is known, what was suppressed of late and why, and what is behind."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.delivery.snapshot import CareSnapshot
from pipeline.model.event import TopicPartition
from pipeline.model.outcome import Outcome, Reason

STEP_SECONDS = 300.0
"""What was suppressed is counted for each five minutes."""
HOUR, DAY = 3_600.0, 86_400.0


class CareTopics(NamedTuple):
    """Topics whose lag is shown."""

    intents: str
    preferences: str | None


@dataclass(frozen=True, slots=True)
class SuppressedLine:
    """Messages that one condition held back."""

    reason: str
    name: str
    """Of the cap, the list, the quiet hours; of `once` the rule."""
    hour: int
    day: int
    """In the last hour and day, as far as this process goes back."""


@dataclass(frozen=True, slots=True)
class CareStatus:
    """The state of recipient care in this process."""

    recipients: int
    unwritten: int
    """Recipients of whom more is known than their record on Kafka says."""
    unwritten_seconds: float
    """For how long the first of them."""
    intents_waiting: int
    preferences_waiting: int | None
    """Records that are not read yet; None: no topic of preferences is configured."""
    suppressed: tuple[SuppressedLine, ...]
    """The most frequent of the day first."""


class CareTally:
    """Counts what recipient care suppressed within a day."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, Counter[tuple[Reason, str]]]] = deque(maxlen=int(DAY / STEP_SECONDS) + 1)
        """Counts by reason and name, each with the time at which its five minutes begin."""

    def suppressed(self, outcome: Outcome, now: float) -> None:
        """Count a message that care held back."""
        begins = now - now % STEP_SECONDS
        if not self._steps or self._steps[-1][0] != begins:
            self._steps.append((begins, Counter()))
        self._steps[-1][1][outcome.reason, (outcome.because[0].name or "") if outcome.because else ""] += 1

    def lines(self, now: float) -> tuple[SuppressedLine, ...]:
        """Return the counts of the last hour and day."""
        hour, day = self._since(now - HOUR), self._since(now - DAY)
        return tuple(
            SuppressedLine(reason.value, name, hour[reason, name], count)
            for (reason, name), count in sorted(day.items(), key=lambda one: (-one[1], one[0]))
        )

    def _since(self, since: float) -> Counter[tuple[Reason, str]]:
        total: Counter[tuple[Reason, str]] = Counter()
        for begins, counts in self._steps:
            if begins > since - STEP_SECONDS:
                total.update(counts)
        return total


def care_status(
    topics: CareTopics, care: CareSnapshot | None, lag: Mapping[TopicPartition, int], tally: CareTally, now: float
) -> CareStatus:
    """Return the state now; `now` is the clock's, by which `care` says since when records are unwritten."""
    known = care or CareSnapshot(0, 0, None)
    since = known.unwritten_since
    return CareStatus(
        recipients=known.recipients,
        unwritten=known.unwritten,
        unwritten_seconds=0.0 if since is None else max(0.0, now - since),
        intents_waiting=_lag(lag, topics.intents),
        preferences_waiting=None if topics.preferences is None else _lag(lag, topics.preferences),
        suppressed=tally.lines(now),
    )


def together(processes: Sequence[Mapping[str, Any]]) -> CareStatus | None:
    """Return the sum of what several processes have in `care` of their `/status.json`; None where it is off in all."""
    if not processes:
        return None
    hour: Counter[tuple[str, str]] = Counter()
    day: Counter[tuple[str, str]] = Counter()
    for line in (line for one in processes for line in one["suppressed"]):
        hour[line["reason"], line["name"]] += line["hour"]
        day[line["reason"], line["name"]] += line["day"]
    preferences = [one["preferences_waiting"] for one in processes if one["preferences_waiting"] is not None]
    return CareStatus(
        recipients=sum(one["recipients"] for one in processes),
        unwritten=sum(one["unwritten"] for one in processes),
        unwritten_seconds=max(one["unwritten_seconds"] for one in processes),
        intents_waiting=sum(one["intents_waiting"] for one in processes),
        preferences_waiting=sum(preferences) if preferences else None,
        suppressed=tuple(
            SuppressedLine(reason, name, hour[reason, name], count)
            for (reason, name), count in sorted(day.items(), key=lambda one: (-one[1], one[0]))
        ),
    )


def _lag(lag: Mapping[TopicPartition, int], topic: str) -> int:
    return sum(records for partition, records in lag.items() if partition.topic == topic)
