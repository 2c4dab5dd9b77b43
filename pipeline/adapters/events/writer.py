"""Writes events to a topic: Avro in Confluent's framing, JSON, or CloudEvents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.adapters.events import strict_json
from pipeline.adapters.events.avro import AvroWriter
from pipeline.adapters.events.avro_record import avro_record
from pipeline.adapters.kafka import errors
from pipeline.errors import Unreachable
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.json_events import JsonReader, SchemaMismatch

SOURCE = "/notice-pipeline/emit"
BATCH_BYTES = 16_384
"""As Java's producer has it: a batch stays below the `max.message.bytes` of a topic that is set low."""
LAST_SECONDS = 5.0
"""Time for records in flight to be acknowledged after one was refused."""


class Encoding(StrEnum):
    """How an event is written."""

    AVRO = "avro"
    """Confluent's framing."""
    JSON = "json"
    """Plain, with the type in a header."""
    CLOUDEVENT = "cloudevent"
    """Structured: an envelope around the data."""
    CLOUDEVENT_BINARY = "cloudevent-binary"
    """The attributes in headers."""


class EventEncoder:
    """Encodes events of one type as bytes and headers."""

    def __init__(self, schema: EventSchema, schema_id: int, encoding: Encoding) -> None:
        self._schema = schema
        self._encoding = encoding
        self._reader = JsonReader(schema)
        self._writer = AvroWriter(schema.avro, schema_id) if encoding is Encoding.AVRO else None

    def encode(self, event: Mapping[str, object], number: int) -> tuple[bytes, list[tuple[str, bytes]]]:
        """The record's value and headers.

        Raises:
            SchemaMismatch: the event does not fit its schema.
        """
        self._reader.read(event)
        if self._writer is not None:
            return self._avro(self._writer, event), []
        name = self._schema.name
        attributes = {
            "specversion": "1.0",
            "type": name,
            "source": SOURCE,
            "id": str(event.get("event_id", number)),
        }
        if self._encoding is Encoding.CLOUDEVENT:
            return _json({**attributes, "datacontenttype": "application/json", "data": event}), [
                ("content-type", b"application/cloudevents+json")
            ]
        if self._encoding is Encoding.JSON:
            return _json(event), [("ce_type", name.encode())]
        headers = [(f"ce_{attribute}", text.encode()) for attribute, text in attributes.items()]
        return _json(event), [*headers, ("content-type", b"application/json")]

    def _avro(self, writer: AvroWriter, event: Mapping[str, object]) -> bytes:
        try:
            return writer.write(avro_record(self._schema.root, event))
        except (ValueError, TypeError, OverflowError) as error:  # a union of several types, or a number too large
            raise SchemaMismatch(f"cannot be written as {self._schema.name}: {error}") from None


def _json(value: object) -> bytes:
    return strict_json.dumps(value).encode()


class EventProducer:
    """Writes to one cluster and waits for every acknowledgement."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        """`properties` are librdkafka's.

        Raises:
            ConfigurationError: librdkafka refuses them.
        """
        settings = {
            "linger.ms": 20,
            "batch.size": BATCH_BYTES,
            "enable.idempotence": True,
            "message.timeout.ms": 30_000,
            # The Java client's, so that a recipient's events are in the partition that other producers chose.
            "partitioner": "murmur2_random",
            **properties,
        }
        self._producer = errors.configured(lambda: Producer(settings))
        self._failed: tuple[int, KafkaError] | None = None
        self._sent = 0
        self.written = 0

    def make(self, topic: str) -> None:
        """Ask for a topic, so that a broker that creates topics by itself creates it now."""
        self._producer.list_topics(topic, timeout=10)

    def send(self, topic: str, key: str | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Queue one record; blocks only while librdkafka's queue is full.

        Raises:
            Unreachable: Kafka refused this record or an earlier one.
        """
        self._sent += 1
        delivered = partial(self._delivered, self._sent)
        while True:
            try:
                self._producer.produce(topic, value, key, headers=list(headers), on_delivery=delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
                self._check()
            except KafkaException as error:
                delivered(errors.cause(error), None)
                break
        self._producer.poll(0)
        self._check()

    def flush(self, on_progress: Callable[[int], None] | None = None) -> None:
        """Wait until everything is acknowledged.

        Raises:
            Unreachable: Kafka refused a record, or no broker answers.
        """
        while self._producer.flush(0.5):
            if on_progress is not None:
                on_progress(self.written)
            self._check()
        self._check()

    def _delivered(self, number: int, error: KafkaError | None, _: Message | None) -> None:
        if error is None:
            self.written += 1
        elif self._failed is None:
            self._failed = number, error

    def _check(self) -> None:
        if self._failed is None:
            return
        self._producer.flush(LAST_SECONDS)  # for the count of those that were written
        number, error = self._failed
        message = f"record {number} was refused: {error.str()}; {self.written} of {self._sent} records were written"
        raise Unreachable(message, hint=errors.hint({error.code()}))
