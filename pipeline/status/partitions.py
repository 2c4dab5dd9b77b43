"""Conditions of single partitions."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.model.event import TopicPartition
from pipeline.phrases import phrase
from pipeline.status.condition import Severity, StatusMessage
from pipeline.status.facts import Facts
from pipeline.status.sending import lacks_acknowledgements
from pipeline.status.wording import NAMED, clock, events, partition_name, partition_names, partitions_listed

BACKPRESSURED_SECONDS = 60.0
"""As in the alert NoticePartitionBackpressured; shorter backpressure is usual after a burst."""
BLOCKED_SECONDS = 300.0
OLD_SECONDS = 900.0
"""As in the alert NoticeFrontierOld."""

Found = Iterator[StatusMessage]


def partition_unreadable(facts: Facts) -> Found:
    """Kafka's client cannot read a partition further."""
    for key, one in list(facts.stuck.items())[:NAMED]:
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "{partition} cannot be read at offset {offset}, since {since}",
                partition=partition_name(key),
                offset=one.offset,
                since=clock(one.since),
            ),
            phrase("Its events wait; other partitions continue. Error of Kafka's client: {error}.", error=one.error),
            "NoticePartitionStuck",
            summary=f"{partition_name(key)} cannot be read at offset {one.offset}: {one.error}",
            evidence={"partition": partition_name(key), "offset": one.offset, "since": one.since},
            unready=True,
        )


def schema_unavailable(facts: Facts) -> Found:
    """Records wait for a schema that the registry does not give."""
    for key, one in list(facts.held.items())[:NAMED]:
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "{partition} waits for a schema at offset {offset}, since {since}",
                partition=partition_name(key),
                offset=one.offset,
                since=clock(one.since),
            ),
            phrase(
                "Its events wait, {count} of those read; other partitions continue. {error}.",
                count=one.records,
                error=one.error,
            ),
            "NoticeSchemaAwaited",
            summary=f"{partition_name(key)} waits for a schema at offset {one.offset}: {one.error}",
            evidence={
                "partition": partition_name(key),
                "offset": one.offset,
                "events": one.records,
                "since": one.since,
            },
            unready=True,
        )


def partition_backpressured(facts: Facts) -> Found:
    """A partition is not read for long because its share of the buffers is used up, by notices that are not sent."""
    if not facts.is_sending or lacks_acknowledgements(facts):
        return
    long = {
        key: since
        for key, since in facts.delivery.backpressured.items()
        if facts.now - since >= BACKPRESSURED_SECONDS and key not in facts.held
    }
    for key, since in sorted(long.items(), key=lambda one: one[1])[:NAMED]:
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "{partition} is not read since {since}: its share of the buffers is used up",
                partition=partition_name(key),
                since=clock(since),
            ),
            phrase(
                "Usually the notices of one recipient fail again and again, and everything after them on this "
                "partition waits until they end. Other partitions continue."
            ),
            "NoticePartitionBackpressured",
            summary=f"{partition_name(key)} is not read for {facts.now - since:.0f} s: its buffers are full",
            evidence={"partition": partition_name(key), "since": since},
        )


def partition_blocked(facts: Facts) -> Found:
    """Events of a partition wait in Kafka, and nothing explains it."""
    blocked = {
        key: one
        for key, one in facts.unmoved.items()
        if one.lag and facts.now - one.since > BLOCKED_SECONDS and _is_unexplained(facts, key)
    }
    if blocked:
        lag, since = sum(one.lag for one in blocked.values()), min(one.since for one in blocked.values())
        names = partitions_listed(blocked)
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "{partitions}: nothing was read or finished since {since}, and {events} wait in Kafka",
                partitions=names,
                since=clock(since),
                events=events(lag),
            ),
            phrase(
                "Other partitions continue. The oldest event of the partition may be one that the API fails, or its "
                "broker does not answer."
            ),
            "NoticePartitionBlocked",
            summary=f"{names}: nothing was read or finished for {facts.now - since:.0f} s, {lag} wait",
            evidence={"partitions": partition_names(blocked), "lag": lag, "since": since},
        )


def _is_unexplained(facts: Facts, key: TopicPartition) -> bool:
    """Whether no other condition says why this partition waits."""
    reachable = facts.kafka is None or facts.kafka.error is None
    waiting = (facts.stuck, facts.held, facts.delivery.backpressured, facts.leaderless_since)
    explained = any(key in keys for keys in waiting)
    return facts.alive and reachable and facts.is_sending and not explained and not lacks_acknowledgements(facts)


def event_waits_long(facts: Facts) -> Found:
    """The oldest event of a partition is not finished for long, and no missing acknowledgement explains it."""
    if not facts.is_sending or lacks_acknowledgements(facts):
        return
    old = {
        key: one
        for key, one in facts.unmoved.items()
        if one.unfinished and facts.now - one.finished_at > OLD_SECONDS and key not in facts.held
    }
    if old:
        since = min(one.finished_at for one in old.values())
        names = partitions_listed(old)
        yield StatusMessage(
            Severity.ATTENTION,
            phrase("{partitions}: the oldest event waits since {since}", partitions=names, since=clock(since)),
            phrase(
                "If other notices are sent, it is one recipient whose notice is tried again (for an hour by default)."
            ),
            "NoticeFrontierOld",
            summary=f"{names}: the oldest event waits for {facts.now - since:.0f} s",
            evidence={"partitions": partition_names(old), "since": since},
        )
