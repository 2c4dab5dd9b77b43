"""From a Kafka record to notices: decode, match and render, offer to delivery.

`Intake._evaluate` names the stages of one record in their order; what is above it takes batches apart, what is below
it makes the outcomes of records that become no notice.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from pipeline.delivery.machine import Delivery, EvaluatedRecord
from pipeline.errors import SchemaUnavailable, Tombstone, Undecodable
from pipeline.model.dead_letter import is_for_another_group
from pipeline.model.event import Event, Origin, Record, Redrive, TopicPartition
from pipeline.model.kafka_health import HeldPartition
from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.record_outcome import record_outcome, refusal_outcome
from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.model.ledger import Assigned
    from pipeline.ports import Clock, Decoder, Telemetry
    from pipeline.rules.ruleset import RuleSet
    from pipeline.runtime.hop import Hop

SLICE = 16
"""Records evaluated before the loop runs its other callbacks: under half a millisecond, so that replies which arrived
in the meantime free their slots soon (docs/decisions/hot-path.md)."""
NOTICES = 64
"""Notices made before the loop runs its other callbacks: one event may have a list with a message for each item."""
USUAL_FAN_OUT = 8
"""Notices of one record up to which records are read as if each made one."""
FAN_OUT_DECAY = 0.98
"""By which the expected notices of a record approach what recent records made."""
REPEAT_SECONDS = 60.0
"""Between two lines about undecodable records of one topic and reason."""
MOST_TYPES_LOGGED = 100
"""Event types without a rule that are logged, each once; later ones are only counted."""
MOST_TYPE_CHARACTERS = 200
HELD_SECONDS = 2.0
"""A partition that waits for a schema for longer is reported; a registry answers within milliseconds."""

log = structlog.get_logger("intake")

_Key = tuple[str, int]
"""Topic and partition: equal to a `TopicPartition`, and cut from a record in a tenth of the time."""


class Intake:
    """Evaluates batches of records and offers the results to delivery, in the order of each partition."""

    def __init__(  # noqa: PLR0913 - one argument for each dependency
        self,
        *,
        decoder: Decoder,
        rules: RuleSet,
        delivery: Delivery,
        clock: Clock,
        telemetry: Telemetry,
        progressed: Callable[[], None],
        publish_unmatched: bool,
        hop: Hop | None = None,
    ) -> None:
        """`progressed` is called whenever delivery may have something new to do; `hop` is recipient care's."""
        self.rules = rules
        self._decoder = decoder
        self._delivery = delivery
        self._clock = clock
        self._telemetry = telemetry
        self._progressed = progressed
        self._publish_unmatched = publish_unmatched
        self._hop = hop
        self._assignments: dict[_Key, tuple[int, Origin]] = {}
        self._queue: deque[Record] = deque()
        self._awaiting_schema: dict[_Key, deque[Record]] = {}
        self._awaiting_since: dict[_Key, float] = {}
        self.waiting_bytes = 0
        """Bytes of the records that were taken but not yet offered."""
        self._slice_due = False
        self._made = 0
        """Notices made in this slice."""
        self._fan_out = 1.0
        self._schema_requests = Tasks()
        self._types_logged: set[str] = set()
        self._undecodable_logged: dict[tuple[str, Reason], tuple[float, int]] = {}
        """By topic and reason: when a record was last logged, and how many were not since."""

    @property
    def waiting(self) -> int:
        """Records taken but not yet offered."""
        return len(self._queue) + sum(len(records) for records in self._awaiting_schema.values())

    @property
    def fan_out(self) -> int:
        """Notices that one record may make, by what recent ones made."""
        return int(self._fan_out)

    def held(self) -> Mapping[TopicPartition, HeldPartition]:
        """Partitions that have waited for a schema for longer than a registry takes to answer."""
        now = self._clock.now()
        error = self._decoder.unavailable or "the registry has not answered yet"
        return {
            TopicPartition(*key): HeldPartition(
                records[0].offset, self._awaiting_since[key], len(records), records[0].timestamp_ms / 1000, error
            )
            for key, records in self._awaiting_schema.items()
            if now - self._awaiting_since[key] > HELD_SECONDS
        }

    def open(self, assigned: Assigned) -> None:
        """Accept records of a partition from now on, under its epoch."""
        self._assignments[assigned.partition] = (assigned.epoch, assigned.origin)

    def close(self, partition: TopicPartition) -> None:
        """Drop the waiting records of `partition`: its next owner reads them again."""
        self._assignments.pop(partition, None)
        self._awaiting_schema.pop(partition, None)
        self._awaiting_since.pop(partition, None)
        self._queue = deque(record for record in self._queue if (record.topic, record.partition) != tuple(partition))
        self.waiting_bytes = _size(self._queue) + sum(_size(records) for records in self._awaiting_schema.values())

    def take(self, records: Sequence[Record]) -> None:
        """Take a batch; it is evaluated in slices between the loop's other work."""
        self._queue.extend(records)
        self.waiting_bytes += _size(records)
        for topic, count in Counter([record[0] for record in records]).items():
            if self._hop is not None and topic == self._hop.topic:
                self._telemetry.intents_read(count)
            else:
                self._telemetry.consumed(topic, count)
        self._schedule()

    async def stop(self) -> None:
        """Stop asking for schemas; the partitions' next owners read again what waits."""
        await self._schema_requests.cancel()

    # One slice, one record

    def _schedule(self) -> None:
        if not self._slice_due and self._queue:
            self._slice_due = True
            asyncio.get_running_loop().call_soon(self._evaluate_slice)

    def _evaluate_slice(self) -> None:
        self._slice_due = False
        self._made = 0
        for _ in range(min(SLICE, len(self._queue))):
            if self._made >= NOTICES:
                break
            record = self._queue.popleft()
            partition = record[:2]
            blocked = self._awaiting_schema.get(partition)
            if blocked is not None:
                blocked.append(record)
                continue
            self.waiting_bytes -= record.size
            assignment = self._assignments.get(partition)
            if assignment is not None:
                evaluate = self._evaluate if self._hop is None else self._evaluate_with_care
                evaluate(record, partition, *assignment)
        self._progressed()
        self._schedule()

    def _evaluate(self, record: Record, partition: _Key, epoch: int, origin: Origin) -> None:
        """Run the stages in order: decode, match and render, offer."""
        now = self._clock.now()
        if record.headers and is_for_another_group(record.headers, origin.group):
            self._telemetry.for_another_group(record.topic)
            self._offer(record, epoch, None, (), (), now)
            return
        event = None
        try:
            event = self._decoder.decode(record, origin)
            rendered = self.rules.evaluate(event)
        except SchemaUnavailable:
            self._wait_for_schema(record, partition)
            return
        except Tombstone:
            self._offer(record, epoch, None, (), (), now)
            return
        except Undecodable as fault:
            self._offer_undecodable(record, epoch, origin, fault, now)
            return
        except MemoryError:
            raise  # says nothing about the record
        except Exception as error:
            log.error("record_failed", position=str(record.position), error=type(error).__name__, exc_info=error)
            unforeseen = Undecodable(Reason.INTERNAL_ERROR, f"evaluating the record raised {type(error).__name__}")
            self._offer_undecodable(record, epoch, origin, unforeseen, now)
            return
        event.release_data()
        if not rendered:
            self._offer(record, epoch, event, (), self._unmatched(record, event, origin, now), now)
            return
        notices: list[Notice] = []
        outcomes: list[Outcome] = []
        counted = None
        for item in rendered:
            if item.rule != counted:  # the messages of one rule follow one another
                counted = item.rule
                self._telemetry.matched(counted)
            if isinstance(item, Refusal):
                outcomes.append(refusal_outcome(record, event, origin, item, self.rules.version, now))
            else:
                notices.append(item)
        self._made += len(notices)
        if len(notices) > USUAL_FAN_OUT or self._fan_out > 1:
            self._fan_out = max(1.0, len(notices), self._fan_out * FAN_OUT_DECAY)
        self._offer(record, epoch, event, notices, outcomes, now)

    def _evaluate_with_care(self, record: Record, partition: _Key, epoch: int, origin: Origin) -> None:
        """Offer an intent; run the stages for a record of any other topic."""
        hop = self._hop
        if hop is not None and record.topic == hop.preferences:
            self._choose(hop, record, epoch, origin)
            return
        if hop is None or record.topic != hop.topic:
            self._evaluate(record, partition, epoch, origin)
            return
        now = self._clock.now()
        if not hop.take(record, epoch, self.rules, self._telemetry, now):
            fault = Undecodable(Reason.SCHEMA_MISMATCH, "a record of the intents topic that is not an intent")
            self._offer_undecodable(record, epoch, origin, fault, now)

    def _choose(self, hop: Hop, record: Record, epoch: int, origin: Origin) -> None:
        """Offer a recipient's preferences."""
        now = self._clock.now()
        try:
            faults = hop.choose(record, epoch, self.rules, now)
        except Undecodable as fault:
            self._offer_undecodable(record, epoch, origin, fault, now)
            return
        if faults:
            log.warning("preferences_read_in_part", position=str(record.position), faults=list(faults))

    def _offer(
        self,
        record: Record,
        epoch: int,
        event: Event | None,
        notices: Sequence[Notice],
        outcomes: Sequence[Outcome],
        now: float,
    ) -> None:
        evaluated = EvaluatedRecord(record, event, epoch, notices, outcomes, now, self.rules.version)
        if self._hop is not None and notices and self._hop.maps:
            self._hop.map(evaluated, self.rules, now)
        else:
            self._delivery.offer(evaluated, now)

    # Records that become no notice, or not yet

    def _offer_undecodable(self, record: Record, epoch: int, origin: Origin, fault: Undecodable, now: float) -> None:
        self._telemetry.undecodable(record.topic, fault.reason)
        self._log_undecodable(record, fault, now)
        outcome = record_outcome(
            record,
            None,
            origin,
            OutcomeKind.UNDECODABLE,
            reason=fault.reason,
            detail=fault.detail,
            rules_version=self.rules.version,
            now=now,
        )
        known = fault.attributes
        if known is not None:
            outcome = outcome._replace(
                event_type=known.type, event_id=known.id, event_source=known.source, trace=known.trace
            )
        self._offer(record, epoch, None, (), (outcome,), now)

    def _log_undecodable(self, record: Record, fault: Undecodable, now: float) -> None:
        """Log the first record of a topic and reason at once, and then one line a minute with their number."""
        key = (record.topic, fault.reason)
        logged_at, unlogged = self._undecodable_logged.get(key, (0.0, 0))
        if now - logged_at < REPEAT_SECONDS:
            self._undecodable_logged[key] = (logged_at, unlogged + 1)
            return
        self._undecodable_logged[key] = (now, 0)
        log.warning(
            "record_undecodable",
            reason=fault.reason.value,
            position=str(record.position),
            detail=fault.detail,
            repeated=unlogged,
        )

    def _unmatched(self, record: Record, event: Event, origin: Origin, now: float) -> Sequence[Outcome]:
        known = event.type in self.rules.event_types
        self._telemetry.unmatched(event.type)
        if not known:
            self._log_type(event.type, record)
        if not self._publish_unmatched and event.redrive is None:
            return ()
        reason = Reason.NO_RULE_MATCHED if known else Reason.NO_RULE_FOR_TYPE
        # A redriven record was sent on purpose, so the sender learns that it led to nothing.
        detail = "" if event.redrive is None else _redriven_without_match(event.redrive)
        return (
            record_outcome(
                record,
                event,
                origin,
                OutcomeKind.UNMATCHED,
                reason=reason,
                detail=detail,
                rules_version=self.rules.version,
                now=now,
            ),
        )

    def _log_type(self, event_type: str, record: Record) -> None:
        """Log an event type that no rule names, once: it may be a typo, in the event or in a rule."""
        name = event_type[:MOST_TYPE_CHARACTERS]
        if name not in self._types_logged and len(self._types_logged) < MOST_TYPES_LOGGED:
            self._types_logged.add(name)
            log.warning("no_rule_for_type", type=name, position=str(record.position))

    def _wait_for_schema(self, record: Record, partition: _Key) -> None:
        """Block the whole partition until the registry has answered: the order of its records must hold."""
        self._awaiting_schema[partition] = deque([record])
        self._awaiting_since[partition] = self._clock.now()
        self.waiting_bytes += record.size
        self._schema_requests.start(self._fetch_schema(record, partition))

    async def _fetch_schema(self, record: Record, partition: _Key) -> None:
        await self._decoder.prepare(record)
        blocked = self._awaiting_schema.pop(partition, None)
        self._awaiting_since.pop(partition, None)
        if blocked is not None:
            self._queue.extendleft(reversed(blocked))
            self._schedule()


def _size(records: Iterable[Record]) -> int:
    return sum([record.size for record in records])


def _redriven_without_match(redrive: Redrive) -> str:
    return f"redriven for the rule {redrive.rule[:200]}, which does not match" if redrive.rule else "redriven"
