"""A comparison as Markdown for a merge request: a table, and collapsed examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.authoring.diff import care_report
from pipeline.authoring.diff import report as diff_report
from pipeline.authoring.diff.care_simulation import CareSimulation
from pipeline.authoring.diff.changes import Change, Diff, Example, FieldChange, RuleDiff
from pipeline.authoring.diff.report import EDITS, KINDS, SHOWN, Mask, Names
from pipeline.phrases import counted, joined, phrase
from pipeline.terminal_escape import terminal_escape

LONGEST = 200
"""Longest value that is shown: enough for every field of a message, and a limit for URLs."""
_MARKUP = frozenset("\\`*_{}[]<>()#|&~!@$^")


def as_markdown(diff: Diff, names: Names, mask: Mask, care: CareSimulation | None = None) -> str:
    """The Markdown text, with the simulation of recipient care if there is one. Values of events are escaped."""
    lines = [
        phrase("### Rules: {old} → {new}", old=code(names.old), new=code(names.new)),
        "",
        _summary(diff, names),
        "",
    ]
    if diff.rules:
        lines += _table(diff)
    for name, rule in diff_report.ordered(diff):
        lines += _examples(name, rule, names, mask)
    if care is not None:
        lines += [phrase("#### Recipient care"), "", *care_report.markdown(care)]
    if diff.unchanged:
        count = len(diff.unchanged)
        lines += [
            counted(
                count, "{count} rule is the same in both versions.", "{count} rules are the same in both versions."
            ),
            "",
        ]
    lines += ["- " + note for note in diff_report.notes(diff)]
    if care is not None:
        lines += ["- " + note for note in (care_report.headline(care), *care_report.notes(care))]
    return joined("\n", lines[: -1 if not lines[-1] else None]) + "\n"


def _summary(diff: Diff, names: Names) -> str:
    sent = sum(rule.before for rule in diff.rules.values())
    span = ""
    if diff.first_ms is not None and diff.days is not None:
        first, last = diff_report.moment(diff.first_ms), diff_report.moment(diff.last_ms)
        span = phrase(", {first} to {last} ({days:.1f} days)", first=first, last=last, days=diff.days)
    events = phrase("{events} of {source}{span}", events=diff_report.events(diff), source=code(names.events), span=span)
    if not diff.changes:
        return phrase("**No message changes.** Compared on {events}.", events=events)
    changes = diff_report.changes(diff)
    return phrase(
        "**{changes}**; the rules below sent {sent:,}. Compared on {events}.", changes=changes, sent=sent, events=events
    )


def _table(diff: Diff) -> Iterator[str]:
    daily = diff.days is not None
    heads = [phrase("rule"), "", phrase("before"), phrase("after"), *(KINDS[change] for change in SHOWN)]
    if daily:
        heads.append(phrase("a day"))
    yield "| " + joined(" | ", heads) + " |"
    yield "|---|---|" + "--:|" * (len(heads) - 2)
    for name, rule in diff_report.ordered(diff):
        cells = [code(name), EDITS[rule.edit], f"{rule.before:,}", f"{rule.after:,}"]
        cells += [f"{rule.counts[change]:,}" if rule.counts[change] else "" for change in SHOWN]
        if daily:
            cells.append(f"{diff_report.per_day(diff, rule.before):,} → {diff_report.per_day(diff, rule.after):,}")
        yield "| " + joined(" | ", cells) + " |"
    yield ""


def _examples(name: str, rule: RuleDiff, names: Names, mask: Mask) -> Iterator[str]:
    if not rule.examples:
        return
    what = phrase("{rule}: {summary}", rule=code(name), summary=headline(rule))
    yield "<details><summary>" + what + "</summary>"
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
            count = phrase("{count:,} {change}", count=rule.counts[change], change=KINDS[change])
            where = joined(", ", (f"{location} {number:,}" for location, number in rule.fields.most_common()))
            is_changed = change is Change.CHANGED and where
            parts.append(phrase("{message} ({hint})", message=count, hint=where) if is_changed else count)
    if rule.refusals:
        reasons = joined(", ", (f"{reason} {count:,}" for reason, count in rule.refusals.most_common()))
        parts.append(phrase("refused for {reasons}", reasons=reasons))
    return joined(", ", parts)


def _example(example: Example, names: Names, mask: Mask) -> Iterator[str]:
    event = code(names.event(example.position))
    what = phrase("**{change}**, event {event}", change=KINDS[example.change], event=event)
    yield what + (f": {code(example.detail)}" if example.detail else "")
    yield ""
    fields = mask.fields(example)
    if fields:
        yield from _fields(example.change, fields)
        yield ""


def _fields(change: Change, fields: Sequence[FieldChange]) -> Iterator[str]:
    if change is Change.CHANGED:
        yield phrase("| field | before | after |")
        yield "|---|---|---|"
        yield from (f"| {code(name)} | {code(before)} | {code(after)} |" for name, before, after in fields)
        return
    yield phrase("| field | message |")
    yield "|---|---|"
    yield from (f"| {code(name)} | {code(before if after is None else after)} |" for name, before, after in fields)


def code(text: str | None) -> str:
    """A value in `<code>`, where platforms resolve neither mentions nor issues, and Markdown has no effect."""
    if text is None:
        return "—"
    shown = terminal_escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    escaped = "".join(f"&#{ord(character)};" if character in _MARKUP else character for character in shown)
    return f"<code>{escaped}</code>"
