"""A record's way in: decode, match, offer to delivery. The order of the stages reads in `Intake._admit`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline.delivery.machine import Delivery, EvaluatedRecord
from pipeline.errors import SchemaUnavailable, Undecodable
from pipeline.model.event import Event, Record, Redrive, TopicPartition
from pipeline.model.notice import Notice, Refusal, notice_id
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.ports import Clock, Decoder, Telemetry
    from pipeline.rules.ruleset import RuleSet

SLICE = 16
"""Records admitted before the loop gets its turn again: under half a millisecond, so that replies which came meanwhile
free their slots soon (docs/decisions/hot-path.md)."""

_Key = tuple[str, int]
"""Topic and partition: equal to a `TopicPartition`, and cut from a record in a tenth of the time."""


class Intake:
    """Takes batches of records and offers what follows from them to delivery, in the order of each partition."""

    def __init__(
        self,
        *,
        decoder: Decoder,
        rules: RuleSet,
        delivery: Delivery,
        clock: Clock,
        telemetry: Telemetry,
        progressed: Callable[[], None],
        publish_unmatched: bool,
    ) -> None:
        """`progressed` is called whenever delivery may have something new to do."""
        self.rules = rules
        self._decoder = decoder
        self._delivery = delivery
        self._clock = clock
        self._telemetry = telemetry
        self._progressed = progressed
        self._publish_unmatched = publish_unmatched
        self._epochs: dict[_Key, int] = {}
        self._waiting: deque[Record] = deque()
        self._held: dict[_Key, deque[Record]] = {}
        self._scheduled = False
        self._preparing = Tasks()

    @property
    def waiting(self) -> int:
        """Records taken but not yet offered."""
        return len(self._waiting) + sum(len(held) for held in self._held.values())

    def open(self, partition: TopicPartition, epoch: int) -> None:
        """Records of `partition` belong to this epoch from now on."""
        self._epochs[partition] = epoch

    def close(self, partition: TopicPartition) -> None:
        """Drop what waits of `partition`: its next owner reads it again."""
        self._epochs.pop(partition, None)
        self._held.pop(partition, None)
        self._waiting = deque(
            record for record in self._waiting if (record.topic, record.partition) != tuple(partition)
        )

    def take(self, records: Sequence[Record]) -> None:
        """Take a batch; it is worked on in slices between the loop's other work."""
        self._waiting.extend(records)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and self._waiting:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        self._scheduled = False
        for _ in range(min(SLICE, len(self._waiting))):
            record = self._waiting.popleft()
            partition = record[:2]
            held = self._held.get(partition)
            if held is not None:
                held.append(record)
                continue
            epoch = self._epochs.get(partition)
            if epoch is not None:
                self._admit(record, partition, epoch)
        self._progressed()
        self._schedule()

    def _admit(self, record: Record, partition: _Key, epoch: int) -> None:
        """The stages, in order: decode, match and render, offer."""
        now = self._clock.now()
        self._telemetry.consumed(record.topic, 1)
        try:
            event = self._decoder.decode(record)
        except SchemaUnavailable:
            self._hold(record, partition)
            return
        except Undecodable as fault:
            self._telemetry.undecodable(record.topic, fault.reason)
            outcome = _outcome(
                record, None, OutcomeKind.UNDECODABLE, fault.reason, fault.detail, self.rules.version, now
            )
            self._offer(record, epoch, None, (), (outcome,), now)
            return
        rendered = self.rules.evaluate(event)
        event.release_data()
        if not rendered:
            self._offer(record, epoch, event, (), self._unmatched(record, event, now), now)
            return
        notices: list[Notice] = []
        outcomes: list[Outcome] = []
        for item in rendered:
            self._telemetry.matched(item.rule)
            if isinstance(item, Refusal):
                outcomes.append(_refused(record, event, item, self.rules.version, now))
            else:
                notices.append(item)
        self._offer(record, epoch, event, notices, outcomes, now)

    def _offer(
        self,
        record: Record,
        epoch: int,
        event: Event | None,
        notices: Sequence[Notice],
        outcomes: Sequence[Outcome],
        now: float,
    ) -> None:
        self._delivery.offer(EvaluatedRecord(record, event, epoch, notices, outcomes, now, self.rules.version), now)

    def _unmatched(self, record: Record, event: Event, now: float) -> Sequence[Outcome]:
        self._telemetry.unmatched(event.type)
        if not self._publish_unmatched and event.redrive is None:
            return ()
        known = event.type in self.rules.event_types
        reason = Reason.NO_RULE_MATCHED if known else Reason.NO_RULE_FOR_TYPE
        # Somebody asked for this one to be sent, and is told that nothing came of it.
        detail = "" if event.redrive is None else _redriven_in_vain(event.redrive)
        return (_outcome(record, event, OutcomeKind.UNMATCHED, reason, detail, self.rules.version, now),)

    def _hold(self, record: Record, partition: _Key) -> None:
        """Keep the whole partition back until the registry has answered: its order must hold."""
        self._held[partition] = deque([record])
        self._preparing.start(self._prepare(record, partition))

    async def _prepare(self, record: Record, partition: _Key) -> None:
        await self._decoder.prepare(record)
        held = self._held.pop(partition, None)
        if held is not None:
            self._waiting.extendleft(reversed(held))
            self._schedule()

    async def stop(self) -> None:
        """Give up asking for schemas; what waits is read again by whoever owns the partition next."""
        await self._preparing.cancel()


def _redriven_in_vain(redrive: Redrive) -> str:
    return f"redriven for the rule {redrive.rule[:200]}, which does not match" if redrive.rule else "redriven"


def _outcome(
    record: Record,
    event: Event | None,
    kind: OutcomeKind,
    reason: Reason,
    detail: str,
    rules_version: str,
    now: float,
) -> Outcome:
    """An outcome of a record that becomes no notice."""
    return Outcome(
        id=notice_id(str(record.position), kind.value),
        kind=kind,
        reason=reason,
        position=record.position,
        event_type=event.type if event else None,
        event_id=event.id if event else None,
        event_source=event.source if event else None,
        event_time=event.time_ms / 1000 if event else record.timestamp_ms / 1000,
        rule=None,
        rules_version=rules_version,
        template=None,
        recipient=None,
        attempts=0,
        status=None,
        code=None,
        received_at=now,
        first_attempt_at=None,
        finished_at=now,
        redelivered=False,
        detail=detail,
        trace=event.trace if event else None,
    )


def _refused(record: Record, event: Event, refusal: Refusal, rules_version: str, now: float) -> Outcome:
    """The outcome of a rule that matched but made no message."""
    base = _outcome(record, event, OutcomeKind.UNRENDERABLE, refusal.reason, refusal.detail, rules_version, now)
    return base._replace(id=refusal.id, rule=refusal.rule, template=refusal.template, recipient=refusal.recipient)
