"""What the reports of a comparison share: masked recipients, notes, order, and JSON values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.authoring.diff.changes import Change, Diff, Edit, Example, FieldChange, RuleDiff
from pipeline.model.event import Position
from pipeline.phrases import Say, counted, joined, phrase

SHOWN = (Change.NEW, Change.GONE, Change.CHANGED, Change.REFUSED)
"""Kinds of change, in the order of columns and examples."""
KINDS: Mapping[Change, str] = {
    Change.SAME: phrase("same"),
    Change.NEW: phrase("new"),
    Change.GONE: phrase("gone"),
    Change.CHANGED: phrase("changed"),
    Change.REFUSED: phrase("refused"),
}
EDITS: Mapping[Edit, str] = {
    Edit.ADDED: phrase("added"),
    Edit.REMOVED: phrase("removed"),
    Edit.EDITED: phrase("edited"),
    Edit.SAME: phrase("same"),
}
_MOST_NAMED = 10
SHORT = 8
"""A recipient shorter than this is masked only where it is a whole word."""


class Names(NamedTuple):
    """Names of what was compared, as the user gave them."""

    old: str
    new: str
    events: str

    only: str | None = None
    """Name of the event where there is only one."""
    tests: Sequence[str] = ()
    """Names of the tests whose events they are, in the order of their offsets."""

    def event(self, position: Position) -> str:
        """The name of one event, as `explain` takes it: `FILE:NUMBER`, or its position in Kafka."""
        if self.only is not None:
            return self.only
        if self.tests:
            return self.tests[position.offset]
        return f"{self.events}:{position.offset + 1}" if position.topic == self.events else str(position)


class Mask:
    """Replaces recipients by `recipient 1`, `recipient 2` …; the same recipient always has the same number."""

    def __init__(self, *, show: bool = False, say: Say = str) -> None:
        """With `show`, nothing is masked; `say` has the language of the stand-ins."""
        self._say = say
        self._show = show
        self._known: dict[str, str] = {}

    def fields(self, example: Example) -> Sequence[FieldChange]:
        """The fields of the example, masked."""
        if self._show:
            return example.fields
        for recipient in example.recipients:
            self._known.setdefault(recipient, self._say(phrase("recipient {count}", count=len(self._known) + 1)))
        return [
            FieldChange(
                one.name, self._masked(one.before, example.recipients), self._masked(one.after, example.recipients)
            )
            for one in example.fields
        ]

    def _masked(self, text: str | None, recipients: Sequence[str]) -> str | None:
        for recipient in sorted(recipients, key=len, reverse=True) if text is not None else ():
            if len(recipient) >= SHORT:
                text = text.replace(recipient, self._known[recipient]) if text is not None else None
            elif text is not None:
                text = re.sub(rf"(?<!\w){re.escape(recipient)}(?!\w)", self._known[recipient], text)
        return text


def events(diff: Diff) -> str:
    """The number of events, as text."""
    return counted(diff.events, "{count:,} event", "{count:,} events")


def changes(diff: Diff) -> str:
    """How many messages change, as text."""
    return counted(diff.changes, "{count:,} message changes", "{count:,} messages change")


def per_day(diff: Diff, messages: int) -> int | None:
    """Messages a day, estimated from the span of the recording."""
    return round(messages / diff.days) if diff.days is not None else None


def moment(milliseconds: int | None) -> str | None:
    """A time in UTC to the second; None if it is unknown or beyond the calendar."""
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None


def notes(diff: Diff) -> Iterator[str]:
    """Notes for the reader, one sentence each."""
    if not diff.events:
        yield phrase("the recording has no events: nothing was compared")
    unseen = [name for name, rule in diff.rules.items() if diff.events and not rule.events]
    if unseen:
        yield phrase("the recording has no event for these rules: {unseen}", unseen=_listed(unseen))
    mute = [name for name, rule in diff.rules.items() if rule.edit is not Edit.SAME and _refused_throughout(rule)]
    if mute:
        yield phrase(
            "every message of these rules is refused in both versions: {mute}; `explain` shows why", mute=_listed(mute)
        )
    idle = [
        name
        for name, rule in diff.rules.items()
        if rule.events and not rule.changes and rule.edit is not Edit.SAME and name not in mute
    ]
    if idle:
        yield phrase("these rules differ, but none of their messages does: {idle}", idle=_listed(idle))
    if diff.undecodable:
        reasons = joined(", ", (f"{reason} {count}" for reason, count in diff.undecodable.most_common()))
        total = diff.undecodable.total()
        what = counted(
            total,
            "{count:,} record cannot be decoded and was skipped",
            "{count:,} records cannot be decoded and were skipped",
        )
        yield phrase("{message} ({hint})", message=what, hint=reasons)
    if diff.events and diff.days is None and any(rule.changes for rule in diff.rules.values()):
        yield phrase("the times of the events are unknown or span less than an hour: messages a day are not estimated")


def _refused_throughout(rule: RuleDiff) -> bool:
    return bool(rule.refused_before and rule.refused_after) and not (rule.before or rule.after)


def _listed(names: Sequence[str]) -> str:
    first, others = joined(", ", (f"`{name}`" for name in names[:_MOST_NAMED])), len(names) - _MOST_NAMED
    return phrase("{first} and {count} more", first=first, count=others) if others > 0 else first


def ordered(diff: Diff) -> list[tuple[str, RuleDiff]]:
    """The compared rules, those with most changes first."""
    return sorted(diff.rules.items(), key=lambda item: (-item[1].changes, item[0]))


def examples(rule: RuleDiff) -> Iterator[Example]:
    """The examples by kind of change, each in the order of events."""
    for change in SHOWN:
        yield from (example for example in rule.examples if example.change is change)


def as_values(diff: Diff, names: Names, mask: Mask) -> dict[str, object]:
    """The comparison as JSON values. Numbers are counts of messages unless named otherwise."""
    return {
        "old": names.old,
        "new": names.new,
        "source": names.events,
        "events": diff.events,
        "undecodable": dict(diff.undecodable),
        "first_event": moment(diff.first_ms),
        "last_event": moment(diff.last_ms),
        "days": round(diff.days, 4) if diff.days is not None else None,
        "changes": diff.changes,
        "rules": [_rule_values(diff, names, name, rule, mask) for name, rule in ordered(diff)],
        "unchanged": list(diff.unchanged),
        "notes": list(notes(diff)),
    }


def _rule_values(diff: Diff, names: Names, name: str, rule: RuleDiff, mask: Mask) -> Mapping[str, object]:
    return {
        "rule": name,
        "edit": rule.edit.value,
        "events": rule.events,
        "before": rule.before,
        "after": rule.after,
        "per_day": {"before": per_day(diff, rule.before), "after": per_day(diff, rule.after)},
        "refused_before": rule.refused_before,
        "refused_after": rule.refused_after,
        **{change.value: rule.counts[change] for change in Change},
        "refusals": {reason.value: count for reason, count in rule.refusals.items()},
        "fields": dict(rule.fields.most_common()),
        "examples": [
            {
                "position": names.event(example.position),
                "change": example.change.value,
                "detail": example.detail,
                "fields": [one._asdict() for one in mask.fields(example)],
            }
            for example in examples(rule)
        ],
    }
