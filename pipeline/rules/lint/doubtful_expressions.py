"""Expressions that read a clock, a calendar or a field otherwise than their author expects."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping

from pipeline.phrases import marked, phrase
from pipeline.rules.cel.fields import Fields, Scope
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.tree import Kind, Node, Tree, written
from pipeline.rules.functions.times import DEFAULT_ZONE, doubtful_zone
from pipeline.rules.schema.types import FieldType, ListType, NullableType, RecordType, Scalar, ScalarType, without_null
from pipeline.styles.field_kind import FieldKind

_IN_A_ZONE = frozenset(
    {"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours"}
)
_FROM_ZERO: Mapping[str, tuple[str, str]] = {
    "getMonth": (
        phrase("months from 0: January is 0, December 11"),
        marked('write local_time({target}, "M"), or add 1'),
    ),
    "getDayOfMonth": (
        phrase("days from 0: the first of a month is 0"),
        marked("write getDate({given}), or add 1"),
    ),
    "getDayOfYear": (phrase("days from 0: January 1 is 0"), marked("write getDayOfYear({given}) + 1")),
}
"""CEL's methods that count from 0 (cel-spec, langdef.md, "List of Standard Definitions")."""
_SUNDAY = 7


def clock_warnings(tree: Tree) -> Iterator[Fault]:
    """Zones that are not what they seem, UTC where a local time is meant, and months that begin with 0."""
    raised = {node.children[at].id for node in tree.nodes if node.name == "_+_" for at in (0, 1)}
    for node in tree.nodes:
        if node.kind is not Kind.CALL:
            continue
        yield from _zones(node)
        if node.name not in _IN_A_ZONE or _is_duration(node.children[0]):
            continue
        target, zone = tree.text(node.children[0]), f'"{DEFAULT_ZONE}"'
        if len(node.children) == 1:
            message = phrase("`{name}()` without a zone counts in UTC, eight hours behind Shanghai", name=node.name)
            yield Fault(
                node.own,
                "clock-of-utc",
                message,
                phrase("write {target}.{name}({zone})", target=target, name=node.name, zone=zone),
            )
        if node.name in _FROM_ZERO and node.id not in raised:
            counts, instead = _FROM_ZERO[node.name]
            given = tree.text(node.children[1]) if len(node.children) > 1 else zone
            hint = phrase(instead, target=target, given=given)
            yield Fault(
                node.own, "counts-from-zero", phrase("`{name}` counts {counts}", name=node.name, counts=counts), hint
            )
    for node in tree.nodes:
        if node.name in {"_==_", "_>=_", "_!=_", "@in"} and _has_sunday(node):
            message = phrase("`getDayOfWeek` counts from 0, Sunday, to 6, Saturday")
            yield Fault(node.own, "counts-from-zero", message, phrase("write 0 for Sunday"))


def _zones(call: Node) -> Iterator[Fault]:
    """Names of zones are the last argument of `local_time` and of CEL's own methods."""
    at = {"local_time": 2}.get(call.name, 1 if call.name.startswith("get") else None)
    last = call.children[at] if at is not None and len(call.children) > at else None
    if last is None or not isinstance(last.value, str):
        return
    if (doubt := doubtful_zone(last.value)) is not None:
        yield Fault(last.start, "doubtful-zone", doubt[0], phrase("write {doubt}", doubt=doubt[1]))


def _is_duration(node: Node) -> bool:
    return node.kind is Kind.CALL and node.name in {"duration", "_-_"}


def _has_sunday(node: Node) -> bool:
    days = [child for child in node.children if child.name == "getDayOfWeek"]
    values = [one for child in node.children for one in (child, *child.children) if one.kind is Kind.CONSTANT]
    return bool(days) and any(one.value == _SUNDAY for one in values)


_CLOCK: Mapping[str, tuple[int, int]] = {
    "getHours": (0, 23),
    "getMinutes": (0, 59),
    "getSeconds": (0, 59),
    "getMilliseconds": (0, 999),
    "getDate": (1, 31),
}
"""What CEL's methods of a time may give, but for those that count from 0, about which there is a warning anyway."""
_NEVER: Mapping[str, Callable[[int, int, int], bool]] = {
    "_==_": lambda value, low, high: not low <= value <= high,
    "_>_": lambda value, _, high: value >= high,
    "_>=_": lambda value, _, high: value > high,
    "_<_": lambda value, low, _: value <= low,
    "_<=_": lambda value, low, _: value < low,
}


