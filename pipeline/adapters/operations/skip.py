"""Moves a group past a batch that cannot be read, with an outcome and a dead letter for each offset.

Only the offset at which the group is stuck can be skipped: everything before it is committed, so nothing that could
still be sent is passed over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import outside_group
from pipeline.adapters.kafka.commits import TRANSIENT, require_answer
from pipeline.adapters.kafka.ledger.reader import ledger_partition
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.outcomes import KafkaOutcomeLog
from pipeline.adapters.kafka.range import Span, TopicRange
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.adapters.operations.unreadable_batches import Unread, UnreadableBatches
from pipeline.delivery import pointer
from pipeline.errors import OutcomeLost, SkipRefused, Unreachable
from pipeline.model.event import Origin, Position, Record
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.record_outcome import record_outcome

ASK_SECONDS = 10.0
POLL_SECONDS = 0.1
WRITE_SECONDS = 60.0
POLL_EVERY = 1_000
_MEMBER_ERRORS = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.STALE_MEMBER_EPOCH,
    }
)
"""How a coordinator refuses a commit from outside while the group has members."""


class SkipPlan(NamedTuple):
    """What is to be skipped."""

    position: Position
    stop: int
    """The offset after the last one that is skipped."""
    committed: KafkaPartition
    """What the group has committed."""
    error: str
    """Why it cannot be read."""
    next_error: str | None
    """Why the offset at `stop` cannot be read either; None where it can, or where the partition ends."""

    @property
    def offsets(self) -> range:
        """What is skipped."""
        return range(self.position.offset, self.stop)


class SkippedBy(NamedTuple):
    """Who skips, and why."""

    operator: str
    reason: str = ""


class KafkaSkip:
    """One partition of one group."""

    def __init__(self, properties: Mapping[str, Any], group: str, origin: Origin) -> None:
        """`properties` are librdkafka's."""
        self._properties = outside_group(properties)
        self._group = group
        self._origin = origin

    def plan(self, position: Position, through: int | None = None) -> SkipPlan:
        """Find out what is to be skipped; nothing is written.

        Raises:
            SkipRefused: the group is not stuck at this offset, or `through` can be read.
            UserError: Kafka does not answer.
        """
        consumer = self._consumer()  # not closed, as below: see former_clients.py
        with kafka_errors.reading(position.topic):
            low, high = consumer.get_watermark_offsets(KafkaPartition(*position[:2]), timeout=ASK_SECONDS)
            committed = self._committed(position)
            base = max(low, committed.offset)
            batches = UnreadableBatches(consumer)
            unread = self._stuck_at(batches, position, base, high)
            stop, next_error = batches.end(position, unread, high)
        if through is not None and through >= stop:
            after = Position(position.topic, position.partition, stop)
            raise SkipRefused(
                f"--through {through} is beyond what cannot be read: that ends at offset {stop - 1}",
                hint=f"leave --through out; the next offset is {after}",
            )
        if through is not None and through + 1 < stop:
            stop, next_error = through + 1, unread.error
        return SkipPlan(position, stop, committed, unread.error, next_error)

    def require_stopped(self) -> None:
        """Check that the group has no members: the coordinator takes no commit from outside while it has.

        Raises:
            SkipRefused: it has.
            Unreachable: the group cannot be described.
        """
        members = self._members()
        if members:
            raise SkipRefused(
                f"the group {self._group} has members: {', '.join(members[:5])}",
                hint="stop all members of the service, and call this again (a member that was killed counts until "
                "its session times out)",
            )

    def carry_out(self, plan: SkipPlan, by: SkippedBy, log: KafkaOutcomeLog, outcomes_topic: str, now: float) -> None:
        """Write outcomes and dead letters, and then commit.

        Raises:
            SkipRefused: the group has members, or has committed something else since; nothing is committed.
            UserError: Kafka does not take the outcomes or the commit.
        """
        self._require_unchanged(plan)
        done = skipped_offsets(self._properties, outcomes_topic, plan.position[:2], self._origin)
        topic, partition, _ = plan.position
        try:
            for number, offset in enumerate(plan.offsets):
                if offset not in done:
                    record = Record(topic, partition, offset, None, None, (), 0)
                    log.publish(_outcome(record, plan, by, self._origin, now), record, lambda *_: None)
                if number % POLL_EVERY == 0:
                    log.poll()
            left = log.flush(WRITE_SECONDS)
            log.poll()
        except OutcomeLost as error:
            raise Unreachable(f"nothing is committed: {error}") from None
        if left:
            raise Unreachable(f"Kafka did not acknowledge {left:,} outcomes; nothing is committed")
        self._commit(plan)

    def _stuck_at(self, batches: UnreadableBatches, position: Position, base: int, high: int) -> Unread:
        """The unreadable batch at the position.

        Raises:
            SkipRefused: the group is not stuck there.
        """
        topic, partition, offset = position
        if offset < base:
            text = f"the group {self._group} is past {position}: it continues at offset {base}"
            raise SkipRefused(text, hint="the log event `partition_stuck` and `/readyz` name the offset")
        if offset >= high:
            raise SkipRefused(f"{position} does not exist: the partition ends before offset {high}")
        found = batches.probe(Position(topic, partition, base))
        if isinstance(found, Unread):
            stuck = Position(topic, partition, max(found.first, base))
            if offset == stuck.offset:
                return found
            raise SkipRefused(f"the group is stuck at {stuck}, not at {position}", hint=f"skip {stuck}")
        if found is not None and found == offset:
            raise SkipRefused(f"{position} can be read: there is nothing to skip")
        if found is not None and found < offset:
            raise SkipRefused(
                f"the events from {Position(topic, partition, found)} on can be read and are not committed",
                hint="start the service until it has finished them: the group must be stuck at what is skipped",
            )
        raise SkipRefused(f"there is no record at {position}: the partition can be read on after it")

    def _committed(self, position: Position) -> KafkaPartition:
        """The group's commit; offset -1 where it has none, or one of an earlier topic of this name."""
        (answer,) = self._consumer().committed([KafkaPartition(*position[:2])], timeout=ASK_SECONDS)
        if answer.error is not None:
            raise KafkaException(answer.error)
        found = pointer.read(answer.metadata)
        topic_id = found.topic_id if isinstance(found, pointer.Pointer) else None
        if answer.offset < 0 or topic_id not in (None, self._origin.topic_id):
            return KafkaPartition(*position[:2], -1)
        # A pointer that cannot be used is not handed on: the service looks the ledger up by time then.
        metadata = answer.metadata if isinstance(found, pointer.Pointer) else None
        return KafkaPartition(*position[:2], answer.offset, metadata)

    def _members(self) -> list[str]:
        """The group's live members, as client id and host."""
        admin = kafka_errors.configured(lambda: AdminClient({**self._properties, "log_level": 0}))
        asked = admin.describe_consumer_groups([self._group], request_timeout=ASK_SECONDS)[self._group]
        try:
            members = asked.result(ASK_SECONDS * 2).members
        except (KafkaException, NoAnswer) as error:
            cause = kafka_errors.cause(error) if isinstance(error, KafkaException) else None
            if cause is not None and cause.code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            text = cause.str() if cause is not None else "no answer"
            hint = kafka_errors.hint({cause.code()}) if cause is not None else None
            raise Unreachable(f"the group {self._group} cannot be described: {text}", hint=hint) from None
        return [f"{one.client_id} at {one.host}" for one in members]

    def _require_unchanged(self, plan: SkipPlan) -> None:
        self.require_stopped()
        with kafka_errors.reading(plan.position.topic):
            committed = self._committed(plan.position).offset
        if committed != plan.committed.offset:
            raise SkipRefused(f"the group has committed offset {committed} in the meantime; call this again")

    def _commit(self, plan: SkipPlan) -> None:
        topic, partition, _ = plan.position
        wanted = KafkaPartition(topic, partition, plan.stop, plan.committed.metadata or "")
        deadline = time.monotonic() + ASK_SECONDS
        consumer = self._consumer()
        while True:
            error = _refusal(consumer, wanted)
            if error is None:
                return
            if error.code() not in TRANSIENT or time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        if error.code() in _MEMBER_ERRORS:
            text = f"nothing is committed: a member of the group {self._group} has started in the meantime"
            raise SkipRefused(text, hint="stop all members of the service, and call this again")
        hint = kafka_errors.hint({error.code()})
        raise Unreachable(f"nothing is committed: Kafka refused the commit: {error.str()}", hint=hint)

    def _consumer(self) -> Consumer:
        settings = {
            **self._properties,
            "group.id": self._group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.error.backoff.ms": 10,
            "log_level": 0,
        }
        return kafka_errors.configured(lambda: Consumer(settings))


