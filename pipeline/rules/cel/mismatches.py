"""Messages about types that do not go together, for people who know their event and no type system."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.phrases import joined, marked, phrase
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.type_names import named
from pipeline.rules.functions import FUNCTIONS, Function

_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_ORDER = _COMPARISONS - {"==", "!="}
_EITHER = frozenset({"&&", "||"})
_NUMBERS = frozenset({"int", "double", "uint"})
_NULL = frozenset({"null", "null_type"})
_PATH = r"([A-Za-z_]\w*(?:\.\w+|\[[^\]]*\])+)"
_FIELD_BEFORE, _FIELD_BEHIND = re.compile(rf"{_PATH}\s*$"), re.compile(rf"^\s*{_PATH}(?!\s*[-+*/%])")
_WHOLE = re.compile(r"\s*(-?\d+)(?![\d.])")
_UNSIGNED = phrase("leave out the `u` behind the number")
_DAY = re.compile(r"\s*[\"'](\d{4}-\d{2}-\d{2})[\"']")
_PLACES = (
    marked("its first argument is {needed}, not {given}"),
    marked("its second argument is {needed}, not {given}"),
    marked("its third argument is {needed}, not {given}"),
)
_TEXTS = frozenset({"contains", "startsWith", "endsWith", "matches"})


def of_call(start: int, function: str, kinds: Sequence[str]) -> Fault:
    """A call whose arguments have types that the function does not take."""
    declared = next((one for one in FUNCTIONS if one.name == function), None)
    if declared is None:
        return _of_cel(start, function, kinds)
    if _is_swapped(declared, kinds):
        message, hint = phrase("the arguments are in the wrong order"), like(declared)
    else:
        message, hint = _difference(declared, kinds), _hint(declared, kinds)
    return Fault(start, "type-mismatch", phrase("`{function}`: {message}", function=function, message=message), hint)


def like(function: Function) -> str:
    """How a function is called, as an example."""
    return phrase("write it like {expression}", expression=function.examples[0].expression)


def _difference(function: Function, kinds: Sequence[str]) -> str:
    overloads = [one.parameters for one in function.overloads if len(one.parameters) == len(kinds)]
    if not overloads:
        counts = sorted({len(one.parameters) for one in function.overloads})
        takes = joined(" or ", map(str, counts))
        if counts == [1]:
            return phrase("it takes 1 argument, not {given}", given=len(kinds))
        return phrase("it takes {takes} arguments, not {given}", takes=takes, given=len(kinds))
    if function.name == "default":
        return phrase(
            "both values must be of one type, not {one} and {other}", one=named(kinds[0]), other=named(kinds[1])
        )
    best = min(overloads, key=lambda one: sum(a != b for a, b in zip(one, kinds, strict=True)))
    pairs = [*enumerate(zip(best, kinds, strict=True))]
    wrong = next((at for at, (a, b) in pairs if _family(a) != _family(b)), 0)
    needed, given = named(best[wrong]), named(kinds[wrong])
    if len(kinds) == 1:
        return phrase("its argument is {needed}, not {given}", needed=needed, given=given)
    return phrase(_PLACES[wrong], needed=needed, given=given)


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
            return phrase(
                'a date is written with local_date(…, "YYYY年M月D日"); a time in a text is local_time(timestamp(…), …)'
            )
        case "local_date", "timestamp":
            return phrase('a time is written with local_time(…, "YYYY年M月D日 HH:mm")')
        case "money", "int":
            return phrase('cents (分) are money_of_cents(…, "CNY"); whole units are money(double(…), "CNY")')
        case "money_of_cents", "double":
            return phrase('an amount with decimals is money(…, "CNY")')
        case (
            "mask" | "truncate" | "upper" | "lower" | "trim" | "url_encode" | "substring" | "replace",
            "int" | "double",
        ):
            return phrase(
                "make a text of the number: {function}(string(…){others})",
                function=function.name,
                others=", …" * (len(kinds) > 1),
            )
        case "join", kind if kind.startswith("list"):
            return phrase('name the text of each record: join(event.lines.map(one, one.title), "、")')
        case _:
            return _instead_of_number(function, kinds) or like(function)


def _instead_of_number(function: Function, kinds: Sequence[str]) -> str | None:
    """A hint about a number where another value goes."""
    first = kinds[0] if kinds else ""
    if function.name == "local_time" and first == "int":
        return phrase("a number is a time as timestamp(…), in seconds; milliseconds are timestamp(… / 1000)")
    if function.name == "default" and first in _NUMBERS:
        if kinds[-1] == "string":
            return phrase('ask instead: event.x != null ? string(event.x) : "-"')
        if kinds[-1] in _NUMBERS:
            return phrase("beside a number with decimals write 0.0, beside a whole one 0")
    return None


def _of_cel(start: int, function: str, kinds: Sequence[str]) -> Fault:
    message = phrase("`{function}` does not take {kinds}", function=function, kinds=joined(" and ", map(named, kinds)))
    hint: str | None = None
    if function in _TEXTS and kinds and kinds[0].startswith("list"):
        hint = phrase('for a list write "…" in event.tags')
    elif function in _TEXTS:
        hint = phrase('it is for texts: event.order_no.{function}("…")', function=function)
    elif function == "size":
        hint = phrase("it counts the characters of a text or the items of a list")
    elif function in {"timestamp", "duration"}:
        example = 'timestamp("2026-11-30T00:00:00+08:00")' if function == "timestamp" else 'duration("24h")'
        hint = phrase("it takes a text, like {example}", example=example)
    elif function in {"int", "double", "string", "uint"}:
        hint = phrase("it takes a number or a text")
        if kinds and kinds[0] == "timestamp":
            hint = phrase("it takes a number or a text; a time is written with local_time(…)")
    elif function.startswith("get"):
        hint = phrase('it is for times; the zone is a text: getHours("Asia/Shanghai")')
    return Fault(start, "type-mismatch", message, hint)


def of_choice(at: int, kinds: Sequence[str]) -> Fault:
    """`condition ? this : that` with types that do not fit."""
    asked, one, other = (*kinds, "", "", "")[:3]
    if asked not in {"bool", "dyn"}:
        hint = phrase("compare it with something: == != < >")
        return Fault(
            at, "type-mismatch", phrase("the part before `?` is {asked}, not true or false", asked=named(asked)), hint
        )
    hint = phrase("both sides must be of one type")
    if "null" in {one, other} or "null_type" in {one, other}:
        hint = phrase('both sides must be of one type; write "" instead of null')
    elif "string" in {one, other} and _NUMBERS & {one, other}:
        hint = phrase("both sides must be of one type: make a text of the number with string(…)")
    return Fault(
        at,
        "type-mismatch",
        phrase("`? :` gives {one} on one side and {other} on the other", one=named(one), other=named(other)),
        hint,
    )


def of_operator(at: int, sign: str, kinds: Sequence[str], around: tuple[str, str]) -> Fault:
    """An operator between types that it does not take; `around` is the source before and behind it."""
    if len(kinds) == 1:
        message = phrase("`{sign}` does not go with {kinds}", sign=sign, kinds=named(kinds[0]))
        hint = phrase("write !(… == …), or … != …") if sign == "!" else phrase("it is for numbers")
        return Fault(at, "type-mismatch", message, hint)
    one, other = kinds
    if sign == "[]":
        return _of_item(at, one, other, around)
    if sign in {"==", "!="} and {one, other} & _NULL:
        return _of_null(at, sign, _FIELD_BEHIND.search(around[1]) if one in _NULL else _FIELD_BEFORE.search(around[0]))
    message = phrase("`{sign}` does not go between {one} and {other}", sign=sign, one=named(one), other=named(other))
    return Fault(at, "type-mismatch", message, _operator_hint(sign, one, other, around))


def _of_null(at: int, sign: str, field: re.Match[str] | None) -> Fault:
    """A comparison with null of what is never null, which is `field` if it is one."""
    hint = phrase("leave the comparison out")
    if field is None:
        return Fault(at, "type-mismatch", phrase("this is never null"), hint)
    record = field[1].rpartition(".")[0]
    if "." in record and not record.endswith("]"):
        hint = phrase(
            "leave the comparison out; if the record may be null, ask for it: {record} {sign} null",
            record=record,
            sign=sign,
        )
    return Fault(at, "type-mismatch", phrase("`{field}` is never null", field=field[1]), hint)


def _of_item(at: int, holder: str, index: str, around: tuple[str, str]) -> Fault:
    inside = around[1].partition("]")[0].lstrip("[").strip("\"' ")
    if holder.startswith("list"):
        return Fault(
            at,
            "type-mismatch",
            phrase("an item of a list is named by its number, from 0"),
            phrase("write [0] for the first"),
        )
    if holder == "string":
        hint = phrase("write substring(…, 0, 1) for the first character")
        return Fault(at, "type-mismatch", phrase("a text has no items"), hint)
    if index == "string" and inside.isidentifier() and not holder.startswith("map"):
        return Fault(
            at, "type-mismatch", phrase("a field is not named in brackets"), phrase("write .{inside}", inside=inside)
        )
    key = phrase('ask for a key: "…" in event.x ? event.x["…"] : "-"') if holder.startswith("map") else None
    return Fault(at, "type-mismatch", phrase("{holder} has no items", holder=named(holder)), key)


def _operator_hint(sign: str, one: str, other: str, around: tuple[str, str]) -> str | None:
    both = {one, other}
    before, behind = around
    if both < _NUMBERS and len(both) > 1:
        return _UNSIGNED if "uint" in both else _with_point(behind)
    if sign in _EITHER and "bool" in both:
        if "string" in both:
            field = before.rpartition("==")[0].split()[-1:] or ["event.…"]
            return phrase('say each comparison in full, or write {field} in ["…", "…"]', field=field[0])
        is_record = any("." in kind and not kind.startswith(("google.", "list", "map")) for kind in both)
        hint = phrase("each side must be true or false: compare it with something")
        return phrase("each side must be true or false: ask … != null") if is_record else hint
    if sign in _EITHER:
        return phrase('each side must be true or false; for another value instead of null write default(…, "…")')
    if sign in _ORDER and one == "bool" and other in _NUMBERS | {"string"} and _is_chain(before):
        return phrase("compare twice and join with `&&`: 1.0 < event.x && event.x < 2.0")
    if "bool" in both and sign in {"==", "!="}:
        return phrase("leave the comparison out: true or false is a condition by itself; `!` before it negates it")
    if both & _NUMBERS and "string" in both:
        return _number_and_text(sign, one, other, before, behind)
    return _time_hint(sign, one, other, behind)


def _with_point(behind: str) -> str:
    number = _WHOLE.match(behind)
    written = f"{number[1]}.0" if number is not None else "0.0"
    return phrase(
        "a whole number beside a decimal one is written with its point, like {number}; of a field make double(…)",
        number=written,
    )


def _is_chain(before: str) -> bool:
    last = before.replace("&&", "\n").replace("||", "\n").splitlines()[-1] if before.strip() else ""
    return any(sign in last for sign in ("<", ">", "=="))


def _number_and_text(sign: str, one: str, other: str, before: str, behind: str) -> str:
    if sign == "+":
        return phrase("make a text of the other side with string()")
    text = behind.strip() if other == "string" else before.strip()
    number = text.strip("\"' ")
    if number == "null" and sign in {"==", "!="}:
        return phrase("write null without quotes")
    if sign in _COMPARISONS and number.replace(".", "", 1).isdigit():
        is_decimal = "double" in {one, other} and "." not in number
        return phrase("write the number without quotes: {number}", number=number + ".0" * is_decimal)
    return phrase("make a number of the text with int(…) or double(…)")


def _time_hint(sign: str, one: str, other: str, behind: str) -> str | None:
    both = {one, other}
    span = {"google.protobuf.Duration", "duration"}
    if both == {"timestamp", "string"}:
        day = _DAY.match(behind)
        written = f'timestamp("{day[1] if day is not None else "2026-11-30"}T00:00:00+08:00")'
        return phrase("write a time as {written}; a date (2026-11-30) is a text and goes with texts", written=written)
    if "timestamp" in both and both & _NUMBERS:
        return phrase('add or subtract a span: duration("24h")')
    if both & span:
        return phrase('a span is compared with another one: duration("24h")')
    if sign in {"-", "*", "/", "%"} and "string" in both:
        return phrase("texts are only joined, with `+`")
    if "null" in both or "null_type" in both:
        return phrase("ask first: … != null ? … : …")
    if sign == "in" and one in _NUMBERS and other.startswith("list"):
        example = "[1.0, 2.0]" if one == "double" else "[1, 2]"
        return phrase("the list has the same kind of numbers, without quotes: {example}", example=example)
    if sign == "in":
        return phrase('write event.x in ["…", "…"], or "…" in event.list')
    return phrase("both sides must be of one type") if sign in _COMPARISONS | {"+"} else None
