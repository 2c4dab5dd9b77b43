"""Prints a comparison for a terminal: a line for each rule, then examples with the fields before and after."""

from __future__ import annotations

from pipeline.authoring.diff import care_report
from pipeline.authoring.diff import report as diff_report
from pipeline.authoring.diff.care_simulation import CareSimulation
from pipeline.authoring.diff.changes import Change, Diff, Example, RuleDiff
from pipeline.authoring.diff.markdown import headline
from pipeline.authoring.diff.report import EDITS, KINDS, Mask, Names
from pipeline.cli.printing import bad, faint, good, plain, say, strong
from pipeline.phrases import counted, phrase


def show(diff: Diff, names: Names, mask: Mask, care: CareSimulation | None = None) -> None:
    """Print it, with the simulation of recipient care if there is one."""
    events = phrase("{events} of {source}", events=diff_report.events(diff), source=names.events)
    if diff.days is not None:
        events = phrase("{events}, {days:.1f} days", events=events, days=diff.days)
    say(strong(f"{names.old} → {names.new}"), plain(": " + events))
    for name, rule in diff_report.ordered(diff):
        _rule(diff, names, name, rule, mask)
    if care is not None:
        say()
        say(strong(phrase("recipient care")))
        for line in care_report.lines(care):
            say(plain("  " + line))
    say()
    for note in (*diff_report.notes(diff), *(care_report.notes(care) if care is not None else ())):
        say(strong(phrase("note: ")), plain(note))
    message = diff_report.changes(diff) if diff.changes else phrase("no message changes")
    if care is not None:
        message = phrase("{message}, and {care}", message=message, care=care_report.headline(care))
    same = counted(
        len(diff.unchanged), "{count} rule is the same in both versions", "{count} rules are the same in both versions"
    )
    say(strong(message), plain(phrase("; {same}", same=same)))


def _rule(diff: Diff, names: Names, name: str, rule: RuleDiff, mask: Mask) -> None:
    counts = phrase(
        "{edit}: {before:,} → {after:,} messages", edit=EDITS[rule.edit], before=rule.before, after=rule.after
    )
    if diff.days is not None:
        before, after = diff_report.per_day(diff, rule.before), diff_report.per_day(diff, rule.after)
        counts = phrase("{counts}, {before:,} → {after:,} a day", counts=counts, before=before, after=after)
    what = headline(rule) or phrase("no message changes")
    say()
    say(strong(name), plain("  " + phrase("{counts}: {what}", counts=counts, what=what)))
    for example in diff_report.examples(rule):
        _example(example, names, mask)


def _example(example: Example, names: Names, mask: Mask) -> None:
    what = phrase("  {change} at {event}", change=KINDS[example.change], event=names.event(example.position))
    say(plain(phrase("{what}: {why}", what=what, why=example.detail) if example.detail else what))
    for name, before, after in mask.fields(example):
        if example.change is not Change.CHANGED:
            say(faint(f"    {name}: "), plain((before if after is None else after) or ""))
            continue
        say(faint(f"    {name}"))
        say(bad("      - " + _value(before)))
        say(good("      + " + _value(after)))


def _value(text: str | None) -> str:
    return phrase("(absent)") if text is None else text
