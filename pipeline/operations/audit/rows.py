"""Protocol of storage that returns rows in order once all are added, for any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

Row = tuple[int | str, ...]
"""64-bit integers and texts; each column has one type."""


class Rows(Protocol):
    """Rows of the same width."""

    def add(self, *row: int | str) -> None:
        """Add a row."""
        ...

    def __len__(self) -> int:
        """Return the number of rows added."""
        ...

    def in_order(self) -> Iterator[Row]:
        """Yield all rows, ordered by their first value, then by the second, and so on; call it once, at the end."""
        ...


MakeRows = Callable[[int], Rows]
"""Creates storage for rows of the given width."""
