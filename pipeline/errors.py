"""Every exception this program raises on purpose.

NoticePipelineError
├── UserError                 the person at the keyboard can mend it: words, no traceback
│   ├── ConfigurationError    configuration file, environment or a secret's file
│   ├── RulesRefused          a rule set with findings of level error
│   ├── SchemaError           an Avro schema that cannot be read, found or understood
│   ├── Unreachable           a broker, registry or API that does not answer at start
│   └── Overtaxed             a draft that takes too much to be tried out, or one too many at once
├── Undecodable               this record's bytes are no event (an outcome, not a crash)
├── RenderRefused             this rule cannot make a notice of this event (an outcome, not a crash)
├── SchemaUnavailable         the registry did not answer: the record waits, it is not at fault
├── TokenUnavailable          no token could be had from the token source
├── WorkerFailed              a worker process could not be started: tried again after a pause
└── OutcomeLost               Kafka refused an outcome for good: the process must end, non-zero
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model.finding import Finding
    from pipeline.model.outcome import Reason


class NoticePipelineError(Exception):
    """The root of this program's own errors."""


class UserError(NoticePipelineError):
    """A mistake or a circumstance that whoever started the command can mend.

    Shown as `message`, then `hint` on a line of its own; never with a traceback.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keep the words for the message and, where known, how to mend it."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(UserError):
    """The configuration cannot be used; `message` begin with `file:line:column:` where the place is known."""


class RulesRefused(UserError):
    """The rule set has findings of level error; none of it is used."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Keep the findings, in the order of their places."""
        errors = sum(1 for finding in findings if finding.is_error)
        super().__init__(f"the rules have {errors} error{'s' if errors != 1 else ''}")
        self.findings = tuple(findings)


class SchemaError(UserError):
    """An Avro schema cannot be read, found or understood."""


class Unreachable(UserError):
    """Something the service cannot start without does not answer."""


class ResourceLimitExceeded(UserError):
    """More was asked for than may be spent on it."""


class Undecodable(NoticePipelineError):
    """The bytes of one record are no event that we understand."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """`reason` is the closed vocabulary's word, `detail` says what stood there (no payload text)."""
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class RenderRefused(NoticePipelineError):
    """A rule matched but cannot make a notice that the channel would take."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """`reason` is the closed vocabulary's word, `detail` names the field (no rendered text)."""
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class SchemaUnavailable(NoticePipelineError):
    """The schema registry did not answer; the record is kept until it does."""


class TokenUnavailable(NoticePipelineError):
    """The token source gave no token."""


class WorkerFailed(NoticePipelineError):
    """The system would not start a worker process."""


class OutcomeLost(NoticePipelineError):
    """Kafka refused an outcome or a dead letter for good."""
