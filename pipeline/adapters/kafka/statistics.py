"""What librdkafka tells of itself every second: whether brokers are connected, and how fast they answer.

Source: librdkafka's STATISTICS.md. Times there are microseconds.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from pipeline.model.kafka_health import KafkaHealth

INTERVAL_MS = 1_000
_MICROSECONDS = 1_000_000


class Statistics:
    """The newest statistics of one client; taken on the client's own thread, read from any."""

    def __init__(self, coordinator: Callable[[float, int, int], None] | None = None) -> None:
        """`coordinator` is called with the group's: the time by librdkafka's clock, answers so far, answers owed."""
        self._coordinator = coordinator
        self.health: KafkaHealth | None = None
        """None until the first statistics have come."""
        self._round_trip_seconds = 0.0

    def take(self, text: str) -> None:
        """Take one report (`stats_cb`); a bootstrap address or the coordinator's alias is no broker of its own."""
        report = orjson.loads(text)
        alias = report["brokers"].get("GroupCoordinator")
        if self._coordinator is not None and alias is not None:
            self._coordinator(report["ts"] / _MICROSECONDS, alias["rx"], alias["waitresp_cnt"])
        brokers = [broker for broker in report["brokers"].values() if broker["nodeid"] >= 0]
        connected = [broker for broker in brokers if broker["state"] == "UP"]
        asked = [broker["rtt"]["avg"] for broker in connected if broker["rtt"]["cnt"]]
        if asked:
            self._round_trip_seconds = max(asked) / _MICROSECONDS
        # Where nothing was asked meanwhile librdkafka says 0; the newest answer known is nearer to the truth.
        self.health = KafkaHealth(len(connected), self._round_trip_seconds)
