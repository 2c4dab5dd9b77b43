"""The definition of "well": the service is well while none of `CONDITIONS` holds.

Page, `/readyz`, `/status.json`, the metric `condition` and the log follow from this list, and alerts from the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pipeline.phrases import marked, phrase
from pipeline.status import partitions, rules, sending
from pipeline.status.condition import ConditionName, Severity, StatusMessage
from pipeline.status.facts import Facts
from pipeline.status.wording import events

COMMIT_ERRORS = 5
"""Failed commits without one that succeeds; a rebalance may cost a few."""

Found = Iterator[StatusMessage]


def _counter(name: str, least: int, message: str, advice: str, alert: str) -> Callable[[Facts], Found]:
    """A condition that holds while a counter of faults has grown within the last minutes by `least`."""

    def condition(facts: Facts) -> Found:
        count = facts.counted.get(name, 0)
        if count >= least:
            said = phrase(message, count=f"{count:,}")
            yield StatusMessage(
                Severity.ATTENTION,
                phrase("{faults} within the last minutes", faults=said),
                phrase(advice),
                alert,
                summary=said,
                evidence={name: count},
            )

    return condition


CONDITIONS: tuple[tuple[ConditionName, Callable[[Facts], Found]], ...] = (
    (ConditionName.READING_STUCK, sending.reading_stuck),
    (ConditionName.KAFKA_UNREACHABLE, sending.kafka_unreachable),
    (ConditionName.SENDING_HALTED, sending.sending_halted),
    (ConditionName.TOKEN_MISSING, sending.token_missing),
    (ConditionName.OUTCOMES_UNACKNOWLEDGED, sending.outcomes_unacknowledged),
    (ConditionName.BROKER_ABSENT, sending.broker_absent),
    (ConditionName.PARTITION_UNREADABLE, partitions.partition_unreadable),
    (ConditionName.SCHEMA_UNAVAILABLE, partitions.schema_unavailable),
    (ConditionName.PARTITION_BACKPRESSURED, partitions.partition_backpressured),
    (ConditionName.PARTITION_BLOCKED, partitions.partition_blocked),
    (ConditionName.RULE_FAILING, rules.rule_failing),
    (ConditionName.RULE_SUSPENDED, rules.rule_suspended),
    (ConditionName.PAUSED, rules.paused),
    (ConditionName.NONE_MATCHED, rules.none_matched),
    (ConditionName.RULES_REMOVAL_REFUSED, rules.rules_removal_refused),
    (ConditionName.RULES_REFUSED, rules.rules_refused),
    (ConditionName.RULES_REMOVED, rules.rules_removed),
    (ConditionName.CREDENTIALS_REFUSED, rules.credentials_refused),
    (ConditionName.EVENT_WAITS_LONG, partitions.event_waits_long),
    (
        ConditionName.EVENTS_GONE_UNREAD,
        _counter(
            "events_gone_unread",
            1,
            marked("{count} events were deleted by retention before they were read"),
            marked("Their messages are not sent."),
            "NoticeEventsGoneUnread",
        ),
    ),
    (
        ConditionName.TOPIC_RECREATED,
        _counter(
            "topics_recreated",
            1,
            marked("{count} partitions were read from their start, because their topic was deleted and created again"),
            marked("Events of the old topic that were not read are gone."),
            "NoticeTopicRecreated",
        ),
    ),
    (
        ConditionName.LEDGER_POINTER_UNUSABLE,
        _counter(
            "ledger_pointers_unusable",
            1,
            marked("{count} pointers into the ledger could not be used"),
            marked("Some customers may have got a message twice."),
            "NoticeLedgerPointerUnusable",
        ),
    ),
    (
        ConditionName.COMMITS_FAILING,
        _counter(
            "commit_errors",
            COMMIT_ERRORS + 1,
            marked("{count} offset commits failed and none succeeded"),
            marked("Sending continues; a restart has more to read back."),
            "NoticeCommitsFailing",
        ),
    ),
    (
        ConditionName.LOG_LINES_DROPPED,
        _counter(
            "log_lines_dropped",
            1,
            marked("{count} log lines were dropped"),
            marked("Standard error does not accept them: a full disk, or a collector that stalls. Sending continues."),
            "NoticeLogLinesDropped",
        ),
    ),
)
"""Every condition with the function that finds it, the most severe first. The order is that of `ConditionName`."""

_WHILE_STARTING = frozenset(
    {ConditionName.RULES_REFUSED, ConditionName.RULES_REMOVAL_REFUSED, ConditionName.CREDENTIALS_REFUSED}
)
"""Conditions that hold whether or not the service runs already."""


def conditions(facts: Facts) -> tuple[StatusMessage, ...]:
    """Return what is wrong, the most severe first; nothing if the service is well."""
    running = facts.phase == "running"
    return tuple(
        replace(found, condition=name)
        for name, find in CONDITIONS
        if running or name in _WHILE_STARTING
        for found in find(facts)
    )


def status_messages(facts: Facts, found: Iterable[StatusMessage]) -> tuple[StatusMessage, ...]:
    """Return the conditions and notes that people read, at least one."""
    phase = _phase(facts)
    messages = [*phase, *found]
    if not messages:
        messages.append(_well(facts))
    if facts.shadow:
        messages.append(StatusMessage(Severity.NOTE, phrase("Shadow: notices are rendered and recorded, but not sent")))
    return tuple(messages)


def _phase(facts: Facts) -> Found:
    if facts.phase == "starting":
        yield StatusMessage(Severity.NOTE, phrase("Starting"))
    elif facts.phase == "stopping":
        yield StatusMessage(
            Severity.NOTE, phrase("Stopping: requests in flight complete, and what is done is committed")
        )


def _well(facts: Facts) -> StatusMessage:
    state = facts.delivery
    if not state.oldest:
        return StatusMessage(
            Severity.NOTE,
            phrase("Waiting for partitions: other members of the group have all of them, or the topics have none"),
        )
    busy = phrase("Working") if facts.shadow else phrase("Sending")
    lag = sum(facts.lag.values())
    if state.lanes or state.buffered or facts.held:
        return StatusMessage(Severity.NOTE, busy)
    if lag:
        return StatusMessage(Severity.NOTE, phrase("{busy}: {events} to be read", busy=busy, events=events(lag)))
    return StatusMessage(Severity.NOTE, phrase("All is well; nothing waits to be sent"))
