"""The gauges of a scrape: a partition that waits is seen by its lag and age, whatever it waits for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pipeline import metrics
from pipeline.metrics import Metric
from pipeline.model.event import TopicPartition
from pipeline.model.kafka_health import HeldPartition, with_held
from pipeline.runtime.gauges import read_gauges
from tests.unit.web.status_sources import SNAPSHOT, T0, FixedClock

P0, P1 = TopicPartition("shop.events", 0), TopicPartition("shop.events", 1)
HELD = {P0: HeldPartition(17, T0 - 90, 900, T0 - 95, "the schema registry answers 503: down")}


def gauges(held: dict[TopicPartition, HeldPartition]) -> dict[tuple[Metric, str], float]:
    """The gauges of partitions, for a service that has read all there is and has finished it."""
    state = SNAPSHOT._replace(oldest={P0: 0.0, P1: 0.0})
    parts: Any = SimpleNamespace(
        hop=None,
        clock=FixedClock(),
        delivery=SimpleNamespace(snapshot=lambda _: state, pauses=lambda _: ()),
        source=SimpleNamespace(lag=lambda: {P0: 0, P1: 3}, stuck=dict, last_poll_at=lambda: T0, health=lambda: None),
        telemetry=SimpleNamespace(most_to_one_recipient=lambda _: 0),
    )
    intake: Any = SimpleNamespace(held=lambda: held)
    credentials: Any = SimpleNamespace(refused={}, settings=())
    status: Any = SimpleNamespace(failing_rules=dict, conditions=lambda: ())
    return {
        (metric, labels["partition"]): value
        for metric, labels, value in read_gauges(parts, intake, credentials, status)
        if "partition" in labels
    }


def test_a_partition_that_waits_for_a_schema_has_lag_and_age() -> None:
    """Its records were read, so that Kafka's client reports no lag, and none is an unfinished event."""
    found = gauges(HELD)
    assert (found[metrics.CONSUMER_LAG, "0"], found[metrics.CONSUMER_LAG, "1"]) == (900, 3)
    assert (found[metrics.FRONTIER_AGE, "0"], found[metrics.FRONTIER_AGE, "1"]) == (95.0, 0.0)
    assert found[metrics.PARTITION_AWAITING_SCHEMA, "0"] == 90.0
    assert (metrics.PARTITION_AWAITING_SCHEMA, "1") not in found


def test_without_one_the_lag_is_that_of_kafka() -> None:
    """Also for a partition of which no lag is known yet."""
    assert {value for (metric, _), value in gauges({}).items() if metric is metrics.FRONTIER_AGE} == {0.0}
    assert with_held({P1: 3}, {}) == {P1: 3}
    assert with_held({P1: 3}, HELD) == {P0: 900, P1: 3}
