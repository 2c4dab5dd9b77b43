"""What librdkafka tells of itself every few seconds: whether brokers are connected, and how fast they answer.

Source: librdkafka's STATISTICS.md. Times there are microseconds.
"""

from __future__ import annotations

import orjson

from pipeline.model.kafka_health import KafkaHealth

INTERVAL_MS = 5_000
_MICROSECONDS = 1_000_000


class Statistics:
    """The newest statistics of one client; taken on the client's own thread, read from any."""

    def __init__(self) -> None:
        self.health: KafkaHealth | None = None
        """None until the first statistics have come."""

    def take(self, text: str) -> None:
        """Take one report (`stats_cb`); a bootstrap address or the coordinator's alias is no broker of its own."""
        brokers = [broker for broker in orjson.loads(text)["brokers"].values() if broker["nodeid"] >= 0]
        connected = [broker for broker in brokers if broker["state"] == "UP"]
        slowest = max((broker["rtt"]["avg"] for broker in connected), default=0)
        self.health = KafkaHealth(len(connected), slowest / _MICROSECONDS)
