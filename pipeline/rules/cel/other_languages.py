"""Functions and methods of other languages and of spreadsheets, and what does the same in an expression."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pipeline.phrases import marked, phrase

_PART = marked(
    "write substring({subject}, 0, 8); truncate({subject}, 10) shortens a text for a field, "
    "mask({subject}, 3, 4) hides its middle"
)


def _named(names: str, hint: str) -> Mapping[str, str]:
    return dict.fromkeys(names.casefold().split(), hint)


_HINTS: Mapping[str, str] = {
    **_named("toUpperCase toUpper upperAscii uppercase ucase", marked("write upper({subject})")),
    **_named("toLowerCase toLower lowerAscii lowercase lcase", marked("write lower({subject})")),
    **_named("strip trimStart trimEnd ltrim rtrim", marked("write trim({subject})")),
    **_named("substr slice left mid charAt take cut", _PART),
    **_named("right", marked("write substring({subject}, size({subject}) - 4), and ask first: size({subject}) > 4")),
    **_named("replaceAll replaceFirst substitute sub gsub regexp_replace", marked('write replace({subject}, "-", "")')),
    **_named("length len count strlen char_length", marked("write size({subject})")),
    **_named("isEmpty isBlank empty isNullOrEmpty isNotEmpty", marked('write {subject} == "", or {subject} == null')),
    **_named("isNull isnull isNone isDefined notNull", marked("write {subject} == null, or {subject} != null")),
    **_named("equals equalsIgnoreCase eq compareTo", marked("compare with `==`")),
    **_named(
        "includes indexOf search instr",
        marked('write {subject}.contains("…") for a text, "…" in {subject} for a list'),
    ),
    **_named("hasKey has_key containsKey", marked('write "…" in {subject}')),
    **_named(
        "find findFirst detect",
        marked('write {subject}.contains("…") for a text, {subject}.filter(one, one == …) for a list'),
    ),
    **_named("get getOrNone", marked('write "…" in {subject} ? {subject}["…"] : "-"')),
    **_named("pow power square sqrt", marked("there are no powers: multiply, as in event.x * event.x")),
    **_named(
        "padStart padEnd zfill lpad rpad rjust ljust repeat", marked("a text is shown as the event has it, or shorter")
    ),
    **_named("sort sorted sortBy order_by reverse reversed", marked("a list stays in the order that the event has")),
    **_named(
        "typeof instanceof isinstance typeName isString isNumber",
        marked("`notice-pipeline fields TYPE` shows each type"),
    ),
    **_named(
        "toString str text cstr valueOf",
        marked("write string({subject}) for a number, local_time({subject}, …) for a time"),
    ),
    **_named(
        "toFixed round fixed roundup rounddown ceil ceiling number_format formatNumber",
        marked('write decimal({subject}, 2), or money({subject}, "CNY") for an amount'),
    ),
    **_named(
        "floor trunc", marked("write int({subject}) for whole units, decimal({subject}, 2) for the number as a text")
    ),
    **_named("parseInt toInt integer cint", marked("write int({subject})")),
    **_named(
        "parseFloat toNumber float cdbl val value parseDouble toDouble to_number toDecimal bigdecimal",
        marked("write number({subject})"),
    ),
    **_named(
        "now today sysdate getdate currentTime current_timestamp currentDate date_now time",
        marked("a rule knows no clock: use a time of the event; a message that comes too late ends by `expires_after`"),
    ),
    **_named(
        "coalesce ifnull nvl orElse or_else isnullthen iferror getOrDefault", marked('write default({subject}, "…")')
    ),
    **_named("concat concatenate textjoin append", marked('join with `+`: "…" + {subject}')),
    **_named("if iif when case switch choose ifs", marked("write condition ? this : that")),
    **_named(
        "abs absolute",
        marked("write {subject} < 0 ? -{subject} : {subject}, of a number with decimals {subject} < 0.0"),
    ),
    **_named("and", marked("write a && b")),
    **_named("or", marked("write a || b")),
    **_named("not", marked("write !( … )")),
    **_named(
        "format strftime date_format dateFormat formatDate formatTime to_char "
        "moment toLocaleString toISOString sprintf printf",
        marked('for a time write local_time({subject}, "YYYY年M月D日 HH:mm"), for a number decimal({subject}, 2)'),
    ),
    **_named(
        "date datetime todate toDate datevalue parseDate str_to_date strptime",
        marked(
            'a fixed time is timestamp("2026-11-11T00:00:00+08:00"), a fixed date "2026-11-11"; '
            'to show one write local_time({subject}, "YYYY年M月D日 HH:mm")'
        ),
    ),
    **_named(
        "currency formatMoney formatCurrency dollar toMoney price yuan rmb", marked('write money({subject}, "CNY")')
    ),
    **_named(
        "any some every foreach contains_any anyMatch",
        marked("write {subject}.exists(one, one == …) or {subject}.all(one, …)"),
    ),
    **_named("first head", marked("write {subject}[0], and ask first: size({subject}) > 0")),
    **_named("last tail", marked("write {subject}[size({subject}) - 1], and ask first: size({subject}) > 0")),
    **_named(
        "max min greatest least",
        marked(
            "of two values write {subject} > … ? {subject} : …; of a list the event must have it as a field of its own"
        ),
    ),
    **_named(
        "sum avg average total reduce",
        marked("the event must have the result as a field of its own: an expression cannot add up a list"),
    ),
    **_named("split explode", marked("the event must have the parts as fields of their own")),
    **_named(
        "match test regex regexp rlike like", marked('write {subject}.matches("…"), contains, startsWith or endsWith')
    ),
    **_named("upper_first capitalize", marked("write upper({subject})")),
    **_named("day getDay weekday dayOfWeek", marked('write local_time({subject}, "EEEE")')),
    **_named(
        "month year hour minute getYear getTime", marked('write local_time({subject}, "M"), with YYYY, M, D, HH or mm')
    ),
    **_named("addDays dateadd plus datediff", marked('write {subject} + duration("24h")')),
    **_named("urlencode encodeURIComponent encodeURI quote escape", marked("write url_encode({subject})")),
    **_named("vlookup lookup map_value translate decode", marked("write label({subject}, {{…}})")),
    **_named("print console log alert", marked("an expression has a value and does nothing else")),
}
_METHODS = frozenset({"contains", "startsWith", "endsWith", "matches"})
_OF_ONE = frozenset({"trim", "upper", "lower", "size", "string", "int", "double", "number", "url_encode", "mask"})
_FURTHER: Mapping[str, str] = {"replace": ', "-", ""', "substring": ", 0, 8"}
"""Arguments behind the first one, for example."""
_MODULE = re.compile(r"[A-Z]\w*|math|moment|datetime|date|json|np|pd|str|re")
"""What holds functions in other languages: `Math.round(event.fee)`."""
_MACROS = frozenset({"exists", "exists_one", "all", "map", "filter"})


def instead(name: str, subject: str, functions: Iterable[str], *, is_method: bool) -> str | None:
    """A hint for a call of the unknown function or method `name`; None where no language has one like it.

    `subject` is the text that a method is called on, or the first argument.
    """
    like = {one.casefold(): one for one in (*functions, *_METHODS, *_MACROS, "size", "string", "int", "double", "has")}
    known = like.get(name.casefold())
    if known in _METHODS:
        return phrase('write {subject}.{known}("…")', subject=subject or "event.order_no", known=known)
    if known in _MACROS:
        return phrase("write {subject}.{known}(one, one == …)", subject=subject or "event.tags", known=known)
    if known == "has":
        if is_method:
            return phrase('write "…" in {subject} for a list', subject=subject or "event.tags")
        return phrase("write has(event.note), with `event.` before the field")
    if known is not None and is_method:
        further = "" if known in _OF_ONE else _FURTHER.get(known, ", …")
        return phrase("write {known}({subject}{further})", known=known, subject=subject or "event.…", further=further)
    if known is not None:
        return phrase("did you mean `{known}`?", known=known)
    if is_method and _MODULE.fullmatch(subject):
        subject = ""
    hint = _HINTS.get(name.casefold())
    return phrase(hint, subject=subject or "event.…") if hint is not None else None
