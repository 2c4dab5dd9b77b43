"""How clients end that were replaced, as after a change of their certificate.

A broker may refuse a former client for good. `Consumer.close` then was seen to wait for the group's coordinator without
end, that of a reader with a commit to send as well as that of a member, while the client tried to connect three times a
second. A consumer without a reference ends within milliseconds: the binding destroys it and does not close it
(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, Producer

END_SECONDS = 10.0
"""For the acknowledgements that a former producer waits for. Its certificate may have ended, so that it cannot connect:
after this time the rest is written by its successor."""
PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - librdkafka's own codes begin so
"""Errors of a record that a former producer gave back. One that was in flight may be in the topic as well: two equal
outcomes, which readers take for one."""


def drop(consumers: list[Consumer]) -> None:
    """End consumers without waiting and without leaving a group; the list must hold the only references to them.

    In a thread, because a client ends only after a look-up of a broker's name that is under way.
    """
    threading.Thread(target=consumers.clear, name="former-consumer", daemon=True).start()


class FormerProducers:
    """Producers, which end once nothing of theirs is left. One thread owns them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ends: dict[Producer, float] = {}

    def add(self, producer: Producer) -> None:
        """Let this producer end."""
        self._ends[producer] = self._monotonic() + END_SECONDS

    def poll(self) -> None:
        """Run their callbacks, and drop those that have nothing left."""
        for producer, end in list(self._ends.items()):
            producer.poll(0)
            if not len(producer):
                del self._ends[producer]
            elif self._monotonic() > end:
                producer.purge(in_queue=True, in_flight=True, blocking=False)
