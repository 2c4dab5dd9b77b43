"""Expressions that were checked without a finding, so that the next rule that has them need not check them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.rules.cel import nulls
from pipeline.rules.cel.engine import Alike, Environment, Expression
from pipeline.rules.cel.fields import Fields
from pipeline.rules.cel.forms import Form, form_of, free, moved
from pipeline.rules.cel.tree import Tree


class Use(NamedTuple):
    """All that a check of an expression over `event` alone depends on, besides its source."""

    on: tuple[str, ...]
    """The event types."""
    known: nulls.Known
    """What the rule's condition says of the event's fields."""
    may_be_null: bool
    is_condition: bool


class Checked(NamedTuple):
    """What the check of an expression gives."""

    expression: Expression
    results: frozenset[str]
    """The types that it may have over all versions of the events."""
    facts: nulls.Known
    """Of a condition: what is known of the event's fields where it holds."""


class Trees:
    """What expressions are made of; each is taken apart once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], Tree] = {}

    def of(self, expression: Expression) -> Tree:
        """The expression's tree."""
        key = (expression.source, expression.variable)
        tree = self._known.get(key)
        if tree is None:
            alike = expression.alike
            tree = expression.tree() if alike is None else moved(self.of(alike.other), alike.before, alike.form)
            self._known[key] = tree
        return tree


class SoundExpressions:
    """Those of all files of a rule set: most rules have the same recipient, and conditions of a few forms."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._known: dict[tuple[str, Use], Checked] = {}
        self._free: dict[tuple[str, Use], tuple[bool, ...]] = {}
        """By form: of each literal, whether the findings are the same with another."""
        self._alike: dict[tuple[str, Use, tuple[object, ...]], tuple[Form, Checked]] = {}
        """The first expression of each form, by the literals that are not free."""

    def find(self, source: str, use: Use) -> Checked | None:
        """What the check gave, or that of an expression of the same form."""
        key = (source, use)
        known = self._known.get(key)
        if known is None and (form := form_of(source)) is not None and (free := self._free.get((form.outline, use))):
            alike = self._alike.get((form.outline, use, _bound(form, free)))
            if alike is not None:
                first, checked = alike
                expression = self._environment.alike(Alike(checked.expression, first, form))
                known = self._known[key] = checked._replace(expression=expression)
        return known

    def add(self, source: str, use: Use, checked: Checked, tree: Tree, versions: Sequence[Fields]) -> None:
        """Remember an expression without a finding; `versions` are those of the event types."""
        self._known[source, use] = checked
        form = form_of(source)
        if form is not None and any(found := free(form, tree, versions)):
            self._free[form.outline, use] = found
            self._alike.setdefault((form.outline, use, _bound(form, found)), (form, checked))


def _bound(form: Form, free: Sequence[bool]) -> tuple[object, ...]:
    """The literals that are not free; 1 and 1.0 are equal, but their forms differ."""
    return tuple([literal for literal, is_free in zip(form.literals, free, strict=True) if not is_free])
