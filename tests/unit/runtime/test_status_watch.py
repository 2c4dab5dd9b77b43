"""What a look back adds to the state of a running service."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from pipeline.model.event import TopicPartition
from pipeline.model.kafka_health import AbsentLeader, KafkaHealth
from pipeline.runtime.status_watch import Counters, StatusWatch
from pipeline.status.condition import ConditionName
from tests.unit.web.status_sources import SNAPSHOT, FixedClock

P0, P1 = TopicPartition("shop.events", 0), TopicPartition("shop.events", 1)


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


class Member:
    """A running service with nothing to do, whose leaders come and go."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.absent: tuple[AbsentLeader, ...] = ()
        self.consumed = self.matched = 0
        state = SNAPSHOT._replace(lanes=0, lanes_waiting=0, buffered=0, oldest={P0: 0.0}, spans={P0: 0})
        parts = SimpleNamespace(
            clock=self.clock,
            delivery=SimpleNamespace(snapshot=lambda _: state, pauses=lambda _: ()),
            source=SimpleNamespace(lag=dict, stuck=dict, health=lambda: KafkaHealth(2, 0.0, absent=self.absent)),
        )
        service: Any = SimpleNamespace(
            parts=parts,
            engine=SimpleNamespace(without_token=()),
            health=SimpleNamespace(live=lambda: (True, "running"), phase="running"),
            intake=SimpleNamespace(held=dict),
        )
        reload: Any = SimpleNamespace(refused=None, removed=None)
        credentials: Any = SimpleNamespace(refused={})
        self.commits = self.commit_errors = 0
        counters = Counters(
            lambda: self.consumed,
            lambda: self.matched,
            lambda _: {},
            lambda: {"commit_errors": self.commit_errors},
            lambda: self.commits,
        )
        self.watch = StatusWatch(service, reload, credentials, counters, none_matched_seconds=18_000, shadow=False)

    def after(self, seconds: float) -> list[ConditionName | None]:
        """Look so many seconds later."""
        self.clock.time += seconds
        return [one.condition for one in self.watch.conditions()]


def test_each_partition_has_its_own_time_without_a_leader() -> None:
    """A rolling restart of the brokers takes leaders from one partition after another, and is no condition."""
    member = Member()
    for key in (P0, P1) * 3:
        member.absent = (AbsentLeader(key, "broker-3:9092", elected=False),)
        assert member.after(20) == []
        assert member.after(5) == []
    assert member.after(31) == [ConditionName.BROKER_ABSENT]
    member.absent = ()
    assert member.after(1) == []


def test_a_partition_without_a_leader_is_logged_once_with_its_end() -> None:
    """With broker and partition in the summary."""
    member = Member()
    member.absent = (AbsentLeader(P0, "broker-3:9092", elected=False),)
    with capture_logs() as logs:
        for _ in range(3):
            member.after(31)
        member.absent = ()
        member.after(1)
    assert [entry["event"] for entry in logs] == ["condition_began", "condition_ended"]
    assert logs[0]["summary"] == "no leader for shop.events/0; the last was broker-3:9092"


def test_five_hours_of_events_without_a_match_are_not_well() -> None:
    """Not before, not for a few events, and not after a match."""
    member = Member()
    assert member.after(0) == []
    member.consumed = 5_000
    assert member.after(17_999) == []
    assert member.after(1) == [ConditionName.NONE_MATCHED]
    member.matched = 1
    assert member.after(1) == []


def test_failing_commits_end_with_the_first_one_that_succeeds() -> None:
    """Or when none was tried for a while, as by a member that has no partitions any more."""
    member = Member()
    assert member.after(0) == []
    member.commit_errors = 6
    assert member.after(5) == [ConditionName.COMMITS_FAILING]
    assert member.after(5) == [ConditionName.COMMITS_FAILING]
    member.commits = 1
    assert member.after(5) == []
    member.commit_errors = 11
    assert member.after(5) == []
    member.commit_errors = 12
    assert member.after(5) == [ConditionName.COMMITS_FAILING]
    member.after(900)
    assert member.after(900) == []
