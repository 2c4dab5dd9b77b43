"""Rows that wait until all are there, and come back in order. However many: where they are kept is not our matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

Row = tuple[int | str, ...]
"""Whole numbers of 64 bits and texts; the same kind in the same place."""


class Rows(Protocol):
    """One heap of rows of the same width."""

    def add(self, *row: int | str) -> None:
        """One more."""
        ...

    def __len__(self) -> int:
        """How many were added."""
        ...

    def in_order(self) -> Iterator[Row]:
        """All of them, ordered by their first value, then by their second, and so on. Once, at the end."""
        ...


MakeRows = Callable[[int], Rows]
"""A new heap; given the width of its rows."""
