"""From a document to the format's own values: what does not fit becomes findings with their places."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from pipeline.model.finding import Finding
from pipeline.rules.document import Document

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, model: type[Model]) -> tuple[Model | None, list[Finding]]:
    """The document as a `model`, or the findings that say why it is none."""
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        return None, list(dict.fromkeys(_finding(document, model, fault) for fault in _clear(error.errors())))


def _clear(faults: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Of a choice between a text and an object, only the complaints about the one that was meant."""
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
    name = path[-1] if path else "the file"
    match fault["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(str(name), _known_keys(model, path[:-1]), n=1)
            return _make(document, path, "unknown-key", f"unknown key `{name}`", near)
        case "missing":
            return _make(document, path, "missing-key", f"`{name}` is missing", [])
        case _:
            words = fault["msg"].removeprefix("Value error, ")
            place = document.value_place(path)
            finding = document.finding(path, "wrong-value", f"`{name}`: {words[:1].lower()}{words[1:]}")
            return finding._replace(line=place.line, column=place.column)


def _make(document: Document, path: tuple[str | int, ...], code: str, words: str, near: list[str]) -> Finding:
    hint = f"did you mean `{near[0]}`?" if near else None
    return document.finding(path, code, words, hint)


def _known_keys(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that the format has at `path`."""
    current: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int) or current is None:
            continue
        field = next(
            (one for name, one in current.model_fields.items() if part in {name, one.alias}),
            None,
        )
        if field is None:
            continue  # a free key of a mapping: what it holds is the mapping's model
        current = next(_models(field.annotation), None)
    return [field.alias or name for name, field in current.model_fields.items()] if current is not None else []


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
