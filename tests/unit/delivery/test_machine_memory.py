"""What delivery leaves behind: nothing."""

from __future__ import annotations

import dataclasses
import gc

import pytest

from pipeline.model.event import Position
from tests.fakes.outcomes import an_outcome

from .making import BAD_CONTENT, OK, P0, UNAVAILABLE, Bench, arrival, notice


@pytest.mark.parametrize("recipients", [1, 3, 40])
def test_what_has_ended_is_let_go_at_once(recipients: int) -> None:
    """No notice is part of a cycle: memory does not wait for Python's collector, which looks in rarely."""
    gc.collect()
    gc.disable()
    try:
        bench = Bench()
        bench.offer(*(arrival(number, notice(f"n{number}", f"r{number % recipients}")) for number in range(40)))
        for reply in (OK, BAD_CONTENT, UNAVAILABLE, *[OK] * 60):
            bench.round(reply)
            bench.later(60)
            bench.collect()
            bench.acknowledge()
        assert bench.delivery.snapshot(bench.now).buffered == 0
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_bytes_are_counted_until_every_outcome_of_the_event_is_acknowledged() -> None:
    """A record is kept for its dead letter; with it goes what its notices hold."""
    bench = Bench({"buffers": {"megabytes": 1}})
    before = bench.delivery.demand_bytes()
    bench.offer(arrival(0, notice("a"), notice("b", "bob")))
    held = len(b"keyvalue") + 2 * len(b"{}")
    assert bench.delivery.demand_bytes() == before - held
    bench.round()
    bench.collect()
    assert bench.delivery.demand_bytes() == before - held
    bench.acknowledge()
    assert bench.delivery.demand_bytes() == before


def test_a_record_that_ends_at_once_counts_twice() -> None:
    """Kafka's client copies the dead letter that it writes."""
    bench = Bench({"buffers": {"megabytes": 1}})
    before = bench.delivery.demand_bytes()
    bench.offer(dataclasses.replace(arrival(0), outcomes=(an_outcome(Position(*P0, 0)),)))
    assert bench.delivery.demand_bytes() == before - 2 * len(b"keyvalue")


def test_a_released_partition_gives_its_bytes_back() -> None:
    """Late replies and acknowledgements change nothing."""
    bench = Bench({"buffers": {"megabytes": 1}})
    before = bench.delivery.demand_bytes()
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b")))
    bench.delivery.release([P0])
    assert bench.delivery.demand_bytes() == before