def impossible_times(tree: Tree) -> Iterator[Fault]:
    """Hours, months and days that no time has: `getHours(…) == 24`."""
    for node in tree.nodes:
        if node.kind is not Kind.CALL or node.name not in _NEVER:
            continue
        part, value = node.children
        if part.kind is not Kind.CALL or part.name not in _CLOCK or _is_duration(part.children[0]):
            continue
        low, high = _CLOCK[part.name]
        if isinstance(value.value, int) and _NEVER[node.name](value.value, low, high):
            message = phrase("this is never true: `{name}` is {low} to {high}", name=part.name, low=low, high=high)
            yield Fault(node.own, "never-matches", message, phrase("correct the number"))


_COUNT_OF_NONE: Mapping[str, str] = {
    "_>=_": phrase("always true"),
    "_<_": phrase("never true"),
}
"""What a comparison of a number of items or characters with 0 comes to."""


def impossible_sizes(tree: Tree) -> Iterator[Fault]:
    """`size(…) >= 0`, which is true for an empty list, too, and `size(…) < 0`."""
    for node in tree.nodes:
        if node.kind is not Kind.CALL or node.name not in _COUNT_OF_NONE:
            continue
        counted, number = node.children
        if counted.name == "size" and number.kind is Kind.CONSTANT and number.value == 0 and number.value is not False:
            result = _COUNT_OF_NONE[node.name]
            message = phrase("`{text}` is {result}: a size is 0 or more", text=tree.text(node), result=result)
            code = "never-matches" if node.name == "_<_" else "always-there"
            hint = phrase("write {text} > 0 for one with something in it", text=tree.text(counted))
            yield Fault(node.own, code, message, hint)


_IS_NULL: Mapping[str, str] = {"_==_": phrase("never true"), "_!=_": phrase("always true")}


def _is_event(node: Node) -> bool:
    return node.kind is Kind.NAME and node.name == "event"


def _is_null(node: Node) -> bool:
    return node.kind is Kind.CONSTANT and node.value is None


def always_there(tree: Tree, fields: Fields, absent: Container[tuple[str, str]]) -> Iterator[Fault]:
    """`has()` of a field that every event has; `absent` are the records' fields that some version lacks.

    The event itself is there as well: `event != null`.
    """
    for node in tree.nodes:
        if node.name in _IS_NULL and any(map(_is_event, node.children)) and any(map(_is_null, node.children)):
            message = phrase(
                "`event` is never null: `{text}` is {result}", text=tree.text(node), result=_IS_NULL[node.name]
            )
            yield Fault(node.start, "always-there", message, phrase("name a field: event.note != null"))
    for node, scope in fields.walk(tree.root, {}):
        record = without_null(fields.type_of(node.children[0], scope)) if node.kind is Kind.HAS else None
        if not isinstance(record, RecordType) or (record.name, node.name) in absent:
            continue
        field = record.field(node.name)
        if field is None:
            continue
        path = written(node) or node.name
        hint = (
            phrase("ask for null: {path} != null", path=path)
            if isinstance(field.type, NullableType)
            else phrase("leave it out")
        )
        message = phrase("`has({path})` is true for every event: a field that is null is there as well", path=path)
        yield Fault(node.start, "always-there", message, hint)