def skipped_offsets(
    properties: Mapping[str, Any], outcomes_topic: str, source: tuple[str, int], origin: Origin
) -> set[int]:
    """The offsets of a source partition that have an outcome `skipped` of this origin.

    Raises:
        UserError: the outcomes cannot be read.
    """
    topic, partition = source
    count = TopicCheck(properties, ASK_SECONDS).partitions().get(outcomes_topic, 1)
    home = ledger_partition(topic, partition, count)
    decode = OutcomeDecoder()
    found: set[int] = set()
    with TopicRange(properties, outcomes_topic, Span(partitions=frozenset({home}))) as ledger:
        for record in ledger.records():
            outcome = decode(record.value)
            if (
                outcome is not None
                and outcome.reason is Reason.SKIPPED
                and outcome.position[:2] == (topic, partition)
                and outcome.origin == origin
            ):
                found.add(outcome.position.offset)
    return found


def _refusal(consumer: Consumer, wanted: KafkaPartition) -> KafkaError | None:
    """Commit once; the error, if there is one."""
    try:
        require_answer(consumer, wanted)
        results = consumer.commit(offsets=[wanted], asynchronous=False) or []
    except KafkaException as error:
        return kafka_errors.cause(error)
    return next((one.error for one in results if one.error is not None), None)


def _outcome(record: Record, plan: SkipPlan, by: SkippedBy, origin: Origin, now: float) -> Outcome:
    why = f" ({by.reason})" if by.reason else ""
    outcome = record_outcome(
        record,
        None,
        origin,
        OutcomeKind.UNDECODABLE,
        reason=Reason.SKIPPED,
        detail=f"{by.operator} skipped the offsets {plan.position.offset} to {plan.stop - 1}{why}: {plan.error}",
        rules_version="",
        now=now,
    )
    return outcome._replace(event_time=None)  # the record was not read
