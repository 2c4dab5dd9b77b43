"""What is doubtful in one expression, by what its value is used for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from pipeline.rules.cel import literals
from pipeline.rules.expressions import ExpressionSource
from pipeline.rules.lint import (
    date_warnings,
    doubtful_expressions,
    money_warnings,
    partial_expressions,
    text_warnings,
    unit_warnings,
)
from pipeline.styles.field_kind import FieldKind


class Use(NamedTuple):
    """What a text of a rule is for."""

    name: str
    """The rule's key: `when`, `to`, `url` or `data`."""
    kind: FieldKind | None
    """Of a field of a card, if it is known."""


def expression_faults(source: ExpressionSource, use: Use, *, is_whole: bool) -> Collection[literals.Fault]:
    """What is doubtful in an expression, each once; `is_whole` as in `odd_recipients`."""
    found = dict.fromkeys(_by_types(source, use, is_whole=is_whole))
    found |= dict.fromkeys(doubtful_expressions.clock_warnings(source.tree))
    found |= dict.fromkeys(doubtful_expressions.impossible_times(source.tree))
    found |= dict.fromkeys(doubtful_expressions.impossible_sizes(source.tree))
    if use.name == "data":
        found |= dict.fromkeys(money_warnings.doubled_in(source.tree))
    return found


def _by_types(source: ExpressionSource, use: Use, *, is_whole: bool) -> Iterator[literals.Fault]:
    """What the types of each version of each event say."""
    every = [environment.fields for event_type in source.on for environment in source.typed.get(event_type, ())]
    absent = frozenset[tuple[str, str]]().union(*(fields.absent for fields in every))
    tree = source.tree
    for fields in every:
        yield from literals.enum_faults(tree, fields)
        yield from money_warnings.integer_divisions(tree, fields)
        yield from doubtful_expressions.enum_order(tree, fields)
        yield from doubtful_expressions.always_there(tree, fields, absent)
        yield from partial_expressions.may_fail(tree, fields, source.known)
        yield from unit_warnings.wrong_units(tree, fields)
        yield from date_warnings.unlike_dates(tree, fields)
        if use.name == "data":
            yield from doubtful_expressions.raw_values(tree, fields, use.kind)
            yield from money_warnings.warnings(tree, fields, use.kind)
        elif use.name == "to":
            yield from doubtful_expressions.odd_recipients(tree, fields, is_whole=is_whole)
        elif use.name == "url":
            yield from text_warnings.unencoded(tree, fields)
