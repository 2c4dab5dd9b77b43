"""Write records again to topics of the service, each once, whatever interrupts it.

A record and its mark are written in one transaction, so that neither exists without the other; the transactional id
fences off an earlier run that is still alive. A transaction begins when its records are ready and ends at once, because
readers of the topic wait while it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.dead_letters import TOO_LARGE
from pipeline.adapters.kafka.outcomes import PRODUCER_DEFAULTS
from pipeline.adapters.kafka.range import TopicRange
from pipeline.adapters.kafka.rights import Right, refused
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import Headers, Position
from pipeline.operations.redrive.record import Redriven

BATCH = 200
"""Records in one transaction: a broker accepts this many within milliseconds."""
TRANSACTION_SECONDS = 15.0
"""A run that is killed within a transaction blocks readers of the source topics for this long."""
FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})  # noqa: SLF001
"""librdkafka's own codes begin with an underscore."""
RECORD_ERRORS = TOO_LARGE | {KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP}
"""Errors of a single record; other records may be accepted."""
SEQUENCE_ERRORS = frozenset({KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER})
"""librdkafka 2.16 skips the sequence numbers of refused records, and the broker then refuses one more transaction."""
ANY = -1
"""Let the key determine the partition."""

Delivered = Callable[[KafkaError | None, object], None]


class Target(NamedTuple):
    """Where records go."""

    topics: Mapping[str, int]
    """Topics that the service reads, with their partitions."""
    into: str | None
    """Write all of them to this topic, instead of each to its source."""
    marks: str | None
    """The topic of the marks; None if it does not exist yet and nothing is to be written."""


class Rewrite(NamedTuple):
    """One record to write."""

    mark: str
    """Its name among the marks; what is marked is not written again."""
    source: Position
    record: Redriven
    number: int
    """How many times the event has been written again, this time included."""


def marked(properties: Mapping[str, Any], target: Target) -> set[str]:
    """Return the names of what was written. Create the `Rewriter` first: it fences off other runs.

    Raises:
        UserError: the marks cannot be read.
    """
    if target.marks is None:
        return set()
    with TopicRange(properties, target.marks) as marks:
        return {(mark.key or b"").decode("utf-8", "replace") for mark in marks.records()}


class Rewriter:
    """Writes records to their topics, one batch in each transaction."""

    def __init__(self, properties: Mapping[str, Any], name: str, target: Target) -> None:
        """Use `name` as the transactional id, which permits one run at a time.

        Raises:
            RightsMissing: this user may not write with this transactional id.
            Unreachable: the cluster does not start transactions.
            ConfigurationError: librdkafka refuses its settings.
        """
        if target.marks is None:
            raise ValueError("nothing can be written again without a topic of marks")
        self._properties = properties
        self._name = name
        self._marks = target.marks
        self._target = target
        settings = {
            **PRODUCER_DEFAULTS,
            **properties,
            "transactional.id": name,
            "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
            "message.timeout.ms": int(TRANSACTION_SECONDS * 1000),
            "log_level": 0,
        }
        for other_name in ("delivery.timeout.ms", "request.required.acks", "acks"):
            settings.pop(other_name, None)
        self._producer = kafka_errors.configured(lambda: Producer(settings))
        self._converting_errors(lambda: self._producer.init_transactions(TRANSACTION_SECONDS))

    def write(self, batch: Sequence[Rewrite]) -> list[KafkaError | None]:
        """Write all of them in one transaction; if Kafka refuses one, each in its own. Return the error of each.

        Raises:
            Unreachable: Kafka does not answer, or another run has begun. Then either none of these is written or all
                are, as the marks record.
        """
        if not batch:
            return []
        error = self._try(batch)
        if error is not None and error.code() in SEQUENCE_ERRORS:
            error = self._try(batch)
        if error is None or len(batch) == 1:
            return [error] * len(batch)
        return [result for one in batch for result in self.write([one])]

    def _try(self, batch: Sequence[Rewrite]) -> KafkaError | None:
        """Write all of them or none; return the error of a refused record.

        Raises:
            Unreachable: the transaction failed for another reason.
        """
        refused: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                refused.append(error)

        self._converting_errors(self._producer.begin_transaction)
        try:
            for one in batch:
                self._write(one, delivered)
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            raised = kafka_errors.cause(error)
            # The first refused record is the cause; the errors after it only report that the transaction has failed.
            failure = next((one for one in (*refused, raised) if one.code() in RECORD_ERRORS), raised)
            with suppress(KafkaException):  # the first error is the one to report
                self._producer.abort_transaction(TRANSACTION_SECONDS)
            if raised.fatal() or failure.code() not in RECORD_ERRORS | SEQUENCE_ERRORS:
                raise self._error(raised) from None
            return failure
        except BaseException:
            with suppress(KafkaException):  # interrupted: uncommitted records are never read
                self._producer.abort_transaction(TRANSACTION_SECONDS)
            raise
        return None

    def _write(self, one: Rewrite, delivered: Delivered) -> None:
        topic = self._target.into or one.source.topic
        # The original partition, which holds the recipient's other events, however its producers chose it.
        has_own = self._target.into is None and one.source.partition < self._target.topics[topic]
        partition = one.source.partition if has_own else ANY
        self._produce(topic, one.record.value, one.record.key, partition, one.record.headers, delivered)
        self._produce(self._marks, b"%d" % one.number, one.mark.encode(), ANY, (), delivered)

    def _produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        headers: Headers,
        delivered: Delivered,
    ) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, partition, delivered, headers=list(headers))
            except BufferError:  # large ones fill librdkafka's queue
                self._producer.poll(0.1)
            else:
                return

    def _converting_errors(self, call: Callable[[], None]) -> None:
        try:
            call()
        except KafkaException as error:
            raise self._error(kafka_errors.cause(error)) from None

    def _error(self, cause: KafkaError) -> UserError:
        if cause.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            return refused(self._properties, [Right("WRITE", "transactional-id", self._name)])
        return _unreachable(cause)


def _unreachable(cause: KafkaError) -> Unreachable:
    if cause.code() in FENCED:
        return Unreachable(
            "another redrive or replay of this group has begun",
            hint="wait until that one has ended, then run this again",
        )
    known = kafka_errors.hint({cause.code()})
    again = "run it again: nothing is sent twice"
    return Unreachable(f"Kafka did not accept the records: {cause.str()}", hint=f"{known}; {again}" if known else again)
