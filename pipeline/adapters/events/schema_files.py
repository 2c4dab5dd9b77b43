"""A folder of Avro schemas (*.avsc), read from disk."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pipeline.errors import SchemaError
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue


def read_schemas(folder: Path) -> SchemaCatalogue:
    """Every schema below `folder`; of one type's versions the last in the order of file names is the newest.

    Raises:
        SchemaError: the folder does not exist, or a file is not a schema that rules can read.
    """
    if not folder.is_dir():
        raise SchemaError(f"{folder}: the folder of schemas does not exist")
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
        raise SchemaError(f"{folder}: the folder of schemas does not exist")
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
        raise SchemaError(f"{path}: cannot be read: {error.strerror}") from None


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
        raise SchemaError(f"{name}: not JSON: byte {error.start} is not UTF-8", hint="save the file as UTF-8") from None
    except (ValueError, RecursionError):
        raise SchemaError(f"{name}: not JSON: nested too deeply, or a number is too long") from None
    if not isinstance(avro, dict):
        raise SchemaError(f"{name}: an event's schema must be a record")
    return EventSchema(avro, name)


_FAULTS = {
    "Expecting value": "a value is missing",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing",
    "Illegal trailing comma before end of object": "a comma before the closing brace",
    "Illegal trailing comma before end of array": "a comma before the closing bracket",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Extra data": "the file continues after the schema's end",
    "Unterminated string starting at": "the text that begins here has no closing quote",
    "Invalid control character at": "a line break or another control character within a text",
    "Invalid \\escape": "an escape that JSON does not have",
    "Invalid \\uXXXX escape": "an escape of which the four hexadecimal digits are incomplete",
}
"""What Python's parser says, as users know it."""


def _broken(name: str, error: json.JSONDecodeError) -> SchemaError:
    """The error with line, column, and a hint where the cause is usual."""
    if not error.doc.strip("\ufeff \t\r\n"):
        return SchemaError(f"{name}: not JSON: the file is empty", hint="write a record schema into it")
    what = next((text for begin, text in _FAULTS.items() if error.msg.startswith(begin)), "cannot be read here")
    before, here = error.doc[: error.pos].rstrip()[-1:], error.doc[error.pos : error.pos + 1]
    hint = None
    if before == "," and here in {"}", "]"}:
        hint = "remove the comma before the closing bracket: JSON allows none there"
    elif here in {"/", "#"}:
        hint = "JSON has no comments; use `doc`"
    elif here == "'":
        hint = "write texts in double quotes"
    elif error.pos >= len(error.doc.rstrip()):
        hint = "the file ends too early: a closing bracket is missing"
    return SchemaError(f"{name}:{error.lineno}:{error.colno}: not JSON: {what}", hint=hint)
