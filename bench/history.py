"""Measure the history: outcomes a second into a database, look-ups, and disk space a row.

    python -m bench.history postgresql://user@host/database 1000000

Records are encoded beforehand; decoding, rows and transactions are measured, Kafka's client is not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import text

from pipeline.adapters.history.rows import DAY_MS, make_row
from pipeline.adapters.history.store import Batch, History, Stored
from pipeline.adapters.kafka.outcome_record import OutcomeFields
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.model.event import Origin, Position, Record
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.operations.find.query import ByEvents, ByField, Field

BATCH = 5_000
START_MS = 1_800_000_000_000
DAYS = 10
LOOKUPS = 200


def _outcome(number: int, at: float) -> Outcome:
    mixed = (number * 2_654_435_761) % 2**32
    return Outcome(
        id=str(UUID(int=mixed << 64 | number)),
        kind=OutcomeKind.ACCEPTED,
        reason=Reason.OK,
        position=Position("trade.order.events", number % 12, number // 12),
        event_type="com.example.trade.order.paid.v1",
        event_id=f"{mixed:08x}-{number}",
        event_source="/shop",
        event_time=at - 1,
        rule="order-paid",
        rules_version="abcdef012345",
        template="order_paid",
        recipient=f"{mixed % 3_000_000:016x}",
        attempts=1,
        status=200,
        code=200,
        received_at=at - 0.5,
        first_attempt_at=at - 0.1,
        finished_at=at,
        redelivered=False,
        detail="",
        origin=Origin("notice-pipeline", "bm90aWNlLXBpcGVsaW5lLQ", "oWk4chtyThyfGjlNjuy9ew"),
    )


def _batches(count: int) -> Iterator[list[Record]]:
    encode = OutcomeEncoder(1, lambda recipient: recipient)
    for begins in range(0, count, BATCH):
        records = []
        for number in range(begins, min(begins + BATCH, count)):
            at_ms = START_MS + number * DAYS * DAY_MS // count
            value = encode(_outcome(number, at_ms / 1000))
            records.append(Record("outcomes", 0, number, b"k", value, (), at_ms))
        yield records


def _query(name: str, one: Outcome) -> ByField | ByEvents:
    if name == "record":
        return ByEvents(frozenset({one.position}))
    if name == "event id":
        return ByField(Field.EVENT, frozenset({one.event_id or ""}))
    return ByField(Field.RECIPIENT, frozenset({one.recipient or ""}))


def main(url: str, count: int) -> None:
    """Fill an empty database and look things up."""
    history = History(url, "outcomes", "notice-pipeline")
    history.migrate()
    decode, today = OutcomeFields(), START_MS // DAY_MS + DAYS
    wall = cpu = 0.0
    for records in _batches(count):
        began, began_cpu = time.perf_counter(), time.process_time()
        rows = []
        for record in records:
            fields = decode(record.value)
            assert fields is not None  # noqa: S101 - written above
            rows.append(make_row(record, fields, today))
        begins = records[0].offset
        ends = Stored(begins + len(records), records[-1].timestamp_ms)
        history.write("topic-id", [Batch(0, begins, ends, rows)])
        wall += time.perf_counter() - began
        cpu += time.process_time() - began_cpu
    print(f"{count:,} outcomes: {count / wall:,.0f} a second; {cpu / count * 1e6:.1f} µs of our processor time each")
    for name in ("recipient", "event id", "record"):
        times = []
        for step in range(LOOKUPS):
            one = _outcome(step * (count // LOOKUPS), START_MS / 1000)
            query = _query(name, one)
            began = time.perf_counter()
            assert history.outcomes(query, None)  # noqa: S101 - it is there
            times.append(time.perf_counter() - began)
        times.sort()
        middle, high = times[LOOKUPS // 2] * 1000, times[int(LOOKUPS * 0.99)] * 1000
        print(f"look-up by {name}: median {middle:.1f} ms, 99th percentile {high:.1f} ms")
    if history.is_postgresql:
        with history._engine.connect() as connection:  # noqa: SLF001 - the bench asks the database itself
            size = connection.execute(
                text(
                    "SELECT sum(pg_total_relation_size(relid)), sum(pg_indexes_size(relid)) "
                    "FROM pg_partition_tree('outcomes') WHERE isleaf"
                )
            ).one()
        print(f"disk: {size[0] / count:.0f} bytes a row, of which indexes {size[1] / count:.0f}")
    history.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
