"""Writes parts of YAML files, and puts them into files without changing anything else in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

from pipeline.errors import UserError
from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.source.document import Document, parse, texts_and_numbers

_WIDE = 1_000_000
"""Characters of a line: texts are never folded."""


class _Dumper(yaml.SafeDumper):
    """Writes lists indented below their key, as the files of rules do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the library's signature
        super().increase_indent(flow, False)  # noqa: FBT003 - the same


# Our reader takes `1e3` for a number (YAML 1.2), PyYAML for a text (YAML 1.1): such a text is written in quotes.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def _dumped(value: object, *, is_flow: bool) -> str:
    text = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_WIDE, default_flow_style=is_flow
    )
    return text.removesuffix("\n...\n").rstrip("\n")


def scalar(text: str) -> str:
    """A text as a value in a block: quoted where it needs it."""
    return _dumped(text, is_flow=False)


def flow(value: object) -> str:
    """A value on one line."""
    return _dumped(value, is_flow=True)


def scalar_like(text: str, style: str | None) -> str:
    """A text as a value anywhere, in the quotes that `style` has (of a node of PyYAML), or as few as it needs."""
    if style in {"'", '"'}:
        quoted: str = yaml.dump(text, Dumper=_Dumper, allow_unicode=True, width=_WIDE, default_style=style)
        return quoted.rstrip("\n")
    return flow([text])[1:-1]


def block(value: object, indent: int) -> list[str]:
    """A list or record as lines, `indent` columns from the left."""
    return [f"{' ' * indent}{line}" if line else line for line in _dumped(value, is_flow=False).split("\n")]


def with_item(path: str, text: str, key: str, lines: Sequence[str]) -> str:
    """The file with one more item (a list's) or entry (a record's) at the end of its top-level `key`.

    `lines` are the item's, unindented: of a list, the first begins with `- `. Comments, blank lines and line ends of
    the file stay as they are. An empty file gets the key.

    Raises:
        UserError: the file is not YAML, or is written in a form that cannot be added to.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    document = parse(path, text, texts_and_numbers)
    if isinstance(document, Finding):
        raise UserError(f"{document.path}:{document.line}:{document.column}: {document.message}", hint=document.hint)
    if document.value is None:
        return _joined(text, [f"{key}:", *(f"  {line}" if line else line for line in lines)], newline)
    if not isinstance(document.value, dict):
        raise UserError(
            phrase("{path}: is not a file of {key}", path=path, key=key),
            hint=phrase("it begins with `{key}:`", key=key),
        )
    held = document.value.get(key)
    if held is None and key not in document.value:
        return _joined(text, ["", f"{key}:", *(f"  {line}" if line else line for line in lines)], newline)
    if not held:
        raise UserError(
            phrase("{path}: `{key}:` is empty", path=path, key=key),
            hint=phrase("delete this line; it is written again"),
        )
    added = _added(document, key, lines, newline)
    again = parse(path, added, texts_and_numbers)
    if isinstance(again, Finding) or not _is_extended(document.value, again.value, key):
        hint = phrase("write the list of `{key}` on lines of its own, one below the other, and try again", key=key)
        raise UserError(
            phrase("{path}: nothing can be added to `{key}` as it is written", path=path, key=key), hint=hint
        )
    return added


def _added(document: Document, key: str, lines: Sequence[str], newline: str) -> str:
    held = document.value[key] if isinstance(document.value, dict) else None
    first = document.keys.get((key, 0) if isinstance(held, list) else (key, next(iter(held), "")))  # type: ignore[arg-type]
    column = first.column - 1 if first is not None else 2
    if isinstance(held, list):
        column = _dash_column(document, column, first.line if first is not None else 1)
    rows = document.text.split("\n")
    behind = [place.line for path, place in document.keys.items() if len(path) == 1 and path[0] != key]
    begin = document.keys[(key,)].line
    end = min((line for line in behind if line > begin), default=len(rows) + 1) - 1
    while end > begin and (not rows[end - 1].strip() or rows[end - 1].startswith("#")):
        end -= 1
    spaced = any(not row.strip() for row in rows[begin : end - 1]) or isinstance(held, list)
    added = [*([""] if spaced else []), *(f"{' ' * column}{line}" if line else line for line in lines)]
    carriage = "\r" if newline == "\r\n" else ""
    before, after = rows[:end], rows[end:]
    if before and carriage and not before[-1].endswith("\r"):
        before[-1] += carriage
    return "\n".join([*before, *(f"{line}{carriage}" for line in added), *(after or [""])])


def _dash_column(document: Document, column: int, line: int) -> int:
    """Where the dash of a list's item is, whose content begins at `column`."""
    row = document.text.split("\n")[line - 1][: column + 1]
    dash = row.rfind("-")
    return dash if dash >= 0 else column


def _joined(text: str, lines: Sequence[str], newline: str) -> str:
    before = text if not text or text.endswith("\n") else text + newline
    if not before.strip() and lines and not lines[0]:
        lines = lines[1:]
    return before + "".join(f"{line}{newline}" for line in lines)


def _is_extended(before: Mapping[str, object], after: object, key: str) -> bool:
    """Whether `after` is `before` with one more under `key`."""
    if not isinstance(after, dict) or {**after, key: None} != {**before, key: None}:
        return False
    old, new = before[key], after[key]
    if isinstance(old, list):
        return isinstance(new, list) and new[:-1] == old
    return isinstance(old, dict) and isinstance(new, dict) and list(new.items())[:-1] == list(old.items())
