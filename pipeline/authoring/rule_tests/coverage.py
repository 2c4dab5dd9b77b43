"""Which branches of the rules their tests reach.

They are match and no match of rules, both values of `&&`, `||` and `? :`, each label of `label()`, and both sides of
`default()`; of `once`, a duplicate and the first. Those of care.yaml are in `care_coverage`.

A part of a macro (`exists`, `all`, …) that uses the macro's variable is not a branch: it has no single value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from pipeline.authoring.evaluation import Evaluation, Probe
from pipeline.authoring.rule_tests.running import NoticeDecision
from pipeline.care.decision import End
from pipeline.errors import RenderRefused
from pipeline.model.event import Event
from pipeline.model.outcome import Reason
from pipeline.phrases import phrase
from pipeline.rules.cel.engine import Activation, Expression
from pipeline.rules.cel.fields import Fields
from pipeline.rules.cel.tree import Kind, Node, Tree, walk
from pipeline.rules.functions.texts import default
from pipeline.rules.message import Text
from pipeline.rules.ruleset import Rule, RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.schema.types import Scalar, ScalarType
from pipeline.rules.source.document import Location
from pipeline.rules.source.rule_locations import RuleLocations
from pipeline.rules.template_choice import OTHERS, TemplateChoice

_SEVERAL, _NO_ITEM = phrase("several items"), phrase("no item")
_DUPLICATE, _FIRST = phrase("a duplicate"), phrase("the first")
_JUNCTIONS = frozenset({"_&&_", "_||_"})


class Branch(NamedTuple):
    """One branch of the evaluation of a rule."""

    location: Location
    expression: str
    """The deciding part; empty for the whole rule."""
    expected: bool | str
    """The value of the part for this branch; a label's key, or a side of `default()`."""

    @property
    def message(self) -> str:
        """What the tests do not cover."""
        if not self.expression:
            return phrase("never matches")
        expected = str(self.expected).lower() if isinstance(self.expected, bool) else self.expected
        return phrase("never {expected}: {expression}", expected=expected, expression=self.expression)


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

    def __init__(
        self, rules: RuleSet, locations: Mapping[str, RuleLocations], schemas: SchemaCatalogue | None = None
    ) -> None:
        """`locations` are the ones of `check`; with `schemas`, branches that no event can take are left out."""
        self._rules = rules
        self._watched = {
            rule.id: _WatchedRule(rule, rules, locations[rule.id], _fields_of(rule, schemas)) for rule in rules.rules
        }

    def note(self, event: Event) -> None:
        """Record the branches of `event`, in the order and with the stops of `RuleSet.evaluate`."""
        activation = self._rules.bind(event)
        for rule in self._rules.concerned(event):
            matched = self._watched[rule.id].note(event, activation)
            if matched is not False and rule.stop:
                break

    def note_once(self, decisions: Iterable[NoticeDecision]) -> None:
        """Record whether `once` found a message with the same key, of the messages of an event of a timeline."""
        for decided in decisions:
            reason = decided.decision.reason if isinstance(decided.decision, End) else None
            if reason is not Reason.OPTED_OUT:  # decided before
                self._watched[decided.rule].once.add(_DUPLICATE if reason is Reason.DUPLICATE else _FIRST)

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

    def __init__(
        self, rules: RuleSet, expression: Expression, fields: Sequence[Fields] = (), *, is_condition: bool = False
    ) -> None:
        self._probe = Probe(rules.environment, expression)
        self.decisions = tuple(dict.fromkeys(decisions(self._probe.tree, is_condition=is_condition)))
        self._choices = {node.id: (node, sides) for node, sides in choices(self._probe.tree, fields)}
        self._seen: set[tuple[int, bool | str]] = set()

    def note(self, activation: Activation) -> Evaluation:
        evaluation = self._probe.evaluate(activation)
        for node in self.decisions:
            result = evaluation.of(node)
            if result is not None and result.failed is None and isinstance(result.value, bool):
                self._seen.add((node.id, result.value))
        for node, sides in self._choices.values():
            taken = _side(node, evaluation)
            if taken in sides:
                self._seen.add((node.id, taken))
        return evaluation

    @property
    def sides(self) -> int:
        """How many labels and sides of `default()` there are."""
        return sum(len(sides) for _, sides in self._choices.values())

    def is_whole(self, node: Node) -> bool:
        """Whether the part is the whole expression."""
        return node.id == self._probe.tree.root.id

    def missing(self) -> Iterator[tuple[Node, str, bool | str]]:
        """Parts, their source on one line, and the value that they did not have."""
        expected: list[tuple[Node, tuple[bool | str, ...]]] = [(node, (True, False)) for node in self.decisions]
        for node, values in [*expected, *self._choices.values()]:
            for value in values:
                if (node.id, value) not in self._seen:
                    yield node, " ".join(self._probe.tree.text(node).split()), value


