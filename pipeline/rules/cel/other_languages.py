"""Functions and methods of other languages and of spreadsheets, and what does the same in an expression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_PART = "write substring({0}, 0, 8); truncate({0}, 10) shortens a text for a field, mask({0}, 3, 4) hides its middle"


def _named(names: str, hint: str) -> Mapping[str, str]:
    return dict.fromkeys(names.casefold().split(), hint)


_HINTS: Mapping[str, str] = {
    **_named("toUpperCase toUpper upperAscii uppercase ucase", "write upper({0})"),
    **_named("toLowerCase toLower lowerAscii lowercase lcase", "write lower({0})"),
    **_named("strip trimStart trimEnd ltrim rtrim", "write trim({0})"),
    **_named("substr slice left mid charAt take cut", _PART),
    **_named("right", "write substring({0}, size({0}) - 4), and ask first: size({0}) > 4"),
    **_named("replaceAll replaceFirst substitute sub gsub regexp_replace", 'write replace({0}, "-", "")'),
    **_named("length len count strlen char_length", "write size({0})"),
    **_named("isEmpty isBlank empty isNullOrEmpty isNotEmpty", 'write {0} == "", or {0} == null'),
    **_named("isNull isnull isNone isDefined notNull", "write {0} == null, or {0} != null"),
    **_named("equals equalsIgnoreCase eq compareTo", "compare with `==`"),
    **_named("includes indexOf search find instr has_key containsKey", 'write {0}.contains("…") for a text, '
             '"…" in {0} for a list'),
    **_named("toString str text cstr valueOf", "write string({0}) for a number, local_time({0}, …) for a time"),
    **_named("toFixed round fixed roundup rounddown floor ceil trunc number_format formatNumber",
             'write decimal({0}, 2), or money({0}, "CNY") for an amount'),
    **_named("parseInt toInt integer cint", "write int({0})"),
    **_named("parseFloat toNumber float cdbl val value parseDouble toDouble to_number toDecimal bigdecimal",
             "write number({0})"),
    **_named("now today sysdate getdate currentTime current_timestamp currentDate date_now time",
             "a rule knows no clock: use a time of the event; a message that comes too late ends by `expires_after`"),
    **_named("coalesce ifnull nvl orElse or_else isnullthen iferror getOrDefault", 'write default({0}, "…")'),
    **_named("concat concatenate textjoin append", 'join with `+`: "…" + {0}'),
    **_named("if iif when case switch choose ifs", "write condition ? this : that"),
    **_named("abs absolute", "write {0} < 0 ? -{0} : {0}, of a number with decimals {0} < 0.0"),
    **_named("and", "write a && b"),
    **_named("or", "write a || b"),
    **_named("not", "write !( … )"),
    **_named("format strftime date_format dateFormat formatDate formatTime to_char todate toDate date datevalue moment "
             "toLocaleString toISOString sprintf printf", 'for a time write local_time({0}, "YYYY年M月D日 HH:mm"), for '
             'a number decimal({0}, 2)'),
    **_named("currency formatMoney formatCurrency dollar toMoney price yuan rmb", 'write money({0}, "CNY")'),
    **_named("any some every foreach contains_any anyMatch", "write {0}.exists(one, one == …) or {0}.all(one, …)"),
    **_named("first head", "write {0}[0], and ask first: size({0}) > 0"),
    **_named("last tail", "write {0}[size({0}) - 1], and ask first: size({0}) > 0"),
    **_named("sum max min avg average total", "the event must have the result as a field of its own: an expression "
             "cannot add up a list"),
    **_named("split explode", "the event must have the parts as fields of their own"),
    **_named("match test regex regexp rlike like", 'write {0}.matches("…"), contains, startsWith or endsWith'),
    **_named("upper_first capitalize", "write upper({0})"),
    **_named("day getDay weekday dayOfWeek", 'write local_time({0}, "EEEE")'),
    **_named("month year hour minute getYear getTime", 'write local_time({0}, "M"), with YYYY, M, D, HH or mm'),
    **_named("addDays dateadd plus datediff", 'write {0} + duration("24h")'),
    **_named("urlencode encodeURIComponent encodeURI quote escape", "write url_encode({0})"),
    **_named("vlookup lookup map_value translate decode", "write label({0}, {{…}})"),
    **_named("print console log alert", "an expression has a value and does nothing else"),
}  # fmt: skip
_METHODS = frozenset({"contains", "startsWith", "endsWith", "matches"})
_OF_ONE = frozenset({"trim", "upper", "lower", "size", "string", "int", "double", "number", "url_encode", "mask"})
_FURTHER: Mapping[str, str] = {"replace": ', "-", ""', "substring": ", 0, 8"}
"""Arguments behind the first one, for example."""
_MACROS = frozenset({"exists", "exists_one", "all", "map", "filter"})


def instead(name: str, subject: str, functions: Iterable[str], *, is_method: bool) -> str | None:
    """A hint for a call of the unknown function or method `name`; None where no language has one like it.

    `subject` is the text that a method is called on, or the first argument.
    """
    like = {one.casefold(): one for one in (*functions, *_METHODS, *_MACROS, "size", "string", "int", "double", "has")}
    known = like.get(name.casefold())
    if known in _METHODS:
        return f'write {subject or "event.order_no"}.{known}("…")'
    if known in _MACROS:
        return f"write {subject or 'event.tags'}.{known}(one, one == …)"
    if known == "has":
        if is_method:
            return f'write "…" in {subject or "event.tags"} for a list'
        return "write has(event.note), with `event.` before the field"
    if known is not None and is_method:
        further = "" if known in _OF_ONE else _FURTHER.get(known, ", …")
        return f"write {known}({subject or 'event.…'}{further})"
    if known is not None:
        return f"did you mean `{known}`?"
    hint = _HINTS.get(name.casefold())
    return hint.format(subject or "event.…") if hint is not None else None
