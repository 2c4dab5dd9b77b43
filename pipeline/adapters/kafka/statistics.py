"""Read librdkafka's statistics: known and connected brokers, their round-trip times and absent leaders, every second.

Source: librdkafka's STATISTICS.md. Times there are microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import structlog

from pipeline.model.event import TopicPartition
from pipeline.model.kafka_health import AbsentLeader, KafkaHealth

INTERVAL_MS = 1_000
LOST_SECONDS = 3.0
"""A client without a broker for this long is lost. One that begins again has an address at once."""
_LOGICAL = frozenset({"GroupCoordinator", "TxnCoordinator"})
"""Names of roles that a broker has; they have no address of their own."""
_MICROSECONDS = 1_000_000

log = structlog.get_logger("kafka")


class KnownBrokers:
    """Notices that a client knows no broker any more: it never connects again, and has to be replaced.

    Kafka may answer that a topic exists and that there are no brokers: the only broker of a cluster does so for some
    milliseconds while it stops. librdkafka 2.16 then forgets its brokers, and sometimes does not begin again with
    `bootstrap.servers` (confluentinc/librdkafka#5301). A busy machine makes that likely: of 40 clients, 26 were lost
    after four such answers. In any other outage a client keeps the addresses that it tries.

    Updated from one client's statistics; any thread may read it.
    """

    def __init__(self) -> None:
        self._none_since: float | None = None
        """By librdkafka's clock."""
        self.are_lost = False
        """Whether the client knows no broker any more."""

    def take(self, text: str) -> None:
        """Take one report as librdkafka gives it (`stats_cb`)."""
        self.observe(orjson.loads(text))

    def observe(self, report: Mapping[str, Any]) -> None:
        """Take one report of librdkafka's statistics."""
        if report["brokers"].keys() - _LOGICAL:
            self._none_since, self.are_lost = None, False
            return
        at = report["ts"] / _MICROSECONDS
        if self._none_since is None:
            self._none_since = at
        self.are_lost = at - self._none_since >= LOST_SECONDS


def report_lost(client: str) -> None:
    """Log that a client is lost and is replaced."""
    log.warning(
        "kafka_client_replaced",
        client=client,
        error="the client knows no broker any more and would never connect again",
        hint="Kafka answered for a moment that it has no brokers, as it does while its only broker stops",
    )


class Statistics:
    """The newest statistics of one client, updated on the client's thread; any thread may read them."""

    def __init__(self, coordinator: Callable[[float, int, int], None] | None = None) -> None:
        """Call `coordinator` with the time by librdkafka's clock, answers received, and requests without an answer."""
        self._coordinator = coordinator
        self.known_brokers = KnownBrokers()
        self.health: KafkaHealth | None = None
        """None until the first statistics arrive."""
        self._round_trip_seconds = 0.0
        self._last_leaders: Mapping[TopicPartition, str] = {}

    def take(self, text: str) -> None:
        """Take one report (`stats_cb`). Bootstrap addresses and the coordinator's alias do not count as brokers."""
        report = orjson.loads(text)
        self.known_brokers.observe(report)
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
