"""A comparison as Markdown for a merge request: a table, and collapsed examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.authoring.diff import care_report
from pipeline.authoring.diff import report as diff_report
from pipeline.authoring.diff.care_simulation import CareSimulation
from pipeline.authoring.diff.changes import Change, Diff, Example, FieldChange, RuleDiff
from pipeline.authoring.diff.report import SHOWN, Mask, Names
from pipeline.authoring.terminal_escape import terminal_escape

LONGEST = 200
"""Longest value that is shown: enough for every field of a message, and a limit for URLs."""
_MARKUP = frozenset("\\`*_{}[]<>()#|&~!@$^")


def as_markdown(diff: Diff, names: Names, mask: Mask, care: CareSimulation | None = None) -> str:
    """The Markdown text, with the simulation of recipient care if there is one. Values of events are escaped."""
    lines = [f"### Rules: {code(names.old)} → {code(names.new)}", "", _summary(diff, names), ""]
    if diff.rules:
        lines += _table(diff)
    for name, rule in diff_report.ordered(diff):
        lines += _examples(name, rule, names, mask)
    if care is not None:
        lines += ["#### Recipient care", "", *care_report.markdown(care)]
    if diff.unchanged:
        count = len(diff.unchanged)
        lines += [f"{count} {'rule is' if count == 1 else 'rules are'} the same in both versions.", ""]
    lines += [f"- {note}" for note in diff_report.notes(diff)]
    if care is not None:
        lines += [f"- {note}" for note in (care_report.headline(care), *care_report.notes(care))]
    return "\n".join(lines).rstrip() + "\n"


def _summary(diff: Diff, names: Names) -> str:
    sent = sum(rule.before for rule in diff.rules.values())
    span = ""
    if diff.first_ms is not None and diff.days is not None:
        first, last = diff_report.moment(diff.first_ms), diff_report.moment(diff.last_ms)
        span = f", {first} to {last} ({diff.days:.1f} days)"
    events = f"{diff_report.events(diff)} of {code(names.events)}{span}"
    if not diff.changes:
        return f"**No message changes.** Compared on {events}."
    return f"**{diff_report.changes(diff)}**; the rules below sent {sent:,}. Compared on {events}."


def _table(diff: Diff) -> Iterator[str]:
    daily = diff.days is not None
    heads = ["rule", "", "before", "after", *SHOWN, *(["a day"] if daily else [])]
    yield "| " + " | ".join(heads) + " |"
    yield "|---|---|" + "--:|" * (len(heads) - 2)
    for name, rule in diff_report.ordered(diff):
        cells = [code(name), rule.edit.value, f"{rule.before:,}", f"{rule.after:,}"]
        cells += [f"{rule.counts[change]:,}" if rule.counts[change] else "" for change in SHOWN]
        if daily:
            cells.append(f"{diff_report.per_day(diff, rule.before):,} → {diff_report.per_day(diff, rule.after):,}")
        yield "| " + " | ".join(cells) + " |"
    yield ""


def _examples(name: str, rule: RuleDiff, names: Names, mask: Mask) -> Iterator[str]:
    if not rule.examples:
        return
    yield f"<details><summary>{code(name)}: {headline(rule)}</summary>"
    yield ""
    for example in diff_report.examples(rule):
        yield from _example(example, names, mask)
    yield "</details>"
    yield ""


def headline(rule: RuleDiff) -> str:
    """The changes of one rule in a line: `3 new, 20 changed (thing3 20, url 4)`."""
    parts = []
    for change in SHOWN:
        if rule.counts[change]:
            where = ", ".join(f"{location} {count:,}" for location, count in rule.fields.most_common())
            more = f" ({where})" if change is Change.CHANGED and where else ""
            parts.append(f"{rule.counts[change]:,} {change}{more}")
    if rule.refusals:
        parts.append("refused for " + ", ".join(f"{reason} {count:,}" for reason, count in rule.refusals.most_common()))
    return ", ".join(parts)


def _example(example: Example, names: Names, mask: Mask) -> Iterator[str]:
    detail = f": {code(example.detail)}" if example.detail else ""
    yield f"**{example.change}**, event {code(names.event(example.position))}{detail}"
    yield ""
    fields = mask.fields(example)
    if fields:
        yield from _fields(example.change, fields)
        yield ""


def _fields(change: Change, fields: Sequence[FieldChange]) -> Iterator[str]:
    if change is Change.CHANGED:
        yield "| field | before | after |"
        yield "|---|---|---|"
        yield from (f"| {code(name)} | {code(before)} | {code(after)} |" for name, before, after in fields)
        return
    yield "| field | message |"
    yield "|---|---|"
    yield from (f"| {code(name)} | {code(before if after is None else after)} |" for name, before, after in fields)


def code(text: str | None) -> str:
    """A value in `<code>`, where platforms resolve neither mentions nor issues, and Markdown has no effect."""
    if text is None:
        return "—"
    shown = terminal_escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    escaped = "".join(f"&#{ord(character)};" if character in _MARKUP else character for character in shown)
    return f"<code>{escaped}</code>"
