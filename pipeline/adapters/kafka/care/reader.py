"""Read the compacted topic of recipient care when partitions are assigned."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import PRODUCER_RULES, TO_THE_END, outside_group
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.care.declaration import Care
from pipeline.care.recipient import Accepted
from pipeline.care.record import ABOUT, RECIPIENT, About, read_about, read_key, read_state, written_about, written_key
from pipeline.care.restore import Restoring
from pipeline.errors import DamagedCareState, UserError
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import RestoredCare
from pipeline.model.outcome import COUNTED

BATCH = 2_000
POLL_SECONDS = 0.05
ASK_SECONDS = 10.0
SILENT_SECONDS = 20.0
"""The topic's broker counts as unavailable after this time without a record."""
WRITE_MS = 10_000
ACCEPT_HINT = "if these are to be given up, start with `run --accept-loss`: every cap begins with what the outcomes say"

log = structlog.get_logger("care")


class CareTelemetry(Protocol):
    """Counts what is restored."""

    def care_restored(self, seconds: float) -> None:
        """The recipients of newly assigned partitions were restored."""
        ...


class HasCommit(Protocol):
    """What the group has committed for a partition."""

    @property
    def partition(self) -> TopicPartition:
        """The partition."""
        ...

    @property
    def metadata(self) -> str | None:
        """The commit's pointer; None or empty without one."""
        ...


class CareSettings(NamedTuple):
    """What the reader works with."""

    topic: str
    """The compacted topic."""
    intents: str
    """The topic whose recipients it is about; partitions have the same numbers."""
    about: About
    """Whose the records must be."""
    accept_loss: bool = False
    """Whether records that are missing or of another form are given up."""


