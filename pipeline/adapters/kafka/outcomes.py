"""The outcomes topic and the dead-letter topic: one idempotent producer, acknowledged by all replicas."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.adapters.kafka import clients
from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.dead_letters import TOO_LARGE, Cut, content
from pipeline.adapters.kafka.former_clients import END_SECONDS, PURGED, FormerProducers
from pipeline.adapters.kafka.ledger.reader import ledger_partition
from pipeline.adapters.kafka.statistics import KnownBrokers, report_lost
from pipeline.errors import ConfigurationError, OutcomeLost
from pipeline.model.event import Record
from pipeline.model.outcome import ACCEPTED, Outcome, Reason
from pipeline.model.trace import TraceContext

if TYPE_CHECKING:
    from confluent_kafka import Message, ThrottleEvent

    from pipeline.ports import Acknowledged

THROTTLE_REPORT_SECONDS = 60.0
"""Between two reports of a quota, which throttles every request."""

log = structlog.get_logger("outcomes")


class Topics(NamedTuple):
    """Where outcomes and dead letters go."""

    outcomes: str
    ledger_partitions: int
    """Partitions of the outcomes topic."""
    dead_letters: str
    batch_bytes: int | None = None
    """The smaller of the topics' `max.message.bytes`, as far as known: no batch may be larger."""
    intents: str = ""
    """The intents topic, where recipient care is on: a new owner of its partitions looks for their outcomes."""


class _Pending(NamedTuple):
    """An outcome whose dead letter is written first."""

    outcome: Outcome
    record: Record
    acknowledged: Acknowledged


