"""CEL's names of types in the words of an author: `list(string)` is a list of texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.phrases import phrase

_ONE = {
    "string": phrase("a text"),
    "int": phrase("a whole number"),
    "uint": phrase("a whole number without a sign"),
    "double": phrase("a number with decimals"),
    "bool": phrase("true or false"),
    "bytes": phrase("bytes"),
    "timestamp": phrase("a time"),
    "google.protobuf.Timestamp": phrase("a time"),
    "google.protobuf.Duration": phrase("a span of time"),
    "duration": phrase("a span of time"),
    "null": "null",
    "null_type": "null",
    "dyn": phrase("a value of any type"),
    "any": phrase("a value of any type"),
    "type": phrase("a type"),
}
_MANY = {
    "string": phrase("texts"),
    "int": phrase("whole numbers"),
    "double": phrase("numbers"),
    "bool": phrase("true and false"),
    "timestamp": phrase("times"),
    "google.protobuf.Timestamp": phrase("times"),
}
_VALUES, _RECORDS = phrase("values"), phrase("records")
_WRAPPER = re.compile(r"wrapper\((\w+)\)")


def named(kind: str) -> str:
    """One type: of CEL, or of a function's declaration."""
    kind = _WRAPPER.sub(r"\1", kind.strip()).replace("<", "(").replace(">", ")")
    if kind in _ONE:
        return _ONE[kind]
    if kind.startswith("list("):
        item = kind.removeprefix("list(").removesuffix(")")
        return phrase("a list of {item}", item=_MANY.get(item, _VALUES if "(" in item or item == "dyn" else _RECORDS))
    if kind.startswith("map("):
        return phrase("a map")
    return phrase("a record (`{kind}`)", kind=kind)


def plain(kind: str) -> str:
    """CEL's name of a type without the difference of a value that may be null."""
    return _WRAPPER.sub(r"\1", kind.strip()).replace("google.protobuf.Timestamp", "timestamp")


def split(types: str) -> Sequence[str]:
    """The types of CEL's list of arguments: commas inside brackets separate nothing."""
    parts, depth, begun = [], 0, 0
    for index, character in enumerate(types):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            parts.append(types[begun:index])
            begun = index + 1
    return [part.strip() for part in (*parts, types[begun:]) if part.strip()]
