"""Conditions that stop or endanger sending as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.model.halt import Halt
from pipeline.model.pause import EVERYTHING
from pipeline.phrases import counted, marked, phrase
from pipeline.status.condition import Severity, StatusMessage
from pipeline.status.facts import Facts, SendingState
from pipeline.status.halts import HALTS
from pipeline.status.wording import IN_EVIDENCE, clock, listed, partition_names, partitions_listed

UNACKNOWLEDGED_SECONDS = 30.0
"""Kafka acknowledges within milliseconds, and within some seconds while a partition changes its leader."""
ABSENT_SECONDS = 30.0
"""A partition of a broker that ends gets another leader within some seconds."""

Found = Iterator[StatusMessage]


def reading_stuck(facts: Facts) -> Found:
    """The consumer's thread makes no progress."""
    if not facts.alive:
        yield StatusMessage(
            Severity.HALTED,
            phrase("Reading is stuck: {why}", why=facts.alive_message),
            phrase("The liveness probe fails, so that the process is restarted. Nothing is lost."),
            "NoticePipelineMemberStuck",
            summary=f"reading is stuck: {facts.alive_message}",
            unready=True,
        )


def kafka_unreachable(facts: Facts) -> Found:
    """No broker is connected, or the group's coordinator is silent."""
    error = facts.kafka.error if facts.kafka is not None else None
    if error is not None:
        yield StatusMessage(
            Severity.HALTED,
            error,
            phrase(
                "Events cannot be read and outcomes cannot be written. Nothing is lost; the service continues when a "
                "broker answers. The log event `consumer_trouble` has the error of Kafka's client."
            ),
            "NoticeKafkaUnreachable",
            summary=error,
        )
    elif facts.kafka is not None and facts.kafka.warning is not None:
        yield StatusMessage(
            Severity.ATTENTION,
            facts.kafka.warning,
            phrase(
                "Connections that are up stay up. Passwords and certificates are read again when their files change."
            ),
            "NoticeKafkaUnreachable",
            summary=facts.kafka.warning,
        )


def sending_halted(facts: Facts) -> Found:
    """Nothing is sent through an API, for a reason that its gate names; a pause by an operator is for all at once."""
    paused = [api._replace(api=None) for api in facts.sending if api.halted is Halt.PAUSED]
    for api in [*paused[:1], *(api for api in facts.sending if api.halted is not Halt.PAUSED)]:
        if api.halted is None:
            continue
        found = HALTS[api.halted]
        message = (
            phrase("Sending is {halted}", halted=found.message)
            if api.api is None
            else phrase("Sending through {api} is {halted}", api=api.api, halted=found.message)
        )
        if api.halted_since is not None:
            message = phrase("{message}, since {since}", message=message, since=clock(api.halted_since))
        reason = _paused_by(facts) if api.halted is Halt.PAUSED else None
        yield replace(
            found,
            severity=_severity(facts),
            message=message,
            summary=f"sending{_for(api)} is halted: {reason or api.halted.value}",
            evidence={"api": api.api, "reason": api.halted.value, "since": api.halted_since},
            unready=True,
        )


def _severity(facts: Facts) -> Severity:
    """Where other APIs get their notices, one that does not needs attention."""
    return Severity.ATTENTION if facts.is_sending else Severity.HALTED


def _for(api: SendingState) -> str:
    return "" if api.api is None else f" for {api.api}"


def _paused_by(facts: Facts) -> str | None:
    """Describe the pause of everything, if there is one."""
    for pause in facts.pauses:
        if pause.scope == EVERYTHING:
            return f"paused {pause.origin}"
    return None


def token_missing(facts: Facts) -> Found:
    """There is no token to send with."""
    for api in facts.sending:
        if api.halted is None and not api.has_token:
            yield StatusMessage(
                _severity(facts),
                phrase("Nothing is sent yet: the token source has given no token")
                if api.api is None
                else phrase("Nothing is sent through {api} yet: the token source has given no token", api=api.api),
                phrase("It is queried again every few seconds; the log's event `token_unavailable` has the error."),
                "NoticeTokenRefreshFailing",
                summary=f"no token yet{_for(api)}",
                evidence={"api": api.api},
                unready=True,
            )


def lacks_acknowledgements(facts: Facts) -> bool:
    """Whether an outcome waits for Kafka's acknowledgement for long."""
    since = facts.delivery.unacknowledged_since
    return since is not None and facts.now - since > UNACKNOWLEDGED_SECONDS


def outcomes_unacknowledged(facts: Facts) -> Found:
    """Kafka does not acknowledge what is written."""
    state = facts.delivery
    since = state.unacknowledged_since
    if since is not None and lacks_acknowledgements(facts):
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(
                "Kafka does not acknowledge outcomes: {outcomes} written, the oldest at {since}",
                outcomes=_outcomes(state.unacknowledged),
                since=clock(since),
            ),
            phrase(
                "Nothing is lost, but nothing is committed, and sending waits once too many are missing. The outcomes "
                "topic may be missing or lack replicas (log event `producer_trouble`), or a quota of Kafka limits what "
                "we may write (`producer_throttled`)."
            ),
            "NoticeOutcomesUnacknowledged",
            summary=f"{_outcomes(state.unacknowledged)} not acknowledged for {facts.now - since:.0f} s",
            evidence={"outcomes": state.unacknowledged, "since": since},
        )


def _outcomes(count: int) -> str:
    return counted(count, "{count:,} outcome", "{count:,} outcomes")


def broker_absent(facts: Facts) -> Found:
    """A broker that leads partitions of ours is not connected, or partitions of ours have no leader."""
    kafka, since = facts.kafka, facts.leaderless_since
    if kafka is None or not kafka.brokers:
        return
    long = [one for one in kafka.absent if facts.now - since.get(one.key, facts.now) >= ABSENT_SECONDS]
    for elected in (True, False):
        found = [one for one in long if one.elected is elected]
        if not found:
            continue
        keys, brokers = [one.key for one in found], sorted({one.broker for one in found if one.broker is not None})
        began = min(since[key] for key in keys)
        partitions, names = partitions_listed(keys), listed(brokers)
        if elected:
            template = marked("No connection to {brokers} since {since}, the leader of {partitions}")
            summary = f"no connection to {names}, the leader of {partitions}"
        elif names:
            template = marked("No leader for {partitions} since {since}; the last was {brokers}")
            summary = f"no leader for {partitions}; the last was {names}"
        else:
            template = marked("No leader for {partitions} since {since}")
            summary = f"no leader for {partitions}"
        yield StatusMessage(
            Severity.ATTENTION,
            phrase(template, brokers=names, partitions=partitions, since=clock(began)),
            phrase("Events of these partitions wait; others continue. Nothing is lost."),
            "NoticeBrokerAbsent",
            summary=summary,
            evidence={"brokers": brokers[:IN_EVIDENCE], "partitions": partition_names(keys), "since": began},
        )
