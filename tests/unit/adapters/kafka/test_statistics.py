"""What is read out of librdkafka's statistics."""

from __future__ import annotations

import json

import pytest

from pipeline.adapters.kafka.statistics import KnownBrokers, Statistics
from pipeline.model.event import TopicPartition
from pipeline.model.kafka_health import AbsentLeader, KafkaHealth


def _broker(number: int, state: str, rtt: int) -> dict[str, object]:
    return {"nodeid": number, "nodename": f"b{number}:9092", "state": state, "rtt": {"avg": rtt, "cnt": int(rtt > 0)}}


def test_only_brokers_with_a_connection_count() -> None:
    """Bootstrap addresses and the coordinator's alias do not count; the slowest round trip is reported."""
    brokers = {
        "b:9092/bootstrap": _broker(-1, "UP", 90_000),
        "GroupCoordinator": _broker(-1, "UP", 80_000),
        "b:9092/1": _broker(1, "UP", 2_000),
        "b:9092/2": _broker(2, "UP", 5_000),
        "b:9092/3": _broker(3, "DOWN", 70_000),
    }
    statistics = Statistics()
    assert statistics.health is None
    statistics.take(json.dumps({"brokers": brokers}))
    assert statistics.health == KafkaHealth(2, 0.005)


def test_without_any_connection_nothing_is_up() -> None:
    """Also before the cluster is known."""
    statistics = Statistics()
    statistics.take(json.dumps({"brokers": {"b:9092/bootstrap": _broker(-1, "CONNECT", 0)}}))
    assert statistics.health == KafkaHealth(0, 0.0)


def test_without_a_new_answer_the_last_round_trip_stands() -> None:
    """librdkafka says 0 for a window in which nothing was asked; that would look like the best of days."""
    statistics = Statistics()
    for rtt in (2_000, 0):
        statistics.take(json.dumps({"brokers": {"b:9092/1": _broker(1, "UP", rtt)}}))
    assert statistics.health == KafkaHealth(1, 0.002)


P0, P1 = TopicPartition("shop.events", 0), TopicPartition("shop.events", 1)


def _report(brokers: dict[int, str], leaders: dict[int, int], desired: bool = True) -> str:  # noqa: FBT001, FBT002
    """As librdkafka writes it: states of brokers, and the leader of each partition, -1 for none."""
    partitions = {
        str(number): {"partition": number, "leader": leader, "desired": desired} for number, leader in leaders.items()
    }
    partitions["-1"] = {"partition": -1, "leader": -1, "desired": False}
    return json.dumps(
        {
            "brokers": {f"b{n}:9092/{n}": _broker(n, state, 0) for n, state in brokers.items()},
            "topics": {"shop.events": {"topic": "shop.events", "partitions": partitions}},
        }
    )


def _absent(*reports: str) -> tuple[AbsentLeader, ...]:
    statistics = Statistics()
    for report in reports:
        statistics.take(report)
    assert statistics.health is not None
    return statistics.health.absent


def test_connected_leaders_are_not_absent() -> None:
    """Neither are brokers that lead nothing of ours, nor leaders of partitions that are not assigned to us."""
    assert _absent(_report({1: "UP", 2: "UP", 3: "DOWN"}, {0: 1, 1: 2})) == ()
    assert _absent(_report({1: "UP", 2: "DOWN"}, {0: 2, 1: -1}, desired=False)) == ()


def test_a_leader_that_is_not_connected_is_named_with_its_partitions() -> None:
    """The cluster still says that it leads them."""
    assert _absent(_report({1: "UP", 2: "DOWN"}, {0: 1, 1: 2})) == (AbsentLeader(P1, "b2:9092", elected=True),)


def test_a_partition_without_a_leader_is_named_with_its_last_one() -> None:
    """The broker that had the only replica has left the cluster, and its name the report, for many reports."""
    gone = _report({1: "UP"}, {0: 1, 1: -1})
    absent = (AbsentLeader(P1, "b2:9092", elected=False),)
    assert _absent(_report({1: "UP", 2: "UP"}, {0: 1, 1: 2}), gone, gone, gone) == absent
    assert _absent(_report({1: "UP", 2: "UP"}, {0: 1, 1: 2}), _report({1: "UP", 2: "DOWN"}, {0: 1, 1: -1})) == absent


def test_a_partition_whose_leader_was_never_known_is_named_alone() -> None:
    """Such as after a start while the broker is gone."""
    assert _absent(_report({1: "UP"}, {0: 1, 1: -1})) == (AbsentLeader(P1, None, elected=False),)


def test_a_leader_that_the_report_does_not_list_is_absent() -> None:
    """librdkafka drops brokers that the cluster no longer lists."""
    assert _absent(_report({1: "UP"}, {0: 2})) == (AbsentLeader(P0, None, elected=True),)


def test_a_new_leader_ends_it_and_becomes_the_last_one() -> None:
    """A partition that another member gets is forgotten."""
    before, moved = _report({1: "UP", 2: "UP"}, {0: 2}), _report({1: "UP"}, {0: 1})
    gone = _report({2: "UP"}, {0: -1})
    assert _absent(before, gone, moved) == ()
    assert _absent(before, moved, gone) == (AbsentLeader(P0, "b1:9092", elected=False),)
    assert _absent(before, _report({2: "UP"}, {}), gone) == (AbsentLeader(P0, None, elected=False),)


SECOND = 1_000_000


def _observed(*reports: tuple[float, tuple[str, ...]]) -> KnownBrokers:
    known = KnownBrokers()
    for seconds, names in reports:
        known.observe({"ts": int(seconds * SECOND), "brokers": {name: {"state": "INIT"} for name in names}})
    return known


@pytest.mark.parametrize("name", ["b:9092/bootstrap", "b:9092/1"])
def test_a_client_with_an_address_is_not_lost(name: str) -> None:
    """However long none of them can be connected to."""
    assert not _observed((0, (name,)), (600, (name, "GroupCoordinator"))).are_lost


@pytest.mark.parametrize("names", [(), ("GroupCoordinator",)])
def test_a_client_without_an_address_is_lost_after_three_seconds(names: tuple[str, ...]) -> None:
    """A role is not an address; before that it may begin again with its first addresses."""
    assert not _observed((10, names), (12, names)).are_lost
    assert _observed((10, names), (12, names), (13, names)).are_lost


def test_an_address_between_two_reports_begins_the_time_again() -> None:
    assert not _observed((10, ()), (12, ("b:9092/1",)), (13, ()), (15, ())).are_lost


def test_a_report_that_came_late_counts_by_the_client_s_clock() -> None:
    """Reports may wait for a busy thread; their own times count."""
    assert _observed((10, ()), (13, ())).are_lost
    assert not _observed((10, ()), (10.5, ())).are_lost
