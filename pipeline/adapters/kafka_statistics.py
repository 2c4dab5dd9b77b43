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
        self._round_trip_seconds = 0.0

    def take(self, text: str) -> None:
        """Take one report (`stats_cb`); a bootstrap address or the coordinator's alias is no broker of its own."""
        brokers = [broker for broker in orjson.loads(text)["brokers"].values() if broker["nodeid"] >= 0]
        connected = [broker for broker in brokers if broker["state"] == "UP"]
        asked = [broker["rtt"]["avg"] for broker in connected if broker["rtt"]["cnt"]]
        if asked:
            self._round_trip_seconds = max(asked) / _MICROSECONDS
        # Where nothing was asked meanwhile librdkafka says 0; the newest answer known is nearer to the truth.
        self.health = KafkaHealth(len(connected), self._round_trip_seconds)
