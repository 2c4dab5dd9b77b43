"""Membership in the consumer group: assigned partitions, and callbacks on a change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import TO_THE_END
from pipeline.adapters.kafka.connection_errors import ConnectionErrors
from pipeline.adapters.kafka.former_clients import close, drop
from pipeline.adapters.kafka.group.coordinator_watchdog import CoordinatorWatchdog
from pipeline.adapters.kafka.group.start_offsets import StartOffsets
from pipeline.adapters.kafka.intents.reader import IntentsReader
from pipeline.adapters.kafka.ledger.reader import Committed, LedgerReader, Replay, replay_timeout, uncommitted
from pipeline.adapters.kafka.statistics import INTERVAL_MS, KnownBrokers, Statistics, report_lost
from pipeline.errors import ConfigurationError
from pipeline.model.event import TopicPartition
from pipeline.settings.kafka_cautions import HEARTBEAT, SESSION, heartbeat_ms

if TYPE_CHECKING:
    from pipeline.adapters.kafka.commits import Commits
    from pipeline.ports import SourceListener

LEAVE_SECONDS = 10.0
"""Within this time a client that is replaced has left the group, beside the time for its drain; else its partitions are
dropped."""
LEFT_SECONDS = 0.2
"""For the request to leave the group, which is sent once the partitions are revoked."""
JOIN_SECONDS = 0.75
"""Wait after the first assignment since joining, under KIP-848. Of two members that joined a cluster at once, one was
assigned partitions that the other held until its revocation arrived 0.5 s later (docs/decisions/kafka-adapters.md)."""

CONSUMER_DEFAULTS: Mapping[str, Any] = {
    "auto.offset.reset": "earliest",
    "queued.max.messages.kbytes": 16_384,
    # A prefetched record costs about 500 bytes beside its content, so the number of records is bounded, too: with
    # librdkafka's default of 100,000 for each partition small records took 64 MB.
    "queued.min.messages": 5_000,
    "fetch.message.max.bytes": 524_288,
    # With this small a queue, librdkafka's default back-off of up to a second would let the queue run empty.
    "fetch.queue.backoff.ms": 20,
    "fetch.wait.max.ms": 50,
    "statistics.interval.ms": INTERVAL_MS,
}
NEXT_GENERATION: Mapping[str, Any] = {"group.protocol": "consumer"}
CLASSIC: Mapping[str, Any] = {"group.protocol": "classic", "partition.assignment.strategy": "cooperative-sticky"}

Found = TypeVar("Found")

log = structlog.get_logger("group")


class GroupProtocol(StrEnum):
    """How members of a group share partitions. Each of these reassigns partitions incrementally."""

    CONSUMER = "consumer"
    """KIP-848: the broker assigns."""
    CLASSIC = "classic"
    """The members assign, cooperatively."""
    AUTO = "auto"
    """`consumer` if the broker supports it, else `classic`."""


class _Client(NamedTuple):
    """A consumer and what is known of its connections. Of a former client nothing counts that it still reports."""

    consumer: Consumer
    refused: ConnectionErrors
    statistics: Statistics
    watchdog: CoordinatorWatchdog


class Membership:
    """One consumer in its group. Only the source's thread may use it, except for `stopping`."""

    def __init__(  # noqa: PLR0913 - one argument for each thing it works with
        self,
        properties: Mapping[str, Any],
        topics: Sequence[str],
        ledger: LedgerReader,
        commits: Commits,
        protocol: GroupProtocol,
        *,
        starts: StartOffsets,
        alive: Callable[[], None],
        forgotten: Callable[[Sequence[TopicPartition]], None],
        intents: IntentsReader | None = None,
    ) -> None:
        """Call `alive` while a long assignment makes progress, and `forgotten` with partitions that were taken away.

        `starts` finds where assigned partitions begin. `intents` reads the intents topic, which is one of `topics`
        where recipient care is on.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._properties = properties
        self._intents = intents
        self._topics = list(topics)
        self._next_topics: list[str] | None = None
        self._ledger = ledger
        self._commits = commits
        self._alive = alive
        self._forgotten = forgotten
        self._starts = starts
        self._may_fall_back = protocol is GroupProtocol.AUTO
        self._protocol = CLASSIC if protocol is GroupProtocol.CLASSIC else NEXT_GENERATION
        self._epoch = 0
        self._reconnects = threading.Event()
        self._listener: SourceListener | None = None
        self.stopping = threading.Event()
        self.owned: dict[TopicPartition, int] = {}
        """The next offset by partition; below 0 if unknown."""
        self.paused: set[TopicPartition] = set()
        self._settles_at: float | None = None
        """When the first assignment since joining has settled; None before it."""
        try:
            self._use(self._make(self._protocol))
        except ConfigurationError:
            if not self._may_fall_back:
                raise
            # The properties contain a setting of the classic protocol, such as session.timeout.ms.
            self._may_fall_back = False
            self._protocol = CLASSIC
            self._use(self._make(CLASSIC))

    def _use(self, client: _Client) -> None:
        self.consumer, self.refused, self.statistics, self.watchdog = client

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next connection on. Any thread may call it."""
        self._properties = {**self._properties, "sasl.username": user, "sasl.password": password}
        self.consumer.set_sasl_credentials(user, password)
        self.refused.forget()

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Leave the group and join it again by a new client with these properties, soon. Any thread may call it."""
        self._properties = {**self._properties, **properties}
        self._reconnects.set()

    def rejoin_if_due(self) -> None:
        """Replace the client after `reconnect`, or if it is lost; partitions are drained as in any rebalance.

        A former client that is lost, or that a broker refuses, can neither commit nor leave.
        """
        is_lost = self.statistics.known_brokers.are_lost
        if not (is_lost or self._reconnects.is_set()):
            return
        self._reconnects.clear()
        try:
            client = self._make(self._protocol)
        except ConfigurationError as error:  # the files have changed again since they were checked
            self.statistics.known_brokers = KnownBrokers()  # the next try is not at once
            log.error("group_not_rejoined", error=error.message)
            return
        if is_lost:
            report_lost("consumer")
            self._abandon()
        else:
            self._withdraw()
        self._replace(client)
        if not is_lost:
            log.info("group_rejoined", reason="passwords, certificates or keys have changed")
        self.join(self._events)

    def _replace(self, client: _Client) -> None:
        former = [self.consumer]
        self._use(client)
        drop(former)

    def _abandon(self) -> None:
        """Drain the partitions of a lost client; their next owner, often this member, reads what is done in the ledger.

        The coordinator may have assigned them to another member already, as in any outage longer than the session.
        """
        keys = list(self.owned)
        if keys:
            self._events.on_revoked(keys)
            self._forget(self.consumer, keys)

    def _withdraw(self) -> None:
        """Leave the group, unless a broker refuses the client: then its partitions are dropped.

        `Consumer.close` is not called, because it may wait without end for a coordinator that refuses the client.
        """
        deadline = time.monotonic() + LEAVE_SECONDS
        if self.refused.recent() is None:
            self.consumer.unsubscribe()
            while self.owned and self.refused.recent() is None and time.monotonic() < deadline:
                self.consumer.poll(LEFT_SECONDS)  # calls `_revoke`; what it returns is read again by the next client
            self.consumer.poll(LEFT_SECONDS)
        keys = list(self.owned)
        if keys:
            self._forget(self.consumer, keys)
            self._events.on_lost(keys)

    def _make(self, protocol: Mapping[str, Any]) -> _Client:
        refused, watchdog = ConnectionErrors(self._properties), CoordinatorWatchdog()
        statistics = Statistics(watchdog.observe if protocol is NEXT_GENERATION else None)

        def take_error(error: KafkaError) -> None:
            """Log an error that librdkafka retries by itself, and keep one of a refused connection."""
            refused.heard(error)
            log.warning("consumer_trouble", error=error.str(), hint=kafka_errors.hint({error.code()}))

        given = {name: value for name, value in self._properties.items() if name not in CLASSIC}
        if protocol is CLASSIC and SESSION in given and (heartbeat := heartbeat_ms(given)) is not None:
            given[HEARTBEAT] = int(heartbeat)
        consumer = kafka_errors.configured(
            lambda: Consumer(
                {
                    **CONSUMER_DEFAULTS,
                    **given,
                    **protocol,
                    **TO_THE_END,
                    # If the next offset does not exist, the service reports what is lost and continues as configured.
                    "auto.offset.reset": "error",
                    "error_cb": take_error,
                    "on_commit": self._commits.answered,
                    "stats_cb": statistics.take,
                }
            )
        )
        return _Client(consumer, refused, statistics, watchdog)

    def join(self, listener: SourceListener) -> None:
        """Subscribe; partitions are assigned and revoked inside `poll`, `consume` and `close`."""
        self._listener = listener
        self._settles_at = None
        self.consumer.subscribe(self._topics, on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Read these topics from the next round on; any thread may call it."""
        self._next_topics = list(topics)

    def resubscribe_if_due(self) -> None:
        """Change the subscription after `subscribe`."""
        if self._next_topics is not None:
            self._topics, self._next_topics = self._next_topics, None
            self.join(self._events)

    def refused_protocol(self) -> bool:
        """After a fatal error: fall back to the classic protocol if the coordinator may lack KIP-848's.

        Return whether it did. The coordinator answers the first request so, hence only before the first assignment.
        Any other fault recurs after the fallback and is reported then.
        """
        if not self._may_fall_back or self._epoch:
            return False
        self._may_fall_back = False
        log.info("classic_group_protocol", error="the broker does not offer the group protocol `consumer` (KIP-848)")
        self._protocol = CLASSIC
        self._replace(self._make(CLASSIC))
        self.join(self._events)
        return True

    def pause(self, partitions: frozenset[TopicPartition]) -> None:
        """Pause these of the assigned partitions, and resume all others."""
        pause = [partition for partition in partitions if partition in self.owned and partition not in self.paused]
        resume = [partition for partition in self.paused if partition not in partitions]
        if pause:
            self.consumer.pause([KafkaPartition(*partition) for partition in pause])
            self.paused.update(pause)
        if resume:
            self.consumer.resume([KafkaPartition(*partition) for partition in resume])
            self.paused.difference_update(resume)

    def pause_again(self, partition: TopicPartition) -> None:
        """Repeat a pause after a record arrived: librdkafka can lose a pause right after an assignment."""
        self.consumer.pause([KafkaPartition(*partition)])

    def leave(self) -> None:
        """Revoke all partitions (calls `_revoke`) and leave the group."""
        self._commits.closing()
        close(self.consumer)

    @property
    def _events(self) -> SourceListener:
        if self._listener is None:
            raise RuntimeError("join() comes first")
        return self._listener

    def _assign(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        if consumer is not self.consumer:
            return
        if partitions:
            self._epoch += 1
            committed = self._retried(lambda: self._starts.of(consumer, partitions))
            replays = self._retried(lambda: self._replays(committed))
            for replay in replays:
                assigned = replay.assigned
                self.owned[assigned.partition] = OFFSET_INVALID if assigned.frontier is None else assigned.frontier
                self._commits.adopt(assigned.partition, replay.pointer, assigned.frontier)
            # Kafka must have the ledger pointer before the first notice is sent.
            self._commits.last(consumer, uncommitted(committed, replays))
            self._events.on_assigned([replay.assigned for replay in replays])
        consumer.incremental_assign(
            [
                KafkaPartition(one.topic, one.partition, self.owned[TopicPartition(one.topic, one.partition)])
                for one in partitions
            ]
        )
        if partitions and self._protocol is NEXT_GENERATION and self._settles_at is None:
            self._settles_at = time.monotonic() + JOIN_SECONDS

    def _replays(self, committed: Sequence[Committed]) -> list[Replay]:
        replays = self._ledger.read(committed, self._epoch, self._progress)
        return replays if self._intents is None else self._intents.restored(committed, replays, self._progress)

    def is_settling(self) -> bool:
        """Whether a part of the first assignment may still be revoked: nothing of it may be read yet."""
        return self._settles_at is not None and time.monotonic() < self._settles_at

    def restart_new_topics(self) -> None:
        """Reassign partitions of topics that were deleted and created again, from the new topic's start.

        The classic protocol does not report such a change, and librdkafka continues at the old topic's offset.
        """
        for topic in self._starts.renewed({key.topic for key in self.owned}):
            keys = [key for key in self.owned if key.topic == topic]
            partitions = [KafkaPartition(*key) for key in keys]
            self._lose(self.consumer, partitions)
            self._assign(self.consumer, partitions)

    def _revoke(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        keys = self._owned_of(partitions) if consumer is self.consumer else []  # an abandoned client has none
        if keys:
            points = self._events.on_revoked(keys)
            renewed = self._starts.renewed({key.topic for key in self.owned})
            self._commits.last(consumer, [point for point in points if point.partition.topic not in renewed])
            self._forget(consumer, keys)
        consumer.incremental_unassign(partitions)

    def _lose(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        keys = self._owned_of(partitions) if consumer is self.consumer else []
        if keys:
            self._forget(consumer, keys)
            self._events.on_lost(keys)
        consumer.incremental_unassign(partitions)

    def _owned_of(self, partitions: Sequence[KafkaPartition]) -> list[TopicPartition]:
        keys = [TopicPartition(one.topic, one.partition) for one in partitions]
        return [key for key in keys if key in self.owned]

    def _forget(self, consumer: Consumer, keys: Sequence[TopicPartition]) -> None:
        # librdkafka would keep the pause if the partition were assigned again.
        paused = [KafkaPartition(*key) for key in keys if key in self.paused]
        if paused:
            consumer.resume(paused)
        for key in keys:
            del self.owned[key]
            self.paused.discard(key)
            self._starts.forget(key)
        self._commits.forget(keys)
        self._forgotten(keys)

    def _retried(self, query: Callable[[], Found]) -> Found:
        """Retry until Kafka answers: an unavailable broker must cost neither events nor the process."""
        deadline = time.monotonic() + replay_timeout(self._properties)
        while True:
            self._progress()
            try:
                return query()
            except KafkaException as error:
                fault = kafka_errors.cause(error)
                is_final = kafka_errors.is_fatal(fault) or kafka_errors.is_refused(fault)
                if is_final or time.monotonic() > deadline or self.stopping.wait(1.0):
                    raise
                log.warning("assignment_waits", error=fault.str())

    def _progress(self) -> None:
        """Report progress of a long assignment; abandon it once the service is asked to stop.

        Raises:
            KafkaException: the service is stopping.
        """
        self._alive()
        if self.stopping.is_set():
            raise KafkaException(KafkaError(KafkaError._FAIL, "stopped while partitions were being assigned"))  # noqa: SLF001 - librdkafka's own codes begin so
