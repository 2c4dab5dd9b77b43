"""The effect of a rule change on recorded events, as counts and examples. Parts can be added: `Diff.add`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import orjson

from pipeline.authoring.diff.care_simulation import Moment
from pipeline.model.event import Event, Position
from pipeline.model.notice import DEFAULT_API, Notice, OnAmbiguous, Refusal
from pipeline.model.outcome import Reason
from pipeline.phrases import phrase

MILLISECONDS_A_DAY = 86_400_000
LEAST_SPAN_MS = 3_600_000
"""Shortest recording from which messages a day are estimated."""


class Change(StrEnum):
    """The kind of change of one message."""

    SAME = "same"
    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    REFUSED = "refused"
    """No message before and none after, but now a rule matches and cannot make one."""


class Edit(StrEnum):
    """The kind of change of a rule."""

    ADDED = "added"
    REMOVED = "removed"
    """Removed or disabled."""
    EDITED = "edited"
    SAME = "same"
    """The rule is unchanged; it is compared because a rule with `stop: true` affects it."""


class FieldChange(NamedTuple):
    """One part of the message, before and after; None if it is absent."""

    name: str
    before: str | None
    after: str | None


class Example(NamedTuple):
    """One message that differs."""

    position: Position
    change: Change
    fields: tuple[FieldChange, ...]
    recipients: tuple[str, ...] = ()
    """Recipients before and after, which are masked wherever they occur."""
    detail: str = ""
    """Why a rule refuses to make the message."""


@dataclass(slots=True)
class RuleDiff:
    """The effect of a change on the messages of one rule."""

    edit: Edit = Edit.SAME
    events: int = 0
    """Recorded events of its types; 0: the recording has none."""
    counts: Counter[Change] = field(default_factory=Counter)
    before: int = 0
    """Messages of the old rules."""
    after: int = 0
    """Messages of the new rules."""
    refused_before: int = 0
    refused_after: int = 0
    refusals: Counter[Reason] = field(default_factory=Counter)
    """Reasons for which the new rules refuse messages that the old rules made."""
    fields: Counter[str] = field(default_factory=Counter)
    """Number of changed messages by the part that differs."""
    examples: list[Example] = field(default_factory=list)

    @property
    def changes(self) -> int:
        """Messages that differ."""
        return self.counts.total() - self.counts[Change.SAME]

    def note(self, event: Event, before: Notice | Refusal | None, after: Notice | Refusal | None, most: int) -> None:
        """Count one message; `most` limits the examples of each kind of change."""
        self.before += isinstance(before, Notice)
        self.after += isinstance(after, Notice)
        self.refused_before += isinstance(before, Refusal)
        self.refused_after += isinstance(after, Refusal)
        change = change_of(before, after)
        self.counts[change] += 1
        if change is Change.SAME:
            return
        fields = tuple(_differences(event, before, after))
        if change is Change.CHANGED:
            self.fields.update(one.name for one in fields)
        if isinstance(after, Refusal):
            self.refusals[after.reason] += 1
        recipients = dict.fromkeys(item.recipient for item in (before, after) if item is not None and item.recipient)
        refusal = next((item for item in (after, before) if isinstance(item, Refusal)), None)
        detail = (
            phrase("{reason}: {detail}", reason=refusal.reason, detail=refusal.detail) if refusal is not None else ""
        )
        self._keep(Example(event.record.position, change, fields, tuple(recipients), detail), most)

    def _keep(self, example: Example, most: int) -> None:
        """Keep the first examples of each kind, and the first that shows a part which no earlier one shows."""
        alike = [kept for kept in self.examples if kept.change is example.change]
        shown = {one.name for kept in alike for one in kept.fields}
        if len(alike) < most or (most and any(one.name not in shown for one in example.fields)):
            self.examples.append(example)

    def add(self, later: RuleDiff, most: int) -> None:
        """Add the counts of later events."""
        self.events += later.events
        self.counts += later.counts
        self.before += later.before
        self.after += later.after
        self.refused_before += later.refused_before
        self.refused_after += later.refused_after
        self.refusals += later.refusals
        self.fields += later.fields
        for example in later.examples:
            self._keep(example, most)


@dataclass(slots=True)
class Diff:
    """The whole comparison."""

    rules: dict[str, RuleDiff] = field(default_factory=dict)
    """The compared rules by id: those that differ, and those that a differing rule may stop."""
    unchanged: tuple[str, ...] = ()
    """The other rules, which are the same in both versions and make the same messages."""
    examples: int = 3
    """Most examples of each kind of change and rule; more if only they show a changed part."""
    events: int = 0
    undecodable: Counter[str] = field(default_factory=Counter)
    """Undecodable records by reason; they are not compared."""
    first_ms: int | None = None
    last_ms: int | None = None
    """Times of the first and the last event, if known."""
    moments: list[Moment] = field(default_factory=list)
    """The messages of each event for a simulation of recipient care, which the caller takes; empty without one."""

    @property
    def changes(self) -> int:
        """Messages of all rules that differ."""
        return sum(rule.changes for rule in self.rules.values())

    @property
    def days(self) -> float | None:
        """Days that the recorded events span; None if unknown or too short for an estimate."""
        if self.first_ms is None or self.last_ms is None or self.last_ms - self.first_ms < LEAST_SPAN_MS:
            return None
        return (self.last_ms - self.first_ms) / MILLISECONDS_A_DAY

    def saw(self, time_ms: int) -> None:
        """Count an event; a time of 0 is unknown."""
        self.events += 1
        if time_ms > 0:
            self.first_ms = time_ms if self.first_ms is None else min(self.first_ms, time_ms)
            self.last_ms = time_ms if self.last_ms is None else max(self.last_ms, time_ms)

    def add(self, later: Diff) -> None:
        """Add the result of the same comparison over later events."""
        self.events += later.events
        self.undecodable += later.undecodable
        for moment in (later.first_ms, later.last_ms):
            if moment is not None:
                self.events -= 1
                self.saw(moment)
        for name, rule in later.rules.items():
            self.rules[name].add(rule, self.examples)


def change_of(before: Notice | Refusal | None, after: Notice | Refusal | None) -> Change:
    """The kind of change of a message."""
    if isinstance(before, Notice):
        if not isinstance(after, Notice):
            return Change.GONE
        return Change.SAME if _message(before) == _message(after) else Change.CHANGED
    if isinstance(after, Notice):
        return Change.NEW
    refused_anew = after is not None and (before is None or before.reason != after.reason)
    return Change.REFUSED if refused_anew else Change.SAME


def _message(notice: Notice) -> Notice:
    """The notice without what decides only whether it may leave."""
    return notice._replace(category=None, once=None)


def _differences(
    event: Event, before: Notice | Refusal | None, after: Notice | Refusal | None
) -> Iterable[FieldChange]:
    old, new = _flat(event, before), _flat(event, after)
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield FieldChange(name, old.get(name), new.get(name))


def _flat(event: Event, item: Notice | Refusal | None) -> Mapping[str, str]:
    """The parts of the message by name: `to`, `template`, `url`, text and colour of each field, options."""
    if not isinstance(item, Notice):
        return {}
    body = orjson.loads(item.body)
    flat = {"to": item.recipient, "template": item.template, "template id": str(body["template"])}
    if "url" in body:
        flat["url"] = str(body["url"])
    for key, value in body["data"].items():
        flat[key] = str(value["value"])
        if "color" in value:
            flat[f"{key} (colour)"] = str(value["color"])
    if item.expires_at is not None:
        flat["expires after"] = _duration(item.expires_at - event.time_ms / 1000)
    if item.reference is not None:
        flat["reference"] = item.reference
    if not item.ordered:
        flat["order"] = "none"
    if item.on_ambiguous is not OnAmbiguous.REPEAT:
        flat["on_ambiguous"] = item.on_ambiguous.value
    if item.api != DEFAULT_API:
        flat["api"] = item.api
    return flat


def _duration(seconds: float) -> str:
    """The duration as rules write it, in the largest unit without a remainder."""
    whole = round(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if whole and whole % length == 0:
            return f"{whole // length}{unit}"
    return f"{whole}s"
