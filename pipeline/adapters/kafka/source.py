"""Read records from Kafka: one consumer in its own thread, which reads batches on demand."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import KafkaError, KafkaException

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.commits import Commits
from pipeline.adapters.kafka.group.membership import CONSUMER_DEFAULTS, GroupProtocol, Membership
from pipeline.adapters.kafka.group.start_offsets import StartOffsets
from pipeline.adapters.kafka.identities import TopicIdentities
from pipeline.adapters.kafka.intents.reader import IntentsReader
from pipeline.adapters.kafka.lag import Lag
from pipeline.adapters.kafka.ledger.reader import LedgerReader
from pipeline.adapters.kafka.record import record_of
from pipeline.adapters.kafka.rights import Right, refused
from pipeline.adapters.kafka.unreadable import UnreadablePartitions
from pipeline.errors import RightsMissing, Unreachable
from pipeline.model.event import Record, TopicPartition
from pipeline.model.kafka_health import KafkaHealth, StuckPartition
from pipeline.model.ledger import CommitPoint

if TYPE_CHECKING:
    from confluent_kafka import Message

    from pipeline.ports import Clock, SourceListener

BATCH = 500
"""Maximum records in a batch, and so the maximum excess over `demand` while a batch is in transit."""
BATCH_BYTES = 4_194_304
"""Maximum bytes of a batch, by the size of the records before it: librdkafka's copy is freed after the whole batch."""
FIRST_RECORD_BYTES = 65_536
"""Assumed size of a record before the first one was read."""
SIZE_DECAY = 0.5
"""Share of the assumed size that is kept after a batch of smaller records."""
POLL_SECONDS = 0.1
IDLE_POLL_SECONDS = 1.0
"""Interval between polls without demand. Such a poll serves rebalances, which overtake records in librdkafka's queue;
it may also return a record, which is kept for later."""
JOIN_POLL_SECONDS = 0.02
"""The same while no partition is assigned, because a first assignment must not wait."""
PAUSE_AFTER_SECONDS = 5.0
"""Partitions are paused after this time without demand. A pause drops what librdkafka has prefetched, so it is used for
long stops only."""
LAG_SECONDS = 1.0
SETTLE_SECONDS = 2.0
"""How long the shutdown waits for answers to commits: a healthy broker answers within milliseconds."""

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
        intents: IntentsReader | None = None,
    ) -> None:
        """`next_generation` picks KIP-848's group protocol, `fall_back` the classic one where the broker lacks it.

        `properties` are librdkafka's, group.id among them. `committed` counts partitions, with `ok` or `error`;
        `events_gone` counts events of a topic that retention deleted before they were read.
        `recreated` counts topics that were deleted and created again. `intents` reads the intents topic, which is one
        of `topics` where recipient care is on.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._clock = clock
        self._properties = properties
        self._group_id = str(properties.get("group.id"))
        self._commits = Commits(committed, self._alive)
        reset = str(properties.get("auto.offset.reset", CONSUMER_DEFAULTS["auto.offset.reset"]))
        starts = StartOffsets(
            self._commits,
            identities,
            gone=events_gone,
            recreated=recreated,
            reset=reset,
            intents_topic=intents.topic if intents is not None else None,
        )
        self._group = Membership(
            properties,
            topics,
            ledger,
            self._commits,
            _protocol(next_generation=next_generation, fall_back=fall_back),
            starts=starts,
            alive=self._alive,
            forgotten=self._drop,
            intents=intents,
        )
        self._unreadable = UnreadablePartitions(reset, starts.report_gone)
        self._listener: SourceListener | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-source", daemon=True)
        self._changed = threading.Condition()
        self._demand = 0
        self._demand_bytes = 0
        self._hold: frozenset[TopicPartition] = frozenset()
        self._committing = False
        # Below: written by the source's own thread alone.
        self._kept: list[Record] = []
        self._record_bytes: float = FIRST_RECORD_BYTES
        self._idle_since: float | None = None
        self._idle_poll_at = 0.0
        self._lag = Lag()
        self._lag_at = 0.0
        self._polled_at = clock.now()

    def start(self, listener: SourceListener) -> None:
        """Join the group and start reading."""
        self._listener = listener
        self._thread.start()

    def demand(self, records: int, size: int = sys.maxsize) -> None:
        """Set how many more records, and how many bytes, may be handed over."""
        if size <= 0:
            records = 0
        with self._changed:
            wake = not self._demand and records
            self._demand = records
            self._demand_bytes = size
            if wake:
                self._changed.notify()

    def hold(self, partitions: frozenset[TopicPartition]) -> None:
        """Stop reading these partitions until the next call; records already fetched may still be handed over."""
        with self._changed:
            self._hold = partitions

    def commit(self, points: Sequence[CommitPoint]) -> None:
        """Commit these points soon, from the source's thread."""
        self._commits.enqueue(points)
        with self._changed:
            self._committing = True
            self._changed.notify()

    def committed(self, partition: TopicPartition) -> int:
        """Return the last offset of an assigned partition that Kafka has acknowledged as committed; thread-safe."""
        return self._commits.acknowledged(partition)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Read these topics from now on, instead of those given before; thread-safe."""
        self._group.subscribe(topics)

    def is_refused(self) -> bool:
        """Whether a broker has refused a connection of late."""
        return self._group.refused.recent() is not None

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next connection on."""
        self._group.use_password(user, password)

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Leave the group and join it again by a new client with these properties."""
        self._group.reconnect(properties)

    def stop(self, timeout: float) -> None:
        """Leave the group after `on_revoked` for all partitions, and stop the thread."""
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
        """Return the records between the last one handed over and the partition's end, as last known."""
        return self._lag.lags

    def stuck(self) -> Mapping[TopicPartition, StuckPartition]:
        """Return the partitions that cannot be read, as last known."""
        return self._unreadable.stuck

    def health(self) -> KafkaHealth | None:
        """Return the state of the connections to Kafka, as last known."""
        health = self._group.statistics.health
        return health and health._replace(silent=self.out_of_touch(), refusal=self._group.refused.recent())

    def last_poll_at(self) -> float:
        """Return when the thread last completed a round, or a long assignment last made progress."""
        return self._polled_at

    def out_of_touch(self) -> bool:
        """Whether our partitions may have been assigned to another member without notice."""
        return self._group.watchdog.out_of_touch()

    def _alive(self) -> None:
        self._polled_at = self._clock.now()

    @property
    def _events(self) -> SourceListener:
        if self._listener is None:
            raise RuntimeError("start() comes first")
        return self._listener

    def _run(self) -> None:
        try:
            self._group.join(self._events)
            while not self._group.stopping.is_set():
                self._turn()
            self._settle()
        except RightsMissing as error:
            self._events.on_fatal(error)
        except KafkaException as error:
            if not self._group.stopping.is_set():
                reason = kafka_errors.cause(error)
                hint = kafka_errors.hint({reason.code()})
                self._events.on_fatal(Unreachable(f"the consumer cannot continue: {reason.str()}", hint=hint))
        except Exception as error:  # noqa: BLE001 - the thread's outermost loop: its failure must end the process
            self._events.on_fatal(error)
        finally:
            self._group.leave()

    def _settle(self) -> None:
        """Wait for answers to commits in flight, so that none of them is sent again after the last one."""
        deadline = self._clock.now() + SETTLE_SECONDS
        while self._commits.unanswered and self._clock.now() < deadline:
            self._keep([self._group.consumer.poll(SETTLE_SECONDS / 100)])

    def _turn(self) -> None:
        """Run one round: commits, pauses, and as many records as are in demand."""
        now = self._clock.now()
        self._polled_at = now
        self._group.rejoin_if_due()
        self._group.resubscribe_if_due()
        self._commits.send(self._group.consumer, now)
        if self._group.is_settling():
            self._group.pause(frozenset(self._group.owned))
            self._serve_group()
            with self._changed:
                self._changed.wait(POLL_SECONDS)
            return
        # While the coordinator is silent, other members may own these partitions, so their records are not read.
        out_of_touch = self.out_of_touch()
        with self._changed:
            demand, size, hold = self._demand, self._demand_bytes, self._hold
            self._committing = False
        if demand and not out_of_touch:
            self._idle_since = None
            self._group.pause(hold)
            fitting = int(min(size, BATCH_BYTES) / self._record_bytes)
            self._fetch(max(1, min(demand, BATCH, fitting)))
        else:
            self._idle(now, hold, may_read=not out_of_touch)
        if now >= self._lag_at:
            self._lag_at = now + LAG_SECONDS
            self._unreadable.resume(self._group.consumer, self._group.owned, now)
            self._group.restart_new_topics()
            self._lag.measure(self._group.consumer, self._handed_over(), self._group.paused)

    def _handed_over(self) -> Mapping[TopicPartition, int]:
        """Return the next offset to hand over, by partition; records kept for later are not handed over yet."""
        positions = dict(self._group.owned)
        for record in reversed(self._kept):
            positions[TopicPartition(record.topic, record.partition)] = record.offset
        return positions

    def _idle(self, now: float, hold: frozenset[TopicPartition], *, may_read: bool) -> None:
        """Wait for demand (only if it `may_read`), commits or a stop; serve the group at intervals."""
        if self._idle_since is None:
            self._idle_since = now
            self._idle_poll_at = now + self._idle_interval
        if now - self._idle_since >= PAUSE_AFTER_SECONDS:
            hold = frozenset(self._group.owned)
        self._group.pause(hold)
        with self._changed:
            if not ((self._demand and may_read) or self._committing or self._group.stopping.is_set()):
                self._changed.wait(max(0.0, self._idle_poll_at - now))
        if self._clock.now() >= self._idle_poll_at:
            self._idle_poll_at = self._clock.now() + self._idle_interval
            self._serve_group()

    def _serve_group(self) -> None:
        """Drain librdkafka's queue up to the next record.

        An unavailable broker leaves hundreds of errors in the queue: taking one per poll would delay the events behind
        them by minutes.
        """
        while (message := self._group.consumer.poll(0)) is not None:
            self._keep([message])
            if message.error() is None:
                return

    @property
    def _idle_interval(self) -> float:
        return IDLE_POLL_SECONDS if self._group.owned else JOIN_POLL_SECONDS

    def _fetch(self, limit: int) -> None:
        """Wait for the first record, then take those available: an incomplete batch does not wait."""
        if not self._kept:
            first = self._group.consumer.poll(POLL_SECONDS)
            if first is None:
                return
            self._keep([first])
            if self._group.is_settling():  # assigned in this very poll
                return
        if len(self._kept) < limit:
            self._keep(self._group.consumer.consume(limit - len(self._kept), 0))
        records, self._kept = self._kept[:limit], self._kept[limit:]
        if records:
            size = sum([record.size for record in records])
            self._record_bytes = max(1, size / len(records), self._record_bytes * SIZE_DECAY)
            with self._changed:
                self._demand_bytes -= size
                self._demand = max(0, self._demand - len(records)) if self._demand_bytes > 0 else 0
            self._events.on_records(records)

    def _drop(self, partitions: Collection[TopicPartition]) -> None:
        """Drop kept records of partitions that were taken away: a new assignment begins at the frontier."""
        self._kept = [record for record in self._kept if (record.topic, record.partition) not in partitions]
        for partition in partitions:
            self._unreadable.clear(partition)

    def _keep(self, messages: Sequence[Message | None]) -> None:
        """Convert messages to records; drop those of partitions that are no longer assigned."""
        owned = self._group.owned
        for message in messages:
            if message is None:
                continue
            error = message.error()
            if error is not None:
                self._handle_error(message, error)
                continue
            record = record_of(message)
            if not record[6]:  # without a time of its own it is as old as its reading
                record = record._replace(timestamp_ms=int(self._clock.now() * 1_000))
            key = record[:2]  # equal to a TopicPartition and cheaper
            if key in owned:
                if key in self._group.paused:
                    self._group.pause_again(TopicPartition(*key))
                if self._unreadable.stuck:
                    self._unreadable.clear(TopicPartition(*key))
                owned[key] = record.offset + 1
                self._kept.append(record)

    def _handle_error(self, message: Message, error: KafkaError) -> None:
        """Handle an error, or the event that a partition's end is reached.

        Raises:
            RightsMissing: this Kafka user may not read the topic, or not as a member of the group.
            KafkaException: the consumer can no longer be used.
        """
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
            # Transaction markers and aborted records may follow the last record; they are never handed over.
            key = TopicPartition(message.topic() or "", message.partition() or 0)
            if key in self._group.owned:
                self._group.owned[key] = max(self._group.owned[key], message.offset() or 0)
        elif kafka_errors.is_refused(error):
            topic = message.topic() if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED else None
            right = Right("READ", "topic", topic) if topic else Right("READ", "group", self._group_id)
            raise refused(self._properties, [right])
        elif kafka_errors.is_fatal(error):
            if not self._group.refused_protocol():
                raise KafkaException(error)
        else:
            self._report(message, error)

    def _report(self, message: Message, error: KafkaError) -> None:
        """Report a partition's error, which recurs until the partition is read; log errors that librdkafka retries."""
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