class _WatchedRule:
    def __init__(self, rule: Rule, rules: RuleSet, locations: RuleLocations, fields: Sequence[Fields]) -> None:
        self._rule = rule
        self._places = locations
        self._matched = False
        self._inactive = False
        self.once: set[str] = set()
        """Of `once`: whether there was a message with the same key, and whether there was none."""
        self._chosen: set[str] = set()
        self._by = _Watched(rules, rule.choice.by, fields) if rule.choice is not None else None
        self._over = _Watched(rules, rule.for_each.over, fields) if rule.for_each is not None else None
        self._counts: set[str] = set()
        """Of `for_each`: whether there were items, and whether there was none."""
        self._keys = tuple(_keys(rule.choice, fields)) if rule.choice is not None else ()
        self._when = _Watched(rules, rule.when, fields, is_condition=True) if rule.when is not None else None
        self._texts = [
            (name, key, at, _Watched(rules, expression, fields))
            for name, key, at, expression in _expressions(rule, locations)
        ]  # fmt: skip

    def note(self, event: Event, activation: Activation) -> bool | None:
        """Whether the rule matches; None if its condition fails."""
        if self._rule.active is not None and not self._rule.active.has(event):
            self._inactive = True
            return False
        if self._when is not None:
            result = self._when.note(activation).result
            if result.failed is not None or not isinstance(result.value, bool):
                return None
            if not result.value:
                return False
        self._matched = True
        for one in self._each(activation):
            if self._rule.choice is not None and self._by is not None:
                self._by.note(one)
                with suppress(RenderRefused):
                    self._chosen.add(self._rule.choice.key(one))
            for *_, watched in self._texts:
                watched.note(one)
        return True

    def _each(self, activation: Activation) -> Sequence[Activation]:
        """The data of each message: the event's, or that with each item of its list."""
        each = self._rule.for_each
        if each is None:
            return (activation,)
        if self._over is not None:
            self._over.note(activation)
        try:
            items = each.items(activation)
        except RenderRefused:
            return ()
        self._counts.add(_SEVERAL if items else _NO_ITEM)
        return [each.bind(activation, item) for item in items]

    def seen(self) -> RuleCoverage:
        """The branches reached so far."""
        missing = [] if self._matched else [Branch(self._places.rule(), "", expected=True)]
        branches = 1
        if self._rule.active is not None:
            branches += 1
            if not self._inactive:
                location = self._places.document.location(self._places.key("active"))
                missing.append(
                    Branch(location, phrase("active {days}", days=self._rule.active.in_words()), expected=False)
                )
        if self._when is not None:
            # A true condition and a match of the rule are the same branch and count once.
            branches += sum(1 if self._when.is_whole(node) else 2 for node in self._when.decisions)
            branches += self._when.sides
            missing += [
                Branch(self._places.location("when", at=node.start), text, expected)
                for node, text, expected in self._when.missing()
                if not (expected is True and self._when.is_whole(node))
            ]
        if self._rule.for_each is not None:
            branches += 2
            location = self._places.location("for_each")
            text = self._rule.for_each.over.source
            missing += [Branch(location, text, one) for one in (_SEVERAL, _NO_ITEM) if one not in self._counts]
        if self._rule.once is not None:
            branches += 2
            location = self._places.document.location(self._places.key("once"))
            text = phrase("once by {source}", source=self._rule.once.by.source)
            missing += [Branch(location, text, one) for one in (_DUPLICATE, _FIRST) if one not in self.once]
        by = [] if self._by is None else [("template", "by", 0, self._by)]
        branches += len(self._keys)
        for one in self._keys:
            if one not in self._chosen:
                location = self._places.document.location((*self._places.key("template"), "of", one))
                missing.append(Branch(location, phrase("the template"), f'"{one}"'))
        for name, key, at, watched in (*by, *self._texts):
            branches += 2 * len(watched.decisions) + watched.sides
            missing += [
                Branch(self._places.location(name, key, at + node.start), text, expected)
                for node, text, expected in watched.missing()
            ]
        return RuleCoverage(self._rule.id, self._places.path, self._places.rule(), branches, tuple(missing))


