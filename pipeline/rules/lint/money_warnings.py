"""Amounts that a card would show as bare numbers, or a hundred times too large: what `money` is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from pipeline.phrases import phrase
from pipeline.rules.cel.fields import Fields
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.tree import Kind, Node, Tree, walk
from pipeline.rules.schema.types import Scalar, ScalarType, without_null
from pipeline.rules.source.text import Part, Unclosed, split
from pipeline.styles.category import AMOUNT
from pipeline.styles.field_kind import FieldKind

_ARITHMETIC = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_", "-_"})
_MONEY = re.compile(
    r"(?:^|_)(?:amount|amt|price|fee|total|subtotal|balance|cost|money|payment|paid|refund|refunded|discount|"
    r"deposit|bill|charge|yuan|rmb|face_value|threshold)(?:$|_)",
    re.IGNORECASE,
)
_CENTS = re.compile(r"(?:^|_)(?:cents?|fen|minor|pennies)(?:$|_)", re.IGNORECASE)
_CURRENCY_SCALE = 2
_MILLISECONDS = 1_000
"""In a second, which is what `timestamp()` counts."""
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Number(NamedTuple):
    """A part of an expression whose digits the customer reads."""

    node: Node
    is_whole: bool
    """Whether it is an integer."""


def warnings(tree: Tree, fields: Fields, kind: FieldKind | None) -> Iterator[Fault]:
    """Warnings on an expression in a field of a card; `kind` is the field's, None where it is not known."""
    for number in _shown(tree.root, fields):
        if kind is AMOUNT or _is_money(number.node, fields):
            yield _bare(tree, number, fields)
        elif number.node.name == "_/_" and not number.is_whole and not _comes_to_an_end(number.node.children[1].value):
            text = tree.text(number.node)
            message = phrase("the customer would read every digit, such as 3.3333333333: `{text}`", text=text)
            yield Fault(number.node.start, "raw-value", message, phrase("write decimal({text}, 2)", text=text))
    for node in tree.nodes:
        if node.kind is not Kind.CALL:
            continue
        if (fault := _wrong_unit(tree, node, fields)) is not None:
            yield fault
        if kind is AMOUNT and (fault := _grouped(node)) is not None:
            yield fault


def _comes_to_an_end(divisor: object) -> bool:
    """Whether every quotient has an end: a number of twos and fives."""
    if not isinstance(divisor, float) or not divisor.is_integer() or not divisor:
        return False
    rest = abs(int(divisor))
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    return rest == 1


