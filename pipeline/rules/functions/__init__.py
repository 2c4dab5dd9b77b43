"""The functions that rule expressions may call: few, exact, documented with examples that are run as tests."""

from __future__ import annotations

import json

from pipeline.rules.functions import money, texts, times
from pipeline.rules.functions.declaration import Example, Function, FunctionFailed, Overload
from pipeline.rules.timestamp import Timestamp

__all__ = ["FUNCTIONS", "Example", "Function", "FunctionFailed", "Overload", "as_markdown"]

FUNCTIONS: tuple[Function, ...] = (*money.FUNCTIONS, *times.FUNCTIONS, *texts.FUNCTIONS)


def as_markdown() -> str:
    """The reference of functions, examples included."""
    lines = [
        "# Functions in rules",
        "",
        "Generated from `pipeline/rules/functions/`; do not edit. Every example is run as a test.",
        "",
        "Besides these, everything of the Common Expression Language: `+ - * / % == != < > && || ! ? : in`, `size()`, "
        "`contains()`, `startsWith()`, `endsWith()`, `matches()`, `string()`, `int()`, `double()`, `timestamp()`, "
        "`duration()`, `has()`, `exists()`, `all()`, `map()`, `filter()`.",
        "",
        "A function that fails (an amount that is not a number, a zone that does not exist) makes no "
        "message: the outcome says which field and why. Fixed arguments are checked before the rule is live.",
        "",
    ]
    for function in FUNCTIONS:
        lines += [f"## {function.name}", "", "```"]
        lines += [
            f"{function.name}({', '.join(overload.parameters)}) -> {overload.result}" for overload in function.overloads
        ]
        lines += ["```", "", function.doc, "", "| expression | event | result |", "|---|---|---|"]
        lines += [_row(example) for example in function.examples]
        lines.append("")
    return "\n".join(lines)


def _moment(value: object) -> str:
    return value.as_datetime().isoformat().replace("+00:00", "Z") if isinstance(value, Timestamp) else str(value)


def _row(example: Example) -> str:
    event = json.dumps(example.event, ensure_ascii=False, default=_moment)[1:-1] if example.event else ""
    cells = (f"`{example.expression}`", f"`{event}`" if event else "", f"`{example.result}`")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