def _expressions(rule: Rule, locations: RuleLocations) -> Iterator[tuple[str, str | None, int, Expression]]:
    """The expressions in the texts of a rule: key, field of `data`, and position in the text."""
    texts: list[tuple[str, str | None, Text | None]] = [
        ("once", "by", None if rule.once is None else rule.once.by),
        ("to", None, rule.to),
        ("url", None, rule.url),
        ("reference", None, rule.reference),
    ]
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


_GIVEN, _FALLBACK = phrase("the value itself"), phrase("the other value")
_OTHERS = "*"


def choices(tree: Tree, fields: Sequence[Fields] = ()) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Each `label()` with the keys of its map, and each `default()` with its two sides.

    `fields` are those of the events: what none of their types can be is left out.
    """
    for node in walk(tree.root):
        if not node.is_closed or node.kind is not Kind.CALL:
            continue
        if node.name == "label" and node.children[-1].kind is Kind.MAP:
            keys = tuple(str(key.value) for key in node.children[-1].children[::2])
            symbols = {one for each in fields for one in each.symbols(node.children[0], {})}
            others = symbols.difference(keys)
            yield node, tuple(f'"{key}"' for key in keys if key != _OTHERS or others or not symbols)
        elif node.name == "default":
            kinds = [each.type_of(node.children[0], {}) for each in fields]
            is_always_given = kinds and all(
                isinstance(kind, ScalarType) and kind.scalar not in _MAY_BE_EMPTY for kind in kinds
            )
            yield node, (_GIVEN,) if is_always_given else (_GIVEN, _FALLBACK)


_MAY_BE_EMPTY = frozenset({Scalar.STRING, Scalar.DYN, Scalar.NULL})


def _side(node: Node, evaluation: Evaluation) -> str | None:
    """The side that an evaluation took; None if it did not come there."""
    result = evaluation.of(node.children[0])
    if result is None or result.failed is not None or evaluation.of(node) is None:
        return None
    value = result.value
    if node.name == "default":
        return _FALLBACK if default(value, None) is None else _GIVEN
    keys = [key.value for key in node.children[-1].children[::2]]
    return f'"{value if value in keys else _OTHERS}"'


def _keys(choice: TemplateChoice, fields: Sequence[Fields]) -> Iterator[str]:
    """The keys of a choice that an event can reach: `*` only where the schema has other values."""
    symbols = [set(each.symbols(choice.by.tree().root, {})) for each in fields]
    is_closed = symbols and all(symbols) and set().union(*symbols) <= choice.of.keys()
    yield from (key for key in choice.of if key != OTHERS or not is_closed)


def _fields_of(rule: Rule, schemas: SchemaCatalogue | None) -> list[Fields]:
    known = (schemas.newest(event_type) for event_type in rule.on) if schemas is not None else ()
    return [Fields(schema.root) for schema in known if schema is not None]


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
