"""Evaluates two rule sets on recorded events, only for the rules whose messages can differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import NamedTuple

from pipeline.authoring.diff.care_simulation import CareSimulation, has_care, moment_of
from pipeline.authoring.diff.changes import Diff, Edit, RuleDiff
from pipeline.errors import RenderRefused
from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.rules.cel.engine import Activation
from pipeline.rules.ruleset import Rule, RuleSet, made, matches


class RuleText(NamedTuple):
    """Everything that decides the messages of a rule; equal for two rules that must make the same messages."""

    on: tuple[str, ...]
    when: tuple[object, ...]
    """Its condition and days."""
    message: tuple[object, ...]
    stop: bool

    @classmethod
    def of(cls, rule: Rule, *, with_care: bool = False) -> RuleText:
        """The fields of a rule without description and owner, which do not affect messages.

        The category is a part of it `with_care`, which decides by it.
        """
        fields = _fields(rule)
        url = rule.url.source if rule.url is not None else None
        sent = (rule.expires_after, rule.ordered, rule.on_ambiguous, rule.api)
        reference = rule.reference.source if rule.reference is not None else None
        message = (
            rule.to.source,
            rule.template,
            rule.template_id,
            url,
            fields,
            sent,
            reference,
            _choice(rule),
            *_care_of(rule, with_care),
        )
        return cls(
            rule.on,
            (
                rule.when.source if rule.when is not None else None,
                rule.active,
                None if rule.for_each is None else (rule.for_each.name, rule.for_each.over.source, rule.for_each.most),
            ),
            message,
            rule.stop,
        )


def _fields(rule: Rule) -> tuple[object, ...]:
    return tuple(
        (one.key, one.text.source, one.color, one.kind, one.optional, one.truncate, one.values) for one in rule.fields
    )


def _choice(rule: Rule) -> tuple[object, ...]:
    """The templates by a value of the event."""
    if rule.choice is None:
        return ()
    of = ((key, one.template, one.template_id, one.api, _fields(one)) for key, one in rule.choice.of.items())
    return (rule.choice.by.source, *of)


def _care_of(rule: Rule, with_care: bool) -> tuple[object, ...]:  # noqa: FBT001 - passed on
    once = None if rule.once is None else (rule.once.by.source, rule.once.within)
    return (once, rule.category if with_care else None)


class _Plan(NamedTuple):
    """The rules to evaluate for events of one type, in file order."""

    old: tuple[Rule, ...] = ()
    new: tuple[Rule, ...] = ()


_Results = Mapping[str, Sequence[Notice | Refusal] | None]
"""The messages of each rule for an event by rule id; None if it does not match. Rules after a stop are left out."""


class Comparison:
    """Two rule sets, and the result so far.

    Memory is bounded by the number of rules, not of events. A rule that is the same in both versions, templates
    included, makes the same messages; so only the others are evaluated, and those that a rule with `stop` can affect.
    """

    def __init__(self, old: RuleSet, new: RuleSet, *, examples: int = 3) -> None:
        """Keep at most `examples` examples for each rule and kind of change (see `Diff.examples`)."""
        self._old = old
        self._new = new
        self._simulates = has_care(old) or has_care(new)
        before = {rule.id: RuleText.of(rule, with_care=self._simulates) for rule in old.rules}
        after = {rule.id: RuleText.of(rule, with_care=self._simulates) for rule in new.rules}
        edits = {name: _edit(before.get(name), after.get(name)) for name in {**after, **before}}
        both = before.keys() & after.keys()
        self._same_condition = frozenset(name for name in both if before[name].when == after[name].when)
        self._same_message = frozenset(name for name in both if before[name].message == after[name].message)
        same = frozenset(name for name, edit in edits.items() if edit is Edit.SAME)
        types = sorted(old.event_types | new.event_types)
        self._plans = {one: _plan(old.for_type(one), new.for_type(one), same) for one in types}
        compared = {rule.id for plan in self._plans.values() for rule in (*plan.old, *plan.new)}
        rules = {name: RuleDiff(edit) for name, edit in edits.items() if name in compared}
        self.diff = Diff(rules, tuple(name for name in edits if name not in rules), examples)

    def simulation(self) -> CareSimulation | None:
        """A simulation that plays `diff.moments`; None where neither version has recipient care."""
        return CareSimulation.of(self._old, self._new)

    def add(self, event: Event) -> None:
        """Compare the messages of one event."""
        self.diff.saw(event.time_ms)
        plan = self._plans.get(event.type)
        if plan is not None and self._simulates:  # messages that are the same count as well
            plan = _Plan(tuple(self._old.for_type(event.type)), tuple(self._new.for_type(event.type)))
        if plan is None or not (plan.old or plan.new):
            return
        activation = self._old.bind(event)
        before = self._results(plan.old, event, activation, {})
        if self._new.environment is not self._old.environment:
            activation = self._new.bind(event)
        after = self._results(plan.new, event, activation, before)
        if self._simulates:
            self.diff.moments.append(moment_of(event.time_ms, before, after))
        for name in dict.fromkeys(rule.id for rule in (*plan.new, *plan.old)):
            rule = self.diff.rules.get(name)
            if rule is None:
                continue
            rule.events += 1
            for old, new in zip_longest(before.get(name) or (), after.get(name) or ()):
                rule.note(event, old, new, self.diff.examples)

    def take(self) -> Diff:
        """Return the result since the last call, and begin a new one. The parts add up to the whole."""
        found = self.diff
        rules = {name: RuleDiff(rule.edit) for name, rule in found.rules.items()}
        self.diff = Diff(rules, found.unchanged, found.examples)
        return found

    def add_undecodable(self, reason: str) -> None:
        """Count an undecodable record."""
        self.diff.undecodable[reason] += 1

    def _results(self, rules: Sequence[Rule], event: Event, activation: Activation, known: _Results) -> _Results:
        found: dict[str, Sequence[Notice | Refusal] | None] = {}
        for rule in rules:
            if rule.id in known:
                item = self._again(rule, event, activation, known[rule.id])
            else:
                item = made(rule, event, activation)
            found[rule.id] = item
            if rule.stop and item is not None:
                break
        return found

    def _again(
        self, rule: Rule, event: Event, activation: Activation, known: Sequence[Notice | Refusal] | None
    ) -> Sequence[Notice | Refusal] | None:
        """The messages of the new rule for an event; an unchanged rule is not evaluated twice."""
        same_condition, same_message = rule.id in self._same_condition, rule.id in self._same_message
        if same_condition and (same_message or known is None):
            return known
        is_one = rule.for_each is None and known is not None and isinstance(known[0], Notice)
        if same_message and is_one:
            with suppress(RenderRefused):  # reported in full below
                return known if matches(rule, event, activation) else None
        return made(rule, event, activation)


def compare(old: RuleSet, new: RuleSet, events: Iterable[Event], *, examples: int = 3) -> Diff:
    """Evaluate both rule sets on `events`, a stream of any length."""
    comparison = Comparison(old, new, examples=examples)
    for event in events:
        comparison.add(event)
    return comparison.diff


def _edit(before: RuleText | None, after: RuleText | None) -> Edit:
    if before is None:
        return Edit.ADDED
    if after is None:
        return Edit.REMOVED
    return Edit.SAME if before == after else Edit.EDITED


def _plan(old: Sequence[Rule], new: Sequence[Rule], same: frozenset[str]) -> _Plan:
    stops = any(rule.stop for rule in (*old, *new))
    alike = [rule.id for rule in old] == [rule.id for rule in new] and all(rule.id in same for rule in old)
    if stops and not alike:
        return _Plan(tuple(old), tuple(new))
    return _Plan(tuple(rule for rule in old if rule.id not in same), tuple(rule for rule in new if rule.id not in same))
