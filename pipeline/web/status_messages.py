"""Messages of the status page: what is wrong, since when, what it means, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from pipeline.model.credential import RefusedCredential
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import HeldPartition, StuckPartition

NAMED = 5
"""Suspended rules that a message names; the table of rules shows all."""


class Severity(StrEnum):
    """Severity of a message."""

    HALTED = "halted"
    """Nothing is sent."""
    ATTENTION = "attention"
    """Something is wrong; sending continues."""
    NOTE = "note"
    """Nothing is wrong."""


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """One message."""

    severity: Severity
    message: str
    advice: str = ""
    alert: str | None = None
    """Alert, which is a section of the runbook."""


@dataclass(frozen=True, slots=True)
class RefusedRules:
    """The newest rules on disk, which were refused."""

    at: float
    """Time when they were refused."""
    errors: int
    message: tuple[str, ...]
    """The first errors."""


@dataclass(frozen=True, slots=True)
class SendingState:
    """Whether one API gets notices."""

    api: str | None
    """Its name; None where it is the only one."""
    halted: Halt | None
    halted_since: float | None
    has_token: bool

    @property
    def is_sending(self) -> bool:
        """Whether it gets notices."""
        return self.halted is None and self.has_token


_HALTS = {
    Halt.UNAUTHORISED: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the API refuses our token",
        "Events wait in Kafka and nothing is lost. A probe with a new token is sent regularly; sending continues "
        "once the API accepts one.",
        "NoticeSendingUnauthorised",
    ),
    Halt.BREAKER_OPEN: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the API as a whole fails",
        "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once the API answers.",
        "NoticeBreakerOpen",
    ),
    Halt.QUOTA: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the day's quota is spent",
        "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once one is accepted, "
        "or when the next day of `delivery.rate.per_day` begins.",
        "NoticeQuotaSpent",
    ),
    Halt.TOKEN_UNAVAILABLE: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the token source gives no token",
        "Events wait in Kafka and nothing is lost. The source is queried again every few seconds; the log's event "
        "`token_unavailable` has the error.",
        "NoticeTokenRefreshFailing",
    ),
    Halt.PAUSED: StatusMessage(
        Severity.HALTED,
        "Sending is paused by an operator",
        "Events wait in Kafka and nothing is lost; `expires_after` runs on. `notice-pipeline pause --list` shows who "
        "paused it and why, `notice-pipeline resume --all` lifts it.",
        "NoticePausedForLong",
    ),
    Halt.UNKNOWN_CODE: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the API answers every request with a code that the verdict table does not name",
        "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once one is accepted. "
        "The log's event `sending_halted` has the code.",
        "NoticeUnknownCode",
    ),
}


def status_messages(  # noqa: PLR0913 - one argument for each part of the status
    *,
    phase: str,
    alive: bool,
    alive_message: str,
    kafka_error: str | None,
    stuck: Mapping[TopicPartition, StuckPartition],
    held: Mapping[TopicPartition, HeldPartition],
    sending: Sequence[SendingState],
    refused_rules: RefusedRules | None,
    refused_credentials: Mapping[str, RefusedCredential],
    suspended: Mapping[str, float],
    partitions: int,
    lanes: int,
    shadow: bool = False,
) -> list[StatusMessage]:
    """All messages, the most severe first; at least one."""
    found = list(_phase(phase, alive=alive, alive_message=alive_message))
    if phase == "running":
        found += _kafka(kafka_error)
        found += _stuck(stuck)
        found += _held(held)
        found += _sending(sending)
    found += _credentials(refused_credentials)
    found += _rules(refused_rules, suspended)
    if not found:
        found.append(_well(partitions, lanes, shadow=shadow))
    if shadow:
        found.append(StatusMessage(Severity.NOTE, "Shadow: notices are rendered and recorded, but not sent"))
    return found


def _phase(phase: str, *, alive: bool, alive_message: str) -> Iterator[StatusMessage]:
    if phase == "starting":
        yield StatusMessage(Severity.NOTE, "Starting")
    elif phase == "stopping":
        yield StatusMessage(Severity.NOTE, "Stopping: requests in flight complete, and what is done is committed")
    elif not alive:
        yield StatusMessage(
            Severity.HALTED,
            f"Reading is stuck: {alive_message}",
            "The liveness probe fails, so that the process is restarted. Nothing is lost.",
            "NoticePipelineMemberStuck",
        )


def _kafka(error: str | None) -> Iterator[StatusMessage]:
    if error is not None:
        yield StatusMessage(
            Severity.HALTED,
            error,
            "Events cannot be read and outcomes cannot be written. Nothing is lost; the service continues when a "
            "broker answers. The log event `consumer_trouble` has the error of Kafka's client.",
            "NoticeKafkaUnreachable",
        )


def _stuck(partitions: Mapping[TopicPartition, StuckPartition]) -> Iterator[StatusMessage]:
    for (topic, partition), one in list(partitions.items())[:NAMED]:
        yield StatusMessage(
            Severity.ATTENTION,
            f"{topic}/{partition} cannot be read at offset {one.offset}, since {_clock(one.since)}",
            f"Its events wait; other partitions continue. Error of Kafka's client: {one.error}.",
            "NoticePartitionStuck",
        )


def _held(partitions: Mapping[TopicPartition, HeldPartition]) -> Iterator[StatusMessage]:
    for (topic, partition), one in list(partitions.items())[:NAMED]:
        yield StatusMessage(
            Severity.ATTENTION,
            f"{topic}/{partition} waits for a schema at offset {one.offset}, since {_clock(one.since)}",
            f"Its events wait, {one.records} of those read; other partitions go on. {one.error}.",
            "NoticeSchemaAwaited",
        )


def _sending(apis: Sequence[SendingState]) -> Iterator[StatusMessage]:
    """What keeps notices from each API; that of one among several, which get theirs, needs attention only."""
    severity = Severity.ATTENTION if any(api.is_sending for api in apis) else Severity.HALTED
    paused = [replace(api, api=None) for api in apis if api.halted is Halt.PAUSED]  # by an operator, for all at once
    for api in [*paused[:1], *(api for api in apis if api.halted is not Halt.PAUSED)]:
        through = "" if api.api is None else f" through {api.api}"
        if api.halted is not None:
            found = _HALTS[api.halted]
            message = found.message.replace("Sending is", f"Sending{through} is", 1)
            if api.halted_since is not None:
                message = f"{message}, since {_clock(api.halted_since)}"
            yield replace(found, severity=severity, message=message)
        elif not api.has_token:
            yield StatusMessage(
                severity,
                f"Nothing is sent{through} yet: the token source has given no token",
                "It is queried again every few seconds; the log's event `token_unavailable` has the error.",
                "NoticeTokenRefreshFailing",
            )


def _credentials(refused: Mapping[str, RefusedCredential]) -> Iterator[StatusMessage]:
    for setting, one in refused.items():
        yield StatusMessage(
            Severity.ATTENTION,
            f"The newest files of `{setting}` are not in use, since {_clock(one.at)}",
            f"What was read before stays in use. {one.error}.",
            "NoticeCredentialsRefused",
        )


def _rules(refused: RefusedRules | None, suspended: Mapping[str, float]) -> Iterator[StatusMessage]:
    if refused is not None:
        more = f" (and {refused.errors - 1} more)" if refused.errors > 1 else ""
        first = f" First error: {refused.message[0]}{more}." if refused.message else ""
        yield StatusMessage(
            Severity.ATTENTION,
            f"The newest rules on disk were refused at {_clock(refused.at)}; the previous rules stay in use",
            f"Fix the files: they are then read again automatically.{first}",
            "NoticeRulesReloadRefused",
        )
    if suspended:
        yield StatusMessage(
            Severity.ATTENTION,
            f"{_named(suspended)} suspended since {_clock(min(suspended.values()))}: "
            "the API refuses the template or the account",
            "Their notices become dead letters without being sent, except for probes. An accepted probe ends the "
            "suspension.",
            "NoticeRuleSuspended",
        )


def _named(suspended: Mapping[str, float]) -> str:
    if len(suspended) == 1:
        return f"Rule {next(iter(suspended))} is"
    first = ", ".join(list(suspended)[:NAMED])
    more = f" and {len(suspended) - NAMED} more" if len(suspended) > NAMED else ""
    return f"{len(suspended)} rules ({first}{more}) are"


def _well(partitions: int, lanes: int, *, shadow: bool) -> StatusMessage:
    if not partitions:
        return StatusMessage(
            Severity.NOTE,
            "Waiting for partitions: other members of the group have all of them, or the topics have none",
        )
    busy = "Working" if shadow else "Sending"
    return StatusMessage(Severity.NOTE, busy if lanes else "All is well; nothing waits to be sent")


def _clock(at: float) -> str:
    time = datetime.fromtimestamp(at, UTC)
    return f"{time:%H:%M:%S} UTC on {time:%Y-%m-%d}"
