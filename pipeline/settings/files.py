"""Files and folders that the configuration names, looked for where it is checked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from pipeline.settings.model import Settings

FOLDERS = frozenset({"rules", "schemas.directory"})


def not_there(settings: Settings) -> Iterator[tuple[str, str]]:
    """Key and words of each that cannot be used from here; it may well be where the service runs."""
    for key, path in _paths(settings, ""):
        problem = _problem(path, folder=key in FOLDERS)
        if problem:
            yield key, f"{path}: {problem}"


def _paths(section: BaseModel, under: str) -> Iterator[tuple[str, Path]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        key = f"{under}{name}"
        if isinstance(value, BaseModel):
            yield from _paths(value, f"{key}.")
        elif isinstance(value, Path):
            yield key, value
        elif isinstance(value, dict):
            yield from ((f"{key}.{below}", path) for below, path in value.items() if isinstance(path, Path))


def _problem(path: Path, *, folder: bool) -> str | None:
    what = "folder" if folder else "file"
    if not path.exists():
        return f"there is no such {what} here"
    if path.is_dir() != folder:
        return f"is no {what}"
    return None if os.access(path, os.R_OK) else "may not be read by this user"
