"""Rows kept in memory."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.operations.audit.rows import Row


class MemoryRows:
    """Implements `pipeline.operations.audit.rows.Rows`."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[Row] = []

    def add(self, *row: int | str) -> None:
        assert len(row) == self._width
        self._rows.append(row)

    def __len__(self) -> int:
        return len(self._rows)

    def in_order(self) -> Iterator[Row]:
        return iter(sorted(self._rows))