def enum_order(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """Values of an enum that are compared by size: they are compared letter by letter."""
    for node, scope in fields.walk(tree.root, {}):
        if (
            node.kind is Kind.CALL
            and node.name in _BY_SIZE
            and any(fields.symbols(one, scope) for one in node.children)
        ):
            sign = node.name.strip("_")
            message = phrase("`{sign}` compares the values of an enum letter by letter", sign=sign)
            yield Fault(node.own, "enum-order", message, phrase('write `==`, `!=` or in ["…", "…"]'))


_BY_SIZE = frozenset({"_<_", "_<=_", "_>_", "_>=_"})


def raw_values(tree: Tree, fields: Fields, kind: FieldKind | None) -> Iterator[Fault]:
    """Truth values and values of enums that the customer would read as the event has them; `kind` is the field's."""
    shows_no_codes = kind is None or kind.name not in _OF_CODES
    for node in tree.nodes if shows_no_codes else ():
        if node.kind is Kind.CALL and node.name == "string" and _is_time(fields.type_of(node.children[0], {})):
            text = tree.text(node.children[0])
            message = phrase("string() writes the time like 2026-11-23T07:01:00Z, in UTC: `{text}`", text=text)
            yield Fault(
                node.start,
                "raw-value",
                message,
                phrase("write local_time({text}, {pattern})", text=text, pattern=_PATTERN),
            )
    for node, found in _read(tree.root, {}, fields):
        text = tree.text(node)
        if _is_truth(node, found):
            hint = phrase('write {text} ? "是" : "否"', text=text)
            yield Fault(
                node.start, "raw-value", phrase("the customer would read true or false: `{text}`", text=text), hint
            )
        elif isinstance(found, ScalarType) and found.logical in _LOCAL_TIMES and shows_no_codes:
            hint = phrase(
                'write local_time(timestamp({text} + "+08:00"), {pattern}), with the zone that it is of',
                text=text,
                pattern=_PATTERN,
            )
            yield Fault(
                node.start,
                "raw-value",
                phrase("the customer would read it like 2026-11-23T15:01:00: `{text}`", text=text),
                hint,
            )
        elif isinstance(found, ScalarType) and found.symbols and shows_no_codes:
            hint = _labels(node, text, found.symbols[0], fields)
            message = phrase(
                "the customer would read `{symbols}` as the event has it: `{text}`", symbols=found.symbols[0], text=text
            )
            yield Fault(node.start, "raw-value", message, hint)


def _labels(node: Node, text: str, first: str, fields: Fields) -> str:
    if isinstance(without_null(fields.type_of(node, {})), ListType):
        return phrase('join {text}.map(one, label(one, {{"{symbols}": "…", "*": "…"}}))', text=text, symbols=first)
    return phrase('write label({text}, {{"{symbols}": "…", "*": "…"}})', text=text, symbols=first)


_TRUTHS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "@in"}).union(
    ("contains", "startsWith", "endsWith", "matches")
)
_PATTERN = '"YYYY年M月D日 HH:mm"'
_LOCAL_TIMES = frozenset({"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos"})
_OF_CODES = frozenset({"enum", "const", "character_string", "letter"})
"""Kinds of fields that may show a code."""


def odd_recipients(tree: Tree, fields: Fields, *, is_whole: bool) -> Iterator[Fault]:
    """Recipients that are true or false, or a value of an enum: no customer has such an id.

    A value of an enum may be a part of one: `is_whole` if there is no text around the expression.
    """
    is_whole = is_whole and all(one.name != "_+_" for one in tree.nodes)
    for node, found in _read(tree.root, {}, fields):
        text = tree.text(node)
        hint = phrase("write the field with the customer's id")
        if _is_truth(node, found):
            yield Fault(
                node.start, "raw-value", phrase("the message would go to `true` or `false`: `{text}`", text=text), hint
            )
        elif is_whole and isinstance(found, ScalarType) and found.symbols:
            yield Fault(
                node.start,
                "raw-value",
                phrase("the message would go to `{symbols}`: `{text}`", symbols=found.symbols[0], text=text),
                hint,
            )


def _is_time(kind: FieldType | None) -> bool:
    plain = without_null(kind)
    return isinstance(plain, ScalarType) and plain.scalar is Scalar.TIMESTAMP


def _is_truth(node: Node, kind: FieldType | None) -> bool:
    is_condition = node.kind is Kind.HAS or (node.kind is Kind.CALL and node.name in _TRUTHS)
    return is_condition or (isinstance(kind, ScalarType) and kind.scalar is Scalar.BOOL)


def _read(node: Node, scope: Scope, fields: Fields) -> Iterator[tuple[Node, FieldType | None]]:
    """The parts whose values become part of the text as they are, each with its type; of a list, that of its items."""
    match node.kind, node.name:
        case Kind.CALL, "_?_:_":
            for child in node.children[1:]:
                yield from _read(child, scope, fields)
        case Kind.CALL, "_+_" | "default" | "string" | "trim" | "upper" | "lower" | "truncate":
            for child in node.children:
                yield from _read(child, scope, fields)
        case Kind.CALL, "join" if node.children:
            yield from _read(node.children[0], scope, fields)
        case Kind.MACRO, "map":
            yield from _read(node.children[-1], fields.inside(node, scope), fields)
        case _:
            found = without_null(fields.type_of(node, scope))
            yield node, without_null(found.item) if isinstance(found, ListType) else found
