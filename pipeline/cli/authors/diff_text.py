"""Prints a comparison for a terminal: a line for each rule, then examples with the fields before and after."""

from __future__ import annotations

from pipeline.authoring.diff import care_report
from pipeline.authoring.diff import report as diff_report
from pipeline.authoring.diff.care_simulation import CareSimulation
from pipeline.authoring.diff.changes import Change, Diff, Example, RuleDiff
from pipeline.authoring.diff.markdown import headline
from pipeline.authoring.diff.report import Mask, Names
from pipeline.cli.printing import bad, faint, good, plain, say, strong


def show(diff: Diff, names: Names, mask: Mask, care: CareSimulation | None = None) -> None:
    """Print it, with the simulation of recipient care if there is one."""
    span = f", {diff.days:.1f} days" if diff.days is not None else ""
    say(strong(f"{names.old} → {names.new}"), plain(f": {diff_report.events(diff)} of {names.events}{span}"))
    for name, rule in diff_report.ordered(diff):
        _rule(diff, names, name, rule, mask)
    if care is not None:
        say()
        say(strong("recipient care"))
        for line in care_report.lines(care):
            say(plain(f"  {line}"))
    say()
    for note in (*diff_report.notes(diff), *(care_report.notes(care) if care is not None else ())):
        say(strong("note: "), plain(note))
    same = len(diff.unchanged)
    message = diff_report.changes(diff) if diff.changes else "no message changes"
    if care is not None:
        message += f", and {care_report.headline(care)}"
    say(strong(message), plain(f"; {same} {'rule is' if same == 1 else 'rules are'} the same in both versions"))


def _rule(diff: Diff, names: Names, name: str, rule: RuleDiff, mask: Mask) -> None:
    daily = ""
    if diff.days is not None:
        daily = f", {diff_report.per_day(diff, rule.before):,} → {diff_report.per_day(diff, rule.after):,} a day"
    what = headline(rule) or "no message changes"
    say()
    say(strong(name), plain(f"  {rule.edit}: {rule.before:,} → {rule.after:,} messages{daily}: {what}"))
    for example in diff_report.examples(rule):
        _example(example, names, mask)


def _example(example: Example, names: Names, mask: Mask) -> None:
    detail = f": {example.detail}" if example.detail else ""
    say(plain(f"  {example.change} at {names.event(example.position)}{detail}"))
    for name, before, after in mask.fields(example):
        if example.change is not Change.CHANGED:
            say(faint(f"    {name}: "), plain((before if after is None else after) or ""))
            continue
        say(faint(f"    {name}"))
        say(bad(f"      - {_value(before)}"))
        say(good(f"      + {_value(after)}"))


def _value(text: str | None) -> str:
    return "(absent)" if text is None else text
