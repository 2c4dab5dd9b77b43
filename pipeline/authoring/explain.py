"""Why each rule did or did not make a message of one event: for the author who wonders.

Unlike a refusal's detail, which stands in logs and outcomes, an explanation holds values of the event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from pipeline.authoring.evaluation import Evaluation, Probe, Result
from pipeline.errors import RenderRefused
from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.rules.cel.engine import Activation, Expression
from pipeline.rules.cel.tree import Node
from pipeline.rules.message import Text
from pipeline.rules.ruleset import Rule, RuleSet, result
from pipeline.rules.source.document import Location
from pipeline.rules.source.rule_locations import RulePlaces


class Match(StrEnum):
    """What became of one rule."""

    NOTICE = "notice"
    """It matched, and makes a message."""
    REFUSED = "refused"
    """It matched or could not tell, and no message can be made."""
    NO_MATCH = "no_match"
    """Its condition is false."""
    STOPPED = "stopped"
    """A rule before it has `stop: true` and matched, so it was not looked at."""


class Value(NamedTuple):
    """One part of an expression, and what it came to."""

    text: str
    """As the author wrote it."""
    value: object
    failed: str | None
    """Why it has no value."""
    location: Location


class Decision(NamedTuple):
    """A part of an expression that made the result what it is."""

    part: Value
    operands: tuple[Value, ...]
    """The values that went into it."""


class Fault(NamedTuple):
    """What of a matching rule's message could not be made."""

    name: str
    """`to`, `url`, `when`, or the field's key."""
    location: Location
    text: str | None
    """What it came to, where it came to a text."""
    decisions: tuple[Decision, ...]
    """What failed, or what the text was made of."""


class RuleExplanation(NamedTuple):
    """One rule that looks at events of this type."""

    id: str
    description: str
    path: str
    location: Location
    match: Match
    condition: Value | None
    """The whole of `when`; None where the rule has none, or was not looked at."""
    decisions: tuple[Decision, ...]
    """What decided the condition, in the order of its text."""
    result: Notice | Refusal | None
    fault: Fault | None
    """With a refusal: where it comes from."""
    stopped_by: str | None


class Explanation(NamedTuple):
    """All rules, for one event."""

    event: Event
    rules: tuple[RuleExplanation, ...]
    """Those that look at events of its type, in the order in which they are tried."""
    others: int
    """How many look at other types only."""


def explain(rules: RuleSet, locations: Mapping[str, RulePlaces], event: Event) -> Explanation:
    """Explain every rule of the set; `locations` are those of `pipeline.rules.lint.check.Checked`."""
    looking = rules.concerned(event)
    activation = rules.bind(event)
    explained: list[RuleExplanation] = []
    stopped_by: str | None = None
    for rule in looking:
        explainer = _Explainer(rules, rule, locations[rule.id], activation)
        one = explainer.passed_over(stopped_by) if stopped_by is not None else explainer.explain(event)
        explained.append(one)
        if rule.stop and one.match in {Match.NOTICE, Match.REFUSED}:
            stopped_by = rule.id
    return Explanation(event, tuple(explained), len(rules.rules) - len(rules.for_type(event.type)))


class _Explainer:
    """Explains one rule."""

    def __init__(self, rules: RuleSet, rule: Rule, locations: RulePlaces, activation: Activation) -> None:
        self._environment = rules.environment
        self._rule = rule
        self._places = locations
        self._activation = activation

    def passed_over(self, stopped_by: str) -> RuleExplanation:
        return self._explained(Match.STOPPED)._replace(stopped_by=stopped_by)

    def explain(self, event: Event) -> RuleExplanation:
        item = result(self._rule, event, self._activation)
        match = Match.NO_MATCH if item is None else Match.NOTICE if isinstance(item, Notice) else Match.REFUSED
        explained = self._explained(match)._replace(result=item)
        if self._rule.when is not None:
            evaluation, at = self._probed(self._rule.when), _Placer(self._places, ("when", None), 0)
            whole = _value(evaluation, evaluation.tree.root, at.of(evaluation.tree.root))
            explained = explained._replace(condition=whole, decisions=tuple(_decisions(evaluation, at)))
        if isinstance(item, Refusal):
            explained = explained._replace(fault=self._fault(item, explained.decisions))
        return explained

    def _explained(self, match: Match) -> RuleExplanation:
        rule, locations = self._rule, self._places
        return RuleExplanation(
            rule.id, rule.description, locations.path, locations.rule(), match, None, (), None, None, None
        )

    def _probed(self, expression: Expression) -> Evaluation:
        return Probe(self._environment, expression).evaluate(self._activation)

    def _fault(self, refusal: Refusal, decisions: tuple[Decision, ...]) -> Fault:
        """Where the refusal comes from: its detail begins with the name of the text at fault."""
        name = refusal.detail.partition(":")[0]
        if name == "when":
            return Fault(name, self._places.location("when"), None, decisions)
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
    """Where the parts of one expression stand."""

    locations: RulePlaces
    key: tuple[str, str | None]
    begins: int
    """Where in the text the expression begins."""

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
