"""Conditions that stop or endanger sending as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.model.halt import Halt
from pipeline.model.pause import EVERYTHING
from pipeline.status.condition import Severity, StatusMessage
from pipeline.status.facts import Facts, SendingState
from pipeline.status.halts import HALTS
from pipeline.status.wording import IN_EVIDENCE, clock, counted, listed, partition_names, partitions_listed

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
            f"Reading is stuck: {facts.alive_message}",
            "The liveness probe fails, so that the process is restarted. Nothing is lost.",
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
            "Events cannot be read and outcomes cannot be written. Nothing is lost; the service continues when a "
            "broker answers. The log event `consumer_trouble` has the error of Kafka's client.",
            "NoticeKafkaUnreachable",
            summary=error,
        )
    elif facts.kafka is not None and facts.kafka.warning is not None:
        yield StatusMessage(
            Severity.ATTENTION,
            facts.kafka.warning,
            "Connections that are up stay up. Passwords and certificates are read again when their files change.",
            "NoticeKafkaUnreachable",
            summary=facts.kafka.warning,
        )


def sending_halted(facts: Facts) -> Found:
    """Nothing is sent through an API, for a reason that its gate names; a pause by an operator is for all at once."""
    paused = [api._replace(api=None) for api in facts.sending if api.halted is Halt.PAUSED]
    for api in [*paused[:1], *(api for api in facts.sending if api.halted is not Halt.PAUSED)]:
        if api.halted is None:
            continue
        found, through = HALTS[api.halted], _through(api)
        message = found.message.replace("Sending is", f"Sending{through} is", 1)
        reason = _paused_by(facts) if api.halted is Halt.PAUSED else None
        yield replace(
            found,
            severity=_severity(facts),
            message=message if api.halted_since is None else f"{message}, since {clock(api.halted_since)}",
            summary=f"sending{through.replace('through', 'for')} is halted: {reason or api.halted.value}",
            evidence={"api": api.api, "reason": api.halted.value, "since": api.halted_since},
            unready=True,
        )


def _severity(facts: Facts) -> Severity:
    """Where other APIs get their notices, one that does not needs attention."""
    return Severity.ATTENTION if facts.is_sending else Severity.HALTED


def _for(api: SendingState) -> str:
    return "" if api.api is None else f" for {api.api}"


def _through(api: SendingState) -> str:
    return "" if api.api is None else f" through {api.api}"


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
            through = _through(api)
            yield StatusMessage(
                _severity(facts),
                f"Nothing is sent{through} yet: the token source has given no token",
                "It is queried again every few seconds; the log's event `token_unavailable` has the error.",
                "NoticeTokenRefreshFailing",
                summary=f"no token yet{through.replace('through', 'for')}",
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
            f"Kafka does not acknowledge outcomes: {counted(state.unacknowledged, 'outcome')} written, "
            f"the oldest at {clock(since)}",
            "Nothing is lost, but nothing is committed, and sending waits once too many are missing. The outcomes "
            "topic may be missing or lack replicas (log event `producer_trouble`), or a quota of Kafka limits what we "
            "may write (`producer_throttled`).",
            "NoticeOutcomesUnacknowledged",
            summary=f"{counted(state.unacknowledged, 'outcome')} not acknowledged for {facts.now - since:.0f} s",
            evidence={"outcomes": state.unacknowledged, "since": since},
        )


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
            what, about = f"No connection to {names}", f", the leader of {partitions}"
        else:
            what, about = f"No leader for {partitions}", f"; the last was {names}" if names else ""
        yield StatusMessage(
            Severity.ATTENTION,
            f"{what} since {clock(began)}{about}",
            "Events of these partitions wait; others continue. Nothing is lost.",
            "NoticeBrokerAbsent",
            summary=f"{what[0].lower()}{what[1:]}{about}",
            evidence={"brokers": brokers[:IN_EVIDENCE], "partitions": partition_names(keys), "since": began},
        )
