"""Checks the files and folders that the configuration names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from pipeline.errors import ConfigurationError
from pipeline.settings.certificates import read_authorities, read_client_certificate
from pipeline.settings.kinds import is_header_value, is_token
from pipeline.settings.model import Settings
from pipeline.settings.secrets import read_secret_file

FOLDERS = frozenset({"rules", "schemas.directory"})


def unusable_paths(settings: Settings) -> Iterator[tuple[str, str]]:
    """Key and message for each path that cannot be used on this machine."""
    for key, path in paths_of(settings):
        error = _error(path, folder=key in FOLDERS)
        if error:
            yield key, f"{path}: {error}"


def invalid_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """Key and message for each file that exists and cannot be used.

    It may be empty, no text, have a byte order mark, be no certificate in PEM, or hold the key of another certificate.
    """
    unreadable = set()
    for key, path in paths_of(settings):
        if key not in FOLDERS and path.is_file():
            try:
                text = read_secret_file(path, key)
                if key.endswith("token_file") and not is_token(text):
                    yield key, f"{path} holds no valid token: it has several lines, or is not printable ASCII"
                if ".secret_headers_files." in key and not is_header_value(text):
                    yield key, f"{path} holds no value of a header: it has several lines, or is not printable ASCII"
            except ConfigurationError as error:
                unreadable.add(path)
                yield (
                    key,
                    error.message.replace(f"{path}: {key}", f"{path}", 1) + (f" ({error.hint})" if error.hint else ""),
                )
    for key, files, read in _certificates(settings, ""):
        if all(path.is_file() for path in files) and unreadable.isdisjoint(files):
            try:
                read()
            except ConfigurationError as error:
                yield key, error.message + (f" ({error.hint})" if error.hint else "")


def _certificates(section: BaseModel, under: str) -> Iterator[tuple[str, Sequence[Path], Callable[[], bytes]]]:
    """Key, files and reader of each certificate; one of ours is read together with its key."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _certificates(value, f"{under}{name}.")
        elif isinstance(value, Path) and name.endswith("ca_file"):
            yield f"{under}{name}", [value], partial(read_authorities, value)
        elif isinstance(value, Path) and name.endswith("client_certificate_file"):
            key = getattr(section, name.replace("certificate", "key"))
            files = [value] if key is None else [value, key]
            yield f"{under}{name}", files, partial(read_client_certificate, value, key)


def paths_of(section: BaseModel, under: str = "") -> Iterator[tuple[str, Path]]:
    """Key and path of each file and folder that the section names; the keys begin with `under`."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        key = f"{under}{name}"
        if isinstance(value, BaseModel):
            yield from paths_of(value, f"{key}.")
        elif isinstance(value, Path):
            yield key, value
        elif isinstance(value, dict):
            for name_below, below in value.items():
                if isinstance(below, Path):
                    yield f"{key}.{name_below}", below
                elif isinstance(below, BaseModel):
                    yield from paths_of(below, f"{key}.{name_below}.")


def _error(path: Path, *, folder: bool) -> str | None:
    what = "folder" if folder else "file"
    if not path.exists():
        return f"there is no such {what} here"
    if path.is_dir() != folder:
        return f"is not a {what}"
    return None if os.access(path, os.R_OK) else "cannot be read by this user"
