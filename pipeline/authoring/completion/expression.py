"""What is being written at the end of a part of an expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.authoring.completion.known import EventFields
from pipeline.authoring.event_fields import FieldRow

_TOKEN = re.compile(
    r"""\s+|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|["'](?:\\.|[^\\])*\Z|[A-Za-z_]\w*|\d[\w.]*|&&|\|\||[=!<>]=|.""",
    re.DOTALL,
)
_PATH = re.compile(r"[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*|\s*\[[^\[\]]*\])*\Z")
_STEP = re.compile(r"\s*\.\s*(?P<name>[A-Za-z_]\w*)|\s*\[(?P<index>[^\[\]]*)\]")
_COMPARED = re.compile(r"(?P<field>[^\s(,!=<>&|?:]+)\s*(?:[=!]=|\bin\s*\[(?:[^\[\]]*,)?)\s*\Z")
_LABELLED = re.compile(r"\blabel\(\s*(?P<field>[^,{}]+?)\s*,\s*\{(?:[^{}]*,)?\s*\Z")
_MACRO = re.compile(
    r"(?P<over>[A-Za-z_][\w.\[\]]*)\.(?:exists|exists_one|all|filter|map)\(\s*(?P<name>[A-Za-z_]\w*)\s*,"
)


class Cursor(NamedTuple):
    """The end of the part of an expression before the cursor."""

    word: str
    """The name that is being written, or the text within quotes so far."""
    holder: str | None
    """The path before the last dot, such as `event.buyer`; None without a dot."""
    quote: str | None
    """The quote of the text that is being written."""
    compared: str | None
    """The path of the field whose value is expected here."""
    variables: Mapping[str, str]
    """Variables of macros, each with the path of what it stands for."""


def cursor(before: str) -> Cursor:
    """What is written at the end of `before`, an expression up to the cursor."""
    tokens = [match[0] for match in _TOKEN.finditer(before)]
    last = tokens[-1] if tokens else ""
    variables = _variables(before)
    if last[:1] in {'"', "'"} and (len(last) == 1 or last[-1] != last[0] or last.endswith("\\" + last[0])):
        return Cursor(last[1:], None, last[0], _compared(before[: len(before) - len(last)]), variables)
    word = last if re.fullmatch(r"[A-Za-z_]\w*", last) else ""
    rest = before[: len(before) - len(word)]
    bare = rest.rstrip()
    if bare.endswith("."):
        path = _PATH.search(bare[:-1].rstrip())
        return Cursor(word, path[0] if path is not None else "", None, None, variables)
    return Cursor(word, None, None, _compared(rest), variables)


def _compared(before: str) -> str | None:
    found = _COMPARED.search(before) or _LABELLED.search(before)
    return found["field"].strip() if found is not None else None


def _variables(before: str) -> dict[str, str]:
    """The variables of the macros that are open at the end of `before`."""
    found: dict[str, str] = {}
    for match in _MACRO.finditer(before):
        behind = re.sub(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""", "", before[match.end() :])
        if behind.count(")") <= behind.count("("):
            found[match["name"]] = match["over"]
    return found


class Scope:
    """The names that an expression may begin with, and the fields below them."""

    def __init__(self, fields: Sequence[EventFields], variables: Mapping[str, str]) -> None:
        """`fields` are those of every event type of the rule; a rule may read what all of them have."""
        self._fields = fields
        self._variables = variables

    def names(self) -> list[str]:
        """`event` and the variables."""
        return ["event", *self._variables]

    def below(self, path: str) -> list[FieldRow]:
        """The fields of what `path` leads to."""
        if not self._fields:
            return []
        first, *others = self._fields
        own = self._path(path, first)
        rows = first.below(own) if own is not None else []
        return [row for row in rows if all(row.path in other.by_path for other in others)]

    def row(self, path: str) -> FieldRow | None:
        """The field that `path` leads to."""
        for fields in self._fields:
            own = self._path(path, fields)
            if own is not None and (row := fields.by_path.get(own)) is not None:
                return row
        return None

    def _path(self, path: str, fields: EventFields, depth: int = 0) -> str | None:
        """The path as `FieldRow.path` has it; None where it begins with no known name."""
        name = re.match(r"[A-Za-z_]\w*", path)
        if name is None or depth > len(self._variables):
            return None
        found = "event"
        if name[0] != "event":
            over = self._variables.get(name[0])
            holder = self._path(over, fields, depth + 1) if over is not None else None
            if holder is None:
                return None
            found = fields.item(holder)
        for step in _STEP.finditer(path, name.end()):
            if step["name"] is None:
                found = fields.item(found)
            elif fields.is_map(found):
                found = f"{found}[…]"
            else:
                found = f"{found}.{step['name']}"
        return found
