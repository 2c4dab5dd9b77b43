"""The outcomes topic and the dead-letter topic: one idempotent producer, acknowledged by all replicas."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.dead_letters import TOO_LARGE, Cut, content
from pipeline.adapters.kafka.former_producers import PURGED, FormerProducers
from pipeline.adapters.kafka.ledger import ledger_partition
from pipeline.errors import OutcomeLost
from pipeline.model.event import Record
from pipeline.model.outcome import ACCEPTED, Outcome, Reason
from pipeline.model.trace import TraceContext

if TYPE_CHECKING:
    from confluent_kafka import Message

    from pipeline.ports import Acknowledged

NO_TIMEOUT_MS = 2_147_483_647
"""librdkafka's greatest timeout, 24.8 days: an unavailable broker delays outcomes and loses none."""

PRODUCER_DEFAULTS: Mapping[str, Any] = {
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
    # The Java client's partitioner, so that a redriven record gets the partition that other producers would choose.
    "partitioner": "murmur2_random",
    # The topic's limit decides: the client's default is lower than what a source topic may hold.
    "message.max.bytes": 16_777_216,
}
PRODUCER_RULES: Mapping[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "message.timeout.ms": NO_TIMEOUT_MS,
}
"""Settings that make writes safe; the user's properties do not override them."""

log = structlog.get_logger("outcomes")


class Topics(NamedTuple):
    """Where outcomes and dead letters go."""

    outcomes: str
    ledger_partitions: int
    """Partitions of the outcomes topic."""
    dead_letters: str


class _Pending(NamedTuple):
    """An outcome whose dead letter is written first."""

    outcome: Outcome
    record: Record
    acknowledged: Acknowledged


