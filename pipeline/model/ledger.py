"""A partition's progress: commit points, and the outcomes that the ledger holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from pipeline.model.event import UNKNOWN_ORIGIN, Origin, TopicPartition
from pipeline.model.intent import RestoredIntents


class LedgerPosition(NamedTuple):
    """The position of an outcome on the outcomes topic."""

    partition: int
    offset: int


class CommitPoint(NamedTuple):
    """The content of one partition's commit: the frontier, and the pointer into the ledger."""

    partition: TopicPartition
    offset: int
    """Lowest offset not yet done: where a new owner starts to read."""
    metadata: str
    """The ledger pointer (`pipeline.delivery.pointer`), or empty."""


class RestoredCare(NamedTuple):
    """What Kafka has of the recipients of a newly assigned partition."""

    recipients: dict[str, bytes]
    """Packed states (`pipeline.care.recipient`), by recipient as in outcomes. The new owner changes this object."""
    uncovered: Mapping[str, int]
    """Of recipients with outcomes in the ledger that their record does not cover: the lowest such offset."""
    stale: frozenset[str] = frozenset()
    """Recipients whose newest record knows less than an earlier one, which another process wrote."""
    end: int = 0
    """The end of the records when they were read."""


class Assigned(NamedTuple):
    """A newly assigned partition, with the outcomes that the ledger already holds."""

    partition: TopicPartition
    epoch: int
    """Grows with each assignment in this process; results of an older epoch are dropped."""
    frontier: int | None
    """The committed offset; None without a commit."""
    done: Mapping[tuple[int, str], LedgerPosition]
    """Outcomes at or above the frontier that the ledger holds already, by source offset and outcome id: a notice that
    was redriven, or whose event was emitted twice, has one id at several offsets."""
    reached: int = -1
    """Highest source offset with an outcome in the ledger: an earlier owner processed events up to there."""
    ledger_end: LedgerPosition | None = None
    """End of its ledger partition at assignment; outcomes written later get this offset or a higher one."""
    origin: Origin = UNKNOWN_ORIGIN
    ledger_id: str | None = None
    """The ledger topic's id, for the commit's pointer."""
    care: RestoredCare | None = None
    """None: recipient care does not decide about the notices of this partition."""
    ended: Collection[tuple[int, str]] = ()
    """Of a partition of events that is read again: notices that were sent from the intents topic or wait there, by
    source offset and outcome id."""
    line: str | None = None
    """Carried on in the commits of events, where recipient care is on (`pipeline.model.intent.stream_name`)."""
    intents: RestoredIntents | None = None
    """Of a partition of the intents topic: what was seen of it; None for a partition of events."""
