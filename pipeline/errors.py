"""Every exception that this program defines.

NoticePipelineError
├── UserError                 the user can fix the cause; shown as a message, without a traceback
│   ├── ConfigurationError    the configuration file, the environment or a secret's file is invalid
│   ├── RulesRefused          the rule set has findings of level error
│   ├── SchemaError           an Avro schema cannot be read, found or understood
│   ├── Unreachable           a broker, registry or API does not answer at start
│   │   ├── NoSuchTopic       Kafka has no topic of this name
│   │   └── RegistryAway      the schema registry gives no answer for now; a service that starts waits for it
│   ├── NoRecord              a partition has no record at an offset
│   ├── RightsMissing         the Kafka user lacks a right that is needed; a retry does not help
│   ├── SkipRefused           the state of a partition or its group does not allow an offset to be skipped
│   └── ResourceLimitExceeded a draft needs too much time or memory, or too many drafts are waiting
├── Undecodable               a record cannot be decoded as an event; it becomes an outcome
│   └── Tombstone             a record deletes its key and is not an event; it becomes no outcome
├── RenderRefused             a rule cannot make a notice of an event; it becomes an outcome
├── SchemaUnavailable         the schema registry does not answer; the record waits
├── TokenUnavailable          the token source gave no token; sending waits
├── DamagedCareState          a record of recipient care cannot be read
├── WorkerFailed              a worker process cannot be started; it is tried again after a pause
└── OutcomeLost               Kafka permanently refused an outcome; the process ends with a non-zero code
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.phrases import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model.event import EventAttributes
    from pipeline.model.finding import Finding
    from pipeline.model.outcome import Reason


class NoticePipelineError(Exception):
    """The base class of this program's exceptions."""


class UserError(NoticePipelineError):
    """A mistake or condition that the user of the command can fix.

    It is shown as `message`, then `hint` on its own line, never with a traceback.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """`message` says what is wrong and where; `hint` says how to fix it, if that is known."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(UserError):
    """The configuration is invalid; `message` begins with `file:line:column:` if the location is known."""


class RulesRefused(UserError):
    """The rule set has findings of level error and is not used."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """`findings` are in the order of their locations."""
        errors = sum(1 for finding in findings if finding.is_error)
        super().__init__(counted(errors, "the rules have {count} error", "the rules have {count} errors"))
        self.findings = tuple(findings)


class SchemaError(UserError):
    """An Avro schema cannot be read, found or understood."""


class Unreachable(UserError):
    """A broker, registry or API that the service needs to start does not answer."""


class NoSuchTopic(Unreachable):
    """Kafka has no topic of this name; the hint names similar ones."""


class RegistryAway(Unreachable):
    """The schema registry does not answer, or answers that it cannot do so now."""


class NoRecord(UserError):
    """A partition has no record at an offset: it is beyond the end, or the record was deleted."""


class RightsMissing(UserError):
    """The Kafka user lacks a right that is needed: a later try fails as well, until the right is granted."""


class SkipRefused(UserError):
    """The state of a partition or its group does not allow an offset to be skipped."""


class ResourceLimitExceeded(UserError):
    """A request needs more time, memory or capacity than its limit allows."""


class Undecodable(NoticePipelineError):
    """A record cannot be decoded as an event."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """`reason` is one of the outcome reasons; `detail` says what was found, without text of the payload."""
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.attributes: EventAttributes | None = None
        """What headers or envelope say of the event, where they can be read."""


class Tombstone(Undecodable):
    """A record without a value, in a topic where such a record deletes its key: there is no event to lose."""


class RenderRefused(NoticePipelineError):
    """A rule matches an event but cannot make a valid notice of it."""

    def __init__(self, reason: Reason, detail: str, problem: str | None = None) -> None:
        """`reason` is one of the outcome reasons; `detail` names the field, without rendered text.

        `problem` is the detail without the field's name, where it is needed.
        """
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.problem = problem or detail


class SchemaUnavailable(NoticePipelineError):
    """The schema registry does not answer; the record waits until it does."""


class TokenUnavailable(NoticePipelineError):
    """The token source did not give a token."""


class DamagedCareState(NoticePipelineError):
    """Bytes that should be a state of recipient care are damaged, or a later release wrote them."""


class WorkerFailed(NoticePipelineError):
    """A worker process cannot be started."""


class OutcomeLost(NoticePipelineError):
    """Kafka permanently refused an outcome or a dead letter."""
