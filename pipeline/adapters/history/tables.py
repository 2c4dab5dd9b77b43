"""The tables of the history, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text

metadata = MetaData()

OUTCOMES = Table(
    "outcomes",
    metadata,
    Column("day", Integer, nullable=False),  # days since the epoch, of the record's Kafka timestamp
    Column("written_partition", Integer, nullable=False),
    Column("written_offset", BigInteger, nullable=False),
    Column("outcome_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("first_topic", Text),
    Column("first_partition", Integer),
    Column("first_offset", BigInteger),
    Column("topic_id", Text),
    Column("event_type", Text),
    Column("event_id", Text),
    Column("event_time", BigInteger),
    Column("rule", Text),
    Column("rules_version", Text, nullable=False),
    Column("template", Text),
    Column("recipient", Text),
    Column("reference", Text),
    Column("attempts", Integer, nullable=False),
    Column("http_status", Integer),
    Column("body_code", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    Column("first_attempt_at", BigInteger),
    Column("finished_at", BigInteger, nullable=False),
    Column("redelivered", Boolean, nullable=False),
    Column("redrives", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("because", Text),  # JSON
    Column("into", Text),
    Column("scheduled_for", BigInteger),
    Column("item", Integer),
)
"""One row for each outcome, with the names of `schemas/outcome.avsc`; times are milliseconds since the epoch. In
PostgreSQL a table partitioned by day."""


POSITIONS = Table(
    "positions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("topic_id", Text, primary_key=True),  # empty where the broker has none
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)
"""How far each partition of the outcomes topic is stored, and the Kafka timestamp of its last record."""

INSTALLATION = Table("installation", metadata, Column("group", Text, primary_key=True))
"""The group whose outcomes these tables hold, in one row."""

FORGOTTEN = Table(
    "forgotten",
    metadata,
    Column("recipient", Text, primary_key=True),  # SHA-256 of the form in outcomes
    Column("until", BigInteger, nullable=False),
)
"""Recipients that were erased. Their outcomes that finished before `until` are not stored when they are read again."""
