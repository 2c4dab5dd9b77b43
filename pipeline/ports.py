"""Protocols of the service's external dependencies. Adapters and the tests' fakes implement them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from pipeline.model.event import Event, Origin, Record, TopicPartition
from pipeline.model.intent import Checkpoint, ChoiceIntent, Intent
from pipeline.model.kafka_health import KafkaHealth, StuckPartition
from pipeline.model.ledger import Assigned, CommitPoint
from pipeline.model.notice import Notice
from pipeline.model.outcome import Outcome, Reason
from pipeline.model.pause import Pause, Scope
from pipeline.model.reply import Reply
from pipeline.model.trace import TraceContext
from pipeline.model.verdict import Verdict
from pipeline.rules.ruleset import RuleSet


class Clock(Protocol):
    """The time."""

    def now(self) -> float:
        """Return seconds since the epoch; never goes back or jumps, so that differences are durations."""
        ...

    def correction(self) -> float:
        """Return the seconds to add to `now` for a comparison with external times, after steps of the wall clock."""
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
        """Close connections. Requests in flight may be answered with a fault, or never."""
        ...


class TokenSource(Protocol):
    """Where the bearer token comes from: a fixed text, a file, an OAuth endpoint, or the supervisor of workers."""

    refresh_in: float | None
    """Seconds after the last `fetch` when the next is due, before the token expires; None if unknown."""

    def listen(self, newer: Callable[[], None]) -> None:
        """Call `newer` on the loop's thread whenever `fetch` would give another token than the last time."""
        ...

    async def fetch(self) -> str:
        """Refresh the token (read the file, ask the endpoint).

        Raises:
            TokenUnavailable: the source returned none; its message holds no secrets.
        """
        ...

    async def close(self) -> None:
        """Close any connections."""
        ...


class Api(NamedTuple):
    """One API that notices go through: `notices` of the configuration, or one of `apis`."""

    name: str
    client: NoticesApi
    tokens: TokenSource


class SourceListener(Protocol):
    """Receives the event source's events. Every call comes from the source's own thread."""

    def on_records(self, records: Sequence[Record]) -> None:
        """Take records; must not block. `EventSource.demand` limits how many arrive."""
        ...

    def on_assigned(self, partitions: Sequence[Assigned]) -> None:
        """Partitions were assigned; their records follow."""
        ...

    def on_revoked(self, partitions: Sequence[TopicPartition]) -> Sequence[CommitPoint]:
        """Partitions are being revoked: block until they are drained or the deadline passes; return what to commit."""
        ...

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Partitions already belong to another member: forget them, commit nothing."""
        ...

    def on_fatal(self, error: Exception) -> None:
        """The source has failed; the process must end."""
        ...


class EventSource(Protocol):
    """Kafka as a stream of records, in a thread of its own."""

    def start(self, listener: SourceListener) -> None:
        """Join the group and start reading."""
        ...

    def demand(self, records: int, size: int = sys.maxsize) -> None:
        """Set how many more records, and how many bytes of them, may be handed over; replaces the last call.

        Thread-safe and cheap. Without demand the source stays in its group.
        """
        ...

    def hold(self, partitions: frozenset[TopicPartition]) -> None:
        """Stop reading these partitions until the next call, which replaces the set. Thread-safe."""
        ...

    def commit(self, points: Sequence[CommitPoint]) -> None:
        """Commit soon, from the source's thread. Points of partitions that are no longer assigned are dropped."""
        ...

    def committed(self, partition: TopicPartition) -> int:
        """Return the last offset of an assigned partition that Kafka has acknowledged as committed; 0: unknown."""
        ...

    def stop(self, timeout: float) -> None:
        """Leave the group after `on_revoked` for all partitions and stop the thread. Blocks up to `timeout` seconds."""
        ...

    def lag(self) -> Mapping[TopicPartition, int]:
        """Return the records between our position and the end, by partition, as last known; makes no request."""
        ...

    def health(self) -> KafkaHealth | None:
        """Return the state of the connections to Kafka, as last known; None until it is known."""
        ...

    def stuck(self) -> Mapping[TopicPartition, StuckPartition]:
        """Return assigned partitions that cannot be read, as last known; normally empty."""
        ...

    def last_poll_at(self) -> float:
        """Return when the thread last completed a round (epoch seconds), for the health check."""
        ...

    def out_of_touch(self) -> bool:
        """Whether our partitions may have been assigned to another member without notice; then nothing may be sent."""
        ...


Acknowledged = Callable[[int, int], None]
"""Called with the outcome's partition and offset in the ledger."""


