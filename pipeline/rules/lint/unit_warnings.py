"""Times and amounts in another unit than the one that they are read in: milliseconds as seconds, amounts as cents."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.phrases import phrase
from pipeline.rules.cel.fields import Fields, Scope
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.tree import Kind, Node, Tree
from pipeline.rules.lint.money_warnings import has_decimals, is_money
from pipeline.rules.schema.types import Field, RecordType, Scalar, ScalarType, without_null

_MILLISECONDS = re.compile(r"(?:^|[\W_])(?:ms|msec|millis?|milliseconds?)(?:$|[\W_])|毫秒", re.IGNORECASE)
_SECONDS = re.compile(r"(?:^|[\W_])(?:s|sec|secs|seconds?)(?:$|[\W_])|秒", re.IGNORECASE)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Where the words of a name such as `createdMs` begin."""
_FIRST_SECOND, _FIRST_MILLISECOND = 100_000_000, 100_000_000_000
"""Counts since 1970 of a time in 1973: a smaller number is a span, a larger one counts milliseconds."""
_THOUSAND, _HUNDRED = 1_000, 100.0
_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})


def wrong_units(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """Every part that is in another unit than its name or meaning says."""
    for node, scope in fields.walk(tree.root, {}):
        if node.kind is not Kind.CALL:
            continue
        if node.name == "timestamp":
            yield from _timestamp(tree, node, fields, scope)
        elif node.name in _COMPARISONS:
            yield from _compared(tree, node, fields, scope)
        elif node.name == "money" and node.children:
            yield from _hundredfold(tree, node.children[0], fields)


def _timestamp(tree: Tree, call: Node, fields: Fields, scope: Scope) -> Iterator[Fault]:
    given = call.children[0]
    if _unit(given, fields, scope) == "ms":
        text = tree.text(given)
        message = phrase("timestamp() counts seconds, and `{text}` milliseconds: the year would be wrong", text=text)
        yield Fault(call.start, "wrong-unit", message, phrase("write timestamp({text} / 1000)", text=text))
        return
    is_raised = given.name == "_*_" and given.children[1].value == _THOUSAND
    if is_raised and _unit(given.children[0], fields, scope) == "s":
        text = tree.text(given.children[0])
        message = phrase("timestamp() counts seconds, as `{text}` does", text=text)
        yield Fault(call.start, "wrong-unit", message, phrase("write timestamp({text})", text=text))


def _compared(tree: Tree, node: Node, fields: Fields, scope: Scope) -> Iterator[Fault]:
    for one, other in (node.children, reversed(node.children)):
        value, unit = other.value, _unit(one, fields, scope)
        if not isinstance(value, int) or unit is None:
            continue
        text = tree.text(one)
        if unit == "ms" and _FIRST_SECOND <= value < _FIRST_MILLISECOND:
            message = phrase("`{text}` counts milliseconds, and {value} is a time in seconds", text=text, value=value)
            yield Fault(other.start, "wrong-unit", message, phrase("write {value}000", value=value))
        elif unit == "s" and value >= _FIRST_MILLISECOND:
            message = phrase("`{text}` counts seconds, and {value} is a time in milliseconds", text=text, value=value)
            yield Fault(other.start, "wrong-unit", message, phrase("write {seconds}", seconds=value // _THOUSAND))


def _hundredfold(tree: Tree, amount: Node, fields: Fields) -> Iterator[Fault]:
    """An amount in whole units that is taken for cents, or made cents: `money(event.fee / 100.0, …)`."""
    if amount.name not in {"_/_", "_*_"} or amount.children[1].value != _HUNDRED:
        return
    given = amount.children[0]
    if given.kind is not Kind.FIELD or not has_decimals(given, fields):
        return
    kind = _plain(fields, given, {})
    if kind is None or not is_money(given.name, kind):
        return
    text = tree.text(given)
    message = phrase("`{text}` is in whole units, which money() takes as they are", text=text)
    yield Fault(amount.own, "wrong-unit", message, phrase("write {text} alone", text=text))


def _unit(node: Node, fields: Fields, scope: Scope) -> str | None:
    """What a whole number counts, by the name or meaning of its field."""
    kind = _plain(fields, node, scope) if node.kind is Kind.FIELD else None
    if kind is None or kind.scalar is not Scalar.INT:
        return None
    field = _declared(node, fields, scope)
    said = f"{_WORDS.sub('_', node.name)} {field.doc if field is not None else ''}"
    if _MILLISECONDS.search(said):
        return "ms"
    return "s" if _SECONDS.search(said) else None


def _declared(node: Node, fields: Fields, scope: Scope) -> Field | None:
    holder = without_null(fields.type_of(node.children[0], scope))
    return holder.field(node.name) if isinstance(holder, RecordType) else None


def _plain(fields: Fields, node: Node, scope: Scope) -> ScalarType | None:
    kind = without_null(fields.type_of(node, scope))
    return kind if isinstance(kind, ScalarType) else None
