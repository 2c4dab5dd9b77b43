"""Expressions that fail for some events, or that read a clock or a calendar otherwise than their author expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.rules.cel.fields import Fields, Scope
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.nulls import Known, Walk
from pipeline.rules.cel.tree import Kind, Node, Tree, walk, written
from pipeline.rules.functions.times import DEFAULT_ZONE, doubtful_zone
from pipeline.rules.schema.types import FieldType, ListType, MapType, NullableType, Scalar, ScalarType
from pipeline.styles.field_kind import FieldKind

_IN_A_ZONE = frozenset(
    {"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours"}
)
_FROM_ZERO: Mapping[str, tuple[str, str]] = {
    "getMonth": ("months from 0: January is 0, December 11", 'local_time({0}, "M"), or add 1'),
    "getDayOfMonth": ("days from 0: the first of a month is 0", "getDate({1}), or add 1"),
    "getDayOfYear": ("days from 0: January 1 is 0", "getDayOfYear({1}) + 1"),
}
"""CEL's methods that count from 0 (cel-spec, langdef.md, "List of Standard Definitions")."""
_SUNDAY = 7


def clock_warnings(tree: Tree) -> Iterator[Fault]:
    """Zones that are not what they seem, UTC where a local time is meant, and months that begin with 0."""
    raised = {node.children[at].id for node in walk(tree.root) if node.name == "_+_" for at in (0, 1)}
    for node in walk(tree.root):
        if node.kind is not Kind.CALL:
            continue
        yield from _zones(node)
        if node.name not in _IN_A_ZONE or _is_duration(node.children[0]):
            continue
        target, zone = tree.text(node.children[0]), f'"{DEFAULT_ZONE}"'
        if len(node.children) == 1:
            message = f"`{node.name}()` without a zone counts in UTC, eight hours behind Shanghai"
            yield Fault(node.own, "clock-of-utc", message, f"write {target}.{node.name}({zone})")
        if node.name in _FROM_ZERO and node.id not in raised:
            counts, instead = _FROM_ZERO[node.name]
            given = tree.text(node.children[1]) if len(node.children) > 1 else zone
            hint = f"write {instead.format(target, given)}"
            yield Fault(node.own, "counts-from-zero", f"`{node.name}` counts {counts}", hint)
    for node in walk(tree.root):
        if node.name in {"_==_", "_>=_", "_!=_", "@in"} and _has_sunday(node):
            message = "`getDayOfWeek` counts from 0, Sunday, to 6, Saturday"
            yield Fault(node.own, "counts-from-zero", message, "write 0 for Sunday")


def _zones(call: Node) -> Iterator[Fault]:
    """Names of zones are the last argument of `local_time` and of CEL's own methods."""
    at = {"local_time": 2}.get(call.name, 1 if call.name.startswith("get") else None)
    last = call.children[at] if at is not None and len(call.children) > at else None
    if last is None or not isinstance(last.value, str):
        return
    if (doubt := doubtful_zone(last.value)) is not None:
        yield Fault(last.start, "doubtful-zone", doubt[0], f"write {doubt[1]}")


def _is_duration(node: Node) -> bool:
    return node.kind is Kind.CALL and node.name in {"duration", "_-_"}


def _has_sunday(node: Node) -> bool:
    days = [child for child in node.children if child.name == "getDayOfWeek"]
    values = [one for child in node.children for one in (child, *child.children) if one.kind is Kind.CONSTANT]
    return bool(days) and any(one.value == _SUNDAY for one in values)


def enum_order(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """Values of an enum that are compared by size: they are compared letter by letter."""
    for node, scope in fields.walk(tree.root, {}):
        if (
            node.kind is Kind.CALL
            and node.name in _BY_SIZE
            and any(fields.symbols(one, scope) for one in node.children)
        ):
            sign = node.name.strip("_")
            message = f"`{sign}` compares the values of an enum letter by letter"
            yield Fault(node.own, "enum-order", message, 'write `==`, `!=` or in ["…", "…"]')


_BY_SIZE = frozenset({"_<_", "_<=_", "_>_", "_>=_"})


def raw_values(tree: Tree, fields: Fields, kind: FieldKind | None) -> Iterator[Fault]:
    """Truth values and values of enums that the customer would read as the event has them; `kind` is the field's."""
    for node in _read(tree.root):
        text = tree.text(node)
        found = _plain(fields.type_of(node, {}))
        if _is_truth(node, found):
            hint = f'write {text} ? "是" : "否"'
            yield Fault(node.start, "raw-value", f"the customer would read true or false: `{text}`", hint)
        elif isinstance(found, ScalarType) and found.symbols and (kind is None or kind.name not in _OF_CODES):
            hint = f'write label({text}, {{"{found.symbols[0]}": "…", "*": "…"}})'
            message = f"the customer would read `{found.symbols[0]}` as the event has it: `{text}`"
            yield Fault(node.start, "raw-value", message, hint)


_TRUTHS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "@in"}).union(
    ("contains", "startsWith", "endsWith", "matches")
)
_OF_CODES = frozenset({"enum", "const", "character_string", "letter"})
"""Kinds of fields that may show a code."""


