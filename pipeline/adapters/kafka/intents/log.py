"""Write the intents topic: one idempotent producer, and for each partition the order in which intents were made.

The order of a recipient's notices is that of this topic. So nothing overtakes what Kafka has not acknowledged: what a
former client gave back, or a broker refused as part of a batch, is written again before anything later is.
"""

from __future__ import annotations

import binascii
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.adapters.kafka import clients
from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.dead_letters import TOO_LARGE
from pipeline.adapters.kafka.former_clients import END_SECONDS, PURGED, FormerProducers
from pipeline.adapters.kafka.statistics import KnownBrokers, report_lost
from pipeline.errors import ConfigurationError, OutcomeLost
from pipeline.model.intent import Checkpoint, ChoiceIntent, Intent
from pipeline.model.make import make

if TYPE_CHECKING:
    from confluent_kafka import Message

    from pipeline.adapters.kafka.intents.record import IntentEncoder
    from pipeline.ports import Written

DEFAULT_BATCH_BYTES = 900_000
"""Of a batch, where the topic's limit cannot be read: below Kafka's default of 1,048,588 bytes."""

log = structlog.get_logger("intents")


class IntentsTopic(NamedTuple):
    """Where intents go."""

    name: str
    partitions: int
    batch_bytes: int | None = None
    """The topic's `max.message.bytes`, as far as known: no batch may be larger."""


class _Write(NamedTuple):
    """One record on its way."""

    number: int
    """In the order in which records were given."""
    partition: int
    key: str | None
    content: Intent | ChoiceIntent | Checkpoint
    written: Written
    is_alone: bool = False
    """Whether it was refused as part of a batch, and makes one of its own."""
    is_cut: bool = False
    """Whether it was refused even so, and leaves out what only a dead letter needs."""


def intents_partition(hashed: str, partitions: int) -> int:
    """Return the partition of a recipient's intents; `hashed` is the keyed hash of the recipient."""
    return binascii.crc32(hashed.encode()) % partitions


