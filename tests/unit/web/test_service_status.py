"""The status of the service is collected from its parts."""

from __future__ import annotations

import orjson
import pytest

from pipeline.model.event import TopicPartition
from pipeline.model.kafka_health import HeldPartition
from pipeline.model.outcome import OutcomeKind
from pipeline.web.tally import KEPT

from .status_sources import T0, Shop, outcome


def test_rates_are_means_of_the_last_minute_and_five() -> None:
    """Ten a second for four minutes, then none for one."""
    shop = Shop()
    watch = shop.watch()
    for _ in range(60):
        watch.sample()
        shop.clock.time += 5
        if shop.clock.time <= T0 + 240:
            shop.consumed += 50
    status = watch.status()
    assert status.rates_1m["consumed"] == pytest.approx(0.0)
    assert status.rates_5m["consumed"] == pytest.approx(8.0)
    assert status.history["consumed"][:3] == [10.0, 10.0, 10.0]


def test_without_samples_rates_are_zero() -> None:
    """There is no division by zero."""
    status = Shop().watch().status()
    assert status.rates_1m == {"consumed": 0.0, "accepted": 0.0, "failed": 0.0}


def test_a_young_service_has_the_rate_of_its_life() -> None:
    """Twelve seconds old: the mean of those."""
    shop = Shop()
    watch = shop.watch()
    watch.sample()
    shop.clock.time += 12
    shop.consumed = 120
    assert watch.status().rates_5m["consumed"] == pytest.approx(10.0)


def test_outcomes_are_counted_by_rule() -> None:
    """Accepted and failed apart; matched as the metric says; a rule without any is there as well."""
    shop = Shop()
    for number, kind in enumerate([OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.ACCEPTED]):
        shop.tally.ended(outcome(number, kind), T0 + number)
    paid, shipped = shop.watch().status().rules
    assert (paid.id, paid.matched, paid.accepted, paid.failed, paid.last_at) == ("order-paid", 4, 2, 1, T0 + 2)
    assert (shipped.accepted, shipped.last_at) == (0, None)


def test_failures_are_kept_apart_from_accepted_outcomes() -> None:
    """The newest fifty of each, newest first."""
    shop = Shop()
    shop.tally.ended(outcome(0, OutcomeKind.REJECTED), T0)
    for number in range(1, 1_000):
        shop.tally.ended(outcome(number), T0)
    status = shop.watch().status()
    assert [line.position for line in status.failures] == ["shop.events/0/0"]
    assert len(status.recent) == KEPT
    assert status.recent[0].position == "shop.events/0/999"


def test_an_unmatched_event_is_not_a_failure() -> None:
    """It counts as read only."""
    shop = Shop()
    shop.tally.ended(outcome(0, OutcomeKind.UNMATCHED, rule=None), T0)
    status = shop.watch().status()
    assert status.failures == ()
    assert status.totals["failed"] == 0


def test_the_status_has_no_personal_data() -> None:
    """Neither recipients nor messages of the API, whatever an outcome contains."""
    shop = Shop()
    shop.tally.ended(outcome(0, OutcomeKind.REJECTED), T0)
    assert b"canary" not in orjson.dumps(shop.watch().status())


def test_a_partition_that_waits_for_a_schema_has_the_lag_and_age_of_what_waits() -> None:
    """Its records were read and are no unfinished events; "lag 0, age 0" would be wrong."""
    key = TopicPartition("shop.events", 0)
    shop = Shop(held_partitions={key: HeldPartition(17, T0 - 90, 900, T0 - 95, "503")}, lag={key: 0})
    (partition,) = shop.watch().status().partitions
    assert (partition.lag, partition.age_seconds) == (900, 95.0)
