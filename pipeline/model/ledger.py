"""What ties outcomes and offsets together: where a partition stands, and what the ledger says is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.model.event import UNKNOWN_ORIGIN, Origin, TopicPartition


class LedgerPosition(NamedTuple):
    """Where an outcome stands on the outcomes topic."""

    partition: int
    offset: int


class CommitPoint(NamedTuple):
    """What is committed for one partition: the frontier, and the pointer into the ledger."""

    partition: TopicPartition
    offset: int
    """Lowest offset not yet done: where a new owner starts to read."""
    metadata: str
    """The ledger pointer (`pipeline.delivery.pointer`), or empty."""


class Assigned(NamedTuple):
    """A partition that has become ours, with what the ledger says is done already."""

    partition: TopicPartition
    epoch: int
    """Grows with each assignment in this process; results of an older epoch are dropped."""
    frontier: int | None
    """The committed offset; None where nothing was ever committed."""
    done: Mapping[tuple[int, str], LedgerPosition]
    """Outcomes at or above the frontier that the ledger holds already, by source offset and outcome id: a notice that
    was redriven, or whose event was emitted twice, has one id at several offsets."""
    reached: int = -1
    """Highest source offset that the ledger speaks of: up to there, an earlier owner was at work."""
    ledger_end: LedgerPosition | None = None
    """End of this partition's part of the ledger as of assignment: our own outcomes get this offset or a later one."""
    origin: Origin = UNKNOWN_ORIGIN
    ledger_id: str | None = None
    """The ledger topic's id, for the commit's pointer."""
