"""The state of delivery, for metrics and the status page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pipeline.delivery.breaker import BreakerState
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt

if TYPE_CHECKING:
    from pipeline.delivery.budget import RetryBudget
    from pipeline.delivery.gate import Gate
    from pipeline.delivery.partition import Partition
    from pipeline.delivery.suspension import Suspensions


class Load(NamedTuple):
    """How much is in memory and in flight."""

    in_flight: int
    limit: int
    lanes: int
    lanes_waiting: int
    buffered: int


class DeliverySnapshot(NamedTuple):
    """The state of delivery at one time."""

    in_flight: int
    limit: int
    lanes: int
    lanes_waiting: int
    buffered: int
    breaker: BreakerState
    halted: Halt | None
    halted_since: float | None
    """When the halt in force began."""
    retry_budget: float
    suspended: Mapping[str, float]
    """Rules that the API refuses, each with the time of its first refusal."""
    oldest: Mapping[TopicPartition, float]
    """Seconds since the oldest unfinished event's own time; 0 where all is done."""
    spans: Mapping[TopicPartition, int]
    """Offsets between frontier and newest record."""


def taken(
    now: float,
    correction: float,
    load: Load,
    gate: Gate,
    budget: RetryBudget,
    suspensions: Suspensions,
    partitions: Mapping[TopicPartition, Partition],
) -> DeliverySnapshot:
    """The state at `now`; `now + correction` is the wall clock's time, by which ages of events are measured."""
    frontiers = {key: partition.frontier for key, partition in partitions.items()}
    gate.mark(now)  # a halt may have ended by the passing of time
    halted = gate.halted(now)
    return DeliverySnapshot(
        **load._asdict(),
        breaker=gate.breaker.state,
        halted=halted,
        halted_since=gate.halt_began if halted is not None else None,
        retry_budget=budget.tokens(now),
        suspended=suspensions.rules,
        oldest={
            key: 0.0 if frontier.oldest is None else max(0.0, now + correction - frontier.oldest)
            for key, frontier in frontiers.items()
        },
        spans={key: frontier.span for key, frontier in frontiers.items()},
    )
