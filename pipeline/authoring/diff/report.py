"""A comparison as plain values and as Markdown for a merge request; recipients masked unless they are to be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.authoring.diff.changes import Change, Diff, Edit, Example, FieldChange, RuleDiff

SHOWN = (Change.NEW, Change.GONE, Change.CHANGED, Change.REFUSED)
"""In the order of columns and examples."""
SHORT = 8
"""Below so many characters a recipient is masked only where it stands as a word of its own."""


class Names(NamedTuple):
    """What was compared, in the user's words."""

    old: str
    new: str
    events: str


class Mask:
    """Puts `recipient 1`, `recipient 2` … for recipients, wherever they stand: the same one always gets the same."""

    def __init__(self, *, show: bool = False) -> None:
        """`show` leaves everything as it is."""
        self._show = show
        self._known: dict[str, str] = {}

    def fields(self, example: Example) -> Sequence[FieldChange]:
        """The example's fields, fit to be shown."""
        if self._show:
            return example.fields
        for recipient in example.recipients:
            self._known.setdefault(recipient, f"recipient {len(self._known) + 1}")
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
    """How many there were."""
    return "1 event" if diff.events == 1 else f"{diff.events:,} events"


def per_day(diff: Diff, messages: int) -> int | None:
    """So many messages a day, as far as the recording's span tells."""
    return round(messages / diff.days) if diff.days is not None else None


def moment(milliseconds: int | None) -> str | None:
    """A time in UTC to the second; None where there is none, or none that a calendar has."""
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None


def notes(diff: Diff) -> Iterator[str]:
    """What a reader must know besides the figures, one sentence each."""
    if not diff.events:
        yield "there is no event in the recording: nothing was compared"
    unseen = [name for name, rule in diff.rules.items() if diff.events and not rule.events]
    if unseen:
        yield f"no event of their types is in the recording: {_listed(unseen)}; it says nothing about them"
    mute = [name for name, rule in diff.rules.items() if rule.edit is not Edit.SAME and _refused_throughout(rule)]
    if mute:
        yield f"every message is refused on both sides, so nothing is compared: {_listed(mute)}; `explain` shows why"
    idle = [
        name
        for name, rule in diff.rules.items()
        if rule.events and not rule.changes and rule.edit is not Edit.SAME and name not in mute
    ]
    if idle:
        yield f"their words differ, but no message does: {_listed(idle)}"
    if diff.undecodable:
        reasons = ", ".join(f"{reason} {count}" for reason, count in diff.undecodable.most_common())
        total = diff.undecodable.total()
        what = "1 record is no event and was" if total == 1 else f"{total:,} records are no events and were"
        yield f"{what} passed over ({reasons})"
    if diff.events and diff.days is None and any(rule.changes for rule in diff.rules.values()):
        yield "the events' times span less than an hour, or are not known: so there is no figure for a day"


def _refused_throughout(rule: RuleDiff) -> bool:
    return bool(rule.refused_before and rule.refused_after) and not (rule.before or rule.after)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")  # noqa: PLR2004 - as many as a line takes


def ordered(diff: Diff) -> list[tuple[str, RuleDiff]]:
    """The rules compared, the most changed first."""
    return sorted(diff.rules.items(), key=lambda item: (-item[1].changes, item[0]))


def examples(rule: RuleDiff) -> Iterator[Example]:
    """By kind, each in the order of events."""
    for change in SHOWN:
        yield from (example for example in rule.examples if example.change is change)


def as_values(diff: Diff, names: Names, mask: Mask) -> dict[str, object]:
    """The whole comparison for programs; figures are counts of messages unless named otherwise."""
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
        "rules": [_rule_values(diff, name, rule, mask) for name, rule in ordered(diff)],
        "unchanged": list(diff.unchanged),
        "notes": list(notes(diff)),
    }


def _rule_values(diff: Diff, name: str, rule: RuleDiff, mask: Mask) -> Mapping[str, object]:
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
                "position": str(example.position),
                "change": example.change.value,
                "detail": example.detail,
                "fields": [one._asdict() for one in mask.fields(example)],
            }
            for example in examples(rule)
        ],
    }