class OutcomeLog(Protocol):
    """The outcomes topic and the dead-letter topic: written, and acknowledged by all replicas."""

    def publish(self, outcome: Outcome, record: Record | None, acknowledged: Acknowledged) -> None:
        """Write the outcome, after the dead letter made of `record` if its kind leaves one.

        `acknowledged` is called on the loop's thread, from `poll`, once the outcome itself is acknowledged.
        Never blocks: a full local queue keeps the outcome until `poll` makes room.
        """
        ...

    def poll(self) -> int:
        """Run callbacks that are due; return how many outcomes were acknowledged.

        Raises:
            OutcomeLost: Kafka refused a write permanently.
        """
        ...

    def flush(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for every acknowledgement; return how many are still missing."""
        ...


class CareLog(Protocol):
    """The records of recipient care: written, and acknowledged by all replicas."""

    def write(
        self, partition: int, epoch: int, recipient: str, state: bytes | None, finished: Callable[[bool], None]
    ) -> None:
        """Write a recipient's record, of the owner's assignment `epoch`; without a state nothing is left to know.

        `finished` is called on the loop's thread, at once or from `poll`, with whether Kafka has the record.
        """
        ...

    def poll(self) -> None:
        """Run callbacks that are due."""
        ...


class CareWatch(Protocol):
    """Watches for records of recipient care that another process wrote."""

    def start(self, foreign: Callable[[int, str, bytes | None], None]) -> None:
        """Call `foreign` with partition, recipient and state of each, from a thread of its own."""
        ...

    def watch(self, partition: int, epoch: int, offset: int) -> None:
        """Watch a partition from this offset on."""
        ...

    def leave(self, partition: int) -> None:
        """Stop watching a partition."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


Written = Callable[[int], None]
"""Called with the record's offset in its partition."""


class IntentLog(Protocol):
    """The intents topic: written in order, and acknowledged by all replicas. Only where recipient care is on."""

    def write(self, intent: Intent, written: Written) -> None:
        """Write an intent to its recipient's partition, after all that were given before.

        `written` is called on the loop's thread, from `poll`. Never blocks.
        """
        ...

    def write_choice(self, intent: ChoiceIntent, written: Written) -> None:
        """Write a recipient's preferences to the partition of the recipient's intents, as `write`."""
        ...

    def write_checkpoint(self, partition: int, checkpoint: Checkpoint, written: Written) -> None:
        """Write a checkpoint to its partition of the topic."""
        ...

    def poll(self) -> int:
        """Run callbacks that are due; return how many records were acknowledged.

        Raises:
            OutcomeLost: Kafka refused a write permanently.
        """
        ...

    def flush(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for every acknowledgement; return how many are still missing."""
        ...


class Controls(Protocol):
    """What is paused in the whole group."""

    def pauses(self) -> Sequence[Pause]:
        """Return all pauses as last read, passed ones among them."""
        ...

    def follow(self, changed: Callable[[Sequence[Pause]], None]) -> None:
        """Call `changed` with all pauses after each change, from a thread of its own."""
        ...

    def write(self, changes: Mapping[Scope, Pause | None]) -> None:
        """Write pauses, and lift those whose value is None. Blocks; any thread may call it.

        Raises:
            UserError: the change was not taken.
        """
        ...

    def close(self) -> None:
        """Stop following."""
        ...


class Decoder(Protocol):
    """Decodes records to events."""

    @property
    def unavailable(self) -> str | None:
        """Why the registry gave no schema when it was asked last; None if it answered."""
        ...

    def decode(self, record: Record, origin: Origin | None = None) -> Event:
        """Decode without waiting. With an `origin` the event's identity is complete, see `Event.identify`.

        Raises:
            Undecodable: the bytes are not an event; an outcome follows.
            SchemaUnavailable: the registry must be queried first: `await prepare(record)`, then decode again.
        """
        ...

    async def prepare(self, record: Record) -> None:
        """Fetch the schema that `decode` lacked; retry until it is available or known not to exist."""
        ...


class Telemetry(Protocol):
    """Counts what happens. Called on the hot path: an implementation binds its labels beforehand."""

    def consumed(self, topic: str, records: int) -> None:
        """Records were read."""
        ...

    def intents_read(self, records: int) -> None:
        """Records of the intents topic were read."""
        ...

    def intent_repeated(self) -> None:
        """An intent was read that was read before; nothing follows from it."""
        ...

    def undecodable(self, topic: str, reason: Reason) -> None:
        """A record could not be decoded."""
        ...

    def for_another_group(self, topic: str) -> None:
        """A record was redriven for another group and is ignored."""
        ...

    def unmatched(self, event_type: str) -> None:
        """No rule matched."""
        ...

    def matched(self, rule: str) -> None:
        """A rule matched."""
        ...

    def attempted(self, api: str, verdict: Verdict, seconds: float) -> None:
        """A request to an API has ended."""
        ...

    def most_to_one_recipient(self, now: float) -> int:
        """Return how many notices the recipient with the most of them got within five minutes."""
        ...

    def ended(self, outcome: Outcome, now: float) -> None:
        """An outcome is acknowledged by Kafka."""
        ...

    def token_refreshed(self, api: str, *, ok: bool) -> None:
        """The token of an API was refreshed, or could not be."""
        ...

    def token_ended_early(self, api: str) -> None:
        """The API refused a token before its end."""
        ...

    def rules_loaded(self, rules: RuleSet, now: float) -> None:
        """These rules are in use from now on."""
        ...

    def rules_removed(self, count: int) -> None:
        """A reload took this many rules out of use."""
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
        """The process id."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal; does nothing after the process has ended."""
        ...

    async def wait(self) -> int:
        """Wait for the process to end; return its exit code, negative if a signal ended it."""
        ...

    async def ask(self, path: str) -> WorkerAnswer | None:
        """GET from its endpoint; return None without an answer in time."""
        ...


class WorkerLauncher(Protocol):
    """Starts worker processes."""

    async def launch(self, number: int) -> WorkerProcess:
        """Start the process of this worker.

        Raises:
            WorkerFailed: the operating system refused.
        """
        ...

    def endpoint(self, number: int) -> str:
        """Return the address of this worker's endpoint; the same for each of its processes."""
        ...


class WorkerExpositions(Protocol):
    """Merges the metrics of several workers."""

    def take(self, worker: int, exposition: bytes) -> None:
        """Take a worker's newest exposition."""
        ...

    def retire(self, worker: int) -> None:
        """Keep the counters of a worker's ended process, and drop its gauges."""
        ...

    def merged(self) -> tuple[bytes, str]:
        """Return the merged exposition and its content type."""
        ...