class KafkaIntentLog:
    """Implements `pipeline.ports.IntentLog`. One thread owns it; callbacks run inside `poll` and `flush`."""

    def __init__(
        self,
        properties: Mapping[str, Any],
        topic: IntentsTopic,
        encoder: IntentEncoder,
        recipient_hash: Callable[[str], str],
    ) -> None:
        """`properties` are librdkafka's.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._properties = properties
        self._topic = topic
        self._encoder = encoder
        self._hash = recipient_hash
        self._producer, self._brokers = self._made()
        self._one_by_one: Producer | None = None
        self._former = FormerProducers()
        self._number = 0
        self._queue: deque[_Write] = deque()
        """What waits: librdkafka's queue is full, or something earlier must be written first."""
        self._in_flight: dict[int, _Write] = {}
        self._given_back: list[_Write] = []
        """What must be written again before anything later is."""
        self._is_settling = False
        """Whether nothing may be written until what is in flight has ended."""
        self._lost: str | None = None
        self._done = 0

    def _made(self, **more: object) -> tuple[Producer, KnownBrokers]:
        limit = self._topic.batch_bytes or DEFAULT_BATCH_BYTES
        return clients.producer(self._properties, {"error_cb": self._on_error, **more}, batch_bytes=limit)

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next connection on."""
        self._properties = {**self._properties, "sasl.username": user, "sasl.password": password}
        for producer in filter(None, (self._producer, self._one_by_one)):
            producer.set_sasl_credentials(user, password)

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Write by a new client with these properties, once the present one has ended what it was given.

        Raises:
            ConfigurationError: librdkafka refuses the settings; the present client stays.
        """
        self._properties = {**self._properties, **properties}
        self._replace(END_SECONDS)

    def _replace(self, seconds: float) -> None:
        """Write by a new client. What the present one does not write within `seconds`, the new one writes.

        Raises:
            ConfigurationError: librdkafka refuses the settings; the present client stays.
        """
        producer, known = self._made()
        for former in filter(None, (self._producer, self._one_by_one)):
            self._former.add(former, seconds)
        self._producer, self._one_by_one, self._brokers = producer, None, known
        self._is_settling = True

    def _replace_lost(self) -> None:
        self._brokers.are_lost = False
        report_lost("intents producer")
        try:
            self._replace(0.0)
        except ConfigurationError as error:  # a file has changed since it was checked
            log.error("producer_not_replaced", error=error.message)

    def write(self, intent: Intent, written: Written) -> None:
        """Write an intent after all that were given before; `written` is called once Kafka has acknowledged it."""
        hashed = self._hash(intent.notice.recipient)
        self._add(intents_partition(hashed, self._topic.partitions), hashed, intent, written)

    def write_choice(self, intent: ChoiceIntent, written: Written) -> None:
        """Write a recipient's preferences to the partition of the recipient's intents, as `write`."""
        hashed = self._hash(intent.choice.recipient)
        self._add(intents_partition(hashed, self._topic.partitions), hashed, intent, written)

    def write_checkpoint(self, partition: int, checkpoint: Checkpoint, written: Written) -> None:
        """Write a checkpoint to its partition."""
        self._add(partition, None, checkpoint, written)

    def _add(
        self, partition: int, key: str | None, content: Intent | ChoiceIntent | Checkpoint, written: Written
    ) -> None:
        self._number += 1
        write = make(_Write, (self._number, partition, key, content, written, False, False))
        if self._queue or self._given_back or self._is_settling or not self._produce(write):
            self._queue.append(write)

    def poll(self) -> int:
        """Run callbacks that are due; return how many records were acknowledged.

        Raises:
            OutcomeLost: Kafka refused a write permanently.
        """
        self._done = 0
        self._producer.poll(0)
        if self._one_by_one is not None:
            self._one_by_one.poll(0)
        self._former.poll()
        if self._brokers.are_lost:
            self._replace_lost()
        self._write_waiting()
        if self._lost is not None:
            raise OutcomeLost(f"Kafka refused a write permanently: {self._lost}")
        return self._done

    def flush(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for every acknowledgement; return how many are still missing."""
        deadline = time.monotonic() + timeout
        while (self._queue or self._in_flight or self._given_back) and self._lost is None:
            self._producer.flush(max(0.0, min(0.1, deadline - time.monotonic())))
            try:
                self.poll()
            except OutcomeLost:
                break
            if time.monotonic() >= deadline:
                break
        return len(self._queue) + len(self._in_flight) + len(self._given_back)

    def _write_waiting(self) -> None:
        if self._given_back or self._is_settling:
            if self._in_flight:
                return
            self._queue.extendleft(sorted(self._given_back, reverse=True, key=lambda write: write.number))
            self._given_back.clear()
            self._is_settling = False
        while self._queue and self._lost is None and not self._given_back:
            write = self._queue[0]
            if write.is_alone and self._in_flight:
                return
            if not self._produce(write):
                return
            self._queue.popleft()
            if write.is_alone:
                self._is_settling = True
                return

    def _produce(self, write: _Write) -> bool:
        """Return False if librdkafka's queue is full."""
        number, partition, key, content, written, is_alone, _ = write

        def delivered(error: KafkaError | None, message: Message) -> None:
            del self._in_flight[number]
            if error is None:
                self._done += 1
                written(message.offset() or 0)
            else:
                self._failed(write, error)

        value = self._encoded(content)
        producer = self._alone() if is_alone else self._producer
        self._in_flight[number] = write
        try:
            producer.produce(self._topic.name, value, key, partition, delivered)
        except BufferError:
            del self._in_flight[number]
            return False
        except KafkaException as error:
            del self._in_flight[number]
            self._failed(write._replace(is_alone=True), kafka_errors.cause(error))
        return True

    def _encoded(self, content: Intent | ChoiceIntent | Checkpoint) -> bytes:
        if isinstance(content, Intent):
            return self._encoder.intent(content)
        return self._encoder.choice(content) if isinstance(content, ChoiceIntent) else self._encoder.checkpoint(content)

    def _failed(self, write: _Write, error: KafkaError) -> None:
        """Keep what must be written again; else the process must end, rather than lose a notice."""
        if error.code() in PURGED:
            self._given_back.append(write)
        elif error.code() in TOO_LARGE and not write.is_alone:
            self._given_back.append(write._replace(is_alone=True))
        elif error.code() in TOO_LARGE and not write.is_cut and isinstance(write.content, Intent):
            log.error("intent_cut", position=str(write.content.event.record.position), error=error.str())
            self._given_back.append(write._replace(content=_cut(write.content), is_alone=True, is_cut=True))
        elif self._lost is None:
            self._lost = clients.refusal(self._properties, self._topic.name, error)

    def _alone(self) -> Producer:
        if self._one_by_one is None:
            log.warning(
                "batch_refused",
                topic=self._topic.name,
                hint=clients.BATCH_HINT,
            )
            self._one_by_one, _ = self._made(**clients.ONE_BY_ONE)
        return self._one_by_one

    def _on_error(self, error: KafkaError) -> None:
        if kafka_errors.is_fatal(error):
            self._lost = self._lost or f"{self._topic.name}: {error.str()}"
        else:
            log.warning("producer_trouble", error=error.str(), hint=kafka_errors.hint({error.code()}))


def _cut(intent: Intent) -> Intent:
    """Return the intent without the event's bytes: a dead letter of it keeps the position alone."""
    event = intent.event
    return intent._replace(event=replace(event, record=event.record._replace(value=None, headers=())))
