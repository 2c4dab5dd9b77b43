"""Gauges that are read at each scrape, and cost nothing in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline import metrics
from pipeline.delivery.breaker import BreakerState
from pipeline.metrics import Metric
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import with_held

if TYPE_CHECKING:
    from pipeline.runtime.credentials import Credentials
    from pipeline.runtime.intake import Intake
    from pipeline.runtime.service import Parts


def read_gauges(
    parts: Parts, intake: Intake, credentials: Credentials
) -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    """Yield each gauge with its labels and current value."""
    now = parts.clock.now()
    held = intake.held()
    state = parts.delivery.snapshot(now)
    yield metrics.IN_FLIGHT, {}, state.in_flight
    yield metrics.CONCURRENCY_LIMIT, {}, state.limit
    yield metrics.LANES, {}, state.lanes
    yield metrics.LANES_WAITING, {}, state.lanes_waiting
    yield metrics.BUFFERED, {}, state.buffered
    yield metrics.RETRY_BUDGET, {}, state.retry_budget
    for breaker in BreakerState:
        yield metrics.BREAKER, {"state": breaker}, float(state.breaker is breaker)
    for halt in Halt:
        yield metrics.HALTED, {"reason": halt}, float(state.halted is halt)
    for pause in parts.delivery.pauses(now):
        labels = {"scope": pause.scope.kind, "name": pause.scope.name}
        yield metrics.PAUSED, labels, max(0.0, now + parts.clock.correction() - pause.since)
    for rule in state.suspended:
        yield metrics.RULES_SUSPENDED, {"rule": rule}, 1.0
    for partition, lag in with_held(parts.source.lag(), held).items():
        yield metrics.CONSUMER_LAG, {"topic": partition.topic, "partition": str(partition.partition)}, lag
    for partition, age in state.oldest.items():
        if partition in held:
            age = max(age, now + parts.clock.correction() - held[partition].oldest)  # noqa: PLW2901 - of what waits
        yield metrics.FRONTIER_AGE, {"topic": partition.topic, "partition": str(partition.partition)}, age
    for partition, one in held.items():
        labels = {"topic": partition.topic, "partition": str(partition.partition)}
        yield metrics.PARTITION_AWAITING_SCHEMA, labels, now - one.since
    for partition, stuck in parts.source.stuck().items():
        labels = {"topic": partition.topic, "partition": str(partition.partition)}
        yield metrics.PARTITION_STUCK, labels, now - stuck.since
    yield metrics.LAST_POLL, {}, parts.source.last_poll_at()
    health = parts.source.health()
    if health is not None:
        yield metrics.KAFKA_BROKERS, {}, health.brokers
        yield metrics.KAFKA_ROUND_TRIP, {}, health.round_trip_seconds
    refused = credentials.refused
    for setting in credentials.settings:
        yield metrics.CREDENTIALS_RELOADED, {"setting": setting}, float(setting not in refused)
