"""Write records again to topics of the service, each once, whatever interrupts it.

A record and its mark are written in one transaction, so that neither exists without the other; the transactional id
fences off an earlier run that is still alive. A transaction begins when its records are ready and ends at once, because
readers of the topic wait while it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import PRODUCER_DEFAULTS
from pipeline.adapters.kafka.dead_letters import TOO_LARGE
from pipeline.adapters.kafka.range import TopicRange
from pipeline.adapters.kafka.rights import Right, refused
from pipeline.adapters.kafka.topics import TopicCheck
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
CONSEQUENCES = frozenset(
    {
        KafkaError._PURGE_QUEUE,  # noqa: SLF001
        KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
        KafkaError._STATE,  # noqa: SLF001
    }
)
"""Errors that only report that the transaction has failed, not why."""
SEQUENCE_ERRORS = frozenset({KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER})
"""librdkafka 2.16 skips the sequence numbers of refused records, and the broker then refuses one more transaction."""
ANY = -1
"""Let the key determine the partition."""

Delivered = Callable[[KafkaError | None, Message], None]


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


class Refusal(NamedTuple):
    """What Kafka refuses."""

    error: KafkaError
    topic: str | None
    """The topic of the refused record; None: the transaction as a whole."""

    def __str__(self) -> str:
        """`the topic orders refuses it: Broker: Message size too large`."""
        return f"{'Kafka' if self.topic is None else f'the topic {self.topic}'} refuses it: {self.error.str()}"


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

    def write(self, batch: Sequence[Rewrite]) -> Iterator[str | None]:
        """Write all of them in one transaction; if Kafka refuses one, each in its own.

        Yield the result of each, in order, as soon as it is final: None if it is written, or why its topic refuses it.

        Raises:
            RightsMissing: this user may not write to a topic. The records without a result are not written.
            Unreachable: Kafka does not answer, or another run has begun. Then either none of the records of the last
                transaction is written or all are, as the marks record.
        """
        if not batch:
            return
        refusal = self._try(batch)
        if refusal is not None and refusal.error.code() in SEQUENCE_ERRORS:
            refusal = self._try(batch)
        if refusal is None or len(batch) == 1:
            yield from [None if refusal is None else str(refusal)] * len(batch)
        else:
            for one in batch:
                yield from self.write([one])

    def _try(self, batch: Sequence[Rewrite]) -> Refusal | None:
        """Write all of them or none; return the error of a refused record.

        Raises:
            RightsMissing: this user may not write to a topic.
            Unreachable: the transaction failed for another reason.
        """
        refusals: list[Refusal] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None and error.code() not in CONSEQUENCES:
                refusals.append(Refusal(error, message.topic()))

        self._converting_errors(self._producer.begin_transaction)
        try:
            for one in batch:
                self._write(one, delivered)
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            raised = Refusal(kafka_errors.cause(error), None)
            with suppress(KafkaException):  # the first error is the one to report
                self._producer.abort_transaction(TRANSACTION_SECONDS)
            if raised.error.fatal():
                raise self._error(raised) from None
            # A record's own error is the cause; that of the transaction may only report that it has failed.
            of_records = [one for one in (*refusals, raised) if one.error.code() in RECORD_ERRORS]
            failure = next(iter((*of_records, *refusals)), raised)
            if failure.error.code() not in RECORD_ERRORS | SEQUENCE_ERRORS:
                if failure == raised:
                    self._prove_rights(batch, failure.error)
                raise self._error(failure) from None
            return failure
        except BaseException:
            with suppress(KafkaException):  # interrupted: uncommitted records are never read
                self._producer.abort_transaction(TRANSACTION_SECONDS)
            raise
        return None

    def _prove_rights(self, batch: Sequence[Rewrite], error: KafkaError) -> None:
        """Find out which topic the error is about: brokers refuse to add partitions to a transaction without a name.

        Raises:
            RightsMissing: this user may not write to a topic.
        """
        if error.code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return
        topics = sorted({self._topic(one) for one in batch} | {self._marks})
        with suppress(Unreachable):
            check = TopicCheck(self._properties, TRANSACTION_SECONDS)
            check.prove([Right("WRITE", "topic", topic) for topic in topics])

    def _topic(self, one: Rewrite) -> str:
        return self._target.into or one.source.topic

    def _write(self, one: Rewrite, delivered: Delivered) -> None:
        topic = self._topic(one)
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
            raise self._error(Refusal(kafka_errors.cause(error), None)) from None

    def _error(self, refusal: Refusal) -> UserError:
        code = refusal.error.code()
        if code == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            return refused(self._properties, [Right("WRITE", "transactional-id", self._name)])
        if code == KafkaError.TOPIC_AUTHORIZATION_FAILED and refusal.topic is not None:
            return refused(self._properties, [Right("WRITE", "topic", refusal.topic)])
        return _unreachable(refusal.error)


def _unreachable(cause: KafkaError) -> Unreachable:
    if cause.code() in FENCED:
        return Unreachable(
            "another redrive or replay of this group has begun",
            hint="wait until that one has ended, then run this again",
        )
    known = kafka_errors.hint({cause.code()})
    again = "run it again: nothing is sent twice"
    return Unreachable(f"Kafka did not accept the records: {cause.str()}", hint=f"{known}; {again}" if known else again)
