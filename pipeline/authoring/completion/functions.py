"""The functions that expressions may call, as completion and hover show them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.phrases import phrase
from pipeline.rules.functions import FUNCTIONS, Function, Overload


class FunctionHelp(NamedTuple):
    """One function, method or macro."""

    name: str
    signatures: tuple[str, ...]
    doc: str
    examples: tuple[str, ...] = ()
    is_method: bool = False
    """Whether it is called on a value, as in `event.name.size()`."""


def _own(function: Function) -> FunctionHelp:
    names = list(inspect.signature(function.implementation).parameters)
    signatures = tuple(dict.fromkeys(_signature(function.name, names, one) for one in function.overloads))
    examples = tuple(f"{one.expression} → {one.result}" for one in function.examples)
    return FunctionHelp(function.name, signatures, function.doc, examples)


def _signature(name: str, names: list[str], overload: Overload) -> str:
    parameters = ", ".join(f"{one}: {kind}" for one, kind in zip(names, overload.parameters, strict=False))
    return f"{name}({parameters}) -> {overload.result}"


_LANGUAGE = (
    FunctionHelp(
        "size", ("size(value) -> int",), phrase("Number of characters of a text, or of entries of a list or map.")
    ),
    FunctionHelp("string", ("string(value) -> string",), phrase("The value as a text.")),
    FunctionHelp(
        "int", ("int(value) -> int",), phrase("The value as a whole number; a text must be one, and decimals are cut.")
    ),
    FunctionHelp("double", ("double(value) -> double",), phrase("The value as a number.")),
    FunctionHelp(
        "timestamp", ("timestamp(text: string) -> timestamp",), phrase("A time such as 2026-11-23T15:01:00Z.")
    ),
    FunctionHelp("duration", ("duration(text: string) -> duration",), phrase('A length of time: duration("90m").')),
    FunctionHelp("has", ("has(event.field) -> bool",), phrase("Whether the event has the field.")),
)
_METHODS = (
    FunctionHelp("size", ("size() -> int",), phrase("Number of characters or entries."), is_method=True),
    FunctionHelp(
        "contains", ("contains(part: string) -> bool",), phrase("Whether the text has that part."), is_method=True
    ),
    FunctionHelp(
        "startsWith",
        ("startsWith(part: string) -> bool",),
        phrase("Whether the text begins with that part."),
        is_method=True,
    ),
    FunctionHelp(
        "endsWith", ("endsWith(part: string) -> bool",), phrase("Whether the text ends with that part."), is_method=True
    ),
    FunctionHelp(
        "matches",
        ("matches(pattern: string) -> bool",),
        phrase("Whether a part of the text fits the regular expression (RE2)."),
        is_method=True,
    ),
    FunctionHelp(
        "exists",
        ("exists(one, condition) -> bool",),
        phrase("Whether the condition holds for an entry of the list."),
        is_method=True,
    ),
    FunctionHelp(
        "all",
        ("all(one, condition) -> bool",),
        phrase("Whether the condition holds for every entry of the list."),
        is_method=True,
    ),
    FunctionHelp(
        "filter",
        ("filter(one, condition) -> list",),
        phrase("The entries of the list for which the condition holds."),
        is_method=True,
    ),
    FunctionHelp(
        "map",
        ("map(one, value) -> list",),
        phrase("The list of the values, one for each entry."),
        is_method=True,
    ),
)

CALLABLES: Mapping[str, FunctionHelp] = {one.name: one for one in (*map(_own, FUNCTIONS), *_LANGUAGE)}
"""What an expression may begin with. Our own functions, and those of CEL that rules use (cel-spec, doc/langdef.md)."""
METHODS: Mapping[str, FunctionHelp] = {one.name: one for one in _METHODS}
"""What may stand behind a dot."""
