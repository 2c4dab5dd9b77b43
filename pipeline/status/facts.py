"""What is known of the running service when its status is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pipeline.delivery.snapshot import DeliverySnapshot
    from pipeline.model.credential import RefusedCredential
    from pipeline.model.event import TopicPartition
    from pipeline.model.halt import Halt
    from pipeline.model.kafka_health import HeldPartition, KafkaHealth, StuckPartition
    from pipeline.model.pause import Pause


@dataclass(frozen=True, slots=True)
class RefusedRules:
    """The newest rules on disk, which were refused."""

    at: float
    """Epoch seconds."""
    errors: int
    message: tuple[str, ...]
    """The first errors, each with its location."""
    removal: bool = False
    """Whether they were refused because of the rules that they lack."""


class RemovedRules(NamedTuple):
    """Rules that a reload took out of use."""

    at: float
    rules: tuple[str, ...]
    cancelled: int
    """Buffered notices that ended because of it."""


class SendingState(NamedTuple):
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


class Unmoved(NamedTuple):
    """A partition that has something to do, and since when it has not done it."""

    read_at: float
    """When more of it was last read, or nothing was left to read."""
    finished_at: float
    """When its oldest event was last finished, or nothing was unfinished."""
    lag: int
    unfinished: int

    @property
    def since(self) -> float:
        """Since when nothing was read or finished."""
        return max(self.read_at, self.finished_at) if self.unfinished else self.read_at


class Failing(NamedTuple):
    """The last notices of one rule that ended."""

    failed: int
    ended: int

    @property
    def share(self) -> float:
        """The share that failed."""
        return self.failed / self.ended


class Unmatched(NamedTuple):
    """Events read since a rule last matched one."""

    since: float
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts, at one time. Times are epoch seconds."""

    now: float
    phase: str
    """`starting`, `running` or `stopping`."""
    alive: bool
    alive_message: str
    sending: Sequence[SendingState]
    """One for each API, the one of `notices` first."""
    delivery: DeliverySnapshot
    lag: Mapping[TopicPartition, int]
    shadow: bool = False
    kafka: KafkaHealth | None = None
    leaderless_since: Mapping[TopicPartition, float] = field(default_factory=dict)
    """Since when no leader serves a partition of `kafka.absent`."""
    stuck: Mapping[TopicPartition, StuckPartition] = field(default_factory=dict)
    held: Mapping[TopicPartition, HeldPartition] = field(default_factory=dict)
    """Partitions whose next event waits for a schema of the registry."""
    unmoved: Mapping[TopicPartition, Unmoved] = field(default_factory=dict)
    failing: Mapping[str, Failing] = field(default_factory=dict)
    """Rules with a failure among their last notices."""
    unmatched: Unmatched | None = None
    """Set where events are read and none matched for longer than is allowed."""
    pauses: Sequence[Pause] = ()
    """Pauses by operators that are in force."""
    refused_rules: RefusedRules | None = None
    removed_rules: RemovedRules | None = None
    refused_credentials: Mapping[str, RefusedCredential] = field(default_factory=dict)
    """New secrets and certificates that cannot be used, by setting."""
    counted: Mapping[str, int] = field(default_factory=dict)
    """By how much counters of faults grew within the last minutes, by name; those that did not are left out."""

    @property
    def is_sending(self) -> bool:
        """Whether any API gets notices."""
        return any(api.is_sending for api in self.sending)
