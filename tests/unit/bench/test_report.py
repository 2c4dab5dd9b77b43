"""What the report says of ours beside a peer."""

from __future__ import annotations

from bench.report import against
from bench.service import Run


def run(system: str, rate: float, cpu: float, *, peer: bool = False, delay: int = 0, cores: str = "one core") -> Run:
    return Run(system, cores, 64, delay, rate, rate, cpu, {}, 100.0, 1.0, [], peer)


def test_ours_is_reported_as_a_multiple_of_each_peer() -> None:
    """Of its rate and of its CPU time, with the peer's own figures, so that no one has to trust a ratio."""
    assert against([run("ours", 12_000, 80), run("theirs", 8_000, 100, peer=True)]) == [
        "ours, one core, 0 ms, held against theirs: 1.50 × its rate (8,000/s), 0.80 × its CPU time (100 µs)"
    ]


def test_only_runs_alike_are_compared() -> None:
    """Same delay, same cores."""
    theirs = [run("a", 1, 1, peer=True, delay=50), run("b", 1, 1, peer=True, cores="any core")]
    assert against([run("ours", 2, 2), *theirs]) == []
