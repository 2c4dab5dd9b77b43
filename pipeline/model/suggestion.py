"""Suggest known names for misspelt ones (`did you mean …?`)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from pydantic import BaseModel

from pipeline.phrases import phrase

MAX_COMPARED = 200
"""Compared characters of the given name; the comparison takes quadratic time."""


def closest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the known name most similar to `name`; None below `likeness` (0 to 1, `difflib`'s ratio).

    A name that differs in the case of its letters alone is the most similar.
    """
    names = list(known)
    if (in_other_case := next((one for one in names if one.casefold() == name.casefold()), None)) is not None:
        return in_other_case
    found = difflib.get_close_matches(name[:MAX_COMPARED], names, n=1, cutoff=likeness)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return a hint with the closest known name, if there is one."""
    found = closest(name, known, likeness)
    if found is not None and not name.isprintable() and found == "".join(filter(str.isprintable, name)):
        return phrase("it has an invisible character: type `{found}` again", found=found)
    return phrase("did you mean `{found}`?", found=found) if found is not None else None


def known_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys that a file of the format `model` may have at `path`.

    A part of the path that is not a field, such as a list's index or a free key of a mapping, is skipped.
    """
    current: type[BaseModel] | None = model
    for part in path:
        fields = current.model_fields.items() if current is not None else ()
        field = next((field for name, field in fields if part in {name, field.alias}), None)
        if field is not None:
            current = next(_models(field.annotation), None)
    return [field.alias or name for name, field in current.model_fields.items()] if current is not None else []


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
