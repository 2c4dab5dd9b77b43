"""Which branches of the rules their tests reach: every rule matched and not, every `&&`, `||` and `? :` both ways.

A part inside a macro (`exists`, `all`, …) that uses the macro's variable is no branch: it has no value of its own.
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
from pipeline.rules.source.rule_locations import RulePlaces

_JUNCTIONS = frozenset({"_&&_", "_||_"})


class Branch(NamedTuple):
    """One way that a rule's evaluation may go."""

    location: Location
    expression: str
    """The part that decides; empty for the rule as a whole."""
    wanted: bool
    """Which of its values leads there."""

    @property
    def message(self) -> str:
        """What the tests never do."""
        if not self.expression:
            return "never matches"
        return f"never {'true' if self.wanted else 'false'}: {self.expression}"


class RuleCoverage(NamedTuple):
    """One rule's branches."""

    rule: str
    path: str
    location: Location
    branches: int
    missing: tuple[Branch, ...]
    """In the order of the rule's texts."""

    @property
    def percent(self) -> float:
        """Of its branches, 0 to 100."""
        return 100.0 * (self.branches - len(self.missing)) / self.branches


class Coverage:
    """Looks on while events go through the rules."""

    def __init__(self, rules: RuleSet, locations: Mapping[str, RulePlaces]) -> None:
        """`locations` are those of `check`."""
        self._rules = rules
        self._watched = {rule.id: _WatchedRule(rule, rules, locations[rule.id]) for rule in rules.rules}

    def note(self, event: Event) -> None:
        """See which way `event` goes; in the order, and with the stops, of `RuleSet.evaluate`."""
        activation = self._rules.bind(event)
        for rule in self._rules.concerned(event):
            matched = self._watched[rule.id].note(activation)
            if matched is not False and rule.stop:
                break

    def rules(self) -> tuple[RuleCoverage, ...]:
        """What was seen of each rule, in file order."""
        return tuple(watched.seen() for watched in self._watched.values())


def percent(rules: Sequence[RuleCoverage]) -> float:
    """Of all branches, 0 to 100."""
    branches = sum(rule.branches for rule in rules)
    covered = branches - sum(len(rule.missing) for rule in rules)
    return 100.0 * covered / branches if branches else 100.0


class _Watched:
    """One expression, and which values its deciding parts have had."""

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
        """Parts, their source on one line, and the value that they never had."""
        for node in self.decisions:
            for wanted in (True, False):
                if (node.id, wanted) not in self._seen:
                    yield node, " ".join(self._probe.tree.text(node).split()), wanted


class _WatchedRule:
    def __init__(self, rule: Rule, rules: RuleSet, locations: RulePlaces) -> None:
        self._rule = rule
        self._places = locations
        self._matched = False
        self._when = _Watched(rules, rule.when, is_condition=True) if rule.when is not None else None
        self._texts = [
            (name, key, at, _Watched(rules, expression))
            for name, key, at, expression in _expressions(rule, locations)
        ]  # fmt: skip

    def note(self, activation: Activation) -> bool | None:
        """Whether the rule matched; None where its condition failed."""
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
        """The branches so far."""
        missing = [] if self._matched else [Branch(self._places.rule(), "", wanted=True)]
        branches = 1
        if self._when is not None:
            # That the whole condition is true is that the rule matched, which counts once.
            branches += sum(1 if self._when.is_whole(node) else 2 for node in self._when.decisions)
            missing += [
                Branch(self._places.location("when", at=node.start), text, wanted)
                for node, text, wanted in self._when.missing()
                if not (wanted and self._when.is_whole(node))
            ]
        for name, key, at, watched in self._texts:
            branches += 2 * len(watched.decisions)
            missing += [
                Branch(self._places.location(name, key, at + node.start), text, wanted)
                for node, text, wanted in watched.missing()
            ]
        return RuleCoverage(self._rule.id, self._places.path, self._places.rule(), branches, tuple(missing))


def _expressions(rule: Rule, locations: RulePlaces) -> Iterator[tuple[str, str | None, int, Expression]]:
    """The expressions in a rule's texts: key, field of `data`, and where in the text each begins."""
    texts: list[tuple[str, str | None, Text | None]] = [("to", None, rule.to), ("url", None, rule.url)]
    for key, field, text in (*texts, *(("data", field.key, field.text) for field in rule.fields)):
        if text is not None:
            for at, expression in zip(locations.expressions(key, field), text.expressions, strict=True):
                yield key, field, at, expression


def decisions(tree: Tree, *, is_condition: bool = False) -> Iterator[Node]:
    """The parts whose truth decides where the evaluation goes.

    The whole of a condition, each link of a chain of `&&` or `||`, and what stands before `?`.
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
            asked = node.children[0]
            if asked.is_closed and asked.kind is not Kind.CONSTANT:
                yield _bare(asked)
    for child in node.children:
        yield from _decisions(child)


def _links(node: Node, name: str) -> Iterator[Node]:
    """`a && b && c` is one chain of three, however CEL groups it."""
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
