"""Checks the files and folders that the configuration names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from pipeline.errors import ConfigurationError
from pipeline.settings.model import Settings
from pipeline.settings.secrets import read_secret_file

FOLDERS = frozenset({"rules", "schemas.directory"})


def unusable_paths(settings: Settings) -> Iterator[tuple[str, str]]:
    """Key and message for each path that cannot be used on this machine."""
    for key, path in _paths(settings, ""):
        error = _error(path, folder=key in FOLDERS)
        if error:
            yield key, f"{path}: {error}"


def invalid_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """Key and message for each file that exists and cannot be used: empty, not text, with a byte order mark."""
    for key, path in _paths(settings, ""):
        if key not in FOLDERS and path.is_file():
            try:
                read_secret_file(path, key)
            except ConfigurationError as error:
                yield (
                    key,
                    error.message.replace(f"{path}: {key}", f"{path}", 1) + (f" ({error.hint})" if error.hint else ""),
                )


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


def _error(path: Path, *, folder: bool) -> str | None:
    what = "folder" if folder else "file"
    if not path.exists():
        return f"there is no such {what} here"
    if path.is_dir() != folder:
        return f"is not a {what}"
    return None if os.access(path, os.R_OK) else "cannot be read by this user"
