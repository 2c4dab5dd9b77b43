"""What a rule change does to recorded events, in numbers and examples. Sums of parts are the whole: `Diff.add`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import orjson

from pipeline.model.event import Event, Position
from pipeline.model.notice import Notice, OnAmbiguous, Refusal
from pipeline.model.outcome import Reason

MILLISECONDS_A_DAY = 86_400_000
LEAST_SPAN_MS = 3_600_000
"""From less than an hour no day can be estimated."""


class Change(StrEnum):
    """What became of one message between two rule sets."""

    SAME = "same"
    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    REFUSED = "refused"
    """No message before and none after, but now a rule matches that cannot make one."""


class Edit(StrEnum):
    """What became of a rule itself."""

    ADDED = "added"
    REMOVED = "removed"
    """Or disabled."""
    EDITED = "edited"
    SAME = "same"
    """The same words; compared because a rule that stops others stands in its way."""


class FieldChange(NamedTuple):
    """One place in the message, before and after; None where it is not there."""

    name: str
    before: str | None
    after: str | None


class Example(NamedTuple):
    """One message that is not the same, to look at."""

    position: Position
    change: Change
    fields: tuple[FieldChange, ...]
    recipients: tuple[str, ...] = ()
    """Whom the message goes to, before and after: to be masked wherever they stand."""
    detail: str = ""
    """Why there is no message, where a rule refuses to make one."""


@dataclass(slots=True)
class RuleDiff:
    """What a change does to the messages of one rule."""

    edit: Edit = Edit.SAME
    events: int = 0
    """Recorded events of its types: 0 means that the recording says nothing about this rule."""
    counts: Counter[Change] = field(default_factory=Counter)
    before: int = 0
    """Messages that the old rules send."""
    after: int = 0
    """Messages that the new rules send."""
    refused_before: int = 0
    refused_after: int = 0
    refusals: Counter[Reason] = field(default_factory=Counter)
    """Why the new rules refuse what the old did not."""
    fields: Counter[str] = field(default_factory=Counter)
    """In how many changed messages each place differs."""
    examples: list[Example] = field(default_factory=list)

    @property
    def changes(self) -> int:
        """Messages that are not the same."""
        return self.counts.total() - self.counts[Change.SAME]

    def note(self, event: Event, before: Notice | Refusal | None, after: Notice | Refusal | None, most: int) -> None:
        """Count what became of one message; `most` bounds the examples of each kind of change."""
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
        detail = f"{refusal.reason}: {refusal.detail}" if refusal is not None else ""
        self._keep(Example(event.record.position, change, fields, tuple(recipients), detail), most)

    def _keep(self, example: Example, most: int) -> None:
        """Keep the first of each kind, and the first that shows a place which none before has shown."""
        alike = [kept for kept in self.examples if kept.change is example.change]
        shown = {one.name for kept in alike for one in kept.fields}
        if len(alike) < most or (most and any(one.name not in shown for one in example.fields)):
            self.examples.append(example)

    def add(self, later: RuleDiff, most: int) -> None:
        """Add what was found in later events."""
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
    """Every rule that was compared, by id: those whose words differ, and those that these may stop."""
    unchanged: tuple[str, ...] = ()
    """The other rules: the same on both sides, so that every message of theirs is, too."""
    examples: int = 3
    """At most so many of each kind of change and rule, and more where only they show a changed place."""
    events: int = 0
    undecodable: Counter[str] = field(default_factory=Counter)
    """Records that are no event, by why: neither rule set sees them."""
    first_ms: int | None = None
    last_ms: int | None = None
    """When the first and the last event happened, as far as known."""

    @property
    def changes(self) -> int:
        """Messages that are not the same, over all rules."""
        return sum(rule.changes for rule in self.rules.values())

    @property
    def days(self) -> float | None:
        """How long the recorded events span; None if that is unknown, or too short to estimate a day."""
        if self.first_ms is None or self.last_ms is None or self.last_ms - self.first_ms < LEAST_SPAN_MS:
            return None
        return (self.last_ms - self.first_ms) / MILLISECONDS_A_DAY

    def saw(self, time_ms: int) -> None:
        """Count an event; a time of 0 is none."""
        self.events += 1
        if time_ms > 0:
            self.first_ms = time_ms if self.first_ms is None else min(self.first_ms, time_ms)
            self.last_ms = time_ms if self.last_ms is None else max(self.last_ms, time_ms)

    def add(self, later: Diff) -> None:
        """Add what the same comparison found in later events."""
        self.events += later.events
        self.undecodable += later.undecodable
        for moment in (later.first_ms, later.last_ms):
            if moment is not None:
                self.events -= 1
                self.saw(moment)
        for name, rule in later.rules.items():
            self.rules[name].add(rule, self.examples)


def change_of(before: Notice | Refusal | None, after: Notice | Refusal | None) -> Change:
    """What became of a message."""
    if isinstance(before, Notice):
        if not isinstance(after, Notice):
            return Change.GONE
        return Change.SAME if before == after else Change.CHANGED
    if isinstance(after, Notice):
        return Change.NEW
    refused_anew = after is not None and (before is None or before.reason != after.reason)
    return Change.REFUSED if refused_anew else Change.SAME


def _differences(
    event: Event, before: Notice | Refusal | None, after: Notice | Refusal | None
) -> Iterable[FieldChange]:
    old, new = _flat(event, before), _flat(event, after)
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield FieldChange(name, old.get(name), new.get(name))


def _flat(event: Event, item: Notice | Refusal | None) -> Mapping[str, str]:
    """The message's parts by name: `to`, `template`, `url`, each field's text and colour, and how it is sent."""
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
    if not item.ordered:
        flat["order"] = "none"
    if item.on_ambiguous is not OnAmbiguous.REPEAT:
        flat["on_ambiguous"] = item.on_ambiguous.value
    return flat


def _duration(seconds: float) -> str:
    """As rules write it, in the largest unit that is whole."""
    whole = round(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if whole and whole % length == 0:
            return f"{whole // length}{unit}"
    return f"{whole}s"
