"""The statements that look outcomes up in the history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select

from pipeline.adapters.history.rows import day_of, stored_key
from pipeline.adapters.history.tables import OUTCOMES
from pipeline.operations.find.query import ByEvents, ByField

MOST_ROWS = 5_000
"""Outcomes that one search reads, the newest ones."""
EVENTS_AT_ONCE = 200
"""Events of one statement: SQLite takes no expression with more than 1,000 conditions."""


def searches(query: ByField | ByEvents, since: datetime | None) -> Iterator[Select[Any]]:
    """Return the statements whose answers together are what matches, each the newest `MOST_ROWS`."""
    for condition in _conditions(query):
        wanted = select(OUTCOMES).where(condition)
        if since is not None:
            start = int(since.timestamp() * 1000)
            wanted = wanted.where(OUTCOMES.c.day >= day_of(start), OUTCOMES.c.finished_at >= start)
        yield wanted.order_by(OUTCOMES.c.finished_at.desc()).limit(MOST_ROWS)


def _conditions(query: ByField | ByEvents) -> Iterator[Any]:
    if isinstance(query, ByField):
        yield OUTCOMES.c[query.field.value].in_({stored_key(one) for one in query.values})
        return
    events = sorted(query.events)
    table = OUTCOMES.c
    for begins in range(0, len(events), EVENTS_AT_ONCE):
        places = [
            or_(
                and_(table.topic == one.topic, table.partition == one.partition, table.offset == one.offset),
                and_(
                    table.first_topic == one.topic,
                    table.first_partition == one.partition,
                    table.first_offset == one.offset,
                ),
            )
            for one in events[begins : begins + EVENTS_AT_ONCE]
        ]
        yield or_(*places)
