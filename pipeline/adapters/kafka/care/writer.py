"""Write the records of recipients to the compacted topic of recipient care."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.adapters.kafka import clients
from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.former_clients import END_SECONDS, FormerProducers
from pipeline.adapters.kafka.statistics import KnownBrokers, report_lost
from pipeline.care.record import RECIPIENT, WRITER_HEADER, written_key, written_state
from pipeline.errors import ConfigurationError

TIMEOUT_MS = 10_000
"""A record that Kafka has not taken for so long is given back. This is below every usual session timeout: a process
that has lost a partition must not write its records later."""
REPORT_SECONDS = 60.0

log = structlog.get_logger("care")

Finished = Callable[[bool], None]
"""Called with whether Kafka has the record."""


class CareWriter:
    """Implements `pipeline.ports.CareLog`. One thread owns it; callbacks run inside `poll`."""

    def __init__(self, properties: Mapping[str, Any], topic: str, process: bytes) -> None:
        """`properties` are librdkafka's; `process` are four bytes that no other process has.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._properties = properties
        self._topic = topic
        self._process = process
        self._producer, self._brokers = self._made()
        self._former = FormerProducers()
        self._reported = 0.0

    def _made(self) -> tuple[Producer, KnownBrokers]:
        own = {"error_cb": self._on_error, "message.timeout.ms": TIMEOUT_MS}
        return clients.producer(self._properties, own)

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next connection on."""
        self._properties = {**self._properties, "sasl.username": user, "sasl.password": password}
        self._producer.set_sasl_credentials(user, password)

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Write by a new client with these properties; the present one ends once its writes are acknowledged.

        Raises:
            ConfigurationError: librdkafka refuses the settings; the present client stays.
        """
        self._properties = {**self._properties, **properties}
        self._replace(END_SECONDS)

    def _replace(self, seconds: float) -> None:
        """Write by a new client. What the present one does not write within `seconds` is given back.

        Raises:
            ConfigurationError: librdkafka refuses the settings; the present client stays.
        """
        producer, known = self._made()
        self._former.add(self._producer, seconds)
        self._producer, self._brokers = producer, known

    def write(self, partition: int, epoch: int, recipient: str, state: bytes | None, finished: Finished) -> None:
        """Write a recipient's record, of the owner's assignment `epoch`; None: nothing is left to know."""
        writer = writer_of(self._process, epoch)
        value = None if state is None else written_state(writer, state)

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._report(error)
            finished(error is None)

        try:
            if value is not None:  # keyword arguments are slow
                self._producer.produce(self._topic, value, written_key(RECIPIENT, recipient), partition, delivered)
            else:
                headers: list[tuple[str, str | bytes | None]] = [(WRITER_HEADER, writer)]
                key = written_key(RECIPIENT, recipient)
                self._producer.produce(self._topic, None, key, partition, delivered, headers=headers)
        except BufferError:
            finished(False)  # noqa: FBT003 - a callback's
        except KafkaException as error:
            self._report(kafka_errors.cause(error))
            finished(False)  # noqa: FBT003 - a callback's

    def poll(self) -> None:
        """Run callbacks that are due."""
        self._producer.poll(0)
        self._former.poll()
        if self._brokers.are_lost:
            self._replace_lost()

    def _replace_lost(self) -> None:
        self._brokers.are_lost = False
        report_lost("care topic's producer")
        try:
            self._replace(0.0)
        except ConfigurationError as error:  # a file has changed since it was checked
            log.error("care_producer_not_replaced", error=error.message)

    def _report(self, error: KafkaError) -> None:
        """Report that records are not taken: they are written again, and a next owner reads more of the ledger."""
        now = time.monotonic()
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            hint = kafka_errors.hint({error.code()})
            log.warning("care_record_not_written", topic=self._topic, error=error.str(), hint=hint)

    def _on_error(self, error: KafkaError) -> None:
        log.warning("care_producer_trouble", error=error.str(), hint=kafka_errors.hint({error.code()}))


def writer_of(process: bytes, epoch: int) -> bytes:
    """Return who writes: a process in one of its assignments."""
    return process + (epoch & 0xFFFF_FFFF).to_bytes(4, "big")
