"""Rows of whole numbers, sorted into buckets: a million rows are looked through without a million Python objects."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

BUCKETS = 256


class Buckets:
    """Rows of the same width; those with one first column end in one bucket. Eight bytes for each number."""

    def __init__(self, width: int) -> None:
        """`width` numbers in a row, each within 63 bits."""
        self._width = width
        self._buckets = tuple(array("q") for _ in range(BUCKETS))

    def add(self, *row: int) -> None:
        """One more row."""
        self._buckets[row[0] % BUCKETS].extend(row)

    def groups(self) -> Iterator[list[tuple[int, ...]]]:
        """The rows of each first column that has more than one, sorted; one bucket is unpacked at a time."""
        for bucket in self._buckets:
            rows = sorted(zip(*[iter(bucket)] * self._width, strict=True))
            start = 0
            for end in range(1, len(rows) + 1):
                if end == len(rows) or rows[end][0] != rows[start][0]:
                    if end - start > 1:
                        yield rows[start:end]
                    start = end
