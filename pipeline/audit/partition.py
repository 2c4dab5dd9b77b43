"""What is known of one source partition: its events in order, what each must have, and what each has."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.model.event import TopicPartition


class Shape(NamedTuple):
    """A set of outcomes that many events share: by rule, or by kind in brackets where no rule is concerned."""

    labels: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Of them, those that another version of the rules made."""
    redriven: bool = False
    """Whether the event was sent again from the dead letters."""


class Shapes:
    """Each shape once, by number: there are few, however many events."""

    def __init__(self) -> None:
        self._numbers: dict[Shape, int] = {}
        self._shapes: list[Shape] = []
        self._next: dict[tuple[int, str, bool], int] = {}
        self.number(Shape())  # 0: nothing yet

    def __getitem__(self, number: int) -> Shape:
        """The shape of that number."""
        return self._shapes[number]

    def number(self, shape: Shape) -> int:
        """The shape's number, the same each time."""
        found = self._numbers.get(shape)
        if found is None:
            found = self._numbers[shape] = len(self._shapes)
            self._shapes.append(shape)
        return found

    def with_one_more(self, number: int, label: str, *, other: bool) -> int:
        """The number of that shape and one more label."""
        key = (number, label, other)
        found = self._next.get(key)
        if found is None:
            shape = self._shapes[number]
            labels = tuple(sorted((*shape.labels, label)))
            others = tuple(sorted((*shape.others, label))) if other else shape.others
            found = self._next[key] = self.number(Shape(labels, others))
        return found


class PartitionEvents:
    """Sixteen bytes for each event: its offset, and the numbers of the two shapes."""

    def __init__(self, partition: TopicPartition, offsets: range, committed: int | None, provable: int) -> None:
        """`offsets` were read; below `provable` the ledger has forgotten."""
        self.partition = partition
        self.offsets = offsets
        self.committed = committed
        self.provable = provable
        self.versions: dict[str, tuple[int, int]] = {}
        """Where outcomes of each version of the rules stand: first and last offset."""
        self._events = array("q")
        self._expected = array("I")
        self._seen = array("I")

    def __len__(self) -> int:
        """How many events there are."""
        return len(self._events)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Offset, expected shape, seen shape; in order."""
        return zip(self._events, self._expected, self._seen, strict=True)

    def add(self, offset: int, expected: int) -> None:
        """An event; they come in the order of their offsets."""
        self._events.append(offset)
        self._expected.append(expected)
        self._seen.append(0)

    def find(self, offset: int) -> int | None:
        """Where among the events this one is; None: it is not there."""
        index = bisect_left(self._events, offset)
        return index if index < len(self._events) and self._events[index] == offset else None

    def expected(self, index: int) -> int:
        """The number of the shape that the event must have."""
        return self._expected[index]

    def seen(self, index: int) -> int:
        """The number of the shape that the event has."""
        return self._seen[index]

    def see(self, index: int, shape: int) -> None:
        """The event has this shape now."""
        self._seen[index] = shape

    def note_version(self, version: str, offset: int) -> None:
        """An outcome of this version stands at `offset`."""
        first, last = self.versions.get(version, (offset, offset))
        if first <= offset <= last and version in self.versions:
            return
        self.versions[version] = (min(first, offset), max(last, offset))

    def was_worked_on_by(self, version: str, offset: int) -> bool:
        """Whether it is certain that these rules and no others were in use at `offset`, in this partition."""
        own = self.versions.get(version)
        if own is None or not own[0] <= offset <= own[1]:
            return False
        return not any(first <= offset <= last for name, (first, last) in self.versions.items() if name != version)
