"""Kafka as a stream of records: one consumer in a thread of its own, read by batches, only as fast as is asked for."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import KafkaError, KafkaException

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.commits import Commits
from pipeline.adapters.kafka.identities import TopicIdentities
from pipeline.adapters.kafka.lag import Lag
from pipeline.adapters.kafka.ledger import LedgerReader
from pipeline.adapters.kafka.membership import CONSUMER_DEFAULTS, GroupProtocol, Membership
from pipeline.adapters.kafka.record import record_of
from pipeline.adapters.kafka.unreadable import UnreadablePartitions
from pipeline.errors import Unreachable
from pipeline.model.event import Record, TopicPartition
from pipeline.model.kafka_health import KafkaHealth, StuckPartition
from pipeline.model.ledger import CommitPoint

if TYPE_CHECKING:
    from confluent_kafka import Message

    from pipeline.ports import Clock, SourceListener

BATCH = 500
"""Records handed over at once, and so the most that `demand` can be exceeded by while a batch is on its way."""
POLL_SECONDS = 0.1
IDLE_POLL_SECONDS = 1.0
"""Between two looks at the group while nothing is wanted. Rebalances overtake records in librdkafka's queue; where
there is none, such a look may bring one record, which is kept for later."""
JOIN_POLL_SECONDS = 0.02
"""The same while no partition is ours: a first assignment must not wait."""
PAUSE_AFTER_SECONDS = 5.0
"""A stop longer than this pauses the partitions: librdkafka drops what it has fetched then, so it is for long stops."""
LAG_SECONDS = 1.0
SETTLE_SECONDS = 2.0
"""How long the end waits for answers to commits: a healthy broker gives them within milliseconds."""

log = structlog.get_logger("source")


class KafkaSource:
    """Implements `pipeline.ports.EventSource`."""

    def __init__(  # noqa: PLR0913 - one argument for each thing it works with
        self,
        properties: Mapping[str, Any],
        topics: Sequence[str],
        ledger: LedgerReader,
        clock: Clock,
        *,
        next_generation: bool,
        committed: Callable[[str, int], None],
        events_gone: Callable[[str, int], None] = lambda _topic, _events: None,
        identities: TopicIdentities,
        recreated: Callable[[str], None] = lambda _topic: None,
        fall_back: bool = True,
    ) -> None:
        """`next_generation` picks KIP-848's group protocol, `fall_back` the classic one where the broker lacks it.

        `properties` are librdkafka's, group.id among them. `committed` counts partitions, with `ok` or `error`;
        `events_gone` counts events of a topic that retention deleted before they were read.
        `recreated` counts topics that were deleted and created again.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._clock = clock
        self._commits = Commits(committed, self._alive)
        self._group = Membership(
            properties,
            topics,
            ledger,
            self._commits,
            _protocol(next_generation=next_generation, fall_back=fall_back),
            gone=events_gone,
            identities=identities,
            recreated=recreated,
            alive=self._alive,
            forgotten=self._drop,
        )
        reset = str(properties.get("auto.offset.reset", CONSUMER_DEFAULTS["auto.offset.reset"]))
        self._unreadable = UnreadablePartitions(reset, events_gone)
        self._listener: SourceListener | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-source", daemon=True)
        self._changed = threading.Condition()
        self._wanted = 0
        self._wanted_bytes = 0
        self._hold: frozenset[TopicPartition] = frozenset()
        self._committing = False
        # Below: written by the source's own thread alone.
        self._kept: list[Record] = []
        self._idle_since: float | None = None
        self._idle_poll_at = 0.0
        self._lag = Lag()
        self._lag_at = 0.0
        self._polled_at = clock.now()

    def start(self, listener: SourceListener) -> None:
        """Join the group and begin."""
        self._listener = listener
        self._thread.start()

    def demand(self, records: int, size: int = sys.maxsize) -> None:
        """How many more records, and how many bytes of them, are wanted from now on."""
        if size <= 0:
            records = 0
        with self._changed:
            wake = not self._wanted and records
            self._wanted = records
            self._wanted_bytes = size
            if wake:
                self._changed.notify()

    def hold(self, partitions: frozenset[TopicPartition]) -> None:
        """Read nothing of these until the next call; what was fetched of them already may still come."""
        with self._changed:
            self._hold = partitions

    def commit(self, points: Sequence[CommitPoint]) -> None:
        """Commit soon, from the source's thread."""
        self._commits.want(points)
        with self._changed:
            self._committing = True
            self._changed.notify()

    def stop(self, timeout: float) -> None:
        """Leave the group after `on_revoked` for all partitions, and end the thread."""
        with self._changed:
            self._group.stopping.set()
            self._changed.notify()
        if self._thread.ident is None:
            self._group.leave()
            return
        self._thread.join(timeout)
        if self._thread.is_alive():
            log.warning("source_did_not_end", seconds=timeout)

    def lag(self) -> Mapping[TopicPartition, int]:
        """Records between what was handed over and the partition's end, as last known."""
        return self._lag.lags

    def stuck(self) -> Mapping[TopicPartition, StuckPartition]:
        """Partitions that cannot be read on, as last known."""
        return self._unreadable.stuck

    def health(self) -> KafkaHealth | None:
        """How Kafka looks from here, as last known."""
        health = self._group.statistics.health
        return health and health._replace(silent=self.out_of_touch())

    def last_poll_at(self) -> float:
        """When the thread last came round, or a long assignment last got on."""
        return self._polled_at

    def out_of_touch(self) -> bool:
        """Whether our partitions may be another member's without our knowing."""
        return self._group.silence.out_of_touch()

    def _alive(self) -> None:
        self._polled_at = self._clock.now()

    @property
    def _told(self) -> SourceListener:
        if self._listener is None:
            raise RuntimeError("start() comes first")
        return self._listener

    def _run(self) -> None:
        try:
            self._group.join(self._told)
            while not self._group.stopping.is_set():
                self._turn()
            self._settle()
        except KafkaException as error:
            if not self._group.stopping.is_set():
                reason = kafka_errors.cause(error)
                hint = kafka_errors.hint({reason.code()})
                self._told.on_fatal(Unreachable(f"the consumer cannot go on: {reason.str()}", hint=hint))
        except Exception as error:  # noqa: BLE001 - the thread's outermost loop: its end must end the process
            self._told.on_fatal(error)
        finally:
            self._group.leave()

    def _settle(self) -> None:
        """Let commits under way be answered, so that none of them is sent again after the last one."""
        deadline = self._clock.now() + SETTLE_SECONDS
        while self._commits.unanswered and self._clock.now() < deadline:
            self._keep([self._group.consumer.poll(SETTLE_SECONDS / 100)])

    def _turn(self) -> None:
        """One round: commits, pauses, and as many records as are wanted."""
        now = self._clock.now()
        self._polled_at = now
        self._commits.send(self._group.consumer, now)
        # What is read in a silence may be another member's by now, and not all of it becomes notices, which wait.
        out_of_touch = self.out_of_touch()
        with self._changed:
            wanted, hold = self._wanted, self._hold
            self._committing = False
        if wanted and not out_of_touch:
            self._idle_since = None
            self._group.pause(hold)
            self._fetch(min(wanted, BATCH))
        else:
            self._idle(now, hold, wants=not out_of_touch)
        if now >= self._lag_at:
            self._lag_at = now + LAG_SECONDS
            self._unreadable.resume(self._group.consumer, self._group.owned, now)
            self._group.restart_new_topics()
            self._lag.measure(self._group.consumer, self._handed_over(), self._group.paused)

    def _handed_over(self) -> Mapping[TopicPartition, int]:
        """The next offset to be handed over, by partition: what is kept for later was not."""
        positions = dict(self._group.owned)
        for record in reversed(self._kept):
            positions[TopicPartition(record.topic, record.partition)] = record.offset
        return positions

    def _idle(self, now: float, hold: frozenset[TopicPartition], *, wants: bool) -> None:
        """Nothing is to be read: wait, until something is wanted if that ends it; look in on the group now and then."""
        if self._idle_since is None:
            self._idle_since = now
            self._idle_poll_at = now + self._idle_interval
        if now - self._idle_since >= PAUSE_AFTER_SECONDS:
            hold = frozenset(self._group.owned)
        self._group.pause(hold)
        with self._changed:
            if not ((self._wanted and wants) or self._committing or self._group.stopping.is_set()):
                self._changed.wait(max(0.0, self._idle_poll_at - now))
        if self._clock.now() >= self._idle_poll_at:
            self._idle_poll_at = self._clock.now() + self._idle_interval
            self._look_in()

    def _look_in(self) -> None:
        """Hear what librdkafka has to tell, up to the next record.

        A broker that is away leaves hundreds of errors in the queue, before whatever comes after them: with one of them
        a look, its return would be heard of minutes late.
        """
        while (message := self._group.consumer.poll(0)) is not None:
            self._keep([message])
            if message.error() is None:
                return

    @property
    def _idle_interval(self) -> float:
        return IDLE_POLL_SECONDS if self._group.owned else JOIN_POLL_SECONDS

    def _fetch(self, wanted: int) -> None:
        """Wait for the first record, then take what is there: no batch waits to be full."""
        if not self._kept:
            first = self._group.consumer.poll(POLL_SECONDS)
            if first is None:
                return
            self._keep([first])
        if len(self._kept) < wanted:
            self._keep(self._group.consumer.consume(wanted - len(self._kept), 0))
        records, self._kept = self._kept[:wanted], self._kept[wanted:]
        if records:
            size = sum([len(record.value or b"") for record in records])
            with self._changed:
                self._wanted_bytes -= size
                self._wanted = max(0, self._wanted - len(records)) if self._wanted_bytes > 0 else 0
            self._told.on_records(records)

    def _drop(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions are given up: should they come back at once, they begin at their frontier, not after these."""
        self._kept = [record for record in self._kept if (record.topic, record.partition) not in partitions]
        for partition in partitions:
            self._unreadable.clear(partition)

    def _keep(self, messages: Sequence[Message | None]) -> None:
        """Turn messages to records, but for those of partitions that are no longer ours."""
        owned = self._group.owned
        for message in messages:
            if message is None:
                continue
            error = message.error()
            if error is not None:
                self._heed(message, error)
                continue
            record = record_of(message)
            key = record[:2]  # equal to a TopicPartition and cheaper
            if key in owned:
                if key in self._group.paused:
                    self._group.pause_anew(TopicPartition(*key))
                if self._unreadable.stuck:
                    self._unreadable.clear(TopicPartition(*key))
                owned[key] = record.offset + 1
                self._kept.append(record)

    def _heed(self, message: Message, error: KafkaError) -> None:
        """An error came instead of a record, or word that a partition's end is reached.

        Raises:
            KafkaException: the consumer is of no more use, or has no right to what it is to read.
        """
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
            # Past the last record there may stand a transaction's marker, or what was aborted: nobody is handed these.
            key = TopicPartition(message.topic() or "", message.partition() or 0)
            if key in self._group.owned:
                self._group.owned[key] = max(self._group.owned[key], message.offset() or 0)
        elif kafka_errors.is_fatal(error):
            if not self._group.refused_protocol():
                raise KafkaException(error)
        elif kafka_errors.is_refused(error):
            raise KafkaException(error)
        else:
            self._report(message, error)

    def _report(self, message: Message, error: KafkaError) -> None:
        """An error of one partition, which comes again until that is read; or trouble that librdkafka deals with."""
        key = TopicPartition(message.topic() or "", message.partition() or 0)
        if key not in self._group.owned or message.partition() is None:
            log.warning("consumer_trouble", error=error.str(), hint=kafka_errors.hint({error.code()}))
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - librdkafka's own codes begin so
            self._unreadable.lost(key, self._group.owned[key])
        else:
            offset = message.offset()
            known = offset is not None and offset >= 0
            at = offset if known and offset is not None else self._group.owned[key]
            self._unreadable.report(key, at, error.str(), self._clock.now())


def _protocol(*, next_generation: bool, fall_back: bool) -> GroupProtocol:
    if not next_generation:
        return GroupProtocol.CLASSIC
    return GroupProtocol.AUTO if fall_back else GroupProtocol.CONSUMER
