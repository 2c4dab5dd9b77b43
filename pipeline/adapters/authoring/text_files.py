"""Changes files of an author: whole or not at all, and never over what changed meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import UserError
from pipeline.phrases import phrase

_BOM = b"\xef\xbb\xbf"


class Change(NamedTuple):
    """A new text of a file."""

    path: Path
    before: str | None
    """None: there is no such file."""
    after: str

    def diff(self) -> list[str]:
        """The change as a unified diff, without line ends."""
        old = "/dev/null" if self.before is None else str(self.path)
        lines = unified_diff(
            (self.before or "").splitlines(), self.after.splitlines(), old, str(self.path), lineterm=""
        )
        return list(lines)


def read_whole(path: Path) -> str | None:
    """The text with its line ends as they are, without a byte order mark; None if there is no such file.

    Raises:
        UserError: it cannot be read, or is not UTF-8.
    """
    content = _content(path)
    if content is None:
        return None
    try:
        return content.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            phrase("{path}: not UTF-8 (byte {start})", path=path, start=error.start),
            hint=phrase("save the file as UTF-8"),
        ) from None


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(phrase("{path}: cannot be read: {strerror}", path=path, strerror=error.strerror)) from None


def write_changes(changes: Sequence[Change]) -> None:
    """Write every change, after a look at whether the files are still as they were read.

    Raises:
        UserError: a file changed meanwhile or cannot be written. The message names those that were written.
    """
    for change in changes:
        if read_whole(change.path) != change.before:
            raise UserError(
                phrase("{path}: changed meanwhile; nothing is written", path=change.path),
                hint=phrase("run the command again"),
            )
    written: list[Path] = []
    for change in changes:
        try:
            _write(change)
        except OSError as error:
            done = phrase("; written: {written}", written=_listed(written)) if written else ""
            raise UserError(
                phrase(
                    "{path}: cannot be written: {strerror}{done}",
                    path=change.path,
                    strerror=error.strerror or error,
                    done=done,
                )
            ) from None
        written.append(change.path)


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(map(str, paths))


def _write(change: Change) -> None:
    path = Path(os.path.realpath(change.path))
    path.parent.mkdir(parents=True, exist_ok=True)
    if change.before is None:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(change.after)
        return
    content = change.after.encode()
    if (_content(path) or b"").startswith(_BOM):
        content = _BOM + content
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, path.stat().st_mode & 0o7777)  # noqa: PTH101 - the name is a text
        os.replace(name, path)  # noqa: PTH105 - the same
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - the same
        raise
