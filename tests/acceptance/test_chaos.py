"""A little of `make chaos`, with one seed: what a change of delivery, runtime or the Kafka adapters breaks first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker.handle import Broker
from tests.chaos import report
from tests.chaos.run import play
from tests.chaos.scenarios import SCENARIOS


@pytest.mark.kafka
def test_kills_an_outage_and_a_rolling_restart_break_no_promise(real_kafka: Broker, tmp_path: Path) -> None:
    """Nothing is lost, out of order or sent two at once, and duplicates occur only after a kill."""
    result = play(SCENARIOS["short"], real_kafka, tmp_path, protocol="consumer", seed=1, minutes=1)
    assert result.ok, report.text(result)
    assert result.figures["kills"] == 3
    assert result.figures["events"] > 0
