"""Measure the history: outcomes a second from Kafka into a database, look-ups, and disk space a row.

    python -m bench.history postgresql://user@host/database 500000 10000000

Starts Kafka, writes 500,000 outcomes to a topic, and lets the real command store them. Then makes rows inside the
database, over ten days, until it has 10,000,000, and looks them up. The database is empty, and on this machine.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import httpx
from confluent_kafka import Producer
from sqlalchemy import Connection, create_engine, make_url, text

from bench.kafka import LEDGER_PARTITIONS, MOST_QUEUED, make_topics
from bench.processes import cpu_seconds
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.history.rows import DAY_MS
from pipeline.adapters.history.store import History
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.model.event import Origin, Position
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.operations.find.query import ByEvents, ByField, Field
from tests.broker.maven import MavenBroker

GROUP, TOPIC = "bench", "bench.outcomes"
EVENTS = "trade.order.events"
DAYS = 10
LOOKUPS = 200
POLL_SECONDS = 0.25
RECIPIENTS = 3_000_000


def _outcome(number: int, at: float) -> Outcome:
    mixed = (number * 2_654_435_761) % 2**32
    return Outcome(
        id=str(UUID(int=mixed << 64 | number)),
        kind=OutcomeKind.ACCEPTED,
        reason=Reason.OK,
        position=Position(EVENTS, number % 12, number // 12),
        event_type="com.example.trade.order.paid.v1",
        event_id=str(UUID(int=mixed << 96 | number)),
        event_source="/shop",
        event_time=at - 1,
        rule="order-paid",
        rules_version="abcdef012345",
        template="order_paid",
        recipient=f"{mixed % RECIPIENTS:032x}",
        attempts=1,
        status=200,
        code=200,
        received_at=at - 0.5,
        first_attempt_at=at - 0.1,
        finished_at=at,
        redelivered=False,
        detail="",
        origin=Origin(GROUP, "bm90aWNlLXBpcGVsaW5lLQ", "oWk4chtyThyfGjlNjuy9ew"),
        reference=f"T20261130{number:010}",
    )


def _fill(servers: str, count: int) -> None:
    make_topics(servers, {TOPIC: LEDGER_PARTITIONS, EVENTS: 1})
    encode = OutcomeEncoder(1, lambda recipient: recipient, lambda reference: reference)
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "acks": "all"})
    now = SystemClock().now()
    for number in range(count):
        producer.produce(TOPIC, encode(_outcome(number, now)), str(number % 12).encode())
        if len(producer) > MOST_QUEUED:
            producer.poll(0.05)
    if producer.flush(60):
        raise RuntimeError("the broker did not take the outcomes")


class Seen(NamedTuple):
    """What was done at one moment."""

    rows: float
    wall: float
    ours: float
    """Our processor time, in seconds."""
    database: float


def _stored(servers: str, url: str, count: int, folder: Path, database: Callable[[], float]) -> tuple[Seen, Seen]:
    """Let the command store the topic; return what was done after its first batch, and at the end."""
    config = folder / "pipeline.yaml"
    chosen = {
        "kafka": {"bootstrap_servers": servers, "topics": [EVENTS], "group_id": GROUP},
        "schemas": {"directory": "schemas/events"},
        "rules": "rules",
        "notices": {"url": "http://127.0.0.1:9", "token": "t"},
        "outcomes": {"topic": TOPIC},
        "history": {"url": url, "http": {"host": "127.0.0.1", "port": 0}},
        "log": {"format": "json"},
    }
    config.write_text(json.dumps(chosen), encoding="utf-8")
    command = [sys.executable, "-m", "pipeline", "history", "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None  # noqa: S101 - a pipe
            endpoint = next(json.loads(line)["endpoint"] for line in process.stderr if "history_started" in line)
            threading.Thread(target=process.stderr.read, daemon=True).start()

            def seen() -> Seen:
                lines = httpx.get(f"{endpoint}/metrics", timeout=30).text.splitlines()
                rows = next(line for line in lines if line.startswith("notice_pipeline_history_rows_total "))
                return Seen(float(rows.split()[1]), time.perf_counter(), cpu_seconds(process.pid), database())

            first = last = seen()
            while last.rows < count:
                time.sleep(POLL_SECONDS)
                last = seen()
                if not first.rows:
                    first = last
        finally:
            process.terminate()
    return first, last


@contextlib.contextmanager
def _database(url: str) -> Iterator[tuple[Connection, Callable[[], float]]]:
    """A connection, and what returns the processor time of PostgreSQL's processes; SQLite's is ours."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    try:
        with engine.connect() as connection:
            if engine.dialect.name != "postgresql":
                yield connection, lambda: 0.0
                return
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            connection.commit()
            server = _parent(backend)

            def used() -> float:
                total = 0.0
                for path in Path("/proc").glob("[0-9]*"):
                    with contextlib.suppress(OSError):  # it has ended
                        total += cpu_seconds(int(path.name)) if _parent(int(path.name)) == server else 0.0
                return total

            yield connection, used
    finally:
        engine.dispose()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


_RANDOM = {
    "postgresql": {
        "numbers": "generate_series({begins}::bigint, {ends}) AS n(i)",
        "id": "gen_random_uuid()::text",
        "recipient": f"lpad(to_hex((random() * {RECIPIENTS})::bigint), 32, '0')",
        "reference": "'T20261120' || lpad(i::text, 10, '0')",
    },
    "sqlite": {
        "numbers": "(WITH RECURSIVE n(i) AS (SELECT {begins} UNION ALL SELECT i + 1 FROM n WHERE i < {ends}) "
        "SELECT i FROM n)",
        "id": "lower(hex(randomblob(18)))",
        "recipient": f"printf('%032x', abs(random()) % {RECIPIENTS})",
        "reference": "printf('T20261120%010d', i)",
    },
}
"""Expressions for the values of a row."""


