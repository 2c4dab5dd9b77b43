"""What liveness is told while the consumer's thread waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pipeline.runtime.health import STUCK_SECONDS, Health


def health(*, silent: float, draining: bool) -> Health:
    subject: Any = {
        "clock": SimpleNamespace(now=lambda: 1_000.0),
        "source": SimpleNamespace(last_poll_at=lambda: 1_000.0 - silent),
        "delivery": None,
        "engine": None,
        "bridge": SimpleNamespace(draining=draining, assigned=set()),
    }
    made = Health(**subject)
    made.started()
    return made


def test_a_consumer_that_does_not_come_round_is_stuck() -> None:
    """Its loop may be well; nothing is read all the same."""
    assert health(silent=STUCK_SECONDS, draining=False).live().ok
    assert not health(silent=STUCK_SECONDS + 1, draining=False).live().ok


def test_a_drain_is_no_standstill() -> None:
    """It has a deadline of its own, which may be longer; to be killed in it would make the duplicates it prevents."""
    assert health(silent=STUCK_SECONDS + 60, draining=True).live().ok
