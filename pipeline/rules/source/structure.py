"""From a document to the format's own values: what does not fit becomes findings with their locations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.model.finding import Finding
from pipeline.model.suggestion import did_you_mean, known_keys
from pipeline.rules.source.document import Document
from pipeline.rules.source.format import SHAPES
from pipeline.styles.registry import STYLES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, model: type[Model]) -> tuple[Model | None, list[Finding]]:
    """The document as a `model`, or the findings that say why it does not fit."""
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        return None, list(dict.fromkeys(_finding(document, model, fault) for fault in _clear(error.errors())))


def _clear(faults: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Of a choice between a text and an object, only the errors about the one that was meant."""
    objects = {
        fault["loc"][:-1] if fault["loc"][-1] != "FieldValue" else fault["loc"]
        for fault in faults
        if "FieldValue" in fault["loc"] and fault["type"] != "model_type"
    }
    for fault in faults:
        location = fault["loc"]
        if location and location[-1] == "FieldValue" and fault["type"] == "model_type":
            continue
        if (
            location
            and str(location[-1]).startswith("function-before")
            and any(path[: len(location) - 1] == location[:-1] for path in objects)
        ):
            continue
        yield fault


def _finding(document: Document, model: type[BaseModel], fault: ErrorDetails) -> Finding:
    path = tuple(
        part
        for part in fault["loc"]
        if isinstance(part, int) or (part != "FieldValue" and "[" not in part and part not in {"str", "tuple"})
    )
    name = f"`{path[-1]}`" if path else "the file"
    match fault["type"]:
        case "extra_forbidden":
            return _unknown_key(document, path, known_keys(model, path[:-1]))
        case "missing":
            return document.finding(path, "missing-key", f"{name} is missing")
        case _:
            message, hint = _message(fault)
            if not path:
                begins = next(key for key, field in model.model_fields.items() if field.is_required())
                hint = f"it must begin with `{begins}:`"
            location = document.location(path) if fault["input"] is None else document.value_location(path)
            finding = document.finding(path, "wrong-value", f"{name}: {message}" if path else f"{name} {message}", hint)
            return finding._replace(line=location.line, column=location.column)


def _unknown_key(document: Document, path: tuple[str | int, ...], known: list[str]) -> Finding:
    name = str(path[-1])
    hint = did_you_mean(name, known)
    if hint is None and "data" in known and any(style.owns(name) for style in STYLES.values()):
        hint = "put the fields of the card below `data:`"
    elif hint is None and not name.isidentifier():
        hint = "inside { } a comma begins the next key: put a text with a comma in quotes"
    return document.finding(path, "unknown-key", f"unknown key `{name}`", hint)


_KINDS = {
    "tuple_type": ("should be a list", "begin each entry with `- ` on a line of its own"),
    "string_type": ("should be a text", None),
    "bool_type": ("is true or false", None),
    "bool_parsing": ("is true or false", None),
    "dict_type": ("should have keys below it, each with its value", None),
    "model_type": ("should have keys below it, each with its value", None),
}
"""Pydantic's kinds of errors as an author of YAML would say them, with a hint."""


def _message(fault: ErrorDetails) -> tuple[str, str | None]:
    kind, given = fault["type"], fault.get("ctx", {})
    if fault["input"] is None and fault["loc"][-1:] != ("ids",):
        return "has no value", "write one, or leave the line out"
    if kind in _KINDS:
        message, hint = _KINDS[kind]
        if kind == "dict_type" and fault["loc"][-1] == "ids":
            hint = "an id for each environment: {production: …}"
        return message, hint
    if kind in {"literal_error", "enum"}:
        choices = re.findall(r"'([^']+)'", str(given.get("expected", "")))
        return f"is one of {', '.join(choices)}", did_you_mean(str(fault["input"]), choices)
    if kind in {"too_long", "string_too_long"}:
        most, what = given.get("max_length", 0), "entries" if isinstance(fault["input"], list) else "characters"
        return f"more than {most:,} {what}", None
    if kind == "string_pattern_mismatch":
        return SHAPES.get(str(given.get("pattern")), "does not have the required form"), None
    message = fault["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}", None
