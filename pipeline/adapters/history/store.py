"""The database of the history: SQLite in a file, or PostgreSQL.

A batch of outcomes and the position after it are one transaction. The position is changed only from its expected value,
so that each outcome is stored exactly once, even if two processes read the same partition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnClause,
    Connection,
    and_,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from pipeline.adapters.history.engine import POSTGRESQL, open_engine
from pipeline.adapters.history.migrating import migrate, own
from pipeline.adapters.history.rows import COLUMNS, Row, day_of, read_row, stored_key
from pipeline.adapters.history.searches import MOST_ROWS, searches
from pipeline.adapters.history.tables import FORGOTTEN, OUTCOMES, POSITIONS
from pipeline.errors import Unreachable
from pipeline.operations.find.ended import Ended
from pipeline.operations.find.query import ByEvents, ByField

DAYS_LOCK = 5_318_008_212
"""Key of the advisory lock under which one process makes or drops days' partitions, as all want to at the same time."""
DELETED_AT_ONCE = 20_000
"""Rows of one transaction of retention or erasure in SQLite: writers wait in the meantime."""
_QUOTED = ", ".join(f'"{name}"' for name in COLUMNS)
_COPY = f"COPY outcomes ({_QUOTED}) FROM STDIN (FORMAT BINARY)"
_TYPES = [str(column.type).lower() for column in OUTCOMES.columns]
_INSERT = f"INSERT INTO outcomes ({_QUOTED}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - names of our columns


class Stored(NamedTuple):
    """How far one partition of the outcomes topic is stored."""

    next_offset: int
    timestamp_ms: int
    """Kafka's timestamp of the last stored record; 0 before the first."""


class Batch(NamedTuple):
    """Consecutive records of one partition."""

    partition: int
    begins: int
    """The position at which the batch was read."""
    ends: Stored
    rows: Sequence[Row]


class Overtaken(Exception):
    """Another process has stored records of a partition; its position must be read again."""


