"""What the service needs of the outside, as protocols. Adapters and the tests' fakes implement them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from pipeline.model.event import Event, Record, TopicPartition
from pipeline.model.kafka_health import KafkaHealth, StuckPartition
from pipeline.model.ledger import Assigned, CommitPoint
from pipeline.model.notice import Notice
from pipeline.model.outcome import Outcome, Reason
from pipeline.model.reply import Reply
from pipeline.model.trace import TraceContext
from pipeline.model.verdict import Verdict
from pipeline.rules.ruleset import RuleSet


class Clock(Protocol):
    """The time."""

    def now(self) -> float:
        """Seconds since the epoch; never goes back and never jumps, so that differences are durations."""
        ...

    def correction(self) -> float:
        """Seconds to add to `now` where it is compared with a time from outside: by how much the clock was stepped."""
        ...


Answered = Callable[[Reply], None]


class NoticesApi(Protocol):
    """The platform's API: one request, one reply. Foreign errors become `Reply.fault`; it never raises for them."""

    def post(self, notice: Notice, token: str, trace: TraceContext | None, answered: Answered) -> None:
        """POST `notice.body` with the bearer token and `Idempotency-Key: "<notice.idempotency_key>"`.

        `answered` is called once with the reply, on the loop's thread and after this has returned: a task and a future
        for each request would cost more than the request's own parsing (docs/decisions/loop-shape.md).
        """
        ...

    async def close(self) -> None:
        """Close connections. Requests under way may be answered with a fault, or never."""
        ...


class TokenSource(Protocol):
    """Where the bearer token comes from: a fixed text, a file, or an OAuth endpoint."""

    refresh_in: float | None
    """In how many seconds after the last `fetch` the next is due, ahead of the token's end; None where nobody knows."""

    async def fetch(self) -> str:
        """Refresh the token (read the file, ask the endpoint).

        Raises:
            TokenUnavailable: the source gave none; words without secrets.
        """
        ...

    async def close(self) -> None:
        """Close connections, where there are any."""
        ...


class SourceListener(Protocol):
    """Whom the event source tells. Every call comes from the source's own thread."""

    def on_records(self, records: Sequence[Record]) -> None:
        """Take records; must not block. How many may come is governed by `EventSource.demand`."""
        ...

    def on_assigned(self, partitions: Sequence[Assigned]) -> None:
        """Partitions are ours from now on; records of them follow."""
        ...

    def on_revoked(self, partitions: Sequence[TopicPartition]) -> Sequence[CommitPoint]:
        """Partitions are to be given up: blocks until drained or the drain deadline, and tells what to commit."""
        ...

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Partitions already belong to another member: forget them, commit nothing."""
        ...

    def on_fatal(self, error: Exception) -> None:
        """The source cannot go on; the process must end."""
        ...


class EventSource(Protocol):
    """Kafka as a stream of records, in a thread of its own."""

    def start(self, listener: SourceListener) -> None:
        """Join the group and begin."""
        ...

    def demand(self, records: int, size: int = sys.maxsize) -> None:
        """How many more records, of how many bytes in all, are wanted from now on (replaces the last call; 0: none).

        Thread-safe and cheap. While nothing is wanted the source stays in its group.
        """
        ...

    def hold(self, partitions: frozenset[TopicPartition]) -> None:
        """Read nothing of these until the next call, which replaces the set; others go on. Thread-safe."""
        ...

    def commit(self, points: Sequence[CommitPoint]) -> None:
        """Commit soon, from the source's thread. Points of partitions no longer ours are dropped."""
        ...

    def stop(self, timeout: float) -> None:
        """Leave the group after `on_revoked` for all partitions, and end the thread. Blocks up to `timeout` seconds."""
        ...

    def lag(self) -> Mapping[TopicPartition, int]:
        """Records between our position and the end, per partition, as last known; costs no request."""
        ...

    def health(self) -> KafkaHealth | None:
        """How Kafka looks from here, as last known; None while nothing is."""
        ...

    def stuck(self) -> Mapping[TopicPartition, StuckPartition]:
        """Our partitions that cannot be read on, as last known; empty in normal running."""
        ...

    def last_poll_at(self) -> float:
        """When the thread last came round (epoch seconds), for the health check."""
        ...

    def out_of_touch(self) -> bool:
        """Whether our partitions may be another member's without our knowing: then nothing may leave."""
        ...


