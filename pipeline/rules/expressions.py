"""Expressions and texts of one file: compiled, and checked against every version of every event type they may meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pipeline.phrases import phrase
from pipeline.rules import constants
from pipeline.rules.cel import braces, cost, literals, nulls
from pipeline.rules.cel.compiling import CompileError
from pipeline.rules.cel.engine import Environment, Expression
from pipeline.rules.cel.explained import explained
from pipeline.rules.cel.tree import Node, Tree
from pipeline.rules.cel.typing import TypedEnvironment
from pipeline.rules.message import Text
from pipeline.rules.schema.types import FieldType, ListType, without_null
from pipeline.rules.sound import Checked, SoundExpressions, Trees, Use
from pipeline.rules.source.document import Path
from pipeline.rules.source.finding_codes import is_error
from pipeline.rules.source.report import Report
from pipeline.rules.source.text import Part, Unclosed, split

Typed = Mapping[str, Sequence[TypedEnvironment]]
"""By event type, one environment for each schema version, oldest first."""

TEXT_RESULTS = frozenset({"STRING", "INT", "DOUBLE", "BOOL", "UINT", "DYN", "NULL"})
_NAMES = {
    "STRING": phrase("a text"),
    "INT": phrase("a whole number"),
    "DOUBLE": phrase("a number"),
    "BOOL": phrase("true or false"),
    "TIMESTAMP": phrase("a time"),
    "DURATION": phrase("a span of time"),
    "BYTES": phrase("bytes"),
    "RECORD": phrase("a record"),
    "LIST": phrase("a list"),
    "MAP": phrase("a map"),
    "NULL": "null",
}
RECIPIENT_RESULTS = frozenset({"STRING", "DYN"})
"""A number as recipient is more likely a count than a person."""

_SIMPLER = phrase("write a simpler expression, or several rules")
_AS_TEXT = phrase("make a text of it with string()")
_TEXT_HINTS = {
    "TIMESTAMP": phrase('write a time with local_time(event.…, "YYYY年M月D日 HH:mm")'),
    "LIST": phrase('join its texts with join(…, "、")'),
    "RECORD": phrase("name one of its fields"),
    "MAP": phrase('name one of its keys, and ask first: "…" in event.… ? event.…["…"] : "…"'),
}


class _Choice(NamedTuple):
    expression: Expression | None
    symbols: Sequence[Sequence[str]]
    """In each version of the event, the values of the enum; empty for a text."""


class ExpressionSource(NamedTuple):
    """A compiled expression and its location in the file."""

    path: Path
    at: int
    """Index of its first character in the text at `path`."""
    expression: Expression
    trees: Trees
    on: Sequence[str]
    """The event types that the rule reads."""
    is_condition: bool
    known: nulls.Known = nulls.NOTHING
    """What the rule's condition says of the event's fields."""
    typed: Typed = MappingProxyType({})
    """The environments that it was checked in, by event type."""

    @property
    def tree(self) -> Tree:
        """What it is made of."""
        return self.trees.of(self.expression)


class _SoundText(NamedTuple):
    text: Text
    sources: tuple[ExpressionSource, ...]


class ExpressionCompiler:
    """Compiles expressions and texts of one file; what is wrong goes to its report."""

    def __init__(
        self, report: Report, environment: Environment, typed: Typed, sound: SoundExpressions, trees: Trees
    ) -> None:
        self._report = report
        self._environment = environment
        self._typed = typed
        self._sound = sound
        self._trees = trees
        self._variable: str | None = None
        self._item: str | None = None
        self._with_variable: Mapping[str, Sequence[TypedEnvironment]] = {}
        self._texts: dict[tuple[str, Use, frozenset[str]], _SoundText] = {}
        """Texts over `event` alone that were checked without a finding: most rules have the same recipient."""
        self.sources: list[ExpressionSource] = []
        """Every expression compiled so far, for `lint`."""

    def tree(self, expression: Expression) -> Tree:
        """What an expression is made of."""
        return self._trees.of(expression)

    def begin_rule(self, item: str | None) -> None:
        """The next expressions read `event` alone; `item` is the name of what later ones of the rule may read."""
        self._variable, self._with_variable, self._item = None, {}, item

    def items(
        self, path: Path, at: int, source: str, on: Sequence[str], known: nulls.Known, name: str
    ) -> Expression | None:
        """The list of a rule's `for_each`; the next expressions of the rule may read an item of it as `name`."""
        compiled = self._compile(path, at, source, on, known, may_be_null=True)
        root = None if compiled is None else self.tree(compiled.expression).root
        self._variable = name
        self._with_variable = {
            event_type: [one.with_variable(name, _item_of(root, one)) for one in self._typed.get(event_type, ())]
            for event_type in on
        }
        if compiled is None:
            return None
        for result in sorted(one for one in compiled.results if one.partition("<")[0] not in {"LIST", "DYN", "NULL"}):
            hint = phrase("name a list of the event")
            self._report.add_inside(
                path, at, "not-a-list", phrase("this is {result}, not a list", result=_named(result)), hint
            )
        return compiled.expression

    def condition(self, path: Path, source: str, on: Sequence[str]) -> tuple[Expression | None, nulls.Known]:
        """The condition of a rule, and what is known of the event's fields where it holds."""
        compiled = self._compile(path, 0, source, on, nulls.NOTHING, is_condition=True)
        if compiled is None:
            return None, nulls.NOTHING
        for result in sorted(compiled.results - {"BOOL", "DYN"}):
            summary = phrase("the condition is {result}, not true or false", result=_named(result))
            self._report.add_inside(path, 0, "not-a-condition", summary, phrase("compare it with something: == != < >"))
        return compiled.expression, compiled.facts

    def choice(self, path: Path, source: str, on: Sequence[str], known: nulls.Known, *, may_be_null: bool) -> _Choice:
        """An expression whose value, a text, chooses; with the values of the enum in each version of the event."""
        compiled = self._compile(path, 0, source, on, known, may_be_null=may_be_null)
        if compiled is None:
            return _Choice(None, ())
        self._require_text(path, 0, compiled.results - {"STRING", "DYN", "NULL"})
        versions = (environment for event_type in on for environment in self._versions(event_type))
        root = self.tree(compiled.expression).root
        return _Choice(compiled.expression, [one.fields.symbols(root, {}) for one in versions])

    def text(
        self,
        path: Path,
        text: str,
        on: Sequence[str],
        known: nulls.Known,
        *,
        may_be_null: bool = False,
        results: frozenset[str] = TEXT_RESULTS,
    ) -> Text | None:
        """A text with `${…}`; `may_be_null`: whether it may come to nothing, as an optional field.

        `results` are the types that its expressions may have.
        """
        key = (text, Use(tuple(on), known, may_be_null, is_condition=False), results)
        found = self._texts.get(key) if self._variable is None else None
        if found is not None:
            self.sources += [source._replace(path=path) for source in found.sources]
            return found.text
        reported, before = self._report.reported, len(self.sources)
        compiled = self._text(path, text, on, known, may_be_null=may_be_null, results=results)
        if compiled is not None and self._variable is None and self._report.reported == reported:
            self._texts[key] = _SoundText(compiled, tuple(self.sources[before:]))
        return compiled

    def _text(
        self,
        path: Path,
        text: str,
        on: Sequence[str],
        known: nulls.Known,
        *,
        may_be_null: bool,
        results: frozenset[str],
    ) -> Text | None:
        try:
            parts = split(text)
        except Unclosed as error:
            hint = phrase("close it with `}`, or write `$${` for the characters themselves")
            if error.is_quote:
                hint = phrase("a quote ends with the same sign, before the `}`")
            self._report.add_inside(path, error.at, "expression-unclosed", error.args[0], hint)
            return None
        alone = may_be_null and len(parts) == 1
        compiled: list[str | Expression] = []
        for part in parts:
            if not part.is_expression:
                self._check_literal(path, part, on)
                compiled.append(part.source)
                continue
            done = self._compile(path, part.at, part.source, on, known, may_be_null=alone)
            if done is None:
                return None
            self._require_text(path, part.at, done.results - results)
            compiled.append(done.expression)
        return Text(tuple(compiled), text)

    def _check_literal(self, path: Path, part: Part, on: Sequence[str]) -> None:
        """Fields of the event that appear in a text without braces, which were probably forgotten."""
        for found in braces.FIELD.finditer(part.source):
            fields = (environment.fields.root for event_type in on for environment in self._versions(event_type))
            if any(record.field(found[1]) is not None for record in fields):
                summary = phrase(
                    "`{found}` is not inside `${{…}}`, so the customer would read it as it is written", found=found[0]
                )
                self._report.add_inside(
                    path,
                    part.at + found.start(),
                    "forgotten-braces",
                    summary,
                    phrase("write `${{{found}}}`", found=found[0]),
                )

    def _require_text(self, path: Path, at: int, unfit: frozenset[str]) -> None:
        for result in sorted(unfit):
            hint = _TEXT_HINTS.get(result.partition("<")[0], _AS_TEXT)
            self._report.add_inside(
                path, at, "not-a-text", phrase("this is {result}, not a text", result=_named(result)), hint
            )

    def _compile(
        self,
        path: Path,
        at: int,
        source: str,
        on: Sequence[str],
        known: nulls.Known,
        *,
        may_be_null: bool = False,
        is_condition: bool = False,
    ) -> Checked | None:
        use = Use(tuple(on), known, may_be_null, is_condition)
        checked = self._sound.find(source, use) if self._variable is None else None
        if checked is None:
            reported = self._report.reported
            checked = self._checked(path, at, source, use)
            if checked is None:
                return None
            if self._variable is None and self._report.reported == reported:
                fields = [one.fields for event_type in on for one in self._versions(event_type)]
                self._sound.add(source, use, checked, self.tree(checked.expression), fields)
        typed = {event_type: self._versions(event_type) for event_type in on}
        self.sources.append(ExpressionSource(path, at, checked.expression, self._trees, on, is_condition, known, typed))
        return checked

    def _checked(self, path: Path, at: int, source: str, use: Use) -> Checked | None:
        """The expression with what is wrong with it reported; None where it cannot be compiled."""
        results, faults = self._types(path, at, source, use.on)
        if faults:
            return None
        try:
            expression = self._environment.compile(source, self._variable)
        except CompileError as error:
            for fault in explained(source, error):
                self._report.add_inside(path, at + fault.at, fault.code, fault.message, self._hint(fault))
            return None
        tree = self.tree(expression)
        self._check_tree(path, at, expression, tree, use.on)
        self._check_nulls(path, at, tree, use)
        return Checked(expression, results, nulls.facts(tree.root, holds=True) if use.is_condition else nulls.NOTHING)

    def _types(self, path: Path, at: int, source: str, on: Sequence[str]) -> tuple[frozenset[str], int]:
        """The types that the expression may have over all versions, and how many faults there are."""
        results: set[str] = set()
        faults = 0
        for event_type in on:
            for number, environment in enumerate(self._versions(event_type), 1):
                typed = environment.check(source)
                faults += len(typed.faults)
                for fault in typed.faults:
                    summary = fault.message + self._version(event_type, number)
                    self._report.add_inside(path, at + fault.at, fault.code, summary, self._hint(fault))
                if typed.result is not None:
                    results.add(typed.result)
        return frozenset(results), faults

    def _hint(self, fault: literals.Fault) -> str | None:
        """A hint of its own for an item of `for_each` in the condition."""
        is_item = self._variable is None and self._item is not None and f"no `{self._item}` here" in fault.message
        if not is_item:
            return fault.hint
        return phrase(
            "the event as a whole is meant here; to leave items out: {item} in ….filter(one, …)", item=self._item
        )

    def _check_tree(self, path: Path, at: int, expression: Expression, tree: Tree, on: Sequence[str]) -> None:
        faults = [literals.Fault(where, "too-costly", summary, _SIMPLER) for where, summary in cost.excesses(tree)]
        if not faults:
            faults += constants.failures(self._environment, expression, tree)
        faults += literals.bad_arguments(tree)
        faults += literals.inexact_numbers(tree)
        faults += braces.in_texts(tree)
        for event_type in on:
            for environment in self._versions(event_type):
                faults += literals.enum_faults(tree, environment.fields)
                faults += braces.fields_in_texts(tree, environment.fields)
                faults += literals.dates_as_times(tree, environment.fields)
                faults += literals.unlike_defaults(tree, environment.fields)
        for fault in dict.fromkeys(faults):
            if is_error(fault.code):
                self._report.add_inside(path, at + fault.at, fault.code, fault.message, fault.hint)

    def _check_nulls(self, path: Path, at: int, tree: Tree, use: Use) -> None:
        for event_type in use.on:
            for number, environment in enumerate(self._versions(event_type), 1):
                for unchecked in nulls.uses(tree, environment.fields, use.known, may_be_null=use.may_be_null):
                    self._add_unchecked(path, at, unchecked, self._version(event_type, number))

    def _add_unchecked(self, path: Path, at: int, use: nulls.Use, version: str) -> None:
        if use.is_absent:
            hint = phrase("ask first: has({path}) && …, or has({path}) ? … : …", path=use.path)
            summary = phrase("`{path}` is not there{version}", path=use.path, version=version)
            self._report.add_inside(path, at + use.node.own, "field-not-in-version", summary, hint)
            return
        hint = phrase("ask first: {path} != null ? … : …", path=use.path)
        self._report.add_inside(
            path,
            at + use.node.start,
            "null-not-handled",
            phrase("`{path}` may be null{version}", path=use.path, version=version),
            hint,
        )

    def _versions(self, event_type: str) -> Sequence[TypedEnvironment]:
        return self._with_variable.get(event_type) or self._typed.get(event_type, ())

    def _version(self, event_type: str, number: int) -> str:
        count = len(self._versions(event_type))
        return (
            phrase(
                " in version {number} of {count} of `{event_type}`", number=number, count=count, event_type=event_type
            )
            if count > 1
            else ""
        )


def _named(result: str) -> str:
    return _NAMES.get(result.partition("<")[0], f"a `{result.lower()}`")


def _item_of(root: Node | None, environment: TypedEnvironment) -> FieldType | None:
    """The type of a list's items; None where only CEL knows it."""
    kind = environment.fields.type_of(root, {}) if root is not None else None
    kind = without_null(kind)
    return kind.item if isinstance(kind, ListType) else None