class KafkaOutcomeLog:
    """Implements `pipeline.ports.OutcomeLog`. One thread owns it; callbacks run inside `poll` and `flush`."""

    def __init__(self, properties: Mapping[str, Any], topics: Topics, encode: Callable[[Outcome], bytes]) -> None:
        """`properties` are librdkafka's.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._properties = properties
        self._producer = self._made()
        self._former = FormerProducers()
        self._topics = topics
        self._outcomes = topics.outcomes
        self._encode = encode
        self._homes: dict[tuple[str, int], int] = {}
        self._overflow: deque[Callable[[], bool]] = deque()
        """Writes that found librdkafka's queue full; each returns whether it succeeded."""
        self._lost: KafkaError | None = None
        self._done = 0
        self._open = 0

    def _made(self) -> Producer:
        settings = {**PRODUCER_DEFAULTS, **self._properties, **PRODUCER_RULES, "error_cb": self._on_error}
        for delivery_timeout in ("delivery.timeout.ms", "request.required.acks"):
            settings.pop(delivery_timeout, None)  # synonyms of settings above
        return kafka_errors.configured(lambda: Producer(settings))

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
        producer = self._made()
        self._former.add(self._producer)
        self._producer = producer

    def publish(self, outcome: Outcome, record: Record | None, acknowledged: Acknowledged) -> None:
        """Write the outcome, after its dead letter if it has one."""
        self._open += 1
        kind = outcome.kind
        if record is not None and kind is not ACCEPTED and outcome.leaves_dead_letter:
            # Only the position of a skipped record is known.
            cut = Cut.VALUE_AND_HEADERS if outcome.reason is Reason.SKIPPED else Cut.NOTHING
            self._enqueue(partial(self._write_dead_letter, _Pending(outcome, record, acknowledged), cut))
        elif self._overflow or not self._write_outcome(outcome, record, acknowledged):
            self._overflow.append(partial(self._write_outcome, outcome, record, acknowledged))

    def poll(self) -> int:
        """Run callbacks that are due; return how many outcomes were acknowledged.

        Raises:
            OutcomeLost: Kafka refused a write permanently.
        """
        self._done = 0
        self._producer.poll(0)
        self._former.poll()
        while self._overflow and self._lost is None:
            if not self._overflow[0]():
                break
            self._overflow.popleft()
        if self._lost is not None:
            hint = kafka_errors.hint({self._lost.code()})
            raise OutcomeLost(f"Kafka refused a write permanently: {self._lost.str()}" + (f" ({hint})" if hint else ""))
        return self._done

    def flush(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for every acknowledgement; return how many are still missing."""
        deadline = time.monotonic() + timeout
        while self._open and self._lost is None:
            self._producer.flush(max(0.0, min(0.1, deadline - time.monotonic())))
            try:
                self.poll()
            except OutcomeLost:
                break
            if time.monotonic() >= deadline:
                break
        return self._open

    def _write_outcome(self, outcome: Outcome, record: Record | None, acknowledged: Acknowledged) -> bool:
        """Return False if librdkafka's queue is full."""
        topic, partition, _ = outcome.position
        source = (topic, partition)
        home = self._homes.get(source)
        if home is None:
            home = self._homes[source] = ledger_partition(topic, partition, self._topics.ledger_partitions)

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                if error.code() in PURGED:
                    self._enqueue(partial(self._write_outcome, outcome, record, acknowledged))
                else:
                    self._lose(error)
                return
            self._done += 1
            self._open -= 1
            acknowledged(home, message.offset() or 0)

        value = self._encode(outcome)
        key = record.key if record is not None else None
        trace = outcome.trace
        try:
            if trace is None:
                # Keyword arguments cost 3,000 of 10,500 instructions here.
                self._producer.produce(self._outcomes, value, key, home, delivered)
            else:
                self._producer.produce(self._outcomes, value, key, home, delivered, headers=_headers(trace))
        except BufferError:
            return False
        except KafkaException as error:
            self._lose(kafka_errors.cause(error))
        return True

    def _write_dead_letter(self, pending: _Pending, cut: Cut) -> bool:
        """Return False if librdkafka's queue is full."""
        outcome, record, acknowledged = pending

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._enqueue(partial(self._write_outcome, outcome, record, acknowledged))
            elif error.code() in PURGED:
                self._enqueue(partial(self._write_dead_letter, pending, cut))
            else:
                self._cut_or_lose(error, pending, cut)

        value, headers = content(outcome, record, cut)
        try:
            self._producer.produce(
                self._topics.dead_letters, value, record.key, headers=list(headers), on_delivery=delivered
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._cut_or_lose(kafka_errors.cause(error), pending, cut)
        return True

    def _cut_or_lose(self, error: KafkaError, pending: _Pending, cut: Cut) -> None:
        """Retry a refused dead letter with less content; failing here would fail again after each restart."""
        less = cut.more() if error.code() in TOO_LARGE else None
        if less is None:
            self._lose(error)
            return
        log.error("dead_letter_cut", position=str(pending.record.position), left_out=less.value, error=error.str())
        self._enqueue(partial(self._write_dead_letter, pending, less))

    def _enqueue(self, write: Callable[[], bool]) -> None:
        """Write now, or in order as soon as librdkafka's queue has room."""
        if self._overflow or not write():
            self._overflow.append(write)

    def _lose(self, error: KafkaError) -> None:
        """Record that a write is refused permanently; the first such error is reported."""
        if self._lost is None:
            self._lost = error

    def _on_error(self, error: KafkaError) -> None:
        if kafka_errors.is_fatal(error):
            self._lose(error)
        else:
            log.warning("producer_trouble", error=error.str(), hint=kafka_errors.hint({error.code()}))


def _headers(trace: TraceContext) -> list[tuple[str, str | bytes | None]]:
    """Return headers by which the trace continues in the outcome's readers."""
    state: list[tuple[str, str | bytes | None]] = [("tracestate", trace.tracestate)] if trace.tracestate else []
    return [("traceparent", trace.traceparent), *state]
