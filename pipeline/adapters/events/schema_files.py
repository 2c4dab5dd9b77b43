"""A folder of Avro schemas (*.avsc), read from disk."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pipeline.errors import SchemaError
from pipeline.phrases import phrase
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue


def read_schemas(folder: Path) -> SchemaCatalogue:
    """Every schema below `folder`; of one type's versions the last in the order of file names is the newest.

    Raises:
        SchemaError: the folder does not exist, or a file is not a schema that rules can read.
    """
    if not folder.is_dir():
        raise SchemaError(phrase("{folder}: the folder of schemas does not exist", folder=folder))
    return SchemaCatalogue(read_schema(path) for path in schema_files(folder))


def schemas_near(rules: Path) -> SchemaCatalogue:
    """The schemas in the folder `schemas` in or beside the rules' folder, else none.

    Raises:
        SchemaError: one of them cannot be read.
    """
    folder = folder_near(rules)
    return read_schemas(folder) if folder is not None else SchemaCatalogue()


def folder_near(rules: Path) -> Path | None:
    """The folder `schemas` in or beside the rules' folder, if there is one."""
    folder = rules if rules.is_dir() else rules.parent
    candidates = (folder / "schemas", folder.resolve().parent / "schemas")
    return next((candidate for candidate in candidates if candidate.is_dir()), None)


def schema_files(folder: Path) -> list[Path]:
    """Every *.avsc below `folder`, in the order of their names; or the one file itself.

    Numbers in names are compared as numbers, so that `coupon.v10.avsc` comes after `coupon.v9.avsc`.

    Raises:
        SchemaError: neither a folder nor a file of that name exists.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise SchemaError(phrase("{folder}: the folder of schemas does not exist", folder=folder))
    return sorted(folder.rglob("*.avsc"), key=natural_order)


def natural_order(path: Path) -> list[list[tuple[int, int]]]:
    """A key that orders paths as people do: `v9` before `v10`."""
    return [_order(part) for part in path.parts]


def _order(name: str) -> list[tuple[int, int]]:
    """Characters by their code points, and numbers as one character each, in the position of digits."""
    return [
        (ord("0"), int(part)) if part.isdecimal() and part.isascii() else (ord(part), 0)
        for part in _NUMBER_OR_CHARACTER.findall(name)
    ]


_NUMBER_OR_CHARACTER = re.compile(r"[0-9]{1,18}|.", re.DOTALL)


def read_schema(path: Path) -> EventSchema:
    """One schema.

    Raises:
        SchemaError: it is not a schema that rules can read.
    """
    try:
        return schema_of(str(path), path.read_bytes())
    except OSError as error:
        raise SchemaError(phrase("{path}: cannot be read: {strerror}", path=path, strerror=error.strerror)) from None


def schema_of(name: str, content: bytes) -> EventSchema:
    """The schema that a file of this content holds.

    Raises:
        SchemaError: it is not a schema that rules can read.
    """
    try:
        avro = json.loads(content)
    except json.JSONDecodeError as error:
        raise _broken(name, error) from None
    except UnicodeDecodeError as error:
        raise SchemaError(
            phrase("{name}: not JSON: byte {start} is not UTF-8", name=name, start=error.start),
            hint=phrase("save the file as UTF-8"),
        ) from None
    except (ValueError, RecursionError):
        raise SchemaError(phrase("{name}: not JSON: nested too deeply, or a number is too long", name=name)) from None
    if not isinstance(avro, dict):
        raise SchemaError(phrase("{name}: an event's schema must be a record", name=name))
    return EventSchema(avro, name)


_FAULTS = {
    "Expecting value": phrase("a value is missing"),
    "Expecting property name enclosed in double quotes": phrase("a name in double quotes is missing"),
    "Illegal trailing comma before end of object": phrase("a comma before the closing brace"),
    "Illegal trailing comma before end of array": phrase("a comma before the closing bracket"),
    "Expecting ',' delimiter": phrase("a comma or a closing bracket is missing"),
    "Expecting ':' delimiter": phrase("a colon is missing"),
    "Extra data": phrase("the file continues after the schema's end"),
    "Unterminated string starting at": phrase("the text that begins here has no closing quote"),
    "Invalid control character at": phrase("a line break or another control character within a text"),
    "Invalid \\escape": phrase("an escape that JSON does not have"),
    "Invalid \\uXXXX escape": phrase("an escape of which the four hexadecimal digits are incomplete"),
}
"""What Python's parser says, as users know it."""


def _broken(name: str, error: json.JSONDecodeError) -> SchemaError:
    """The error with line, column, and a hint where the cause is usual."""
    if not error.doc.strip("\ufeff \t\r\n"):
        return SchemaError(
            phrase("{name}: not JSON: the file is empty", name=name), hint=phrase("write a record schema into it")
        )
    what = next((text for begin, text in _FAULTS.items() if error.msg.startswith(begin)), phrase("cannot be read here"))
    before, here = error.doc[: error.pos].rstrip()[-1:], error.doc[error.pos : error.pos + 1]
    hint = None
    if before == "," and here in {"}", "]"}:
        hint = phrase("remove the comma before the closing bracket: JSON allows none there")
    elif here in {"/", "#"}:
        hint = phrase("JSON has no comments; use `doc`")
    elif here == "'":
        hint = phrase("write texts in double quotes")
    elif error.pos >= len(error.doc.rstrip()):
        hint = phrase("the file ends too early: a closing bracket is missing")
    return SchemaError(
        phrase(
            "{name}:{lineno}:{colno}: not JSON: {what}", name=name, lineno=error.lineno, colno=error.colno, what=what
        ),
        hint=hint,
    )
