"""Runs two rule sets over recorded events. Sends nothing, and works only where the two can differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import Reason
from pipeline.rules.cel import Activation
from pipeline.rules.diff import Diff, Edit, RuleDiff
from pipeline.rules.ruleset import Rule, RuleSet, Text, result


class _Plan(NamedTuple):
    """What is to be evaluated for events of one type, in file order."""

    old: tuple[Rule, ...]
    new: tuple[Rule, ...]
    shared: frozenset[str]
    """Ids of rules that are the same on both sides: evaluated once."""


class Comparison:
    """Two rule sets, and what was found so far.

    Memory is bounded by rules, not by events. A rule that reads the same on both sides, templates included, gives the
    same messages for every event; so only the others are evaluated, unless one that stops others stands among them.
    """

    def __init__(self, old: RuleSet, new: RuleSet, *, examples: int = 3) -> None:
        """At most `examples` examples are kept for each rule and kind of change (see `Diff.examples`)."""
        self._old = old
        self._new = new
        before = {rule.id: definition(rule) for rule in old.rules}
        after = {rule.id: definition(rule) for rule in new.rules}
        edits = {name: _edit(before.get(name), after.get(name)) for name in {**after, **before}}
        same = frozenset(name for name, edit in edits.items() if edit is Edit.SAME)
        types = sorted(old.event_types | new.event_types)
        self._plans: Mapping[str, _Plan] = {one: _plan(old.for_type(one), new.for_type(one), same) for one in types}
        """A type without a plan has no rule; one whose plan is empty has no rule that differs."""
        compared = {rule.id for plan in self._plans.values() for rule in (*plan.old, *plan.new)}
        rules = {name: RuleDiff(edit) for name, edit in edits.items() if name in compared or edit is not Edit.SAME}
        self.diff = Diff(rules, tuple(name for name in edits if name not in rules), examples)

    def add(self, event: Event) -> None:
        """Compare what follows from one event."""
        self.diff.saw(event.time_ms)
        plan = self._plans.get(event.type)
        if plan is None or not (plan.old or plan.new):
            return
        before = self._evaluate(self._old, plan.old, event, {})
        shared = {name: item for name, item in before.items() if name in plan.shared}
        after = self._evaluate(self._new, plan.new, event, shared)
        for name in {rule.id: None for rule in (*plan.new, *plan.old)}:
            rule = self.diff.rules[name]
            rule.events += 1
            old, new = before.get(name), after.get(name)
            if old is not None or new is not None:
                rule.note(event, old, new, self.diff.examples)

    def add_undecodable(self, reason: Reason) -> None:
        """Count a record that is no event."""
        self.diff.undecodable[reason] += 1

    @staticmethod
    def _evaluate(
        rules: RuleSet, planned: Sequence[Rule], event: Event, known: Mapping[str, Notice | Refusal | None]
    ) -> Mapping[str, Notice | Refusal | None]:
        """Each rule's message, refusal, or None where it does not match; those after a stop are left out."""
        activation: Activation | None = None
        found: dict[str, Notice | Refusal | None] = {}
        for rule in planned:
            if rule.id in known:
                item = known[rule.id]
            else:
                activation = activation or rules.bind(event)
                item = result(rule, event, activation)
            found[rule.id] = item
            if rule.stop and item is not None:
                break
        return found


def compare(old: RuleSet, new: RuleSet, events: Iterable[Event], *, examples: int = 3) -> Diff:
    """Run both rule sets over `events`, which may be a stream of any length."""
    comparison = Comparison(old, new, examples=examples)
    for event in events:
        comparison.add(event)
    return comparison.diff


def definition(rule: Rule) -> tuple[object, ...]:
    """Everything that decides a rule's messages, in its own words; equal for two rules that must give the same."""
    return (
        rule.on,
        rule.when.source if rule.when is not None else None,
        rule.to.source,
        rule.template,
        rule.template_id,
        _source(rule.url),
        tuple(
            (one.key, one.text.source, one.color, one.kind, one.optional, one.truncate, one.values)
            for one in rule.fields
        ),
        rule.expires_after,
        rule.ordered,
        rule.on_ambiguous,
        rule.stop,
    )


def _source(text: Text | None) -> str | None:
    return text.source if text is not None else None


def _edit(before: tuple[object, ...] | None, after: tuple[object, ...] | None) -> Edit:
    if before is None:
        return Edit.ADDED
    if after is None:
        return Edit.REMOVED
    return Edit.SAME if before == after else Edit.EDITED


def _plan(old: Sequence[Rule], new: Sequence[Rule], same: frozenset[str]) -> _Plan:
    stops = any(rule.stop for rule in (*old, *new))
    alike = [rule.id for rule in old] == [rule.id for rule in new] and all(rule.id in same for rule in old)
    if stops and not alike:
        return _Plan(tuple(old), tuple(new), same)
    return _Plan(
        tuple(rule for rule in old if rule.id not in same), tuple(rule for rule in new if rule.id not in same), same
    )
