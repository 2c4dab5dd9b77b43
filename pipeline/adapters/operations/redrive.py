"""Dead letters back onto their source topics: each once, whatever interrupts it.

A redriven record and the mark that says so are written in one transaction, so there is never one without the other;
and the transaction's id fences off a run that was thought dead and is not. A transaction is begun when its records are
ready and ended at once: while it is open, readers of the source topic wait before it.
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
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import Headers, Record
from pipeline.operations.redrive.letter import Letter, read_letter
from pipeline.operations.redrive.record import Redriven, redriven
from pipeline.operations.redrive.selection import RedriveDecision, Selection

BATCH = 200
"""Letters in one transaction: as many as a broker takes within milliseconds."""
TRANSACTION_SECONDS = 15.0
"""A run that is killed within a transaction holds readers of the source topics up for so long."""
FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})  # noqa: SLF001
"""librdkafka's own codes begin with an underscore."""
OF_THE_RECORD = TOO_LARGE | {KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP}
"""What Kafka has against one record; others may be taken."""
AFTER_A_REFUSAL = frozenset({KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER})
"""librdkafka 2.16 skips the numbers of what was refused, and the broker refuses the next transaction for that, once."""
ANY = -1
"""Whatever partition the key leads to."""

Delivered = Callable[[KafkaError | None, object], None]


class LetterResult(NamedTuple):
    """What became of one letter."""

    letter: Letter | None
    """None where the record is no dead letter."""
    position: str
    fate: RedriveDecision
    message: str = ""


class Target(NamedTuple):
    """Where redriven records go."""

    topics: Mapping[str, int]
    """Topics that the service reads, with their partitions."""
    into: str | None
    """All of them there, instead of each to its source."""
    marks: str | None
    """The topic that remembers; None: it is not there yet, and nothing is to be written."""


class LetterReader:
    """Decides what becomes of each letter of a range."""

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
        """Every letter of the range, in the order of each partition, and what is to become of it.

        The marks are read first, each time. Whoever sends must have made its `Sender` before: it fences other runs
        off, so that no mark is written any more that is not read here.

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
        """Names of the letters that were sent again."""
        if self._marks is None:
            return set()
        with TopicRange(self._properties, self._marks) as marks:
            return {_text(mark.key) for mark in marks.records()}


class Sender:
    """Writes letters again, in transactions of one batch each."""

    def __init__(self, properties: Mapping[str, Any], name: str, target: Target) -> None:
        """`name` is the transaction's id: one run of that name at a time.

        Raises:
            Unreachable: the cluster gives us no transaction.
            ConfigurationError: librdkafka refuses its settings.
        """
        if target.marks is None:
            raise ValueError("nothing is sent without a topic that remembers it")
        self._properties = properties
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
        self._in_words(lambda: self._producer.init_transactions(TRANSACTION_SECONDS))

    def send(self, letters: Sequence[Letter]) -> list[LetterResult]:
        """Send these again, in order; what became of each.

        Raises:
            Unreachable: Kafka does not answer, or another run has begun. None of these is sent then, or all are, and
                the marks tell which.
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
        """What is to be sent: the letter's own bytes, or those at its source where it was cut."""
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
                letter, position, RedriveDecision.SOURCE_GONE, f"another record stands at {letter.source} now"
            )
        return record

    def _commit(self, ready: Sequence[tuple[Letter, Redriven]]) -> list[LetterResult]:
        """All of them in one transaction; where Kafka refuses one, each in its own."""
        if not ready:
            return []
        why = self._try(ready)
        if why is not None and why.code() in AFTER_A_REFUSAL:
            why = self._try(ready)
        if why is None:
            return [LetterResult(letter, str(letter.record.position), RedriveDecision.SEND) for letter, _ in ready]
        if len(ready) == 1:
            letter = ready[0][0]
            return [LetterResult(letter, str(letter.record.position), RedriveDecision.REFUSED, why.str())]
        return [result for one in ready for result in self._commit([one])]

    def _try(self, ready: Sequence[tuple[Letter, Redriven]]) -> KafkaError | None:
        """Write them all, or none; then why not.

        Raises:
            Unreachable: it is not for what the records are.
        """
        refused: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                refused.append(error)

        self._in_words(self._producer.begin_transaction)
        try:
            for letter, record in ready:
                self._write(letter, record, delivered)
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            raised = kafka_errors.cause(error)
            # The first to be refused is the cause: those after it only tell that the transaction is no more.
            failure = next((one for one in (*refused, raised) if one.code() in OF_THE_RECORD), raised)
            with suppress(KafkaException):  # the error at hand is the one to tell
                self._producer.abort_transaction(TRANSACTION_SECONDS)
            if raised.fatal() or failure.code() not in OF_THE_RECORD | AFTER_A_REFUSAL:
                raise _unreachable(raised) from None
            return failure
        except BaseException:
            with suppress(KafkaException):  # interrupted: what was not committed counts for nothing
                self._producer.abort_transaction(TRANSACTION_SECONDS)
            raise
        return None

    def _write(self, letter: Letter, record: Redriven, delivered: Delivered) -> None:
        topic = self._target.into or letter.source.topic
        # Its own partition, however its producers chose it: there its recipient's other events are.
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

    def _in_words(self, call: Callable[[], None]) -> None:
        try:
            call()
        except KafkaException as error:
            raise _unreachable(kafka_errors.cause(error)) from None


def _text(key: bytes | None) -> str:
    return (key or b"").decode("utf-8", "replace")


def _unreachable(cause: KafkaError) -> Unreachable:
    if cause.code() in FENCED:
        return Unreachable("another redrive of this group has begun", hint="let that one end, then run this again")
    if cause.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return Unreachable(cause.str(), hint="give the Kafka user Write on the transactional id `<group_id>.redrive`")
    known = kafka_errors.hint({cause.code()})
    again = "nothing is sent twice: run it again"
    return Unreachable(
        f"Kafka did not take the dead letters: {cause.str()}", hint=f"{known}; {again}" if known else again
    )
