"""Messages about types that do not go together, for people who know their event and no type system."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.type_names import named
from pipeline.rules.functions import FUNCTIONS, Function

_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_ORDER = _COMPARISONS - {"==", "!="}
_EITHER = frozenset({"&&", "||"})
_NUMBERS = frozenset({"int", "double", "uint"})
_POINT = "a whole number beside a decimal one is written with its point, like 0.0; of a field make double(…)"
_UNSIGNED = "leave out the `u` behind the number"
_DAY = re.compile(r"\s*[\"'](\d{4}-\d{2}-\d{2})[\"']")
_TEXTS = frozenset({"contains", "startsWith", "endsWith", "matches"})


def of_call(start: int, function: str, kinds: Sequence[str]) -> Fault:
    """A call whose arguments have types that the function does not take."""
    declared = next((one for one in FUNCTIONS if one.name == function), None)
    if declared is None:
        return _of_cel(start, function, kinds)
    if _is_swapped(declared, kinds):
        message, hint = "the arguments are in the wrong order", like(declared)
    else:
        message, hint = _difference(declared, kinds), _hint(declared, kinds)
    return Fault(start, "type-mismatch", f"`{function}`: {message}", hint)


def like(function: Function) -> str:
    """How a function is called, as an example."""
    return f"write it like {function.examples[0].expression}"


def _difference(function: Function, kinds: Sequence[str]) -> str:
    overloads = [one.parameters for one in function.overloads if len(one.parameters) == len(kinds)]
    if not overloads:
        counts = sorted({len(one.parameters) for one in function.overloads})
        takes = " or ".join(map(str, counts))
        return f"it takes {takes} argument{'s' * (counts != [1])}, not {len(kinds)}"
    if function.name == "default":
        return f"both values must be of one type, not {named(kinds[0])} and {named(kinds[1])}"
    best = min(overloads, key=lambda one: sum(a != b for a, b in zip(one, kinds, strict=True)))
    pairs = [*enumerate(zip(best, kinds, strict=True))]
    wrong = next((at for at, (a, b) in pairs if _family(a) != _family(b)), 0)
    place = ("first", "second", "third")[wrong] if len(kinds) > 1 else ""
    return f"its {place + ' ' if place else ''}argument is {named(best[wrong])}, not {named(kinds[wrong])}"


def _is_swapped(function: Function, kinds: Sequence[str]) -> bool:
    given = [*map(_family, kinds)]
    families = [[*map(_family, one.parameters)] for one in function.overloads]
    return given not in families and sorted(given) in map(sorted, families)


def _family(kind: str) -> str:
    """Types without their inner parts, as `map<string, string>` and `map(string, string)` are one."""
    return kind.replace("<", "(").partition("(")[0]


def _hint(function: Function, kinds: Sequence[str]) -> str:
    first = kinds[0] if kinds else ""
    match function.name, first:
        case "local_time", "string":
            return (
                'a date is written with local_date(…, "YYYY年M月D日"); a time in a text is local_time(timestamp(…), …)'
            )
        case "local_date", "timestamp":
            return 'a time is written with local_time(…, "YYYY年M月D日 HH:mm")'
        case "money", "int":
            return 'cents (分) are money_of_cents(…, "CNY"); whole units are money(double(…), "CNY")'
        case "money_of_cents", "double":
            return 'an amount with decimals is money(…, "CNY")'
        case (
            "mask" | "truncate" | "upper" | "lower" | "trim" | "url_encode" | "substring" | "replace",
            "int" | "double",
        ):
            return f"make a text of the number: {function.name}(string(…){', …' * (len(kinds) > 1)})"
        case "join", kind if kind.startswith("list"):
            return 'name the text of each record: join(event.lines.map(one, one.title), "、")'
        case _:
            return like(function)


def _of_cel(start: int, function: str, kinds: Sequence[str]) -> Fault:
    message = f"`{function}` does not take {' and '.join(map(named, kinds))}"
    hint = None
    if function in _TEXTS and kinds and kinds[0].startswith("list"):
        hint = 'for a list write "…" in event.tags'
    elif function in _TEXTS:
        hint = f'it is for texts: event.order_no.{function}("…")'
    elif function == "size":
        hint = "it counts the characters of a text or the items of a list"
    elif function in {"timestamp", "duration"}:
        example = 'timestamp("2026-11-30T00:00:00+08:00")' if function == "timestamp" else 'duration("24h")'
        hint = f"it takes a text, like {example}"
    elif function in {"int", "double", "string", "uint"}:
        hint = "it takes a number or a text" + (
            "; a time is written with local_time(…)" if kinds and kinds[0] == "timestamp" else ""
        )
    elif function.startswith("get"):
        hint = 'it is for times; the zone is a text: getHours("Asia/Shanghai")'
    return Fault(start, "type-mismatch", message, hint)


def of_choice(at: int, kinds: Sequence[str]) -> Fault:
    """`condition ? this : that` with types that do not fit."""
    asked, one, other = (*kinds, "", "", "")[:3]
    if asked not in {"bool", "dyn"}:
        hint = "compare it with something: == != < >"
        return Fault(at, "type-mismatch", f"the part before `?` is {named(asked)}, not true or false", hint)
    hint = "both sides must be of one type"
    if "null" in {one, other} or "null_type" in {one, other}:
        hint = 'both sides must be of one type; write "" instead of null'
    elif "string" in {one, other} and _NUMBERS & {one, other}:
        hint = "both sides must be of one type: make a text of the number with string(…)"
    return Fault(at, "type-mismatch", f"`? :` gives {named(one)} on one side and {named(other)} on the other", hint)


def of_operator(at: int, sign: str, kinds: Sequence[str], around: tuple[str, str]) -> Fault:
    """An operator between types that it does not take; `around` is the source before and behind it."""
    if len(kinds) == 1:
        message = f"`{sign}` does not go with {named(kinds[0])}"
        hint = "write !(… == …), or … != …" if sign == "!" else "it is for numbers"
        return Fault(at, "type-mismatch", message, hint)
    one, other = kinds
    if sign == "[]":
        return _of_item(at, one, other, around)
    message = f"`{sign}` does not go between {named(one)} and {named(other)}"
    return Fault(at, "type-mismatch", message, _operator_hint(sign, one, other, around))


def _of_item(at: int, holder: str, index: str, around: tuple[str, str]) -> Fault:
    inside = around[1].partition("]")[0].lstrip("[").strip("\"' ")
    if holder.startswith("list"):
        return Fault(at, "type-mismatch", "an item of a list is named by its number, from 0", "write [0] for the first")
    if holder == "string":
        hint = "write substring(…, 0, 1) for the first character"
        return Fault(at, "type-mismatch", "a text has no items", hint)
    if index == "string" and inside.isidentifier() and not holder.startswith("map"):
        return Fault(at, "type-mismatch", "a field is not named in brackets", f"write .{inside}")
    return Fault(at, "type-mismatch", f"{named(holder)} has no items", None)


def _operator_hint(sign: str, one: str, other: str, around: tuple[str, str]) -> str | None:
    both = {one, other}
    before, behind = around
    if both < _NUMBERS and len(both) > 1:
        return _UNSIGNED if "uint" in both else _POINT
    if sign in _EITHER and "bool" in both:
        if "string" in both:
            field = before.rpartition("==")[0].split()[-1:] or ["event.…"]
            return f'say each comparison in full, or write {field[0]} in ["…", "…"]'
        return "each side must be true or false: compare it with something"
    if sign in _EITHER:
        return 'each side must be true or false; for another value instead of null write default(…, "…")'
    if sign in _ORDER and one == "bool" and other in _NUMBERS | {"string"} and _is_chain(before):
        return "compare twice and join with `&&`: 1.0 < event.x && event.x < 2.0"
    if "bool" in both and sign in {"==", "!="}:
        return "leave the comparison out: true or false is a condition by itself; `!` before it negates it"
    if both & _NUMBERS and "string" in both:
        return _number_and_text(sign, one, other, before, behind)
    return _time_hint(sign, one, other, behind)


def _is_chain(before: str) -> bool:
    last = before.replace("&&", "\n").replace("||", "\n").splitlines()[-1] if before.strip() else ""
    return any(sign in last for sign in ("<", ">", "=="))


def _number_and_text(sign: str, one: str, other: str, before: str, behind: str) -> str:
    if sign == "+":
        return "make a text of the other side with string()"
    text = behind.strip() if other == "string" else before.strip()
    number = text.strip("\"' ")
    if sign in _COMPARISONS and number.replace(".", "", 1).isdigit():
        is_decimal = "double" in {one, other} and "." not in number
        return f"write the number without quotes: {number}{'.0' * is_decimal}"
    return "make a number of the text with int(…) or double(…)"


def _time_hint(sign: str, one: str, other: str, behind: str) -> str | None:
    both = {one, other}
    span = {"google.protobuf.Duration", "duration"}
    if both == {"timestamp", "string"}:
        day = _DAY.match(behind)
        written = f'timestamp("{day[1] if day is not None else "2026-11-30"}T00:00:00+08:00")'
        return f"write a time as {written}; a date (2026-11-30) is a text and goes with texts"
    if "timestamp" in both and both & _NUMBERS:
        return 'add or subtract a span: duration("24h")'
    if both & span:
        return 'a span is compared with another one: duration("24h")'
    if sign in {"-", "*", "/", "%"} and "string" in both:
        return "texts are only joined, with `+`"
    if "null" in both or "null_type" in both:
        return "ask first: … != null ? … : …"
    if sign == "in":
        return 'write event.x in ["…", "…"], or "…" in event.list'
    return "both sides must be of one type" if sign in _COMPARISONS | {"+"} else None
