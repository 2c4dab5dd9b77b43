"""Read librdkafka's statistics: connected brokers, their round-trip times and absent leaders, every second.

Source: librdkafka's STATISTICS.md. Times there are microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from pipeline.model.event import TopicPartition
from pipeline.model.kafka_health import AbsentLeader, KafkaHealth

INTERVAL_MS = 1_000
_MICROSECONDS = 1_000_000


class Statistics:
    """The newest statistics of one client, updated on the client's thread; any thread may read them."""

    def __init__(self, coordinator: Callable[[float, int, int], None] | None = None) -> None:
        """Call `coordinator` with the time by librdkafka's clock, answers received, and requests without an answer."""
        self._coordinator = coordinator
        self.health: KafkaHealth | None = None
        """None until the first statistics arrive."""
        self._round_trip_seconds = 0.0
        self._last_leaders: Mapping[TopicPartition, str] = {}

    def take(self, text: str) -> None:
        """Take one report (`stats_cb`). Bootstrap addresses and the coordinator's alias do not count as brokers."""
        report = orjson.loads(text)
        alias = report["brokers"].get("GroupCoordinator")
        if self._coordinator is not None and alias is not None:
            self._coordinator(report["ts"] / _MICROSECONDS, alias["rx"], alias["waitresp_cnt"] + alias["outbuf_cnt"])
        brokers = [broker for broker in report["brokers"].values() if broker["nodeid"] >= 0]
        connected = [broker for broker in brokers if broker["state"] == "UP"]
        round_trips = [broker["rtt"]["avg"] for broker in connected if broker["rtt"]["cnt"]]
        if round_trips:
            self._round_trip_seconds = max(round_trips) / _MICROSECONDS
        # Without requests since the last report librdkafka reports 0; the last known value is more accurate.
        absent = tuple(sorted(self._absent(report, brokers)))
        self.health = KafkaHealth(len(connected), self._round_trip_seconds, absent=absent)

    def _absent(self, report: Mapping[str, Any], brokers: list[Mapping[str, Any]]) -> Iterator[AbsentLeader]:
        """Find the partitions that no leader serves.

        A partition whose only replica is gone has leader -1, and librdkafka drops a broker that left the cluster: the
        last leader's name is remembered.
        """
        names = {broker["nodeid"]: broker["nodename"] for broker in brokers}
        up = {broker["nodeid"] for broker in brokers if broker["state"] == "UP"}
        last_leaders: dict[TopicPartition, str] = {}
        for topic in report.get("topics", {}).values():
            for partition in topic["partitions"].values():
                if not partition["desired"]:
                    continue
                key, leader = TopicPartition(topic["topic"], partition["partition"]), partition["leader"]
                name = names.get(leader) or self._last_leaders.get(key)
                if name is not None:
                    last_leaders[key] = name
                if leader not in up:
                    yield AbsentLeader(key, name, leader >= 0)
        self._last_leaders = last_leaders