class KafkaOutcomeLog:
    """Implements `pipeline.ports.OutcomeLog`. One thread owns it; callbacks run inside `poll` and `flush`."""

    def __init__(
        self,
        properties: Mapping[str, Any],
        topics: Topics,
        encode: Callable[[Outcome], bytes],
        reference: Callable[[Outcome], str | None] = lambda _: None,
    ) -> None:
        """`properties` are librdkafka's; `reference` gives the form in which dead letters have an outcome's reference.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._properties = properties
        self._batch_bytes = topics.batch_bytes
        self._brokers: dict[Producer, KnownBrokers] = {}
        """What each present producer knows."""
        self._producer = self._made()
        self._one_by_one: Producer | None = None
        """Writes batches of one record, for those that were refused together; made when it is needed first."""
        self._former = FormerProducers()
        self._topics = topics
        self._outcomes = topics.outcomes
        self._encode = encode
        self._reference = reference
        self._homes: dict[tuple[str, int], int] = {}
        self._overflow: deque[Callable[[], bool]] = deque()
        """Writes that found librdkafka's queue full; each returns whether it succeeded."""
        self._lost: str | None = None
        """Why Kafka refused a write permanently."""
        self._done = 0
        self._open = 0
        self._throttle_reported = 0.0

    def _made(self, **more: object) -> Producer:
        producer, known = clients.producer(
            self._properties, {**self._callbacks(), **more}, batch_bytes=self._batch_bytes
        )
        self._brokers[producer] = known
        return producer

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next connection on."""
        self._properties = {**self._properties, "sasl.username": user, "sasl.password": password}
        for producer in list(self._brokers):
            producer.set_sasl_credentials(user, password)

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Write by a new client with these properties; the present one ends once its writes are acknowledged.

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
        former = list(self._brokers)
        self._producer, self._one_by_one = self._made(), None
        for producer in former:
            del self._brokers[producer]
            self._former.add(producer, seconds)

    def _replace_lost(self) -> None:
        for known in self._brokers.values():
            known.are_lost = False
        report_lost("outcomes producer")
        try:
            self._replace(0.0)
        except ConfigurationError as error:  # a file has changed since it was checked
            log.error("producer_not_replaced", error=error.message)

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
        if self._one_by_one is not None:
            self._one_by_one.poll(0)
        for known in self._brokers.values():
            if known.are_lost:
                self._replace_lost()
                break
        while self._overflow and self._lost is None:
            if not self._overflow[0]():
                break
            self._overflow.popleft()
        if self._lost is not None:
            raise OutcomeLost(f"Kafka refused a write permanently: {self._lost}")
        return self._done

    def flush(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for every acknowledgement; return how many are still missing."""
        deadline = time.monotonic() + timeout
        while self._open and self._lost is None:
            for producer in filter(None, (self._producer, self._one_by_one)):
                producer.flush(max(0.0, min(0.1, deadline - time.monotonic())))
            try:
                self.poll()
            except OutcomeLost:
                break
            if time.monotonic() >= deadline:
                break
        return self._open

    def _write_outcome(
        self,
        outcome: Outcome,
        record: Record | None,
        acknowledged: Acknowledged,
        alone: bool = False,  # noqa: FBT001, FBT002 - a keyword-only one makes every call slower
    ) -> bool:
        """Return False if librdkafka's queue is full. `alone` writes a batch of this record only."""
        intent = outcome.intent
        source = outcome.position[:2] if intent is None else (self._topics.intents, intent.partition)
        home = self._homes.get(source)
        if home is None:
            home = self._homes[source] = ledger_partition(*source, self._topics.ledger_partitions)

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                if error.code() in PURGED:
                    self._enqueue(partial(self._write_outcome, outcome, record, acknowledged))
                elif alone or error.code() not in TOO_LARGE:
                    self._lose(error, self._outcomes)
                else:
                    self._report_batch(error, self._outcomes)
                    self._enqueue(partial(self._write_outcome, outcome, record, acknowledged, alone=True))
                return
            self._done += 1
            self._open -= 1
            acknowledged(home, message.offset() or 0)

        producer = self._alone() if alone else self._producer
        encode = self._encode
        value = encode(outcome)
        key = record.key if record is not None else None
        trace = outcome.trace
        try:
            if trace is None:
                # Keyword arguments cost 3,000 of 10,500 instructions here.
                producer.produce(self._outcomes, value, key, home, delivered)
            else:
                producer.produce(self._outcomes, value, key, home, delivered, headers=_headers(trace))
        except BufferError:
            return False
        except KafkaException as error:
            self._lose(kafka_errors.cause(error), self._outcomes)
        return True

    def _alone(self) -> Producer:
        if self._one_by_one is None:
            self._one_by_one = self._made(**clients.ONE_BY_ONE)
        return self._one_by_one

    def _report_batch(self, error: KafkaError, topic: str) -> None:
        """Report the first refused batch: what follows is slower."""
        if self._one_by_one is None:
            log.warning(
                "batch_refused",
                topic=topic,
                error=error.str(),
                hint=clients.BATCH_HINT,
            )

    def _write_dead_letter(self, pending: _Pending, cut: Cut, *, alone: bool = False) -> bool:
        """Return False if librdkafka's queue is full. `alone` writes a batch of this record only."""
        outcome, record, acknowledged = pending

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._enqueue(partial(self._write_outcome, outcome, record, acknowledged))
            elif error.code() in PURGED:
                self._enqueue(partial(self._write_dead_letter, pending, cut))
            else:
                self._cut_or_lose(error, pending, cut, alone=alone)

        producer = self._alone() if alone else self._producer
        value, headers = content(outcome, record, cut, self._reference(outcome))
        try:
            producer.produce(self._topics.dead_letters, value, record.key, headers=list(headers), on_delivery=delivered)
        except BufferError:
            return False
        except KafkaException as error:
            self._cut_or_lose(kafka_errors.cause(error), pending, cut, alone=True)
        return True

    def _cut_or_lose(self, error: KafkaError, pending: _Pending, cut: Cut, *, alone: bool) -> None:
        """Retry a refused dead letter alone, and then with less content; failing here would fail after each restart."""
        topic = self._topics.dead_letters
        if error.code() in TOO_LARGE and not alone:
            self._report_batch(error, topic)
            self._enqueue(partial(self._write_dead_letter, pending, cut, alone=True))
            return
        less = cut.more() if error.code() in TOO_LARGE else None
        if less is None:
            self._lose(error, topic)
            return
        log.error("dead_letter_cut", position=str(pending.record.position), left_out=less.value, error=error.str())
        self._enqueue(partial(self._write_dead_letter, pending, less, alone=True))

    def _enqueue(self, write: Callable[[], bool]) -> None:
        """Write now, or in order as soon as librdkafka's queue has room."""
        if self._overflow or not write():
            self._overflow.append(write)

    def _lose(self, error: KafkaError, topic: str) -> None:
        """Record that a write is refused permanently; the first such error is reported."""
        if self._lost is None:
            self._lost = clients.refusal(self._properties, topic, error)

    def _callbacks(self) -> Mapping[str, object]:
        return {"error_cb": self._on_error, "throttle_cb": self._on_throttle}

    def _on_throttle(self, event: ThrottleEvent) -> None:
        """Report that a quota delays writes; Kafka has no error for it."""
        now = time.monotonic()
        if event.throttle_time > 0 and now - self._throttle_reported >= THROTTLE_REPORT_SECONDS:
            self._throttle_reported = now
            log.warning(
                "producer_throttled",
                broker=event.broker_name,
                seconds=event.throttle_time,
                hint="a quota of Kafka limits what this client id or user may write",
            )

    def _on_error(self, error: KafkaError) -> None:
        if kafka_errors.is_fatal(error):
            self._lose(error, self._outcomes)
        else:
            log.warning("producer_trouble", error=error.str(), hint=kafka_errors.hint({error.code()}))


def _headers(trace: TraceContext) -> list[tuple[str, str | bytes | None]]:
    """Return headers by which the trace continues in the outcome's readers."""
    state: list[tuple[str, str | bytes | None]] = [("tracestate", trace.tracestate)] if trace.tracestate else []
    return [("traceparent", trace.traceparent), *state]
