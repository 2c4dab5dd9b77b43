"""What only a look back shows: progress of partitions, growth of counters, failures in a row, the last match."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from pipeline.status.facts import Failing, Unmatched, Unmoved

if TYPE_CHECKING:
    from pipeline.delivery.snapshot import DeliverySnapshot
    from pipeline.model.event import TopicPartition

Key = TypeVar("Key", bound=Hashable)
LAST_NOTICES = 20
"""A rule is judged by its last notices, not by its last minutes: a rare rule like a frequent one."""
FAILURE_SECONDS = 3_600.0
"""How long a failure counts if the rule makes no further notices."""


class Growth(Generic[Key]):
    """How much counters grew within the last one to two windows of `seconds`.

    Between two rotations nothing is kept but the totals of the last two, so that thousands of counters cost nothing.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._before: Mapping[Key, int] | None = None
        self._last: Mapping[Key, int] = {}
        self._rotated_at: float | None = None

    def observe(self, now: float, totals: Mapping[Key, int]) -> None:
        """Remember the totals when a window has passed."""
        if self._rotated_at is None or now - self._rotated_at >= self._seconds:
            self._before, self._last = self._last, dict(totals)
            if self._rotated_at is None:
                self._before = self._last
            self._rotated_at = now

    def since(self, key: Key, total: int) -> int:
        """Return by how much the counter has grown; one that appeared meanwhile began at 0."""
        return total - (self._before or {}).get(key, 0)


class FailuresInARow:
    """The failures since the last success, by the totals of both."""

    def __init__(self) -> None:
        self._succeeded = 0
        self._before = 0
        """Failures up to the last success."""

    def observe(self, succeeded: int, failed: int) -> int:
        """Take the totals; return the failures that no success has followed yet, as far as the totals show it."""
        if succeeded != self._succeeded:
            self._succeeded, self._before = succeeded, failed
        return failed - self._before


class _Progress(NamedTuple):
    position: int
    frontier: int
    read_at: float
    """When the position last moved."""
    finished_at: float
    """When the frontier last moved, or nothing was unfinished."""


class PartitionProgress:
    """Since when each partition has neither been read further nor finished an event."""

    def __init__(self) -> None:
        self._seen: dict[TopicPartition, _Progress] = {}

    def observe(self, now: float, state: DeliverySnapshot, lag: Mapping[TopicPartition, int]) -> None:
        """Take the offsets of all partitions that this process owns."""
        seen: dict[TopicPartition, _Progress] = {}
        for key, frontier in state.frontiers.items():
            at = -1 if frontier is None else frontier
            position = at + state.spans.get(key, 0)
            before = self._seen.get(key)
            idle = not state.spans.get(key, 0)
            if before is None or before.frontier != at:
                seen[key] = _Progress(position, at, now, now)
            else:
                read_at = before.read_at if position == before.position and lag.get(key, 0) else now
                seen[key] = _Progress(position, at, read_at, now if idle else before.finished_at)
        self._seen = seen

    def unmoved(self, state: DeliverySnapshot, lag: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, Unmoved]:
        """Return the partitions that have something to do, and since when they did nothing of it."""
        found: dict[TopicPartition, Unmoved] = {}
        for key, one in self._seen.items():
            waiting, unfinished = lag.get(key, 0), state.spans.get(key, 0)
            if waiting or unfinished:
                found[key] = Unmoved(one.read_at, one.finished_at, waiting, unfinished)
        return found


class RecentFailures:
    """The failures among each rule's last notices. Only failures cost anything."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[tuple[int, float]]] = {}
        """The number of the notice that failed, counted from 1, and when."""

    def failed(self, rule: str, number: int, now: float) -> None:
        """The rule's notice of this number failed."""
        self._failures.setdefault(rule, deque(maxlen=LAST_NOTICES)).append((number, now))

    def failing(self, now: float, ended: Callable[[str], int]) -> dict[str, Failing]:
        """Return rules with a failure among their last notices; `ended` counts all notices of a rule."""
        found: dict[str, Failing] = {}
        for rule, failures in self._failures.items():
            total = ended(rule)
            failed = sum(number > total - LAST_NOTICES and now - at <= FAILURE_SECONDS for number, at in failures)
            if failed:
                found[rule] = Failing(failed, min(total, LAST_NOTICES))
        return found


class LastMatch:
    """Events read since a rule last matched."""

    def __init__(self, seconds: float | None, events: int) -> None:
        """Report nothing before `seconds` have passed and `events` were read; None: never."""
        self._seconds = seconds
        self._events = events
        self._matched = -1
        self._consumed = 0
        self._at = 0.0

    def observe(self, now: float, *, consumed: int, matched: int) -> Unmatched | None:
        """Take the totals; return what to report."""
        if matched != self._matched:
            self._matched, self._consumed, self._at = matched, consumed, now
        events = consumed - self._consumed
        if self._seconds is None or now - self._at < self._seconds or events < self._events:
            return None
        return Unmatched(self._at, events)