class CareReader:
    """Restores the recipients of newly assigned partitions. Only the source's thread uses it."""

    def __init__(
        self,
        properties: Mapping[str, Any],
        settings: CareSettings,
        care: Callable[[], Care],
        since: Callable[[], float],
        telemetry: CareTelemetry,
        now: Callable[[], float],
    ) -> None:
        """`properties` are librdkafka's, with a `group.id`; `care` returns the declaration in use.

        `since` returns the time from which on messages count, and `now` the time, seconds since the epoch.
        """
        self._properties = outside_group(properties)
        self._settings = settings
        self._care = care
        self.counts_since = since
        """Returns the time from which on messages count, seconds since the epoch."""
        self._telemetry = telemetry
        self._now = now
        self._decode = OutcomeDecoder()
        self._restoring: dict[tuple[str, int], Restoring] = {}
        self._incomplete: set[TopicPartition] = set()
        self._started = 0.0
        self._ends: dict[int, int] = {}
        """By partition: the end of the compacted topic when it was read last."""

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next reading on."""
        self.reconnect({"sasl.username": user, "sasl.password": password})

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Use these properties from the next reading on."""
        self._properties = {**self._properties, **outside_group(properties)}

    def begin(self, committed: Sequence[HasCommit], alive: Callable[[], None]) -> None:
        """Read the records of those of these partitions that have recipients; calls `alive` after each batch.

        Raises:
            KafkaException: the topic cannot be read.
            UserError: the records are of another group or form, or were deleted.
        """
        self._restoring.clear()
        self._incomplete.clear()
        self._ends.clear()
        self._started = time.monotonic()
        chosen = {one.partition.partition: one for one in committed if one.partition.topic == self._settings.intents}
        if not chosen:
            return
        found = self._read(list(chosen), alive)
        for number, (restoring, about) in found.items():
            one = chosen[number]
            if about is not None and about.partitions is None:
                about = about._replace(partitions=self._settings.about.partitions)  # noqa: PLW2901 - it is not known
            if about != self._settings.about:
                restoring = self._other(one, restoring, about)  # noqa: PLW2901 - nothing of another form counts
            elif not one.metadata:
                self._incomplete.add(one.partition)  # the group's commits are gone
            self._restoring[one.partition] = restoring
        new = [number for number, (_, about) in found.items() if about != self._settings.about]
        if new:
            self._sign(new)

    def _other(self, one: HasCommit, restoring: Restoring, about: About | None) -> Restoring:
        """Begin with nothing, where nothing was ever known, or where that is accepted.

        Raises:
            UserError: something is lost.
        """
        topic, expected = self._settings.topic, self._settings.about
        where = f"{topic}/{one.partition.partition}"
        if about is None and not one.metadata and not restoring.records:
            return restoring
        if about is not None and about.group != expected.group:
            error = f"{where} has the recipients of the group {about.group}"
            hint = "give each group a topic of its own: recipient_care.care_topic"
            raise UserError(error, hint=hint)
        if not self._settings.accept_loss:
            if about is not None and about.fingerprint == expected.fingerprint:
                error = (
                    f"{self._settings.intents} had {about.partitions} partitions when {where} was written, and has "
                    f"{expected.partitions} now: notices of one recipient would be in two of them"
                )
            elif about is None:
                error = f"{where} is empty, although messages were decided by it: caps, opt-outs and `once` are lost"
            else:
                error = f"{where} was written with another key of the recipients' hash (outcomes.recipient_hash_key)"
            raise UserError(error, hint=ACCEPT_HINT)
        log.warning("care_loss_accepted", partition=where, records=restoring.records)
        self._incomplete.add(one.partition)
        return Restoring(self._care())

    def has(self, partition: TopicPartition) -> bool:
        """Whether a partition has recipients."""
        return partition in self._restoring

    @property
    def incomplete(self) -> Collection[TopicPartition]:
        """Partitions whose ledger must be read as far back as messages count, because records are missing."""
        return self._incomplete

    def outcome(self, source: tuple[str, int], value: bytes | None, offset: int) -> None:
        """Take a record of the ledger about a notice of `source`."""
        restoring = self._restoring.get(source)
        if restoring is None:
            return
        outcome = self._decode(value)
        if outcome is None or outcome.kind not in COUNTED or outcome.recipient is None:
            return
        accepted = Accepted.of(outcome)
        if accepted is not None:
            restoring.outcome(outcome.recipient, accepted, offset)

    def restored(self, partition: TopicPartition) -> RestoredCare | None:
        """Return what is known of the recipients of a partition, after the ledger was read; None: it has none."""
        restoring = self._restoring.pop(partition, None)
        return None if restoring is None else restoring.restored(self._ends[partition.partition])

    def finished(self) -> None:
        """Everything that was assigned together is restored."""
        if self._ends:
            self._telemetry.care_restored(time.monotonic() - self._started)

    def _read(self, partitions: list[int], alive: Callable[[], None]) -> dict[int, tuple[Restoring, About | None]]:
        topic = self._settings.topic
        consumer = Consumer({**self._properties, **TO_THE_END})  # not closed: see former_clients.py
        left: dict[int, int] = {}
        for number in partitions:
            low, high = consumer.get_watermark_offsets(KafkaPartition(topic, number), timeout=ASK_SECONDS)
            self._ends[number] = high
            if low < high:
                left[number] = high
        care = self._care()
        found: dict[int, tuple[Restoring, About | None]] = {number: (Restoring(care), None) for number in partitions}
        consumer.assign([KafkaPartition(topic, number, 0) for number in left])
        wall = self._now()
        heard = time.monotonic()
        while left:
            messages = consumer.consume(BATCH, timeout=POLL_SECONDS)
            alive()
            now = time.monotonic()
            for message in messages:
                _take(message, left, found, wall)
            if messages:
                heard = now
            elif now - heard > SILENT_SECONDS:
                raise kafka_errors.silent(f"{topic} returned no record for {SILENT_SECONDS:.0f} s")
        damaged = sum(restoring.damaged for restoring, _ in found.values())
        if damaged:
            log.error(
                "care_records_damaged", topic=topic, records=damaged, hint="their recipients are known by outcomes"
            )
        return found

    def _sign(self, partitions: list[int]) -> None:
        """Write whose the records are, before anything else is.

        Raises:
            KafkaException: Kafka did not take it.
        """
        errors: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                errors.append(error)

        settings = {**self._properties, **PRODUCER_RULES, "message.timeout.ms": WRITE_MS}
        settings.pop("group.id", None)
        producer = kafka_errors.configured(lambda: Producer(settings))
        value = written_about(self._settings.about)
        for number in partitions:
            producer.produce(self._settings.topic, value, written_key(ABOUT), number, delivered)
        left = producer.flush(WRITE_MS / 1_000 + 1)
        if errors or left:
            raise KafkaException(errors[0] if errors else KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - librdkafka's own codes begin so


def _take(
    message: Message, left: dict[int, int], found: dict[int, tuple[Restoring, About | None]], wall: float
) -> None:
    number, offset = message.partition() or 0, message.offset() or 0
    error = message.error()
    if error is not None:
        if kafka_errors.is_end(error):
            left.pop(number, None)
        return
    if offset >= left.get(number, 0) - 1:
        left.pop(number, None)
    restoring, _ = found[number]
    raw = message.value()
    kind, name = read_key(message.key()) or ("", "")
    try:
        if kind == ABOUT:
            found[number] = restoring, None if raw is None else read_about(raw)
        elif kind == RECIPIENT and raw is None:
            restoring.removed(name, wall)
        elif kind == RECIPIENT and raw is not None:
            restoring.record(name, *read_state(raw))
    except DamagedCareState:
        restoring.damaged += 1