def integer_divisions(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """Divisions of an integer by an integer other than 1: CEL drops the remainder."""
    seconds = {node.children[0].id for node in tree.nodes if node.name == "timestamp" and node.children}
    for node in tree.nodes:
        if node.name != "_/_" or node.kind is not Kind.CALL:
            continue
        one, other = node.children
        if node.id in seconds and other.value == _MILLISECONDS:
            continue
        if one.kind is Kind.CONSTANT or not (_is_whole(one, fields) and _is_whole(other, fields)):
            continue
        text, by = tree.text(one), tree.text(other)
        if other.kind is not Kind.CONSTANT:
            hint = phrase("write double({text}) / double({by})", text=text, by=by)
            yield Fault(node.own, "integer-division", phrase("the remainder is dropped: 7 / 2 is 3"), hint)
        elif isinstance(other.value, int) and abs(other.value) > 1:
            hint = phrase("write double({text}) / {by}.0, or money_of_cents({text}, …) for an amount", text=text, by=by)
            message = phrase("the remainder is dropped: 1299 / {by} is {value}", by=by, value=int(1299 / other.value))
            yield Fault(node.own, "integer-division", message, hint)


DOUBLED = (
    "doubled-currency",
    phrase("the customer would read the currency twice: money() writes it already"),
    phrase("leave it out, or write the number alone with decimal(…, 2)"),
)
"""Code, message and hint of an amount with its currency once more."""
_SIGNS = re.compile(r"[¥￥$＄€£]\s*$")
_UNITS = re.compile(r"\s*(?:元|圆|块|RMB|CNY|人民币)", re.IGNORECASE)
_MONEY_CALLS = frozenset({"money", "money_of_cents"})
_CALL = re.compile(r"\s*(?:money|money_of_cents)\s*\(.*\)\s*", re.DOTALL)


_DIGITS = re.compile(r"\s*([0-9]{1,10}(?:\.[0-9]+)?)\s*")


def bare_constant(text: str) -> Fault | None:
    """A fixed amount without a currency, as the whole text of a field of amounts."""
    if (found := _DIGITS.fullmatch(text)) is None:
        return None
    number = found[1]
    message = phrase("the customer would read the amount without its currency: `{text}`", text=number)
    hint = phrase("write ¥{text}, or money(…) of the event's amount", text=number)
    return Fault(found.start(1), "bare-amount", message, hint)


def doubled_around(text: str) -> Iterator[int]:
    """Signs and units of currencies around `${money(…)}`: the index of each into the text."""
    try:
        parts = split(text)
    except Unclosed:
        return
    for before, part in pairwise(parts):
        if part.is_expression and not before.is_expression and _CALL.fullmatch(part.source):
            if (found := _SIGNS.search(before.source)) is not None:
                yield before.at + found.start()
        elif before.is_expression and _CALL.fullmatch(before.source) and _is_unit(part):
            yield part.at


def _is_unit(part: Part) -> bool:
    return not part.is_expression and _UNITS.match(part.source) is not None


def doubled_in(tree: Tree) -> Iterator[Fault]:
    """The same within an expression: `"¥" + money(…)`, `money(…) + "元"`."""
    for node in tree.nodes:
        if node.kind is not Kind.CALL or node.name != "_+_":
            continue
        one, other = node.children
        last = one.children[1] if one.name == "_+_" else one
        if isinstance(last.value, str) and other.name in _MONEY_CALLS and _SIGNS.search(last.value):
            yield Fault(last.start, *DOUBLED)
        if last.name in _MONEY_CALLS and isinstance(other.value, str) and _UNITS.match(other.value):
            yield Fault(other.start, *DOUBLED)


def _bare(tree: Tree, number: Number, fields: Fields) -> Fault:
    text = tree.text(number.node)
    currency = "event.currency" if fields.root.field("currency") is not None else '"CNY"'
    if number.is_whole:
        cents = next((one for one in walk(number.node) if _is_cents(one, fields)), number.node)
        text = tree.text(cents)
        message = phrase("the customer would read the number as it is: `{text}` may be 3550 for ¥35.50", text=text)
        whole = f"money(double({text}), {currency})"
        hint = phrase(
            "for cents (分) write money_of_cents({text}, {currency}); for whole units {whole}",
            text=text,
            currency=currency,
            whole=whole,
        )
        return Fault(number.node.start, "bare-amount", message, hint)
    divided = _cents_in(number.node, fields)
    if divided is not None:
        hint = phrase("write money_of_cents({divided}, {currency})", divided=tree.text(divided), currency=currency)
    else:
        hint = phrase(
            "write money({text}, {currency}), or decimal({text}, 2) for the number alone", text=text, currency=currency
        )
    message = phrase(
        "the customer would read the amount as a bare number, such as 128.5 for 128.50: `{text}`", text=text
    )
    return Fault(number.node.start, "bare-amount", message, hint)


def _cents_in(node: Node, fields: Fields) -> Node | None:
    """The whole number that is divided: `double(event.fee_cents) / 100.0`."""
    if node.name != "_/_" or node.children[1].kind is not Kind.CONSTANT or node.children[1].value != 100.0:  # noqa: PLR2004
        return None
    return next((one for one in walk(node.children[0]) if one.kind is Kind.FIELD and _is_whole(one, fields)), None)


def _wrong_unit(tree: Tree, call: Node, fields: Fields) -> Fault | None:
    """Cents that `money` takes for whole units, or whole units that `money_of_cents` takes for cents."""
    if call.name not in {"money", "money_of_cents"} or not call.children:
        return None
    amount, currency = call.children[0], tree.text(call.children[1]) if len(call.children) > 1 else '"CNY"'
    if call.name == "money" and amount.name == "double" and _is_cents(amount.children[0], fields):
        text = tree.text(amount.children[0])
        message = phrase("`{text}` counts cents: money() would write a hundred times the amount", text=text)
        return Fault(
            call.start,
            "wrong-unit",
            message,
            phrase("write money_of_cents({text}, {currency})", text=text, currency=currency),
        )
    if call.name == "money_of_cents" and amount.name == "int" and has_decimals(amount.children[0], fields):
        text = tree.text(amount.children[0])
        if amount.children[0].kind is Kind.FIELD:
            message = phrase(
                "`{text}` is in whole units: money_of_cents() would write a hundredth of the amount", text=text
            )
            return Fault(
                call.start,
                "wrong-unit",
                message,
                phrase("write money({text}, {currency})", text=text, currency=currency),
            )
    return None


def _grouped(call: Node) -> Fault | None:
    """`money` with a locale, whose separators the field `amount` does not take."""
    if call.name != "money" or len(call.children) != 3:  # noqa: PLR2004 - amount, currency, locale
        return None
    message = phrase("this fails for amounts of 1,000 and more: the field takes no separators")
    return Fault(call.children[2].start, "may-fail", message, phrase("leave the locale out"))


def _shown(node: Node, fields: Fields) -> Iterator[Number]:
    """The numbers whose digits become part of the text."""
    match node.kind, node.name:
        case Kind.CALL, "_?_:_":
            yield from _shown(node.children[1], fields)
            yield from _shown(node.children[2], fields)
        case Kind.CALL, "default" | "string":
            for child in node.children:
                yield from _shown(child, fields)
        case Kind.CALL, "_+_" if not _is_number(node, fields):
            for child in node.children:
                yield from _shown(child, fields)
        case Kind.CALL, "int" if has_decimals(node.children[0], fields):
            yield Number(node, is_whole=False)
        case Kind.CONSTANT, _:
            return
        case _:
            if _is_number(node, fields):
                yield Number(node, _is_whole(node, fields))


def _is_money(node: Node, fields: Fields) -> bool:
    """Whether a number is an amount, as far as names and types of fields tell."""
    for one in walk(node):
        if one.kind is not Kind.FIELD:
            continue
        kind = _scalar(one, fields)
        if kind is None or kind.scalar not in {Scalar.DOUBLE, Scalar.INT}:
            continue
        if counts_cents(one.name) or is_money(one.name, kind):
            return True
    return False


def counts_cents(name: str) -> bool:
    """Whether a whole number of that name counts cents: `fee_cents`."""
    return _CENTS.search(_WORDS.sub("_", name)) is not None


def is_money(name: str, kind: ScalarType) -> bool:
    """Whether a number with decimals is an amount: a decimal of two digits, or by its name."""
    is_decimal = kind.logical == "decimal" and kind.scale == _CURRENCY_SCALE
    return is_decimal or (kind.scalar is Scalar.DOUBLE and _MONEY.search(_WORDS.sub("_", name)) is not None)


def _is_cents(node: Node, fields: Fields) -> bool:
    return node.kind is Kind.FIELD and _is_whole(node, fields) and counts_cents(node.name)


def _is_number(node: Node, fields: Fields) -> bool:
    return _is_whole(node, fields) or has_decimals(node, fields)


def _is_whole(node: Node, fields: Fields) -> bool:
    match node.kind, node.name:
        case Kind.CONSTANT, _:
            return type(node.value) is int
        case Kind.CALL, "size" | "int" | "uint":
            return True
        case Kind.CALL, name if name in _ARITHMETIC:
            return all(_is_whole(child, fields) for child in node.children)
        case _:
            kind = _scalar(node, fields)
            return kind is not None and kind.scalar is Scalar.INT


def has_decimals(node: Node, fields: Fields) -> bool:
    """Whether a number may have decimals, as far as types and form tell."""
    match node.kind, node.name:
        case Kind.CONSTANT, _:
            return type(node.value) is float
        case Kind.CALL, "double" | "number":
            return True
        case Kind.CALL, "default":
            return has_decimals(node.children[1], fields)
        case Kind.CALL, name if name in _ARITHMETIC:
            return any(has_decimals(child, fields) for child in node.children)
        case _:
            kind = _scalar(node, fields)
            return kind is not None and kind.scalar is Scalar.DOUBLE


def _scalar(node: Node, fields: Fields) -> ScalarType | None:
    kind = without_null(fields.type_of(node, {}))
    return kind if isinstance(kind, ScalarType) else None
