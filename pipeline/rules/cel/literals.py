"""Fixed values in an expression: enum values that do not exist, arguments that cannot be right, texts it may become."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.cel.fields import Fields, Scope
from pipeline.rules.cel.tree import Kind, Node, Tree
from pipeline.rules.functions import FUNCTIONS, Function
from pipeline.rules.schema.types import ListType, MapType, RecordType, ScalarType, without_null


class Fault(NamedTuple):
    """One thing wrong with an expression."""

    at: int
    """Index into the expression's source."""
    code: str
    message: str
    hint: str | None = None


_BY_NAME: Mapping[str, Function] = {function.name: function for function in FUNCTIONS}
_LABELS = frozenset({"label", "label_in"})
_OTHERS = "*"


def enum_faults(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """Texts that are compared with an enum or labelled for one, and are not one of its values."""
    for node, scope in fields.walk(tree.root, {}):
        match node.kind, node.name:
            case Kind.CALL, "_==_" | "_!=_":
                one, other = node.children
                yield from _strangers(tree, one, fields.symbols(one, scope), [other])
                yield from _strangers(tree, other, fields.symbols(other, scope), [one])
            case Kind.CALL, "@in":
                one, several = node.children
                items = several.children if several.kind is Kind.LIST else ()
                yield from _strangers(tree, one, fields.symbols(one, scope), items)
            case Kind.CALL, name if name in _LABELS:
                yield from _label_faults(tree, node, fields.symbols(node.children[0], scope))
            case _:
                pass


def _label_faults(tree: Tree, call: Node, symbols: tuple[str, ...]) -> Iterator[Fault]:
    given = call.children[-1]
    by_locale = call.name == "label_in"
    for message in given.children[1::2] if by_locale else [given]:
        if not symbols or message.kind is not Kind.MAP:
            continue
        keys = message.children[::2]
        known = {key.value for key in keys}
        yield from _strangers(tree, call.children[0], symbols, [key for key in keys if key.value != _OTHERS])
        missing = [symbol for symbol in symbols if symbol not in known]
        if missing and _OTHERS not in known:
            yield Fault(
                message.start,
                "label-missing",
                phrase("no label for {missing}", missing=joined(", ", missing)),
                phrase('add them, or "*" for others'),
            )


def _strangers(tree: Tree, enum: Node, symbols: tuple[str, ...], values: Sequence[Node]) -> Iterator[Fault]:
    for value in values if symbols else ():
        if value.kind is Kind.CONSTANT and isinstance(value.value, str) and value.value not in symbols:
            in_other_case = [symbol for symbol in symbols if symbol.casefold() == value.value.casefold()]
            meant = (
                phrase("did you mean `{found}`?", found=in_other_case[0])
                if in_other_case
                else did_you_mean(value.value, symbols, 0.5)
            )
            hint = meant or phrase("it is one of {symbols}", symbols=joined(", ", symbols))
            message = phrase("`{field}` is never `{value}`", field=tree.text(enum), value=value.value)
            yield Fault(value.start, "unknown-enum-value", message, hint)


def unlike_defaults(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """`default()` of a record, list or map with a plain value, about which CEL says nothing where it may be null."""
    for node, scope in fields.walk(tree.root, {}):
        if node.kind is not Kind.CALL or node.name != "default" or len(node.children) != 2:  # noqa: PLR2004 - both
            continue
        value, other = node.children
        kind = without_null(fields.type_of(value, scope))
        if isinstance(kind, RecordType | ListType | MapType) and other.kind is Kind.CONSTANT:
            text = tree.text(value)
            hint = phrase("ask first, and name what is shown: {text} != null ? … : …", text=text)
            message = phrase("`default`: `{text}` is no text and no number, as the other value is", text=text)
            yield Fault(node.start, "type-mismatch", message, hint)


def inexact_numbers(tree: Tree) -> Iterator[Fault]:
    """Numbers with more digits than the double has that CEL makes of them."""
    for node in tree.nodes:
        if node.kind is Kind.CONSTANT and isinstance(node.value, float):
            text = tree.text(node)
            if _DIGITS.fullmatch(text) and Decimal(text) != Decimal(repr(node.value)):
                hint = phrase('write double("{text}")', text=text)
                yield Fault(node.start, "bad-argument", phrase("the number has more digits than CEL keeps"), hint)


_DIGITS = re.compile(r"-?[0-9.]+([eE][+-]?[0-9]+)?")


def dates_as_times(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """`timestamp()` of a date, which has no time of day and so is no timestamp."""
    for node, scope in fields.walk(tree.root, {}):
        if node.kind is not Kind.CALL or node.name != "timestamp":
            continue
        dates = [one for one, inner in fields.walk(node.children[0], scope) if _is_date(fields, one, inner)]
        if dates and (node.children[0] is dates[0] or not _adds_zone(node.children[0])):
            text = tree.text(dates[0])
            hint = phrase(
                'write local_date({text}, "YYYY年M月D日"); for a time: timestamp({text} + "T00:00:00+08:00")', text=text
            )
            yield Fault(
                node.start,
                "always-fails",
                phrase("`{text}` is a date, without the time that timestamp() needs", text=text),
                hint,
            )


def _is_date(fields: Fields, node: Node, scope: Scope) -> bool:
    kind = fields.type_of(node, scope) if node.kind is Kind.FIELD else None
    kind = without_null(kind)
    return isinstance(kind, ScalarType) and kind.logical == "date"


def _adds_zone(node: Node) -> bool:
    last = node.children[-1] if node.name == "_+_" else node
    return last.kind is not Kind.CONSTANT or _ZONED.fullmatch(str(last.value)) is not None


_ZONED = re.compile(r"T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


def bad_arguments(tree: Tree) -> Iterator[Fault]:
    """Calls of our functions whose fixed arguments are wrong for any event."""
    yield from filter(None, map(bad_argument, tree.nodes))


def bad_argument(node: Node) -> Fault | None:
    """What is wrong with the fixed arguments of a call; None also for other parts of an expression."""
    function = _BY_NAME.get(node.name) if node.kind is Kind.CALL else None
    if function is None or function.check_constants is None:
        return None
    if all(len(overload.parameters) != len(node.children) for overload in function.overloads):
        return None
    problem = function.check_constants(*(_constant(child) for child in node.children))
    if problem is None:
        return None
    fixed = next((child for child in node.children[1:] if child.kind is Kind.CONSTANT), node)
    return Fault(fixed.start, "bad-argument", phrase("{function}: {problem}", function=function.name, problem=problem))


def _constant(node: Node) -> str | int | None:
    return node.value if node.kind is Kind.CONSTANT and isinstance(node.value, str | int) else None