Acknowledged = Callable[[int, int], None]
"""Given the partition and the offset of the ledger where the outcome stands."""


class OutcomeLog(Protocol):
    """The outcomes topic and the dead-letter topic: written, and acknowledged by all replicas."""

    def publish(self, outcome: Outcome, record: Record | None, acknowledged: Acknowledged) -> None:
        """Write the outcome; before it, where its kind leaves one, the dead letter made of `record`.

        `acknowledged` is called on the loop's thread, from `poll`, once the outcome itself is acknowledged.
        Never blocks: a full local queue keeps the outcome until `poll` makes room.
        """
        ...

    def poll(self) -> int:
        """Run callbacks that are due; tells how many outcomes were acknowledged.

        Raises:
            OutcomeLost: Kafka refused a write for good.
        """
        ...

    def flush(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for every acknowledgement; tells how many are still missing."""
        ...


class Decoder(Protocol):
    """Record to event."""

    def decode(self, record: Record) -> Event:
        """Decode without waiting.

        Raises:
            Undecodable: the bytes are no event; an outcome follows.
            SchemaUnavailable: the registry must be asked first: `await prepare(record)`, then decode again.
        """
        ...

    async def prepare(self, record: Record) -> None:
        """Fetch what `decode` lacked, trying until it is there or known not to exist."""
        ...


class Telemetry(Protocol):
    """Counts what happens. Called on the hot path: an implementation binds its labels beforehand."""

    def consumed(self, topic: str, records: int) -> None:
        """Records were read."""
        ...

    def undecodable(self, topic: str, reason: Reason) -> None:
        """A record is no event."""
        ...

    def for_another_group(self, topic: str) -> None:
        """A record was redriven for another group, and is passed by."""
        ...

    def unmatched(self, event_type: str) -> None:
        """No rule matched."""
        ...

    def matched(self, rule: str) -> None:
        """A rule matched."""
        ...

    def attempted(self, verdict: Verdict, seconds: float) -> None:
        """A request to the notices API has ended."""
        ...

    def ended(self, outcome: Outcome, now: float) -> None:
        """An outcome is acknowledged by Kafka."""
        ...

    def token_refreshed(self, *, ok: bool) -> None:
        """The token was refreshed, or could not be."""
        ...

    def rules_loaded(self, rules: RuleSet, now: float) -> None:
        """These rules are in use from now on."""
        ...

    def rules_refused(self) -> None:
        """Newer rules on disk have errors; the old ones stay."""
        ...


class WorkerAnswer(NamedTuple):
    """What a worker's own endpoint answered."""

    ok: bool
    body: bytes


class WorkerProcess(Protocol):
    """One process that runs the service as a member of the group."""

    @property
    def pid(self) -> int:
        """The system's number for it."""
        ...

    def signal(self, number: int) -> None:
        """Send it a signal; does nothing where it has ended."""
        ...

    async def wait(self) -> int:
        """Wait for its end; gives the exit code, below 0 where a signal ended it."""
        ...

    async def ask(self, path: str) -> WorkerAnswer | None:
        """GET from its endpoint; None where nobody answers in time."""
        ...


class WorkerLauncher(Protocol):
    """Starts worker processes."""

    async def launch(self, number: int) -> WorkerProcess:
        """Start the process of this worker.

        Raises:
            WorkerFailed: the system would not.
        """
        ...

    def endpoint(self, number: int) -> str:
        """The address of this worker's own endpoint; the same for each of its processes."""
        ...


class WorkerExpositions(Protocol):
    """Adds up what several workers count."""

    def take(self, worker: int, exposition: bytes) -> None:
        """The newest exposition of a worker."""
        ...

    def retire(self, worker: int) -> None:
        """The worker's process has ended: what it counted stays, and its gauges go."""
        ...

    def merged(self) -> tuple[bytes, str]:
        """One exposition of all, and its content type."""
        ...
