"""The state of delivery, for metrics and the status page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.delivery.breaker import BreakerState
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt

if TYPE_CHECKING:
    from pipeline.care.recipients import Recipients
    from pipeline.delivery.partition import Partition
    from pipeline.delivery.route import Route


class Load(NamedTuple):
    """How much is in memory."""

    lanes: int
    lanes_waiting: int
    buffered: int
    unacknowledged: int
    unacknowledged_since: float | None


class ApiSnapshot(NamedTuple):
    """The state of one API at one time."""

    in_flight: int
    limit: int
    breaker: BreakerState
    halted: Halt | None
    halted_since: float | None
    """When the halt in force began."""
    retry_budget: float


class CareSnapshot(NamedTuple):
    """What recipient care knows at one time."""

    recipients: int
    unwritten: int
    """Recipients of whom more is known than their record on Kafka says."""
    unwritten_since: float | None
    """Since when the first of them has changed; wall clock."""


class DeliverySnapshot(NamedTuple):
    """The state of delivery at one time."""

    apis: Mapping[str, ApiSnapshot]
    """By name, the one of `notices` first."""
    lanes: int
    lanes_waiting: int
    buffered: int
    unacknowledged: int
    """Outcomes decided that Kafka has not acknowledged."""
    unacknowledged_since: float | None
    """When the oldest of them was decided."""
    suspended: Mapping[str, float]
    """Rules that an API refuses, each with the time of its first refusal."""
    oldest: Mapping[TopicPartition, float]
    """Seconds since the oldest unfinished event's own time; 0 where all is done."""
    spans: Mapping[TopicPartition, int]
    """Offsets between frontier and newest record."""
    frontiers: Mapping[TopicPartition, int | None]
    """The lowest unfinished offset, or the next one; None before anything was read or committed."""
    backpressured: Mapping[TopicPartition, float]
    """Partitions that are not read because their share of the buffers is used up, each with the time since when."""
    care: CareSnapshot | None = None
    """None: no partition is decided by recipient care."""

    @property
    def in_flight(self) -> int:
        """Requests in flight to all APIs."""
        return sum(api.in_flight for api in self.apis.values())

    @property
    def limit(self) -> int:
        """Requests that may be in flight to all APIs."""
        return sum(api.limit for api in self.apis.values())

    @property
    def worst(self) -> ApiSnapshot:
        """The first API that is halted; else the first."""
        first = next(iter(self.apis.values()))
        return next((api for api in self.apis.values() if api.halted is not None), first)


def taken(
    now: float,
    correction: float,
    load: Load,
    routes: Mapping[str, Route],
    partitions: Mapping[TopicPartition, Partition],
    *,
    backpressured: Mapping[TopicPartition, float],
) -> DeliverySnapshot:
    """The state at `now`; `now + correction` is the wall clock's time, by which ages of events are measured."""
    frontiers = {key: partition.frontier for key, partition in partitions.items()}
    return DeliverySnapshot(
        {name: _of_api(route, now) for name, route in routes.items()},
        *load,
        suspended={rule: since for route in routes.values() for rule, since in route.suspensions.rules.items()},
        oldest={
            key: 0.0 if frontier.oldest is None else max(0.0, now + correction - frontier.oldest)
            for key, frontier in frontiers.items()
        },
        spans={key: frontier.span for key, frontier in frontiers.items()},
        frontiers={key: frontier.offset for key, frontier in frontiers.items()},
        backpressured=backpressured,
        care=_care([partition.care for partition in partitions.values() if partition.care is not None]),
    )


def _care(known: Sequence[Recipients]) -> CareSnapshot | None:
    if not known:
        return None
    return CareSnapshot(
        sum(map(len, known)),
        sum(one.unwritten for one in known),
        min([one.oldest for one in known if one.oldest is not None], default=None),
    )


def _of_api(route: Route, now: float) -> ApiSnapshot:
    gate = route.gate
    gate.mark(now)  # a halt may have ended by the passing of time
    halted = gate.halted(now)
    return ApiSnapshot(
        in_flight=len(route.in_flight),
        limit=route.limit.value,
        breaker=gate.breaker.state,
        halted=halted,
        halted_since=gate.halt_began if halted is not None else None,
        retry_budget=route.budget.tokens(now),
    )
