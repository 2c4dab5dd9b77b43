"""Explains why each rule makes a message of one event or not.

Unlike the detail of a refusal, which is in logs and outcomes, an explanation contains values of the event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from pipeline.authoring.care_words import care_of
from pipeline.authoring.evaluation import Evaluation, Probe, Result
from pipeline.errors import RenderRefused
from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.phrases import counted, joined, phrase
from pipeline.rules.cel.engine import Activation, Expression
from pipeline.rules.cel.tree import Node
from pipeline.rules.for_each import taken_apart
from pipeline.rules.message import Text
from pipeline.rules.ruleset import Rule, RuleSet, made
from pipeline.rules.source.document import Location
from pipeline.rules.source.rule_locations import RuleLocations
from pipeline.terminal_escape import shown


class Match(StrEnum):
    """The result of one rule."""

    NOTICE = "notice"
    """It matches and makes a message."""
    REFUSED = "refused"
    """It matches or its condition fails, and no message can be made."""
    NO_MATCH = "no_match"
    """Its condition is false."""
    EMPTY = "empty"
    """It matches, and the list of its `for_each` is empty or null: there is no message."""
    STOPPED = "stopped"
    """An earlier rule with `stop: true` matched, so that this one is not evaluated."""


class Value(NamedTuple):
    """One part of an expression and its value."""

    text: str
    """The source of the part."""
    value: object
    failed: str | None
    """Why it has no value."""
    location: Location


class Decision(NamedTuple):
    """A part of an expression that decides the result."""

    part: Value
    operands: tuple[Value, ...]
    """The values of its operands."""


class Fault(NamedTuple):
    """The part of a message that cannot be made."""

    name: str
    """`to`, `url`, `when`, or the key of a field."""
    location: Location
    text: str | None
    """The text, if there is one."""
    decisions: tuple[Decision, ...]
    """The parts that failed, or that the text is made of."""


class RuleExplanation(NamedTuple):
    """One rule for events of this type."""

    id: str
    description: str
    path: str
    location: Location
    match: Match
    condition: Value | None
    """The value of `when`; None if the rule has none or is not evaluated."""
    decisions: tuple[Decision, ...]
    """The parts that decide the condition, in the order of its text."""
    result: Notice | Refusal | None
    fault: Fault | None
    """For a refusal: its origin."""
    stopped_by: str | None
    results: tuple[Notice | Refusal, ...] = ()
    """Every message of the rule: several with `for_each`, of which `result` is the first, refused ones first."""
    items: str | None = None
    """Of a rule with `for_each` that matches: its list, and how many items it has; None for others."""
    choice: Value | None = None
    """The value that chose the template; None for a rule with one template, or that does not match."""
    inactive: str | None = None
    """Why the event is on none of its days; None where it is on one, or the rule has no days."""
    care: tuple[str, ...] = ()
    """What may hold its messages back: what was sent to the recipient before is not known here."""


class Explanation(NamedTuple):
    """All rules, for one event."""

    event: Event
    rules: tuple[RuleExplanation, ...]
    """The rules for events of this type, in the order of evaluation."""
    others: int
    """Number of rules for other types only."""


def explain(rules: RuleSet, locations: Mapping[str, RuleLocations], event: Event) -> Explanation:
    """Explain every rule of the set; `locations` are those of `pipeline.rules.lint.check.Checked`."""
    looking = rules.concerned(event)
    activation = rules.bind(event)
    explained: list[RuleExplanation] = []
    stopped_by: str | None = None
    for rule in looking:
        explainer = _Explainer(rules, rule, locations[rule.id], activation)
        one = explainer.passed_over(stopped_by) if stopped_by is not None else explainer.explain(event)
        if one.match is Match.NOTICE:
            one = one._replace(care=care_of(rule, rules.care))
        explained.append(one)
        if rule.stop and one.match in {Match.NOTICE, Match.REFUSED, Match.EMPTY}:
            stopped_by = rule.id
    return Explanation(event, tuple(explained), len(rules.rules) - len(rules.for_type(event.type)))


class _Explainer:
    """Explains one rule."""

    def __init__(self, rules: RuleSet, rule: Rule, locations: RuleLocations, activation: Activation) -> None:
        self._environment = rules.environment
        self._rule = rule
        self._places = locations
        self._activation = activation

    def passed_over(self, stopped_by: str) -> RuleExplanation:
        return self._explained(Match.STOPPED)._replace(stopped_by=stopped_by)

    def explain(self, event: Event) -> RuleExplanation:
        results = made(self._rule, event, self._activation)
        refused = next((one for one in results or () if isinstance(one, Refusal)), None)
        item = refused or next(iter(results or ()), None)
        match = Match.NO_MATCH if item is None else Match.NOTICE if isinstance(item, Notice) else Match.REFUSED
        if results is not None and item is None:
            match = Match.EMPTY
        explained = self._explained(match)._replace(result=item, results=tuple(results or ()))
        if self._rule.for_each is not None and results is not None:
            explained = explained._replace(items=self._items())
        days = self._rule.active
        if days is not None and not days.has(event):
            return explained._replace(inactive=days.why_not(event))
        if self._rule.when is not None:
            evaluation, at = self._probed(self._rule.when), _Placer(self._places, ("when", None), 0)
            whole = _value(evaluation, evaluation.tree.root, at.of(evaluation.tree.root))
            explained = explained._replace(condition=whole, decisions=tuple(_decisions(evaluation, at)))
        self._bind(item)
        if self._rule.choice is not None and item is not None:
            evaluation, at = self._probed(self._rule.choice.by), _Placer(self._places, ("template", "by"), 0)
            explained = explained._replace(choice=_value(evaluation, evaluation.tree.root, at.of(evaluation.tree.root)))
        if isinstance(item, Refusal):
            explained = explained._replace(fault=self._fault(item, explained.decisions))
        return explained

    def _items(self) -> str:
        """The list of the rule, and how many items it has."""
        each = self._rule.for_each
        if each is None:
            return ""
        try:
            count = len(each.items(self._activation))
        except RenderRefused as refused:
            return phrase("{source}: {detail}", source=each.over.source, detail=refused.problem)
        items = counted(count, "{count} item", "{count} items")
        return phrase("{source} has {items}", source=each.over.source, items=items)

    def _bind(self, item: Notice | Refusal | None) -> None:
        """Explain texts with the item that the message is about."""
        each = self._rule.for_each
        if each is not None and item is not None and item.item is not None:
            self._activation = each.bind(self._activation, each.items(self._activation)[item.item])

    def _explained(self, match: Match) -> RuleExplanation:
        rule, locations = self._rule, self._places
        return RuleExplanation(
            rule.id, rule.description, locations.path, locations.rule(), match, None, (), None, None, None
        )

    def _probed(self, expression: Expression) -> Evaluation:
        return Probe(self._environment, expression).evaluate(self._activation)

    def _fault(self, refusal: Refusal, decisions: tuple[Decision, ...]) -> Fault:
        """The origin of the refusal, whose detail begins with the name of the text."""
        name = refusal.detail.partition(":")[0]
        if name == "when":
            return Fault(name, self._places.location("when"), None, decisions)
        if name == "template" and self._rule.choice is not None:
            evaluation = self._probed(self._rule.choice.by)
            made = tuple(_decisions(evaluation, _Placer(self._places, ("template", "by"), 0)))
            return Fault(name, self._places.location("template", "by"), None, made)
        if name == "for_each" and self._rule.for_each is not None:
            evaluation = self._probed(self._rule.for_each.over)
            written = taken_apart(self._places.text("for_each"))
            begins = 0 if written is None else written.at
            made_of = tuple(_decisions(evaluation, _Placer(self._places, ("for_each", None), begins)))
            return Fault(name, self._places.location("for_each"), None, made_of)
        if name in {"to", "url"}:
            text = self._rule.url if name == "url" and self._rule.url is not None else self._rule.to
            return self._fault_of(name, text, (name, None))
        field = next((field for field in self._rule.fields if field.key == name), None)
        if field is None:
            return Fault(name, self._places.rule(), None, ())
        return self._fault_of(name, field.text, ("data", name))

    def _fault_of(self, name: str, text: Text, key: tuple[str, str | None]) -> Fault:
        evaluations = [self._probed(one) for one in text.expressions]
        failed = [one for one in evaluations if one.result.failed is not None]
        decisions: list[Decision] = []
        for evaluation, begins in zip(evaluations, self._places.expressions(*key), strict=True):
            at = _Placer(self._places, key, begins)
            if not failed:
                decisions.append(_decision(evaluation, evaluation.tree.root, at))
            elif evaluation.result.failed is not None:
                decisions += _decisions(evaluation, at)
        return Fault(name, self._places.location(*key), self._rendered(text), tuple(decisions))

    def _rendered(self, text: Text) -> str | None:
        try:
            return text.render(self._activation, "")
        except RenderRefused:
            return None


class _Placer(NamedTuple):
    """Locates the parts of one expression."""

    locations: RuleLocations
    key: tuple[str, str | None]
    begins: int
    """Position in the text where the expression begins."""

    def of(self, node: Node) -> Location:
        return self.locations.location(*self.key, self.begins + node.start)


def _decisions(evaluation: Evaluation, at: _Placer) -> Iterator[Decision]:
    for node in evaluation.deciding():
        yield _decision(evaluation, node, at)


def _decision(evaluation: Evaluation, node: Node, at: _Placer) -> Decision:
    operands = tuple(_value(evaluation, one, at.of(one)) for one in evaluation.operands(node))
    return Decision(_value(evaluation, node, at.of(node)), operands)


def _value(evaluation: Evaluation, node: Node, location: Location) -> Value:
    found = evaluation.of(node) or Result()
    return Value(evaluation.tree.text(node), found.value, found.failed, location)


def in_brief(rule: RuleExplanation) -> str:
    """Return on one line why the rule makes a message or not, with the values that decide."""
    if rule.stopped_by is not None:
        return phrase("the earlier rule `{stopped_by}` matched and has `stop: true`", stopped_by=rule.stopped_by)
    if rule.inactive is not None:
        return rule.inactive
    if isinstance(rule.result, Refusal):
        return phrase("{reason}: {detail}", reason=rule.result.reason.value, detail=rule.result.detail)
    if rule.condition is None:
        return phrase("it has no `when`: every event of the type matches")
    return joined("; ", (_brief(one) for one in rule.decisions))


def _brief(decision: Decision) -> str:
    part = decision.part
    came = (
        phrase("fails: {failed}", failed=part.failed)
        if part.failed is not None
        else phrase("is {value}", value=shown(part.value))
    )
    values = [f"{one_line(one.text)} = " + (one.failed or shown(one.value)) for one in decision.operands]
    text = phrase("{part} {came}", part=one_line(part.text), came=came)
    return phrase("{message} ({hint})", message=text, hint=joined(", ", values)) if values else text


def one_line(source: str) -> str:
    """Return an expression on one line."""
    return " ".join(source.split())