def odd_recipients(tree: Tree, fields: Fields, *, is_whole: bool) -> Iterator[Fault]:
    """Recipients that are true or false, or a value of an enum: no customer has such an id.

    A value of an enum may be a part of one: `is_whole` if there is no text around the expression.
    """
    is_whole = is_whole and all(one.name != "_+_" for one in walk(tree.root))
    for node in _read(tree.root):
        text = tree.text(node)
        found = _plain(fields.type_of(node, {}))
        hint = "write the field with the customer's id"
        if _is_truth(node, found):
            yield Fault(node.start, "raw-value", f"the message would go to `true` or `false`: `{text}`", hint)
        elif is_whole and isinstance(found, ScalarType) and found.symbols:
            yield Fault(node.start, "raw-value", f"the message would go to `{found.symbols[0]}`: `{text}`", hint)


def _is_truth(node: Node, kind: FieldType | None) -> bool:
    is_condition = node.kind is Kind.HAS or (node.kind is Kind.CALL and node.name in _TRUTHS)
    return is_condition or (isinstance(kind, ScalarType) and kind.scalar is Scalar.BOOL)


def _read(node: Node) -> Iterator[Node]:
    """The parts whose values become part of the text as they are."""
    match node.kind, node.name:
        case Kind.CALL, "_?_:_":
            yield from _read(node.children[1])
            yield from _read(node.children[2])
        case Kind.CALL, "_+_" | "default" | "string" | "trim" | "upper" | "lower" | "truncate":
            for child in node.children:
                yield from _read(child)
        case _:
            yield node


def _plain(kind: FieldType | None) -> FieldType | None:
    return kind.inner if isinstance(kind, NullableType) else kind


def may_fail(tree: Tree, fields: Fields, known: Known) -> Iterator[Fault]:
    """Parts that have no value for some events, as far as nothing asks before."""
    return _PartialWalk(fields, tree).visit(tree.root, known, {}, may_be_null=True)


class _PartialWalk(Walk[Fault]):
    def __init__(self, fields: Fields, tree: Tree) -> None:
        super().__init__(fields)
        self._tree = tree

    def itself(self, node: Node, known: Known, scope: Scope, *, may_be_null: bool) -> Iterator[Fault]:
        del may_be_null
        match node.kind, node.name:
            case Kind.FIELD, _ if isinstance(self._type(node.children[0], scope), MapType):
                yield from self._item(node, f"{written(node.children[0])}[{node.name!r}]", known, scope)
            case Kind.CALL, "_[_]":
                yield from self._item(node, written(node), known, scope)
            case Kind.CALL, "_/_" | "_%_":
                yield from self._division(node.children[1], node, known)
            case Kind.CALL, "label" | "label_in":
                yield from self._label(node, scope)
            case Kind.CALL, "int" | "double":
                yield from self._number(node, known, scope)
            case _:
                return

    def _item(self, node: Node, path: str | None, known: Known, scope: Scope) -> Iterator[Fault]:
        holder = self._type(node.children[0], scope)
        text, over = self._tree.text(node), self._tree.text(node.children[0])
        if ("item", path) in known or ("there", written(node)) in known:
            return
        if isinstance(holder, ListType):
            index = node.children[1]
            if index.kind is Kind.CONSTANT:
                message = f"`{text}` fails for events whose list is shorter"
                hint = f"ask first: size({over}) > {index.value} ? {text} : …"
            else:
                message, hint = f"`{text}` fails for events whose list is shorter", f"ask first how long `{over}` is"
            yield Fault(node.start, "may-fail", message, hint)
        elif isinstance(holder, MapType):
            key = f'"{node.name}"' if node.kind is Kind.FIELD else self._tree.text(node.children[1])
            message = f"`{text}` fails for events without this key"
            yield Fault(node.start, "may-fail", message, f"ask first: {key} in {over} ? {text} : …")

    def _division(self, divisor: Node, node: Node, known: Known) -> Iterator[Fault]:
        path = written(divisor)
        if path is not None and divisor.kind is Kind.FIELD and ("not zero", path) not in known:
            text = self._tree.text(divisor)
            hint = f"ask first: {text} != 0 ? … : …"
            yield Fault(node.own, "may-fail", f"this fails for events whose `{text}` is 0", hint)

    def _label(self, call: Node, scope: Scope) -> Iterator[Fault]:
        value, labels = call.children[0], call.children[-1]
        kind = self._type(value, scope)
        if not isinstance(kind, ScalarType) or kind.symbols or kind.scalar is not Scalar.STRING:
            return
        tables = labels.children[1::2] if call.name == "label_in" else [labels]
        for table in tables:
            if table.kind is Kind.MAP and all(key.value != "*" for key in table.children[::2]):
                message = f"this fails for events whose `{self._tree.text(value)}` has no label here"
                yield Fault(table.start, "may-fail", message, 'add "*" for all other values')

    def _number(self, call: Node, known: Known, scope: Scope) -> Iterator[Fault]:
        value = call.children[0]
        kind, path = self._type(value, scope), written(value)
        if isinstance(kind, ScalarType) and kind.scalar is Scalar.STRING and ("number", path) not in known:
            text = self._tree.text(value)
            hint = f'ask first: {text}.matches("^[0-9]+$") ? … : …'
            yield Fault(call.start, "may-fail", f"this fails for events whose `{text}` is not a number", hint)

    def _type(self, node: Node, scope: Scope) -> FieldType | None:
        return _plain(self._fields.type_of(node, scope))
