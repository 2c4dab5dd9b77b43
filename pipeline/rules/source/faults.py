"""Why a text is not YAML, at the location of the mistake, which is before the one where the parser noticed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

_FULL_WIDTH_COLON = re.compile(r"\s*(?:- )?([\w-]+)：")
_NO_BLANK = re.compile(r"\s*(?:- )?([A-Za-z][\w-]*):[^\s/]")


class YamlFault(NamedTuple):
    """The parts of a finding."""

    location: tuple[int, int]
    """Line and column, counted from 1."""
    code: str
    message: str
    hint: str | None


def yaml_fault(error: MarkedYAMLError, text: str) -> YamlFault:
    """The parser's error about `text`, at the author's location and without the parser's vocabulary."""
    lines = text.splitlines()
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    message = str(error.problem or error.context)
    start = error.context_mark
    for number in (line, line - 1, start.line if start is not None else line):
        written = lines[number] if 0 <= number < len(lines) else ""
        if found := _FULL_WIDTH_COLON.match(written):
            hint = "`：` is a full-width colon: write `:` and a space"
            return YamlFault((number + 1, found.start(1) + 1), "not-yaml", f"`{found[0].strip()}` is not a key", hint)
    if start is not None and "quoted scalar" in str(error.context):
        quote = lines[start.line][start.column : start.column + 1]
        hint = f"it ends with the same quote, {quote}"
        return YamlFault((start.line + 1, start.column + 1), "not-yaml", "a quote is not closed", hint)
    if start is not None and "simple key" in str(error.context):
        written = lines[start.line] if start.line < len(lines) else ""
        if _NO_BLANK.match(written):
            location = (start.line + 1, start.column + 1)
            return YamlFault(location, "not-yaml", "a key without a value", "write a space after the colon")
    if "<block end>" in message:
        message, hint = (
            "the indentation does not fit",
            "keys of one thing begin in the same column, with the same indent",
        )
        return YamlFault((line + 1, column + 1), "not-yaml", message, hint)
    return YamlFault((line + 1, column + 1), "not-yaml", message, _hint(lines[line] if line < len(lines) else ""))


def _hint(line: str) -> str | None:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    if "${" in line:
        return "put a text with `: ` or ` #` in it in quotes, or below a `|-` on lines of its own"
    return None
