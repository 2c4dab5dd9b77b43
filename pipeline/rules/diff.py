"""What a rule change would do to recorded events: new, gone and changed messages. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

import orjson

from pipeline.model.event import Event, Position
from pipeline.model.notice import Notice, Refusal


class Evaluator(Protocol):
    """What is compared: anything that says which notices follow from an event (`pipeline.rules.ruleset.RuleSet`)."""

    def evaluate(self, event: Event) -> list[Notice | Refusal]:
        """The notices and refusals of one event."""
        ...


class Change(StrEnum):
    """What became of one message between two rule sets."""

    SAME = "same"
    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    REFUSED = "refused"
    """No message before and none after, but now a rule matches that cannot make one."""


class FieldChange(NamedTuple):
    """One place in the message, before and after; None where it is not there."""

    name: str
    before: str | None
    after: str | None


class Example(NamedTuple):
    """One changed message, to look at."""

    position: Position
    change: Change
    fields: tuple[FieldChange, ...]
    detail: str = ""


@dataclass(slots=True)
class RuleDiff:
    """What a change does to the messages of one rule."""

    counts: dict[Change, int] = field(default_factory=lambda: dict.fromkeys(Change, 0))
    examples: list[Example] = field(default_factory=list)
    before: int = 0
    """Messages that the old rules send."""
    after: int = 0
    """Messages that the new rules send."""
    refused_before: int = 0
    refused_after: int = 0

    @property
    def changes(self) -> int:
        """Messages that are not the same."""
        return sum(count for change, count in self.counts.items() if change is not Change.SAME)


@dataclass(slots=True)
class Diff:
    """The whole comparison. `rules` holds every rule that made a message on either side."""

    events: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    rules: dict[str, RuleDiff] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        """Messages that are not the same, over all rules."""
        return sum(rule.changes for rule in self.rules.values())

    @property
    def days(self) -> float | None:
        """How long the recorded events span; None where that cannot be told."""
        if self.first_ms is None or self.last_ms is None or self.last_ms <= self.first_ms:
            return None
        return (self.last_ms - self.first_ms) / 86_400_000


def compare(old: Evaluator, new: Evaluator, events: Iterable[Event], *, examples: int = 3) -> Diff:
    """Run both rule sets over `events`; keeps at most `examples` examples for each rule and kind of change.

    Memory is bounded by rules, not by events: `events` may be a stream of any length.
    """
    diff = Diff()
    for event in events:
        diff.events += 1
        diff.first_ms = event.time_ms if diff.first_ms is None else min(diff.first_ms, event.time_ms)
        diff.last_ms = event.time_ms if diff.last_ms is None else max(diff.last_ms, event.time_ms)
        before = {(item.rule, item.id): item for item in old.evaluate(event)}
        after = {(item.rule, item.id): item for item in new.evaluate(event)}
        for key in before.keys() | after.keys():
            _note(diff.rules.setdefault(key[0], RuleDiff()), event, before.get(key), after.get(key), examples)
    diff.rules = dict(sorted(diff.rules.items(), key=lambda item: (-item[1].changes, item[0])))
    return diff


def _note(
    rule: RuleDiff, event: Event, before: Notice | Refusal | None, after: Notice | Refusal | None, examples: int
) -> None:
    rule.before += isinstance(before, Notice)
    rule.after += isinstance(after, Notice)
    rule.refused_before += isinstance(before, Refusal)
    rule.refused_after += isinstance(after, Refusal)
    change = _change(before, after)
    rule.counts[change] += 1
    if change is Change.SAME or sum(example.change is change for example in rule.examples) >= examples:
        return
    refusal = after if isinstance(after, Refusal) else before if isinstance(before, Refusal) else None
    detail = f"{refusal.reason}: {refusal.detail}" if refusal is not None else ""
    rule.examples.append(Example(event.record.position, change, tuple(_fields(before, after)), detail))


def _change(before: Notice | Refusal | None, after: Notice | Refusal | None) -> Change:
    if isinstance(before, Notice):
        if not isinstance(after, Notice):
            return Change.GONE
        return Change.SAME if before == after else Change.CHANGED
    if isinstance(after, Notice):
        return Change.NEW
    refused_anew = after is not None and (before is None or before.reason != after.reason)
    return Change.REFUSED if refused_anew else Change.SAME


def _fields(before: Notice | Refusal | None, after: Notice | Refusal | None) -> Iterable[FieldChange]:
    old, new = _flat(before), _flat(after)
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield FieldChange(name, old.get(name), new.get(name))


def _flat(item: Notice | Refusal | None) -> Mapping[str, str]:
    """The message's visible parts by name: `to`, `template`, `url`, and each field's text and colour."""
    if not isinstance(item, Notice):
        return {}
    body = orjson.loads(item.body)
    flat = {name: str(body[name]) for name in ("to", "template", "url") if name in body}
    for key, value in body.get("data", {}).items():
        flat[key] = str(value.get("value", ""))
        if "color" in value:
            flat[f"{key} (colour)"] = str(value["color"])
    if item.expires_at is not None:
        flat["expires at"] = f"{item.expires_at:.0f}"
    for name, usual in (("ordered", True), ("on_ambiguous", "repeat")):
        if getattr(item, name) != usual:
            flat[name] = str(getattr(item, name))
    return flat
