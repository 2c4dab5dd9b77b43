"""Create the tables of the first release."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_COLUMNS = """
    day integer NOT NULL,
    written_partition integer NOT NULL,
    written_offset bigint NOT NULL,
    outcome_id text NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    first_topic text,
    first_partition integer,
    first_offset bigint,
    topic_id text,
    event_type text,
    event_id text,
    event_time bigint,
    rule text,
    rules_version text NOT NULL,
    template text,
    recipient text,
    reference text,
    attempts integer NOT NULL,
    http_status integer,
    body_code bigint,
    received_at bigint NOT NULL,
    first_attempt_at bigint,
    finished_at bigint NOT NULL,
    redelivered boolean NOT NULL,
    redrives integer NOT NULL,
    detail text NOT NULL,
    because text,
    "into" text,
    scheduled_for bigint,
    item integer
"""
_INDEXES = {
    "outcomes_of_recipient": "(recipient) WHERE recipient IS NOT NULL",
    "outcomes_of_reference": "(reference) WHERE reference IS NOT NULL",
    "outcomes_of_event_id": "(event_id) WHERE event_id IS NOT NULL",
    "outcomes_of_record": '(partition, "offset")',
    "outcomes_of_first": "(first_partition, first_offset) WHERE first_offset IS NOT NULL",
}


def upgrade() -> None:
    """Create tables and indexes; in PostgreSQL the table of outcomes is partitioned by day."""
    if op.get_bind().dialect.name == "postgresql":
        # Texts are compared for equality only: the order of bytes costs less than that of a language.
        columns = _COLUMNS.replace(" text", ' text COLLATE "C"')
        op.execute(f"CREATE TABLE outcomes ({columns}) PARTITION BY RANGE (day)")
    else:
        op.execute(f"CREATE TABLE outcomes ({_COLUMNS})")
        op.execute("CREATE INDEX outcomes_of_day ON outcomes (day)")  # for retention
    for name, what in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON outcomes {what}")
    op.execute(
        "CREATE TABLE positions (topic text NOT NULL, topic_id text NOT NULL, partition integer NOT NULL, "
        "next_offset bigint NOT NULL, timestamp bigint NOT NULL, PRIMARY KEY (topic, topic_id, partition))"
    )
    op.execute('CREATE TABLE forgotten (recipient text NOT NULL PRIMARY KEY, "until" bigint NOT NULL)')
