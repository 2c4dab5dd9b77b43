"""The functions that rule expressions may call: few, exact, documented with examples that are run as tests."""

from __future__ import annotations

from pipeline.rules.functions import money, texts, times
from pipeline.rules.functions.declaration import Example, Function, FunctionFailed, Overload

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
    ]
    for function in FUNCTIONS:
        lines += [f"## {function.name}", ""]
        lines += [
            f"`{function.name}({', '.join(overload.parameters)})` → `{overload.result}`  "
            for overload in function.overloads
        ]
        lines += ["", function.doc, "", "| expression | result |", "|---|---|"]
        for example in function.examples:
            given = "".join(f", with `event.{name}` = `{value!r}`" for name, value in example.event.items())
            lines.append(f"| `{example.expression}`{given} | `{example.result}` |")
        lines.append("")
    return "\n".join(lines)
