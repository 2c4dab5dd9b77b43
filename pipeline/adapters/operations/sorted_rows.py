"""Sort any number of rows in little memory: SQLite stores and sorts them in unnamed temporary files.

The files are in the folder that `SQLITE_TMPDIR` or `TMPDIR` names, are readable by this process only, and disappear
with it, however it ends. Below a few megabytes there is no file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from pipeline.errors import UserError
from pipeline.operations.audit.rows import Row

CACHE_KBYTES = 8_192
"""Memory of each instance; sorting uses as much again."""
BATCH = 5_000
_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{CACHE_KBYTES}")
"""No journal and no sync, because nothing has to survive a crash."""


class SortedRows:
    """Implements `pipeline.operations.audit.rows.Rows`. One thread creates, fills and reads it."""

    def __init__(self, width: int) -> None:
        """Create storage for rows of `width` values.

        Raises:
            UserError: SQLite cannot store anything.
        """
        with _errors_converted():
            self._database = sqlite3.connect("", isolation_level=None)
            for pragma in _PRAGMAS:
                self._database.execute(f"PRAGMA {pragma}")
            self._columns = ", ".join(f"v{number}" for number in range(width))
            self._database.execute(f"CREATE TABLE kept ({self._columns})")
            self._database.execute("BEGIN")
        self._insert = f"INSERT INTO kept VALUES ({', '.join('?' * width)})"  # noqa: S608 - placeholders only
        self._waiting: list[Row] = []
        self._count = 0

    def __enter__(self) -> Self:
        """Already open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the files."""
        self._database.close()

    def __len__(self) -> int:
        """Return the number of rows added."""
        return self._count

    def add(self, *row: int | str) -> None:
        """Add a row.

        Raises:
            UserError: the disk is full.
        """
        self._waiting.append(row)
        self._count += 1
        if len(self._waiting) >= BATCH:
            self._keep()

    def in_order(self) -> Iterator[Row]:
        """Yield all rows, ordered by their first value, then by the second, and so on.

        Raises:
            UserError: the disk is full.
        """
        self._keep()
        with _errors_converted():
            yield from self._database.execute(f"SELECT * FROM kept ORDER BY {self._columns}")  # noqa: S608 - our own names

    def _keep(self) -> None:
        with _errors_converted():
            self._database.executemany(self._insert, self._waiting)
        self._waiting.clear()


@contextmanager
def _errors_converted() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UserError(
            f"rows cannot be stored in a temporary file: {error}",
            hint="set TMPDIR to a folder with enough space: 200 bytes for each event and its outcome",
        ) from None
