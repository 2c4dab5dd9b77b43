"""Which branches of the rules their tests reach: match and no match of rules, both values of `&&`, `||` and `? :`.

A part of a macro (`exists`, `all`, …) that uses the macro's variable is not a branch: it has no single value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.authoring.evaluation import Evaluation, Probe
from pipeline.model.event import Event
from pipeline.rules.cel.engine import Activation, Expression
from pipeline.rules.cel.tree import Kind, Node, Tree
from pipeline.rules.message import Text
from pipeline.rules.ruleset import Rule, RuleSet
from pipeline.rules.source.document import Location
from pipeline.rules.source.rule_locations import RuleLocations

_JUNCTIONS = frozenset({"_&&_", "_||_"})


class Branch(NamedTuple):
    """One branch of the evaluation of a rule."""

    location: Location
    expression: str
    """The deciding part; empty for the whole rule."""
    expected: bool
    """The value of the part for this branch."""

    @property
    def message(self) -> str:
        """What the tests do not cover."""
        if not self.expression:
            return "never matches"
        return f"never {'true' if self.expected else 'false'}: {self.expression}"


class RuleCoverage(NamedTuple):
    """The branches of one rule."""

    rule: str
    path: str
    location: Location
    branches: int
    missing: tuple[Branch, ...]
    """Branches that were not reached, in the order of the rule's texts."""

    @property
    def percent(self) -> float:
        """Share of its branches that were reached, 0 to 100."""
        return 100.0 * (self.branches - len(self.missing)) / self.branches


class Coverage:
    """Records the branches that events take."""

    def __init__(self, rules: RuleSet, locations: Mapping[str, RuleLocations]) -> None:
        """`locations` are the ones of `check`."""
        self._rules = rules
        self._watched = {rule.id: _WatchedRule(rule, rules, locations[rule.id]) for rule in rules.rules}

    def note(self, event: Event) -> None:
        """Record the branches of `event`, in the order and with the stops of `RuleSet.evaluate`."""
        activation = self._rules.bind(event)
        for rule in self._rules.concerned(event):
            matched = self._watched[rule.id].note(activation)
            if matched is not False and rule.stop:
                break

    def rules(self) -> tuple[RuleCoverage, ...]:
        """The coverage of each rule, in file order."""
        return tuple(watched.seen() for watched in self._watched.values())


def percent(rules: Sequence[RuleCoverage]) -> float:
    """Share of all branches that were reached, 0 to 100."""
    branches = sum(rule.branches for rule in rules)
    covered = branches - sum(len(rule.missing) for rule in rules)
    return 100.0 * covered / branches if branches else 100.0


class _Watched:
    """One expression, and the values that its deciding parts have had."""

    def __init__(self, rules: RuleSet, expression: Expression, *, is_condition: bool = False) -> None:
        self._probe = Probe(rules.environment, expression)
        self.decisions = tuple(dict.fromkeys(decisions(self._probe.tree, is_condition=is_condition)))
        self._seen: set[tuple[int, bool]] = set()

    def note(self, activation: Activation) -> Evaluation:
        evaluation = self._probe.evaluate(activation)
        for node in self.decisions:
            result = evaluation.of(node)
            if result is not None and result.failed is None and isinstance(result.value, bool):
                self._seen.add((node.id, result.value))
        return evaluation

    def is_whole(self, node: Node) -> bool:
        """Whether the part is the whole expression."""
        return node.id == self._probe.tree.root.id

    def missing(self) -> Iterator[tuple[Node, str, bool]]:
        """Parts, their source on one line, and the value that they did not have."""
        for node in self.decisions:
            for expected in (True, False):
                if (node.id, expected) not in self._seen:
                    yield node, " ".join(self._probe.tree.text(node).split()), expected


class _WatchedRule:
    def __init__(self, rule: Rule, rules: RuleSet, locations: RuleLocations) -> None:
        self._rule = rule
        self._places = locations
        self._matched = False
        self._when = _Watched(rules, rule.when, is_condition=True) if rule.when is not None else None
        self._texts = [
            (name, key, at, _Watched(rules, expression))
            for name, key, at, expression in _expressions(rule, locations)
        ]  # fmt: skip

    def note(self, activation: Activation) -> bool | None:
        """Whether the rule matches; None if its condition fails."""
        if self._when is not None:
            result = self._when.note(activation).result
            if result.failed is not None or not isinstance(result.value, bool):
                return None
            if not result.value:
                return False
        self._matched = True
        for *_, watched in self._texts:
            watched.note(activation)
        return True

    def seen(self) -> RuleCoverage:
        """The branches reached so far."""
        missing = [] if self._matched else [Branch(self._places.rule(), "", expected=True)]
        branches = 1
        if self._when is not None:
            # A true condition and a match of the rule are the same branch and count once.
            branches += sum(1 if self._when.is_whole(node) else 2 for node in self._when.decisions)
            missing += [
                Branch(self._places.location("when", at=node.start), text, expected)
                for node, text, expected in self._when.missing()
                if not (expected and self._when.is_whole(node))
            ]
        for name, key, at, watched in self._texts:
            branches += 2 * len(watched.decisions)
            missing += [
                Branch(self._places.location(name, key, at + node.start), text, expected)
                for node, text, expected in watched.missing()
            ]
        return RuleCoverage(self._rule.id, self._places.path, self._places.rule(), branches, tuple(missing))


def _expressions(rule: Rule, locations: RuleLocations) -> Iterator[tuple[str, str | None, int, Expression]]:
    """The expressions in the texts of a rule: key, field of `data`, and position in the text."""
    texts: list[tuple[str, str | None, Text | None]] = [("to", None, rule.to), ("url", None, rule.url)]
    for key, field, text in (*texts, *(("data", field.key, field.text) for field in rule.fields)):
        if text is not None:
            for at, expression in zip(locations.expressions(key, field), text.expressions, strict=True):
                yield key, field, at, expression


def decisions(tree: Tree, *, is_condition: bool = False) -> Iterator[Node]:
    """The parts whose value decides a branch.

    They are a whole condition, each operand of a chain of `&&` or `||`, and each condition before `?`.
    """
    if is_condition and tree.root.kind is not Kind.CONSTANT:
        yield tree.root
    yield from _decisions(tree.root)


def _decisions(node: Node) -> Iterator[Node]:
    match node.kind, node.name:
        case Kind.CALL, name if name in _JUNCTIONS:
            for link in _links(node, name):
                if link.is_closed and link.kind is not Kind.CONSTANT:
                    yield _bare(link)
        case Kind.CALL, "_?_:_":
            condition = node.children[0]
            if condition.is_closed and condition.kind is not Kind.CONSTANT:
                yield _bare(condition)
    for child in node.children:
        yield from _decisions(child)


def _links(node: Node, name: str) -> Iterator[Node]:
    """`a && b && c` is one chain of three operands, however CEL groups them."""
    for child in node.children:
        if child.kind is Kind.CALL and child.name == name:
            yield from _links(child, name)
        else:
            yield child


def _bare(node: Node) -> Node:
    """`!a` and `a` are the same decision."""
    while node.kind is Kind.CALL and node.name == "!_":
        node = node.children[0]
    return node
