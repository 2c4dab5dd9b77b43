"""The outcomes topic and the dead-letter topic: one idempotent producer, acknowledged by all replicas."""

from __future__ import annotations

import binascii
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.errors import OutcomeLost
from pipeline.model import dead_letter
from pipeline.model.event import Record
from pipeline.model.ledger import LedgerPosition
from pipeline.model.outcome import Outcome

if TYPE_CHECKING:
    from confluent_kafka import Message

    from pipeline.ports import Acknowledged

DELIVERY_TIMEOUT_MS = 2_147_483_647
"""For ever, as far as librdkafka goes: a broker that is away for an hour costs an hour, not an outcome."""

PRODUCER_DEFAULTS: Mapping[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "compression.type": "lz4",
    "message.timeout.ms": DELIVERY_TIMEOUT_MS,
    "queue.buffering.max.messages": 100_000,
}

log = structlog.get_logger("outcomes")


class Topics(NamedTuple):
    """Where outcomes and dead letters go."""

    outcomes: str
    ledger_partitions: int
    """Partitions of the outcomes topic."""
    dead_letters: str


class _Pending(NamedTuple):
    outcome: Outcome
    record: Record | None
    acknowledged: Acknowledged


def ledger_partition(topic: str, partition: int, ledger_partitions: int) -> int:
    """Where outcomes of a source partition stand: a fixed function, so that a new owner knows where to read."""
    return (binascii.crc32(topic.encode()) + partition) % ledger_partitions


class KafkaOutcomeLog:
    """Implements `pipeline.ports.OutcomeLog`. One thread owns it: callbacks run inside `poll`."""

    def __init__(self, properties: Mapping[str, Any], topics: Topics, encode: Callable[[Outcome], bytes]) -> None:
        """`properties` are librdkafka's; what makes writes safe cannot be overridden."""
        self._fatal: KafkaError | None = None
        self._producer = Producer(
            {**PRODUCER_DEFAULTS, **properties, "enable.idempotence": True, "acks": "all", "error_cb": self._error}
        )
        self._topics = topics
        self._encode = encode
        self._overflow: deque[Callable[[], None]] = deque()
        self._done = 0
        self._open = 0

    def publish(self, outcome: Outcome, record: Record | None, acknowledged: Acknowledged) -> None:
        """Write the outcome; first its dead letter, where there is to be one."""
        self._open += 1
        pending = _Pending(outcome, record, acknowledged)
        if record is not None and outcome.kind.leaves_dead_letter:
            self._produce(lambda: self._write_dead_letter(pending, record))
        else:
            self._produce(lambda: self._write_outcome(pending))

    def _produce(self, write: Callable[[], None]) -> None:
        """Write now, or as soon as librdkafka's queue has room; never out of order."""
        if self._overflow:
            self._overflow.append(write)
            return
        try:
            write()
        except BufferError:
            self._overflow.append(write)

    def _write_outcome(self, pending: _Pending) -> None:
        outcome = pending.outcome
        position = outcome.position

        def delivered(error: KafkaError | None, message: Message) -> None:
            if self._failed(error):
                return
            self._done += 1
            self._open -= 1
            pending.acknowledged(LedgerPosition(message.partition() or 0, message.offset() or 0))

        self._producer.produce(
            self._topics.outcomes,
            self._encode(outcome),
            pending.record.key if pending.record is not None else None,
            ledger_partition(position.topic, position.partition, self._topics.ledger_partitions),
            on_delivery=delivered,
        )

    def _write_dead_letter(self, pending: _Pending, record: Record) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if not self._failed(error):
                self._produce(lambda: self._write_outcome(pending))

        headers: list[Any] = [*_kept(record), *_added(pending.outcome, record)]
        self._producer.produce(
            self._topics.dead_letters, record.value, record.key, headers=headers, on_delivery=delivered
        )

    def _failed(self, error: KafkaError | None) -> bool:
        if error is not None and self._fatal is None:
            self._fatal = error
        return error is not None

    def _error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error
        else:
            log.warning("producer_trouble", problem=error.str())

    def poll(self) -> int:
        """Run callbacks that are due; tells how many outcomes were acknowledged.

        Raises:
            OutcomeLost: Kafka refused a write for good.
        """
        self._done = 0
        self._producer.poll(0)
        while self._overflow:
            try:
                self._overflow[0]()
            except BufferError:
                break
            self._overflow.popleft()
        if self._fatal is not None:
            raise OutcomeLost(f"Kafka refused an outcome for good: {self._fatal.str()}")
        return self._done

    def flush(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for every acknowledgement; tells how many are still missing."""
        try:
            self._producer.flush(timeout)
            self.poll()
            if self._open:
                self._producer.flush(timeout)
        except (KafkaException, OutcomeLost):
            return self._open
        return self._open


def _kept(record: Record) -> list[tuple[str, bytes | None]]:
    """The original's headers, without ours of an earlier round."""
    redrive = {dead_letter.REDRIVES, dead_letter.ONLY_RULE, dead_letter.EVENT_IDENTITY}
    return [(name, raw) for name, raw in record.headers if not name.startswith(dead_letter.PREFIX) or name in redrive]


def _added(outcome: Outcome, record: Record) -> list[tuple[str, bytes]]:
    failed_at = datetime.fromtimestamp(outcome.finished_at, UTC).isoformat(timespec="milliseconds")
    texts = {
        dead_letter.OUTCOME_ID: outcome.id,
        dead_letter.KIND: outcome.kind.value,
        dead_letter.REASON: outcome.reason.value,
        dead_letter.RULE: outcome.rule or "",
        dead_letter.DETAIL: outcome.detail,
        dead_letter.ATTEMPTS: str(outcome.attempts),
        dead_letter.FAILED_AT: failed_at,
        dead_letter.SOURCE_TOPIC: record.topic,
        dead_letter.SOURCE_PARTITION: str(record.partition),
        dead_letter.SOURCE_OFFSET: str(record.offset),
        dead_letter.SOURCE_TIME: str(record.timestamp_ms),
    }
    return [(name, text.encode("utf-8", "replace")) for name, text in texts.items()]
