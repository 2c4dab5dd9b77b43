"""Where an assigned partition begins: at the committed offset, if its topic is the same and still has it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka.identities import TopicIdentities
from pipeline.adapters.kafka.ledger.reader import Committed
from pipeline.delivery import pointer
from pipeline.model.event import Origin, TopicPartition

if TYPE_CHECKING:
    from pipeline.adapters.kafka.commits import Commits

ASK_SECONDS = 10.0

log = structlog.get_logger("group")


class StartOffsets:
    """Finds where assigned partitions begin, and reports events that are lost. Only the source's thread may use it."""

    def __init__(
        self,
        commits: Commits,
        identities: TopicIdentities,
        *,
        gone: Callable[[str, int], None],
        recreated: Callable[[str], None],
        reset: str,
        intents_topic: str | None,
    ) -> None:
        """`gone` counts events that retention deleted unread, `recreated` topics that were created again.

        `reset` is `auto.offset.reset`, for partitions without a commit; `intents_topic` is None where recipient care is
        off.
        """
        self._commits = commits
        self._identities = identities
        self._gone = gone
        self._recreated = recreated
        self._reset = reset
        self._intents_topic = intents_topic
        self._gone_below: dict[TopicPartition, int] = {}
        """The log's start of partitions of which retention deleted events unread."""
        self._topic_ids: dict[str, str] = {}
        """The topics' ids at their newest assignment."""

    def of(self, consumer: Consumer, partitions: list[KafkaPartition]) -> list[Committed]:
        """Return where each of these partitions begins.

        Raises:
            KafkaException: Kafka has not answered.
        """
        origins = self._identities.origins({one.topic for one in partitions})
        found = [self._start(consumer, one, origins[one.topic]) for one in _group_commits(consumer, partitions)]
        self._topic_ids.update((topic, one.topic_id) for topic, one in origins.items() if one.topic_id)
        return found

    def renewed(self, topics: Collection[str]) -> set[str]:
        """Return those of the topics whose id has changed since their assignment, as far as known."""
        known = set(topics) & self._topic_ids.keys()
        newest = self._identities.newest(known)
        return {topic for topic in known if newest.get(topic, self._topic_ids[topic]) != self._topic_ids[topic]}

    def report_gone(self, partition: TopicPartition, first: int, start: int) -> None:
        """Report once the events from `first` to the log's start, which retention deleted unread; commits note them.

        An assignment that is retried, or begins at the committed offset, comes to the same events again.
        """
        first = max(first, self._gone_below.get(partition, first))
        if first >= start:
            return
        self._gone_below[partition] = start
        log.error(
            "events_gone_unread",
            topic=partition.topic,
            partition=partition.partition,
            committed=first,
            start=start,
            lost=start - first,
            error="retention deleted events before they were read",
        )
        self._gone(partition.topic, start - first)
        self._commits.add_gone(partition, pointer.Gone(first, start - 1, start - first))

    def forget(self, partition: TopicPartition) -> None:
        """Forget what was reported of a partition that another member may own from now on."""
        self._gone_below.pop(partition, None)

    def _start(self, consumer: Consumer, answer: KafkaPartition, origin: Origin) -> Committed:
        """Return where to begin: at the committed offset, if the partition still has it."""
        partition = TopicPartition(answer.topic, answer.partition)
        low, high = consumer.get_watermark_offsets(KafkaPartition(*partition), timeout=ASK_SECONDS)
        offset, metadata = answer.offset, answer.metadata
        found = pointer.read(metadata)
        where = {"topic": partition.topic, "partition": partition.partition, "committed": offset}
        if origin.topic_id is not None and self._is_recreated(origin, partition.topic, metadata):
            log.error("topic_recreated", **where, start=low, hint="its events are read from the start")
            self._recreated(partition.topic)
            # Without a line its next owner would begin one, and not recognise the intents of this one.
            return Committed(
                partition, low, None, origin, _new_line(high, is_reset=False) if self._maps(partition) else None
            )
        if isinstance(found, pointer.Pointer) and found.gone is not None:
            self._commits.keep_gone(partition, found.gone)
        if 0 <= high < offset:
            log.error("committed_offset_beyond_end", **where, end=high, hint="was the topic deleted and created again?")
            offset, metadata, found = OFFSET_INVALID, None, None
        elif 0 <= offset < low:
            self.report_gone(partition, offset, low)
        line, scan = None, None
        if partition.topic == self._intents_topic:
            scan = found.scan if isinstance(found, pointer.Pointer) else None
        elif self._maps(partition):
            line = found.line if isinstance(found, pointer.Pointer) else None
            if line is None:
                line = _new_line(high, is_reset=not isinstance(found, pointer.Pointer))
            if offset < _read_before(line):
                metadata = None  # what was sent of these events may be anywhere in the ledger
        if offset >= 0:
            return Committed(partition, offset, metadata, origin, line, scan)
        start = {"earliest": low, "smallest": low, "beginning": low, "latest": high, "largest": high, "end": high}
        first = start.get(self._reset, OFFSET_INVALID)
        return Committed(partition, first if first >= 0 else None, None, origin, line)

    def _is_recreated(self, origin: Origin, topic: str, metadata: str | None) -> bool:
        """Whether the commit, or the last assignment, belongs to an earlier topic of this name."""
        found = pointer.read(metadata)
        committed = found.topic_id if isinstance(found, pointer.Pointer) else None
        return any(before not in (None, origin.topic_id) for before in (committed, self._topic_ids.get(topic)))

    def _maps(self, partition: TopicPartition) -> bool:
        """Whether events of this partition become intents."""
        return self._intents_topic is not None and partition.topic != self._intents_topic


def _new_line(high: int, *, is_reset: bool) -> str:
    """Return a new name for what the group reads of a partition of events from now on, and writes into intents.

    After a reset of its offsets the group may read again what it has read. The name ends with the offset below which
    that is so.
    """
    return f"{secrets.token_hex(4)}-{max(0, high) if is_reset else 0}"


def _read_before(line: str) -> int:
    """Return the offset below which events of this line may have been read before."""
    _, _, offset = line.partition("-")
    return int(offset) if offset.isdecimal() else 0


def _group_commits(consumer: Consumer, partitions: list[KafkaPartition]) -> list[KafkaPartition]:
    """Return the group's committed offsets; a failed query must not be taken for an empty commit."""
    answers = consumer.committed(partitions, timeout=ASK_SECONDS)
    for one in answers:
        if one.error is not None:
            raise KafkaException(one.error)
    return answers
