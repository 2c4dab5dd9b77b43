"""Write dead letters back to their source topics, each once, whatever interrupts it.

A redriven record and its mark are written in one transaction, so that neither exists without the other; the
transactional id fences off an earlier run that is still alive. A transaction begins when its records are ready and ends
at once, because readers of the source topic wait while it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.dead_letters import TOO_LARGE
from pipeline.adapters.kafka.outcomes import PRODUCER_DEFAULTS
from pipeline.adapters.kafka.range import Progressed, TopicRange, read_record
from pipeline.adapters.kafka.rights import Right, refused
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import Headers, Record
from pipeline.operations.redrive.letter import Letter, read_letter
from pipeline.operations.redrive.record import Redriven, redriven
from pipeline.operations.redrive.selection import RedriveDecision, Selection

BATCH = 200
"""Letters in one transaction: a broker accepts this many within milliseconds."""
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


class LetterResult(NamedTuple):
    """The result for one letter."""

    letter: Letter | None
    """None if the record is not a dead letter."""
    position: str
    fate: RedriveDecision
    message: str = ""


class Target(NamedTuple):
    """Where redriven records go."""

    topics: Mapping[str, int]
    """Topics that the service reads, with their partitions."""
    into: str | None
    """Write all of them to this topic, instead of each to its source."""
    marks: str | None
    """The topic of the marks; None if it does not exist yet and nothing is to be written."""


class LetterReader:
    """Decides what to do with each letter of a range."""

    def __init__(
        self, properties: Mapping[str, Any], letters: TopicRange, selection: Selection, target: Target
    ) -> None:
        """`properties` are librdkafka's."""
        self._properties = properties
        self._letters = letters
        self._selection = selection
        self._marks = target.marks
        self._topics = frozenset(target.topics)

    def fates(self, progressed: Progressed) -> Iterator[LetterResult]:
        """Yield every letter of the range with its decision, in order within each partition.

        Each call reads the marks first. Create the `Sender` before calling this: it fences off other runs, so that
        every mark is read here.

        Raises:
            UserError: letters or marks cannot be read.
        """
        done = self._done()
        failures: set[int] = set()
        for record in self._letters.records(progressed):
            letter = read_letter(record)
            fate = RedriveDecision.NOT_OURS if letter is None else self._selection.fate(letter, self._topics, done)
            if letter is not None and fate in {RedriveDecision.SEND, RedriveDecision.DONE}:
                failure = hash((letter.source, letter.outcome_id))
                if fate is RedriveDecision.SEND and failure in failures:
                    fate = RedriveDecision.TWICE
                failures.add(failure)
            yield LetterResult(letter, str(record.position), fate)

    def _done(self) -> set[str]:
        """Return the names of the letters that were sent again."""
        if self._marks is None:
            return set()
        with TopicRange(self._properties, self._marks) as marks:
            return {_text(mark.key) for mark in marks.records()}


class Sender:
    """Writes letters to their topics, one batch in each transaction."""

    def __init__(self, properties: Mapping[str, Any], name: str, target: Target) -> None:
        """Use `name` as the transactional id, which permits one run at a time.

        Raises:
            RightsMissing: this user may not write with this transactional id.
            Unreachable: the cluster does not start transactions.
            ConfigurationError: librdkafka refuses its settings.
        """
        if target.marks is None:
            raise ValueError("letters cannot be sent without a topic of marks")
        self._properties = properties
        self._name = name
        self._marks = target.marks
        self._target = target
        self._partitions = target.topics
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

    def send(self, letters: Sequence[Letter]) -> list[LetterResult]:
        """Send these again, in order; return each letter's result.

        Raises:
            Unreachable: Kafka does not answer, or another run has begun. Then either none of these is sent or all are,
                as the marks record.
        """
        results: list[LetterResult] = []
        ready: list[tuple[Letter, Redriven]] = []
        for letter in letters:
            original = self._original(letter)
            if isinstance(original, LetterResult):
                results.append(original)
            else:
                ready.append((letter, redriven(letter, original)))
        return results + self._commit(ready)

    def _original(self, letter: Letter) -> Record | LetterResult:
        """Return the record to send: the letter's own, or the one at its source if the letter was cut."""
        if not letter.is_cut:
            return letter.record
        position = str(letter.record.position)
        try:
            record = read_record(self._properties, letter.source)
        except Unreachable:
            raise
        except UserError as error:
            return LetterResult(letter, position, RedriveDecision.SOURCE_GONE, error.message)
        if (record.key, record.timestamp_ms) != (letter.record.key, letter.source_time_ms):
            return LetterResult(
                letter, position, RedriveDecision.SOURCE_GONE, f"another record is at {letter.source} now"
            )
        return record

    def _commit(self, ready: Sequence[tuple[Letter, Redriven]]) -> list[LetterResult]:
        """Write all of them in one transaction; if Kafka refuses one, each in its own."""
        if not ready:
            return []
        error = self._try(ready)
        if error is not None and error.code() in SEQUENCE_ERRORS:
            error = self._try(ready)
        if error is None:
            return [LetterResult(letter, str(letter.record.position), RedriveDecision.SEND) for letter, _ in ready]
        if len(ready) == 1:
            letter = ready[0][0]
            return [LetterResult(letter, str(letter.record.position), RedriveDecision.REFUSED, error.str())]
        return [result for one in ready for result in self._commit([one])]

    def _try(self, ready: Sequence[tuple[Letter, Redriven]]) -> KafkaError | None:
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
            for letter, record in ready:
                self._write(letter, record, delivered)
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

    def _write(self, letter: Letter, record: Redriven, delivered: Delivered) -> None:
        topic = self._target.into or letter.source.topic
        # The original partition, which holds the recipient's other events, however its producers chose it.
        has_own = self._target.into is None and letter.source.partition < self._partitions[topic]
        partition = letter.source.partition if has_own else ANY
        self._produce(topic, record.value, record.key, partition, record.headers, delivered)
        self._produce(self._marks, b"%d" % (letter.redrives + 1), letter.name.encode(), ANY, (), delivered)

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


def _text(key: bytes | None) -> str:
    return (key or b"").decode("utf-8", "replace")


def _unreachable(cause: KafkaError) -> Unreachable:
    if cause.code() in FENCED:
        return Unreachable(
            "another redrive of this group has begun", hint="wait until that one has ended, then run this again"
        )
    known = kafka_errors.hint({cause.code()})
    again = "run it again: no letter is sent twice"
    return Unreachable(
        f"Kafka did not accept the dead letters: {cause.str()}", hint=f"{known}; {again}" if known else again
    )
