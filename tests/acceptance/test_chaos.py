"""A little of `make chaos`, with one seed: what a change of delivery, runtime or the Kafka adapters breaks first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.choice import Choice
from tests.broker.cluster import Cluster
from tests.broker.handle import Broker, Kind
from tests.chaos import report
from tests.chaos.play import CLUSTER_SESSION_MS, play
from tests.chaos.scenarios import SCENARIOS


@pytest.fixture(scope="module")
def cluster(kafka_choice: Choice) -> Iterator[Cluster]:
    """Three nodes; where the tests' broker is Kafka from Maven Central, and so can be started here."""
    if kafka_choice.broker.kind is not Kind.MAVEN:
        pytest.skip(f"needs Kafka from Maven Central; ran on {kafka_choice.message}")
    started = Cluster(group_consumer_session_timeout_ms=str(CLUSTER_SESSION_MS))
    yield started
    started.close()


def test_a_leader_that_is_killed_and_comes_back_breaks_no_promise(cluster: Cluster, tmp_path: Path) -> None:
    """Three replicas: nothing is lost, and with no member killed nothing is sent twice."""
    result = play(SCENARIOS["cluster-short"], cluster, tmp_path, protocol="consumer", seed=1, minutes=1)
    assert result.ok, report.text(result)
    assert result.figures["events"] > 0
    assert result.figures["sent again"] == 0


@pytest.mark.kafka
def test_kills_an_outage_and_a_rolling_restart_break_no_promise(real_kafka: Broker, tmp_path: Path) -> None:
    """Nothing is lost, out of order or sent two at once, and duplicates occur only after a kill."""
    result = play(SCENARIOS["short"], real_kafka, tmp_path, protocol="consumer", seed=1, minutes=1)
    assert result.ok, report.text(result)
    assert result.figures["kills"] == 3
    assert result.figures["events"] > 0


@pytest.mark.kafka
def test_kills_and_records_of_others_break_no_promise_of_recipient_care(real_kafka: Broker, tmp_path: Path) -> None:
    """No message is over a cap, the second of a key, or after an opt-out, as the API and Kafka have it."""
    result = play(SCENARIOS["care-short"], real_kafka, tmp_path, protocol="consumer", seed=1, minutes=1)
    assert result.ok, report.text(result)
    assert result.figures["kills"] == 2
    assert result.figures["suppressed by care"] > 0
