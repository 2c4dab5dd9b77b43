"""The answers to the probes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pipeline.runtime.health import STUCK_SECONDS, Health
from pipeline.status.condition import Severity, StatusMessage


def health(
    *,
    silent: float = 0.0,
    draining: bool = False,
) -> Health:
    subject: Any = {
        "clock": SimpleNamespace(now=lambda: 1_000.0),
        "source": SimpleNamespace(last_poll_at=lambda: 1_000.0 - silent),
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


def test_a_service_that_is_well_is_ready() -> None:
    """The message counts its partitions."""
    assert health().ready(()) == (True, "waiting for partitions")


def test_what_is_wrong_is_named_and_only_some_of_it_takes_a_member_out_of_service() -> None:
    """A broker that is away is away for all members alike: to drain them would only add to it."""
    away = StatusMessage(Severity.HALTED, "", summary="Kafka cannot be reached")
    stuck = StatusMessage(Severity.ATTENTION, "", summary="orders/3 cannot be read", unready=True)
    assert health().ready((away,)) == (True, "waiting for partitions; Kafka cannot be reached")
    assert health().ready((away, stuck)) == (False, "Kafka cannot be reached; orders/3 cannot be read")


def test_a_service_that_does_not_run_is_not_ready() -> None:
    """Whatever else is wrong with it."""
    stopping = health()
    stopping.stopping()
    assert stopping.ready(()) == (False, "stopping")
