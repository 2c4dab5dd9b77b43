"""Events onto a topic: Avro in Confluent framing, JSON, or CloudEvents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.adapters.avro import AvroWriter
from pipeline.errors import Unreachable
from pipeline.rules.event_json import SchemaMismatch, from_json
from pipeline.rules.schema import EventSchema
from pipeline.rules.types import FieldType, ListType, NullableType, RecordType, Scalar, ScalarType


class Encoding(StrEnum):
    """How an event is written."""

    AVRO = "avro"
    JSON = "json"
    CLOUDEVENT = "cloudevent"
    """Structured: an envelope around the data."""


class EventEncoder:
    """One event type's events, as bytes and headers."""

    def __init__(self, schema: EventSchema, schema_id: int, encoding: Encoding) -> None:
        self._schema = schema
        self._encoding = encoding
        self._writer = AvroWriter(schema.avro, schema_id) if encoding is Encoding.AVRO else None

    def encode(self, event: Mapping[str, object], number: int) -> tuple[bytes, list[tuple[str, bytes]]]:
        """The record's value and headers.

        Raises:
            SchemaMismatch: the event does not fit its schema.
        """
        from_json(self._schema, event)
        if self._writer is not None:
            return self._writer.write(_record(self._schema.root, event)), []
        if self._encoding is Encoding.JSON:
            return json.dumps(event, ensure_ascii=False).encode(), [("ce_type", self._schema.name.encode())]
        envelope = {
            "specversion": "1.0",
            "type": self._schema.name,
            "source": "/notice-pipeline/emit",
            "id": str(event.get("event_id", number)),
            "datacontenttype": "application/json",
            "data": event,
        }
        return json.dumps(envelope, ensure_ascii=False).encode(), [("content-type", b"application/cloudevents+json")]


class EventProducer:
    """Writes to one cluster and waits for every acknowledgement."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self._producer = Producer(
            {"linger.ms": 20, "enable.idempotence": True, "message.timeout.ms": 30_000, **properties}
        )
        self._failed: KafkaError | None = None
        self.written = 0

    def make(self, topic: str) -> None:
        """Ask for a topic: a broker that makes topics by itself makes it now."""
        self._producer.list_topics(topic, timeout=10)

    def send(self, topic: str, key: str | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Put one record on the way; waits only where the local queue is full.

        Raises:
            Unreachable: an earlier record was refused.
        """
        while True:
            try:
                self._producer.produce(topic, value, key, headers=list(headers), on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)
        self._check()

    def flush(self, on_progress: Callable[[int], None] | None = None) -> None:
        """Wait until everything is acknowledged.

        Raises:
            Unreachable: something was refused, or no broker answers.
        """
        while self._producer.flush(0.5):
            if on_progress is not None:
                on_progress(self.written)
            self._check()
        self._check()

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.written += 1
        elif self._failed is None:
            self._failed = error

    def _check(self) -> None:
        if self._failed is not None:
            raise Unreachable(f"Kafka took no more records: {self._failed.str()}")


def _record(kind: RecordType, event: Mapping[str, object]) -> dict[str, object]:
    return {field.name: _avro(field.type, event[field.name]) for field in kind.fields if field.name in event}


def _avro(kind: FieldType, value: object) -> object:
    """A JSON value in the form in which fastavro writes it."""
    match kind:
        case NullableType(inner):
            return None if value is None else _avro(inner, value)
        case RecordType() if isinstance(value, Mapping):
            return _record(kind, value)
        case ListType(item) if isinstance(value, list):
            return [_avro(item, part) for part in value]
        case ScalarType():
            return _scalar(kind, value)
        case _:
            return value


def _scalar(kind: ScalarType, value: object) -> object:
    if kind.logical == "decimal":
        try:
            return Decimal(str(value)).quantize(Decimal(1).scaleb(-(kind.scale or 0)))
        except InvalidOperation:
            raise SchemaMismatch(f"`{value}` is no decimal of this schema") from None
    if kind.scalar is Scalar.TIMESTAMP and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if kind.logical == "date" and isinstance(value, str):
        return date.fromisoformat(value)
    if kind.scalar is Scalar.DOUBLE and isinstance(value, str):
        return float(value)
    return value


def check_broker(properties: Mapping[str, Any], timeout: float) -> None:
    """Say at once where no broker answers.

    Raises:
        Unreachable: none does within `timeout` seconds.
    """
    try:
        Producer({**properties, "log_level": 0}).list_topics(timeout=timeout)
    except KafkaException as error:
        raise Unreachable(
            f"no Kafka broker answers at {properties.get('bootstrap.servers')}: {error.args[0].str()}"
        ) from None
