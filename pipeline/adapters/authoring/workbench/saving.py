"""Writes files of a rule folder, for the local Studio alone.

Only files of the folder are written, never one that has changed since it was read, and never half
(`pipeline.adapters.authoring.text_files`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.authoring.text_files import Change, read_whole, write_changes
from pipeline.adapters.rule_files import SUFFIXES
from pipeline.errors import UserError
from pipeline.phrases import phrase

MOST_CHARACTERS = 1_048_576
"""The parser reads no larger file."""
_PART = re.compile(r"[^\W.][\w. -]{0,100}")
"""One part of a name: no dot at its beginning, no separator, no control character."""
MOST_PARTS = 8
_SURROGATE = re.compile("[\ud800-\udfff]")


class Stored(NamedTuple):
    """A file as it is on disk."""

    text: str
    version: str
    """Changes whenever the text does; empty for a file that does not exist."""


class Saved(NamedTuple):
    """The result of saving."""

    stored: Stored
    is_saved: bool
    """False: the file had changed; `stored` is what it holds now."""
    diff: Sequence[str] = ()
    """Then: lines of a unified diff, without its head, from what the file holds to the text that is not saved."""


class RuleFiles:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Stored:
        """The file of that name; empty where there is none.

        Raises:
            UserError: the name is not that of a file of rules, templates or tests in the folder, or it cannot be read.
        """
        text = read_whole(self._path(name))
        return Stored("", "") if text is None else Stored(text, version(text))

    def save(self, name: str, text: str, before: str) -> Saved:
        """Replace the file if its version is still `before`.

        Raises:
            UserError: as `read`; the text is too long or not Unicode; or the file cannot be written.
        """
        if len(text) > MOST_CHARACTERS:
            raise UserError(
                phrase("{name}: more than {most_characters:,} characters", name=name, most_characters=MOST_CHARACTERS),
                hint=phrase("split the file"),
            )
        if _SURROGATE.search(text) is not None:
            raise UserError(phrase("{name}: half a character (surrogate) in the text", name=name))
        stored = self.read(name)
        if stored.version != before:
            return Saved(stored, is_saved=False, diff=Change(Path(name), stored.text, text).diff()[2:])
        if "\r\n" in stored.text:  # a browser's text field has line feeds alone
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        write_changes([Change(self._path(name), stored.text if stored.version else None, text)])
        return Saved(Stored(text, version(text)), is_saved=True)

    def _path(self, name: str) -> Path:
        """The path of a file in the folder, without a link that leads elsewhere."""
        parts = name.split("/")
        if len(parts) > MOST_PARTS or any(_PART.fullmatch(part) is None for part in parts):
            raise UserError(phrase("`{name}` is not the name of a file in the folder of rules", name=name[:80]))
        path = self._folder.joinpath(*parts)
        if path.suffix.lower() not in SUFFIXES:
            raise UserError(phrase("{name}: the name must end in .yaml", name=name))
        if any(one.is_symlink() for one in [path, *path.parents][: len(parts)]):
            raise UserError(
                phrase("{name}: is a link, and links are not followed", name=name),
                hint=phrase("open the folder that it leads to"),
            )
        if path.is_dir():
            raise UserError(phrase("{name}: is a folder", name=name))
        return path


def version(text: str) -> str:
    """The version of a file with this text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
