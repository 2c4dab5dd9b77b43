"""CEL's names of types in the words of an author: `list(string)` is a list of texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ONE = {
    "string": "a text",
    "int": "a whole number",
    "uint": "a whole number without a sign",
    "double": "a number with decimals",
    "bool": "true or false",
    "bytes": "bytes",
    "timestamp": "a time",
    "google.protobuf.Timestamp": "a time",
    "google.protobuf.Duration": "a span of time",
    "duration": "a span of time",
    "null": "null",
    "null_type": "null",
    "dyn": "a value of any type",
    "any": "a value of any type",
    "type": "a type",
}
_MANY = {
    "string": "texts",
    "int": "whole numbers",
    "double": "numbers",
    "bool": "true and false",
    "timestamp": "times",
    "google.protobuf.Timestamp": "times",
}
_WRAPPER = re.compile(r"wrapper\((\w+)\)")


def named(kind: str) -> str:
    """One type: of CEL, or of a function's declaration."""
    kind = _WRAPPER.sub(r"\1", kind.strip()).replace("<", "(").replace(">", ")")
    if kind in _ONE:
        return _ONE[kind]
    if kind.startswith("list("):
        item = kind.removeprefix("list(").removesuffix(")")
        return f"a list of {_MANY.get(item, 'values' if '(' in item or item == 'dyn' else 'records')}"
    if kind.startswith("map("):
        return "a map"
    return f"a record (`{kind}`)"


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
