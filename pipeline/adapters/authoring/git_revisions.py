"""Reads files of a git revision from git's object store; the work tree is neither read nor changed."""

from __future__ import annotations

import posixpath
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import UserError
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase

SECONDS = 60.0
"""Timeout of one call of git; a partial clone may have to fetch."""
MAX_BYTES = 4_194_304
MOST_NAMED = 5
"""Branches and tags in a hint."""
_FILE = "100"
"""Prefix of git's mode of regular files. Links (120), folders (040) and submodules (160) are ignored."""


class Entry(NamedTuple):
    """One file or folder below a folder."""

    name: str
    """Path below the folder."""
    is_file: bool
    size: int
    key: str
    """Git's id of the content."""


class Revision:
    """One commit of the repository that `inside` belongs to."""

    def __init__(self, name: str, inside: Path) -> None:
        """`name` is a commit in any form that git accepts: a branch, a tag, `HEAD~1`, a hash.

        Raises:
            UserError: git is not installed, or there is no such repository or revision.
        """
        self.name = name
        self._inside = inside
        self._require_repository()
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", check=False)
        if found.returncode:
            raise UserError(
                phrase("`{name}` is neither a folder nor a revision of this repository", name=name), hint=self._near()
            )
        self._commit = _text(found.stdout)

    def path(self, folder: Path) -> str:
        """The path of a folder of the work tree in the repository; the folder need not exist.

        Raises:
            UserError: it is outside the repository.
        """
        top = Path(_text(self._git("rev-parse", "--show-toplevel").stdout))
        try:
            return folder.resolve().relative_to(top.resolve()).as_posix()
        except ValueError:
            raise UserError(
                phrase("{folder} is not in the repository {top}", folder=folder, top=top),
                hint=phrase("name the folder: REVISION:path"),
            ) from None

    def relative(self, path: str) -> str:
        """A path as git reads it after `REVISION:`: relative to the top, or with `./` to the working directory."""
        if not path.startswith(("./", "../")):
            return posixpath.normpath(path)
        here = _text(self._git("rev-parse", "--show-prefix").stdout)
        return posixpath.normpath(posixpath.join(here, path))

    def has_folder(self, path: str) -> bool:
        """Whether the revision has the folder."""
        kind = self._git("cat-file", "-t", self._object(path), check=False)
        return not kind.returncode and _text(kind.stdout) == "tree"

    def entries(self, path: str, *, recursive: bool = False) -> Sequence[Entry]:
        """The entries of the folder, in the order of names.

        Raises:
            UserError: the revision does not have the folder.
        """
        if not self.has_folder(path):
            raise UserError(
                phrase("there is no folder `{path}` at `{name}`", path=path, name=self.name),
                hint=phrase("name another: REVISION:path"),
            )
        flags = ["-r"] if recursive else []
        listed = self._git("ls-tree", "--full-tree", "-z", "-l", *flags, self._object(path)).stdout
        return sorted(_entries(listed), key=lambda entry: entry.name)

    def read(self, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        """The contents of files by name.

        Raises:
            UserError: a file is too large.
        """
        for entry in entries:
            if entry.size > MAX_BYTES:
                raise UserError(
                    phrase(
                        "{name}:{path}: larger than {max_bytes} bytes",
                        name=self.name,
                        path=entry.name,
                        max_bytes=MAX_BYTES,
                    )
                )
        asked = "".join(f"{entry.key}\n" for entry in entries).encode()
        answer = self._git("cat-file", "--batch", given=asked).stdout
        contents: dict[str, bytes] = {}
        at = 0
        for entry in entries:  # each is `<key> <kind> <size>`, a line break, the content, a line break
            at = answer.index(b"\n", at) + 1
            contents[entry.name] = answer[at : at + entry.size]
            at += entry.size + 1
        return contents

    def _object(self, path: str) -> str:
        return f"{self._commit}:{'' if path == '.' else path}"

    def _require_repository(self) -> None:
        found = self._git("rev-parse", "--is-inside-work-tree", check=False)
        if found.returncode:
            message = _text(found.stderr).partition("\n")[0].removeprefix("fatal: ")
            if "not a git repository" in message:
                message = phrase("{resolve} is not in a git repository", resolve=self._inside.resolve())
            raise UserError(
                phrase(
                    "`{name}` is not a folder, and no revision can be read: {message}", name=self.name, message=message
                )
            )

    def _near(self) -> str:
        listed = self._git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
        names = _text(listed.stdout).split()
        near = did_you_mean(self.name, names)
        if near is not None:
            return near
        if _text(self._git("rev-parse", "--is-shallow-repository").stdout) == "true":
            return phrase("a shallow clone has few: git fetch --unshallow")
        more = ", …" if len(names) > MOST_NAMED else ""
        return (
            phrase("there are {names}{more}", names=joined(", ", names[:MOST_NAMED]), more=more)
            if names
            else phrase("it has no commit yet")
        )

    def _git(self, *message: str, given: bytes | None = None, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "--no-optional-locks", "-C", str(self._inside), *message]
        try:
            done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - no shell, and user input comes after --end-of-options
        except FileNotFoundError:
            problem = phrase("`{name}` is not a folder, and git is not installed to read a revision", name=self.name)
            raise UserError(problem, hint=phrase("name a folder, or install git")) from None
        except subprocess.TimeoutExpired:
            raise UserError(phrase("git took longer than {seconds:.0f} s", seconds=SECONDS)) from None
        if check and done.returncode:
            raise UserError(
                phrase("git {message} failed: {stderr}", message=message[0], stderr=_text(done.stderr)[:300])
            )
        return done


def _entries(listed: bytes) -> Iterator[Entry]:
    for line in listed.split(b"\0"):
        if not line:
            continue
        about, _, name = line.decode("utf-8", "surrogateescape").partition("\t")
        mode, _, key, size = about.split()
        yield Entry(name, mode.startswith(_FILE), int(size) if size.isdigit() else 0, key)


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace").strip()
