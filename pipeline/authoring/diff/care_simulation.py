"""What recipient care would have done to recorded events, with the old and with the new rules, in virtual time.

Each message is decided at the time of its event, as if it were sent and accepted at once. What recorded events do not
say is left out: no recipient has opted out, and the clock of all is that of care.yaml's zone.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.authoring.recipient_care import VirtualCare, facts_of
from pipeline.care.decision import End
from pipeline.care.declaration import Care
from pipeline.care.facts import CareFacts
from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import Reason
from pipeline.rules.ruleset import RuleSet

MOST_WAITING = 50_000
"""Events that wait to be put in order of time: partitions of a topic are read one beside the other."""


class Addressed(NamedTuple):
    """What a decision reads of one message, and to whom it goes."""

    recipient: str
    facts: CareFacts


class Moment(NamedTuple):
    """The messages of one event."""

    at_ms: int
    """Time of the event; 0: unknown."""
    before: tuple[Addressed, ...]
    after: tuple[Addressed, ...] | None
    """None: the same as `before`."""


class Held(NamedTuple):
    """What held messages back."""

    category: str
    reason: Reason
    name: str
    """Of the cap (the first one that is reached), the quiet hours, or the rule with `once`."""


@dataclass(slots=True)
class Side:
    """The result with one version of the rules."""

    made: Counter[str] = field(default_factory=Counter)
    """Messages of rules by category."""
    sent: Counter[str] = field(default_factory=Counter)
    """Those that care lets pass, by category."""
    held: Counter[Held] = field(default_factory=Counter)
    recipients: defaultdict[Held, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Hashes of the recipients whose messages were held back."""
    hours: defaultdict[Held, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """Messages held back by the hour of the day, on the clock of the zone."""


class CareSimulation:
    """Plays recorded events through the recipient care of both versions."""

    def __init__(self, old: Care, new: Care) -> None:
        self.zones = (old.zone, new.zone)
        self.before, self.after = Side(), Side()
        self.events = 0
        """Events that were played."""
        self.untimed = 0
        """Events without a time, which cannot be played."""
        self._cares = VirtualCare(old), VirtualCare(new)
        self._waiting: list[tuple[int, int, Moment]] = []
        self._number = 0

    @classmethod
    def of(cls, old: RuleSet, new: RuleSet) -> CareSimulation | None:
        """A simulation; None where neither version has recipient care."""
        return cls(old.care, new.care) if has_care(old) or has_care(new) else None

    def play(self, moments: Iterable[Moment]) -> None:
        """Play the next events, which need not be in order of time."""
        for moment in moments:
            if moment.at_ms <= 0:
                self.untimed += 1
                continue
            self._number += 1
            heapq.heappush(self._waiting, (moment.at_ms, self._number, moment))
            if len(self._waiting) > MOST_WAITING:
                self._play(heapq.heappop(self._waiting)[-1])

    def end(self) -> None:
        """Play what still waits."""
        while self._waiting:
            self._play(heapq.heappop(self._waiting)[-1])

    @property
    def held(self) -> Sequence[Held]:
        """Everything that held messages back, that with the greatest difference first."""
        before, after = self.before.held, self.after.held
        return sorted({**before, **after}, key=lambda one: (-abs(after[one] - before[one]), one))

    @property
    def categories(self) -> Sequence[str]:
        """Every category with messages, in the order of their names."""
        return sorted({**self.before.made, **self.after.made})

    @property
    def changes(self) -> int:
        """Messages by which what is held back differs; one that another cap holds back counts twice."""
        return sum(abs(self.after.held[one] - self.before.held[one]) for one in self.held)

    def _play(self, moment: Moment) -> None:
        self.events += 1
        after = moment.before if moment.after is None else moment.after
        sides = (self.before, self.after)
        for side, care, zone, messages in zip(sides, self._cares, self.zones, (moment.before, after), strict=True):
            for recipient, facts in messages:
                _note(side, care, zone, recipient, facts, moment.at_ms / 1_000)


def has_care(rules: RuleSet) -> bool:
    """Whether a message of these rules may be held back."""
    return bool(rules.care.categories) or any(rule.once is not None for rule in rules.rules)


def moment_of(
    at_ms: int,
    before: Mapping[str, Sequence[Notice | Refusal] | None],
    after: Mapping[str, Sequence[Notice | Refusal] | None],
) -> Moment:
    """The messages of one event, from the results of each rule."""
    old, new = _addressed(before), _addressed(after)
    return Moment(at_ms, old, None if old == new else new)


def _addressed(results: Mapping[str, Sequence[Notice | Refusal] | None]) -> tuple[Addressed, ...]:
    return tuple(
        Addressed(item.recipient, facts_of(item))
        for items in results.values()
        for item in items or ()
        if isinstance(item, Notice)
    )


def _note(side: Side, care: VirtualCare, zone: str, recipient: str, facts: CareFacts, now: float) -> None:
    category = facts.category or ""
    side.made[category] += 1
    decision = care.decide(recipient, facts, now)
    if not isinstance(decision, End):
        side.sent[category] += 1
        return
    held = Held(category, decision.reason, decision.because[0].name or "")
    side.held[held] += 1
    side.recipients[held].add(hash(recipient))
    side.hours[held][datetime.fromtimestamp(now, ZoneInfo(zone)).hour] += 1
