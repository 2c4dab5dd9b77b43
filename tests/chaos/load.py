"""Upstream: events at a steady rate, numbered, for many recipients; some of them hotter than others."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from pipeline.adapters.events.writer import EventProducer
from tests.acceptance.stage import recipient
from tests.chaos.care import choice

if TYPE_CHECKING:
    from tests.acceptance.stage import Stage
    from tests.broker.handle import Broker

TICK_SECONDS = 0.02
EVENTS_PER_CHOICE = 10
KEYS = 3
"""With recipient care, a recipient's events have so many keys, and so are in several partitions."""
HOT = recipient(0)
"""The recipient who gets `hot_share` of everything."""


class Load:
    """A producer in a thread of its own, from `start` to `stop`; it may start again, and then numbers its events on."""

    def __init__(self, stage: Stage, rng: random.Random, *, per_second: float, recipients: int) -> None:
        self.per_second = per_second
        """May be changed at any time."""
        self.hot_share = 0.0
        self.choices: str | None = None
        """The topic of preferences: recipients choose there all the time, and an event's key is not its recipient."""
        self.recipients: list[str] = []
        """Of each event, by its number."""
        self._stage = stage
        self._rng = rng
        self._others = recipients
        self._out: set[str] = set()
        self._stop = threading.Event()
        self._failed: Exception | None = None
        self._connect(stage.broker)

    def _connect(self, broker: Broker) -> None:
        # A broker may be away for long, and the events must still come, in order.
        properties = {
            "bootstrap.servers": broker.bootstrap_servers,
            "message.timeout.ms": 600_000,
            "log_level": 0,
        }
        self._producer = EventProducer(properties)
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self, broker: Broker | None = None) -> None:
        """Begin, on the stage's broker if no other is given."""
        if self._stop.is_set():  # a topic that was created again, or another broker, knows nothing of the old producer
            self._stop.clear()
            self._connect(broker or self._stage.broker)
        self._thread.start()

    def stop(self) -> int:
        """Emit nothing more; gives the count of events that Kafka has.

        Raises:
            Unreachable: it did not take one.
        """
        self._stop.set()
        self._thread.join(30)
        if self._failed is not None:
            raise self._failed
        self._producer.flush()
        return len(self.recipients)

    def _run(self) -> None:
        due, last = 0.0, time.monotonic()
        try:
            while not self._stop.wait(TICK_SECONDS):
                now = time.monotonic()
                due, last = due + (now - last) * self.per_second, now
                while due >= 1:
                    due -= 1
                    self._emit()
        except Exception as error:  # noqa: BLE001 - the thread's outermost loop: reported by `stop`
            self._failed = error

    def _emit(self) -> None:
        hot = self._rng.random() < self.hot_share
        who = HOT if hot else recipient(self._rng.randrange(1, self._others))
        number = len(self.recipients)
        key = who
        if self.choices is not None:
            key = f"{who} {number % KEYS}"
            if number % EVENTS_PER_CHOICE == 0:
                self._choose(recipient(self._rng.randrange(1, self._others)), self.choices)
        self._producer.send(self._stage.topic, key, self._stage.encode(number, who), [])
        self.recipients.append(who)

    def _choose(self, who: str, topic: str) -> None:
        """Opt out, or in again."""
        self._out ^= {who}
        self._producer.send(topic, who, choice(is_out=who in self._out), [])
