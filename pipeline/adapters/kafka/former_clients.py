"""How clients end that were replaced, as after a change of their certificate.

No client may hold up the thread that used it. A client that is destroyed waits for its own threads: milliseconds, even
while a broker is frozen, but longer while a broker's name is looked up.

A broker may refuse a former client for good. `Consumer.close` then was seen to wait for the group's coordinator without
end, that of a reader with a commit to send as well as that of a member, while the client tried to connect three times a
second. A consumer without a reference ends within milliseconds: the binding destroys it and does not close it
(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE). So a consumer that is no member is not closed: it ends with its last reference.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

END_SECONDS = 10.0
"""For the acknowledgements that a former producer waits for. Its certificate may have ended, so that it cannot connect:
after this time the rest is written by its successor."""
PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - librdkafka's own codes begin so
"""Errors of a record that a former producer gave back. One that was in flight may be in the topic as well: two equal
outcomes, which readers take for one."""

log = structlog.get_logger("kafka")


def drop(clients: list[Consumer] | list[Producer] | list[AdminClient]) -> None:
    """End clients without waiting and without leaving a group; the list must hold the only references to them.

    In a thread, because a client ends only after a look-up of a broker's name that is under way.
    """
    threading.Thread(target=clients.clear, name="former-client", daemon=True).start()


def leave(member: Consumer, seconds: float) -> None:
    """Let a member leave its group; without an answer of the coordinator within `seconds` its session has to end.

    The thread that closes it is abandoned then, and ends with the process.
    """
    thread = threading.Thread(target=close, args=(member,), name="leaving", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        log.warning("group_not_left", seconds=seconds, error="the group's coordinator does not answer")


def close(member: Consumer) -> None:
    """Let a member leave its group; may wait without end for the coordinator."""
    try:
        member.close()
    except (KafkaException, RuntimeError) as error:
        log.warning("close_failed", error=str(error))


class FormerProducers:
    """Producers, which end once nothing of theirs is left. One thread owns them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ends: dict[Producer, float] = {}

    def add(self, producer: Producer, seconds: float = END_SECONDS) -> None:
        """Let this producer end; after `seconds` it gives back what is not acknowledged."""
        self._ends[producer] = self._monotonic() + seconds

    def poll(self) -> None:
        """Run their callbacks, and drop those that have nothing left."""
        if not self._ends:
            return
        self._poll_each()
        ended = [producer for producer in self._ends if not len(producer)]
        if ended:
            self._ends = {producer: end for producer, end in self._ends.items() if producer not in ended}
            drop(ended)

    def _poll_each(self) -> None:
        for producer, end in list(self._ends.items()):
            producer.poll(0)
            if len(producer) and self._monotonic() >= end:
                producer.purge(in_queue=True, in_flight=True, blocking=False)