def _grow(connection: Connection, have: int, want: int) -> None:
    """Add rows of the days before today, in the form that the command stores; indexes are made afterwards."""
    postgresql = connection.engine.dialect.name == "postgresql"
    values = _RANDOM[connection.engine.dialect.name]
    today = int(SystemClock().now() * 1000) // DAY_MS
    each = -(-(want - have) // DAYS)
    indexes = (
        ()
        if postgresql
        else connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'")).all()
    )
    for index in indexes:
        connection.execute(text(f"DROP INDEX {index.name}"))
    for number in range(DAYS):
        day = today - DAYS + number
        begins, ends = number * each, min((number + 1) * each, want - have) - 1
        at = f"(CAST({day} AS bigint) * {DAY_MS} + (i - {begins}) * {DAY_MS} / {each})"
        table = f"outcomes_{day}" if postgresql else "outcomes"
        if postgresql:
            connection.execute(text(f"CREATE TABLE {table} (LIKE outcomes)"))
        connection.execute(
            text(f"""
            INSERT INTO {table} SELECT {day}, i % 4, i / 4, {values["id"]}, 'accepted', 'ok', '{EVENTS}', i % 12,
              1000000 + i / 12, NULL, NULL, NULL, 'oWk4chtyThyfGjlNjuy9ew', 'com.example.trade.order.paid.v1',
              {values["id"]}, {at} - 1000, 'order-paid', 'abcdef012345', 'order_paid', {values["recipient"]},
              {values["reference"]}, 1, 200, 200, {at} - 500, {at} - 100, {at}, CAST(0 AS boolean), 0, '', NULL, NULL,
              NULL, NULL FROM {values["numbers"].format(begins=begins, ends=ends)}""")  # noqa: S608 - our own
        )
        if postgresql:
            connection.execute(
                text(f"ALTER TABLE outcomes ATTACH PARTITION {table} FOR VALUES FROM ({day}) TO ({day + 1})")
            )
        connection.commit()
    for index in indexes:
        connection.execute(text(index.sql))
    connection.execute(text("ANALYZE outcomes"))
    connection.commit()


def _look_up(connection: Connection, url: str) -> None:
    count = connection.execute(text("SELECT count(*) FROM outcomes")).scalar_one()
    every = max(1, count // LEDGER_PARTITIONS // LOOKUPS)
    names = ("recipient", "reference", "event_id", "topic", "partition", "offset")
    columns = ", ".join(f'"{name}"' for name in names)
    sample = (
        f"SELECT {columns} FROM outcomes WHERE written_offset % {every} = 1 AND written_partition = 1 LIMIT {LOOKUPS}"  # noqa: S608
    )
    rows = connection.execute(text(sample)).all()
    connection.commit()
    history = History(url, TOPIC, GROUP)
    queries: dict[str, Sequence[ByField | ByEvents]] = {
        field.value: [ByField(field, frozenset({row._mapping[field.value]})) for row in rows]  # noqa: SLF001 - public
        for field in Field
    }
    queries["record"] = [ByEvents(frozenset({Position(row.topic, row.partition, row.offset)})) for row in rows]
    for name, wanted in queries.items():
        times = []
        for query in wanted:
            began = time.perf_counter()
            found = history.outcomes(query, None)
            times.append(time.perf_counter() - began)
            assert found  # noqa: S101 - it is there
        times.sort()
        middle, high = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
        most = times[-1] * 1000
        print(f"look-up by {name}: median {middle:.1f} ms, 99th percentile {high:.1f} ms, longest {most:.1f} ms")
    history.close()


def _disk(connection: Connection, url: str) -> None:
    count = connection.execute(text("SELECT count(*) FROM outcomes")).scalar_one()
    if connection.engine.dialect.name == "postgresql":
        query = (
            "SELECT sum(pg_total_relation_size(relid)), sum(pg_indexes_size(relid)) "
            "FROM pg_partition_tree('outcomes') WHERE isleaf"
        )
        size, indexes = connection.execute(text(query)).one()
        print(f"disk: {count:,} rows, {size / count:.0f} bytes each, of which indexes {indexes / count:.0f}")
    else:
        size = Path(make_url(url).database or "").stat().st_size
        print(f"disk: {count:,} rows, {size / count:.0f} bytes each with indexes")


def main(url: str, count: int, rows: int) -> None:
    """Store, grow and look up."""
    history = History(url, TOPIC, GROUP)
    history.migrate()
    history.close()
    with _database(url) as (connection, used):
        if count:
            with contextlib.closing(MavenBroker()) as broker, tempfile.TemporaryDirectory() as folder:
                _fill(broker.bootstrap_servers, count)
                first, last = _stored(broker.bootstrap_servers, url, count, Path(folder), used)
            stored = last.rows - first.rows
            print(
                f"{stored:,.0f} outcomes: {stored / (last.wall - first.wall):,.0f} a second; processor time each: "
                f"{(last.ours - first.ours) / stored * 1e6:.1f} µs ours, "
                f"{(last.database - first.database) / stored * 1e6:.1f} µs of the database's processes"
            )
        if rows > count:
            _grow(connection, count, rows)
        _disk(connection, url)
        _look_up(connection, url)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