class History:
    """One database, and the outcomes topic that it stores."""

    def __init__(self, url: str, topic: str, group: str) -> None:
        """`url` is SQLAlchemy's, with `postgresql` or `sqlite`.

        Raises:
            ConfigurationError: it is another database, or not a URL.
        """
        self.topic = topic
        self._group = group
        self._engine = open_engine(url)
        self._driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        self._read = read_row(topic, group)
        self._days: set[int] = set()
        """Days whose partition exists."""

    @property
    def is_postgresql(self) -> bool:
        """Whether it is PostgreSQL."""
        return self._engine.dialect.name == POSTGRESQL

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def migrate(self) -> None:
        """Create the tables, or bring those of an earlier release to this one's form. Only one thread may do so.

        Raises:
            ConfigurationError: a later release has migrated them, or they hold another group's outcomes.
            Unreachable: the database does not answer, or refuses it.
        """
        with self._answering():
            migrate(self._engine, self._group)

    def own(self) -> None:
        """Take the tables for the group's outcomes. Raises as `migrate`."""
        with self._answering():
            own(self._engine, self._group)

    def positions(self, topic_id: str) -> Mapping[int, Stored]:
        """Return how far each partition of the topic is stored."""
        columns = (POSITIONS.c.partition, POSITIONS.c.next_offset, POSITIONS.c.timestamp)
        query = select(*columns).where(POSITIONS.c.topic == self.topic, POSITIONS.c.topic_id == topic_id)
        with self._answering(), self._engine.connect() as connection:
            return {partition: Stored(offset, timestamp) for partition, offset, timestamp in connection.execute(query)}

    def write(self, topic_id: str, batches: Collection[Batch]) -> int:
        """Store the batches and their positions in one transaction; return the number of rows.

        Raises:
            Overtaken: another process has stored some of it; nothing is written.
            Unreachable: the database does not answer, or refuses it.
        """
        with self._answering(), self._engine.begin() as connection:
            self._lock_forgotten(connection, "SHARE")
            for batch in batches:
                self._advance(connection, topic_id, batch)
            rows = self._without_forgotten(connection, [row for batch in batches for row in batch.rows])
            if rows and self.is_postgresql:
                self._make_partitions(connection, {row[0] for row in rows})
                _copy(connection, rows)
            elif rows:
                connection.exec_driver_sql(_INSERT, rows)  # SQLAlchemy's own needs a dictionary for each row
        return len(rows)

    def outcomes(self, query: ByField | ByEvents, since: datetime | None) -> Sequence[Ended]:
        """Return the newest outcomes that match, the oldest first; at most `MOST_ROWS`.

        Raises:
            Unreachable: the database does not answer.
        """
        found: dict[Any, None] = {}
        with self._answering(), self._engine.connect() as connection:
            for wanted in searches(query, since):
                # The outcome of a redriven event is about two records, and may be in two answers.
                found |= dict.fromkeys(connection.execute(wanted).all())
        newest = sorted(found, key=lambda row: row.finished_at)[-MOST_ROWS:]
        return [self._read(row) for row in newest]

    def forget(self, recipients: Collection[str], now_ms: int) -> int:
        """Erase the outcomes of a recipient, given in each form that outcomes may have; return their number.

        Outcomes that finished before now are not stored when they are read again. SQLite overwrites what is erased.
        """
        with self._answering(), self._engine.begin() as connection:
            self._lock_forgotten(connection, "SHARE ROW EXCLUSIVE")
            stored = {stored_key(one) for one in recipients}
            digests = [_digest(one) for one in stored]
            connection.execute(delete(FORGOTTEN).where(FORGOTTEN.c.recipient.in_(digests)))
            connection.execute(insert(FORGOTTEN), [{"recipient": one, "until": now_ms} for one in digests])
            count = connection.execute(delete(OUTCOMES).where(OUTCOMES.c.recipient.in_(stored))).rowcount
        if not self.is_postgresql:
            with self._answering(), self._engine.connect() as connection:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))  # the log has what was in the file's pages
        return count

    def keep(self, days: int, now_ms: int) -> None:
        """Delete the outcomes of days before the last `days`: whole partitions in PostgreSQL, batches in SQLite."""
        oldest = day_of(now_ms) - days
        with self._answering():
            if self.is_postgresql:
                with self._engine.begin() as connection:
                    connection.execute(select(func.pg_advisory_xact_lock(DAYS_LOCK)))
                    for day in self._partitions(connection):
                        if day < oldest:
                            connection.execute(text(f"DROP TABLE {_partition(day)}"))
                            self._days.discard(day)
                return
            while True:
                rowid: ColumnClause[int] = literal_column("rowid")
                rows = select(rowid).select_from(OUTCOMES).where(OUTCOMES.c.day < oldest).limit(DELETED_AT_ONCE)
                with self._engine.begin() as connection:
                    gone = connection.execute(delete(OUTCOMES).where(rowid.in_(rows))).rowcount
                if gone < DELETED_AT_ONCE:
                    return

    def _lock_forgotten(self, connection: Connection, mode: str) -> None:
        """Let erasures and batches wait for each other, as they do in SQLite: neither sees the rows of the other."""
        if self.is_postgresql:
            connection.execute(text(f"LOCK TABLE {FORGOTTEN.name} IN {mode} MODE"))

    def _advance(self, connection: Connection, topic_id: str, batch: Batch) -> None:
        key = {"topic": self.topic, "topic_id": topic_id, "partition": batch.partition}
        ends = {"next_offset": batch.ends.next_offset, "timestamp": batch.ends.timestamp_ms}
        here = and_(*(POSITIONS.c[name] == value for name, value in key.items()))
        found = connection.execute(select(POSITIONS.c.next_offset).where(here).with_for_update()).scalar()
        if found is None:
            try:
                connection.execute(insert(POSITIONS), [{**key, **ends}])
            except IntegrityError:
                raise Overtaken from None
        elif found != batch.begins:
            raise Overtaken
        else:
            connection.execute(update(POSITIONS).where(here).values(**ends))

    def _without_forgotten(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        query = select(FORGOTTEN.c.recipient, FORGOTTEN.c.until)
        forgotten = {digest: until for digest, until in connection.execute(query)}  # noqa: C416 - rows are no tuples
        if not forgotten:
            return rows
        recipient, finished = COLUMNS.index("recipient"), COLUMNS.index("finished_at")
        return [
            row
            for row in rows
            if row[recipient] is None or row[finished] >= forgotten.get(_digest(row[recipient]), row[finished])
        ]

    def _make_partitions(self, connection: Connection, days: Collection[int]) -> None:
        new = sorted(set(days) - self._days)
        if new:
            connection.execute(select(func.pg_advisory_xact_lock(DAYS_LOCK)))
        for day in new:
            connection.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {_partition(day)} PARTITION OF outcomes "
                    f"FOR VALUES FROM ({day}) TO ({day + 1})"
                )
            )
        self._days.update(new)

    def _partitions(self, connection: Connection) -> Iterator[int]:
        names = "SELECT relid::regclass::text FROM pg_partition_tree('outcomes') WHERE isleaf"
        for (name,) in connection.execute(text(names)).all():
            yield int(name.rpartition("_")[2])

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Convert the database's errors.

        Raises:
            Unreachable: it does not answer, or refuses what is asked.
        """
        try:
            yield
        except (SQLAlchemyError, self._driver_error) as error:  # COPY raises the driver's own
            cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
            self._days.clear()
            where = self._engine.url.set(drivername=self._engine.dialect.name).render_as_string(hide_password=True)
            first_line = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
            raise Unreachable(f"the history at {where} cannot be used: {first_line}") from None


def _copy(connection: Connection, rows: Iterable[Row]) -> None:
    """Write rows by PostgreSQL's COPY, at a fifth of the cost of INSERT; in binary, at half the cost of text."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for row in rows:
            copy.write_row(row)


def _partition(day: int) -> str:
    return f"outcomes_{day}"


def _digest(recipient: str) -> str:
    return hashlib.sha256(recipient.encode()).hexdigest()
