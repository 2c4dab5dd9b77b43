"""Rows in order, with little memory however many: SQLite keeps and sorts them in unnamed temporary files.

They lie where `SQLITE_TMPDIR` or `TMPDIR` says, can be read by nobody else, and are gone with the process, however it
ends. Below a few megabytes there is no file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from pipeline.errors import UserError
from pipeline.operations.audit.rows import Row

CACHE_KBYTES = 8_192
"""Of memory for each heap; sorting uses as much again."""
BATCH = 5_000
_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{CACHE_KBYTES}")
"""Nothing is to survive a crash: no journal, no waiting for the disk."""


class SortedRows:
    """Implements `pipeline.operations.audit.rows.Rows`. One thread makes, fills and reads it."""

    def __init__(self, width: int) -> None:
        """`width` values in a row.

        Raises:
            UserError: nothing can be kept.
        """
        with _in_words():
            self._base = sqlite3.connect("", isolation_level=None)
            for pragma in _PRAGMAS:
                self._base.execute(f"PRAGMA {pragma}")
            self._columns = ", ".join(f"v{number}" for number in range(width))
            self._base.execute(f"CREATE TABLE kept ({self._columns})")
            self._base.execute("BEGIN")
        self._insert = f"INSERT INTO kept VALUES ({', '.join('?' * width)})"  # noqa: S608 - as many marks as values
        self._waiting: list[Row] = []
        self._count = 0

    def __enter__(self) -> Self:
        """Already open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the files."""
        self._base.close()

    def __len__(self) -> int:
        """How many were added."""
        return self._count

    def add(self, *row: int | str) -> None:
        """One more.

        Raises:
            UserError: the disk is full.
        """
        self._waiting.append(row)
        self._count += 1
        if len(self._waiting) >= BATCH:
            self._keep()

    def in_order(self) -> Iterator[Row]:
        """All of them, by their first value, then by the second, and so on.

        Raises:
            UserError: the disk is full.
        """
        self._keep()
        with _in_words():
            yield from self._base.execute(f"SELECT * FROM kept ORDER BY {self._columns}")  # noqa: S608 - our own names

    def _keep(self) -> None:
        with _in_words():
            self._base.executemany(self._insert, self._waiting)
        self._waiting.clear()


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UserError(
            f"what was read cannot be put aside: {error}",
            hint="let TMPDIR name a folder with room: 200 bytes for each event and its outcome",
        ) from None
