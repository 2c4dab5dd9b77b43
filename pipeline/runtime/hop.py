"""Recipient care's two roles, between the intake and delivery (docs/decisions/intents-hop.md).

Map role: notices of an event become intents. Send role: intents become notices again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.care.declaration import Care
from pipeline.care.preferences import Choice, parse_preferences
from pipeline.delivery.evaluated_record import EvaluatedRecord
from pipeline.delivery.machine_with_care import DeliveryWithCare
from pipeline.errors import Undecodable
from pipeline.model.event import Position, Record
from pipeline.model.intent import Intent, PreferencesChoice, Seen
from pipeline.model.make import make
from pipeline.model.outcome import Reason

if TYPE_CHECKING:
    from pipeline.ports import Clock, Telemetry
    from pipeline.rules.ruleset import RuleSet


class ReadIntent(NamedTuple):
    """One record of the intents topic."""

    group: str
    """The consumer group that wrote it."""
    intent: Intent | None
    """None of a checkpoint."""
    seen: Seen | None
    """What is remembered of an intent to recognise its repetition."""
    choice: Choice | None = None
    """Instead of an intent: what a recipient has chosen."""


IntentDecoding = Callable[[Record], ReadIntent | None]
"""Returns the record of the intents topic; None if it is not one of this product."""


class Hop:
    """Where recipient care is on: what the intake does with events and intents instead of offering notices."""

    def __init__(
        self,
        topic: str,
        decode: IntentDecoding,
        group: str,
        delivery: DeliveryWithCare,
        clock: Clock,
        preferences: str | None = None,
    ) -> None:
        """`topic` is the intents topic; `group` is the one whose intents are delivered.

        `preferences` is the topic of recipients' preferences; None: there is none.
        """
        self.topic = topic
        self.preferences = preferences
        self.maps = True
        """Whether notices become intents; else what is left in the topic is delivered."""
        self._decode = decode
        self._group = group
        self.delivery = delivery
        self._clock = clock
        self._care: Care | None = None
        self._urgent: frozenset[str] = frozenset()
        """Urgent categories of `_care`, which a reload replaces."""

    def map(self, evaluated: EvaluatedRecord, rules: RuleSet, now: float) -> None:
        """Offer an event whose notices become intents; urgent ones leave at once, past the hop."""
        care = rules.care
        if care is not self._care:
            self._care = care
            self._urgent = frozenset([name for name, category in care.categories.items() if category.urgent])
        urgent = self._urgent
        if urgent:
            notices = evaluated.notices
            evaluated.notices = [notice for notice in notices if notice.category in urgent]
            evaluated.intents = [notice for notice in notices if notice.category not in urgent]
        else:
            evaluated.intents, evaluated.notices = evaluated.notices, ()
        self.delivery.offer_mapped(evaluated, now)

    def choose(self, record: Record, epoch: int, rules: RuleSet, now: float) -> Sequence[str]:
        """Offer a record of the preferences topic; return faults of what is left out of it.

        Raises:
            Undecodable: it cannot be read.
        """
        choice, faults = _chosen(record)
        self.delivery.offer_choice(EvaluatedRecord(record, None, epoch, (), (), now, rules.version), choice)
        return faults

    def take(self, record: Record, epoch: int, rules: RuleSet, telemetry: Telemetry, now: float) -> bool:
        """Offer a record of the intents topic; return whether it is one of this product."""
        read = self._decode(record)
        if read is None:
            return False
        position = make(Position, record[:3])
        group, intent, seen, choice = read
        if group != self._group:
            telemetry.for_another_group(record.topic)
        if group == self._group and choice is not None and seen is not None:
            chosen = EvaluatedRecord(record, None, epoch, (), (), now, rules.version, choice=choice)
            if self.delivery.offer_intent(chosen, position, seen, now):
                telemetry.intent_repeated()
            return True
        if group != self._group or intent is None or seen is None:
            self.delivery.pass_over(position, epoch, record.timestamp_ms / 1000)
            return True
        evaluated = EvaluatedRecord(
            intent.event.record,
            intent.event,
            epoch,
            (intent.notice,),
            (),
            intent.received_at - self._clock.correction(),  # outcomes add it
            intent.rules_version,
            intent=intent,
        )
        if self.delivery.offer_intent(evaluated, position, seen, now, is_off=intent.notice.rule in rules.off):
            telemetry.intent_repeated()
        return True


def _chosen(record: Record) -> tuple[PreferencesChoice, Sequence[str]]:
    """Read a record of the preferences topic: the key is the recipient, the value JSON, or nothing to forget.

    Raises:
        Undecodable: there is no recipient, or the value cannot be read.
    """
    try:
        recipient = (record.key or b"").decode().strip()  # as `checked_recipient` has it
        text = None if record.value is None else record.value.decode()
    except UnicodeDecodeError:
        raise Undecodable(Reason.MALFORMED_JSON, "preferences: not UTF-8") from None
    if not recipient:
        raise Undecodable(Reason.SCHEMA_MISMATCH, "preferences: the record has no key, which names the recipient")
    read = parse_preferences(record.value)
    return PreferencesChoice(recipient, None if read is None else text), () if read is None else read.faults
