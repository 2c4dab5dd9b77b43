"""Gauges that are read at each scrape, and cost nothing in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline import metrics
from pipeline.delivery.breaker import BreakerState
from pipeline.metrics import Metric
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import with_held
from pipeline.status.condition import ConditionName

if TYPE_CHECKING:
    from pipeline.delivery.snapshot import ApiSnapshot, CareSnapshot
    from pipeline.model.event import TopicPartition
    from pipeline.runtime.credentials import Credentials
    from pipeline.runtime.intake import Intake
    from pipeline.runtime.service import Parts
    from pipeline.runtime.status_watch import StatusWatch


def read_gauges(
    parts: Parts, intake: Intake, credentials: Credentials, status: StatusWatch
) -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    """Yield each gauge with its labels and current value."""
    now = parts.clock.now()
    held = intake.held()
    state = parts.delivery.snapshot(now)
    for name, api in state.apis.items():
        yield from _of_api({"api": name} if len(state.apis) > 1 else {}, api)
    yield metrics.LANES, {}, state.lanes
    yield metrics.LANES_WAITING, {}, state.lanes_waiting
    yield metrics.BUFFERED, {}, state.buffered
    yield metrics.UNACKNOWLEDGED, {}, state.unacknowledged
    since = state.unacknowledged_since
    yield metrics.UNACKNOWLEDGED_AGE, {}, 0.0 if since is None else max(0.0, now - since)
    yield metrics.RECIPIENT_NOTICES, {}, parts.telemetry.most_to_one_recipient(now)
    for pause in parts.delivery.pauses(now):
        by = pause.by if pause.by_limit else "operator"
        paused = {"scope": pause.scope.kind, "name": pause.scope.name, "by": by}
        yield metrics.PAUSED, paused, max(0.0, now + parts.clock.correction() - pause.since)
    for rule in state.suspended:
        yield metrics.RULES_SUSPENDED, {"rule": rule}, 1.0
    lags = with_held(parts.source.lag(), held)
    if parts.hop is not None:
        topic = parts.hop.topic
        yield metrics.INTENTS_WAITING, {}, sum(lag for partition, lag in lags.items() if partition.topic == topic)
        yield metrics.INTENTS_UNACKNOWLEDGED, {}, parts.hop.delivery.unwritten_intents
    for partition, lag in lags.items():
        yield metrics.CONSUMER_LAG, {"topic": partition.topic, "partition": str(partition.partition)}, lag
    for partition, age in state.oldest.items():
        if partition in held:
            age = max(age, now + parts.clock.correction() - held[partition].oldest)  # noqa: PLW2901 - of what waits
        yield metrics.FRONTIER_AGE, {"topic": partition.topic, "partition": str(partition.partition)}, age
    yield from _since(metrics.PARTITION_AWAITING_SCHEMA, {key: one.since for key, one in held.items()}, now)
    yield from _since(metrics.PARTITION_STUCK, {key: one.since for key, one in parts.source.stuck().items()}, now)
    yield from _since(metrics.PARTITION_BACKPRESSURE, state.backpressured, now)
    if state.care is not None:
        yield from _of_care(state.care, now + parts.clock.correction())
    yield metrics.LAST_POLL, {}, parts.source.last_poll_at()
    health = parts.source.health()
    if health is not None:
        yield metrics.KAFKA_BROKERS, {}, health.brokers
        if health.brokers:  # without a connection the last round trip says nothing
            yield metrics.KAFKA_ROUND_TRIP, {}, health.round_trip_seconds
    yield from _status(credentials, status)


def _of_api(labels: Mapping[str, str], api: ApiSnapshot) -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    yield metrics.IN_FLIGHT, labels, api.in_flight
    yield metrics.CONCURRENCY_LIMIT, labels, api.limit
    yield metrics.RETRY_BUDGET, labels, api.retry_budget
    for breaker in BreakerState:
        yield metrics.BREAKER, {"state": breaker, **labels}, float(api.breaker is breaker)
    for halt in Halt:
        yield metrics.HALTED, {"reason": halt, **labels}, float(api.halted is halt)


def _since(
    metric: Metric, times: Mapping[TopicPartition, float], now: float
) -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    """For how long something has been so, of each partition of which it is."""
    for partition, since in times.items():
        yield metric, {"topic": partition.topic, "partition": str(partition.partition)}, now - since


def _of_care(care: CareSnapshot, now: float) -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    since = care.unwritten_since
    yield metrics.CARE_RECIPIENTS, {}, care.recipients
    yield metrics.CARE_UNWRITTEN, {}, care.unwritten
    yield metrics.CARE_UNWRITTEN_AGE, {}, 0.0 if since is None else max(0.0, now - since)


def _status(credentials: Credentials, status: StatusWatch) -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    refused = credentials.refused
    for setting in credentials.settings:
        yield metrics.CREDENTIALS_RELOADED, {"setting": setting}, float(setting not in refused)
    for rule, share in status.failing_rules().items():
        yield metrics.RULES_FAILING, {"rule": rule}, share
    found = {one.condition for one in status.conditions()}
    for name in ConditionName:
        yield metrics.CONDITION, {"condition": name}, float(name in found)
