"""What delivery leaves behind: nothing."""

from __future__ import annotations

import gc

import pytest

from .making import BAD_CONTENT, OK, UNAVAILABLE, Bench, arrival, notice


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
