"""A folder of rules, templates and tests, read from disk.

Rule files are all `*.yaml` and `*.yml` in the folder and its subfolders, but for templates.yaml and care.yaml. A file
below a folder named `tests` is a test file. Names that begin with a dot are skipped: editors and Kubernetes (`..data`)
keep their own files there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath

from pipeline.errors import UserError
from pipeline.phrases import phrase
from pipeline.rules.source.files import RuleSources

TEMPLATES = ("templates.yaml", "templates.yml")
CARE = ("care.yaml", "care.yml")
NO_RULES = frozenset({*TEMPLATES, *CARE})
"""Names of files of a rule set that hold no rules."""
SUFFIXES = (".yaml", ".yml")
MAX_BYTES = 4_194_304
MAX_FOLDERS = 8
"""Levels of subfolders. A link to a folder above would otherwise never end."""
_COPIES = frozenset({".bak", ".orig", ".old", ".swp", ".tmp", ".disabled", ".off"})
"""Suffixes that take a file out of use on purpose."""

_OF_OTHERS = frozenset({".md", ".py", ".html"})
"""Suffixes of files that may quote a rule file."""
_HEAD_BYTES = 2_048
_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s*#[^\n]*\n|\s*\n)*(?:rules|templates|tests|defaults|care):\s*(?:\n|\[|#|$)"
)
"""How a file of rules, templates or tests begins, whatever its name."""


def read_rules(folder: Path) -> RuleSources:
    """The rules and templates in `folder`, or the one rule file of that name with the templates beside or above it.

    Paths in the result begin with `folder` as given, so that a terminal can open them.

    Raises:
        UserError: the folder does not exist or cannot be read.
    """
    try:
        if folder.is_file():
            return _sources([folder], _root(folder))._replace(is_whole=False)
        if not folder.is_dir():
            raise UserError(
                phrase("{folder}: there is no such folder", folder=folder),
                hint=phrase("name the folder that holds your rules and templates.yaml"),
            )
        files = list(_files(folder))
        rules = [one for one in files if is_rule_set_file(one.relative_to(folder)) and one.name not in NO_RULES]
        return _sources(rules, folder)._replace(ignored=dict(_ignored(files, folder)))
    except OSError as error:
        raise UserError(
            phrase("{filename}: cannot be read: {strerror}", filename=error.filename or folder, strerror=error.strerror)
        ) from None


def read_rules_and_tests(folder: Path) -> RuleSources:
    """The same, with the test files. The service does not read these: an error in one must not stop messages.

    Raises:
        UserError: the folder does not exist or cannot be read.
    """
    sources = read_rules(folder)
    try:
        root = _root(folder) if folder.is_file() else folder
        tests = sorted(path for path in _files(root) if _is_yaml(path) and _is_test(path, root))
        return sources._replace(tests={str(path): _read(path) for path in tests})
    except OSError as error:
        raise UserError(
            phrase("{filename}: cannot be read: {strerror}", filename=error.filename or folder, strerror=error.strerror)
        ) from None


def read_test_files(path: Path) -> Mapping[str, str]:
    """The texts of one file of tests, or of those in a folder of rules or tests, by their paths.

    Raises:
        UserError: it does not exist or cannot be read.
    """
    if path.is_dir():
        return read_rules_and_tests(path.parent if path.name == "tests" else path).tests
    try:
        return {str(path): _read(path)}
    except OSError as error:
        raise UserError(phrase("{path}: cannot be read: {strerror}", path=path, strerror=error.strerror)) from None


def watched_files(folder: Path) -> list[Path]:
    """The files whose change may change the rules: rule files and templates.

    Raises:
        OSError: the folder does not exist or cannot be read.
    """
    return [path for path in _files(folder) if is_rule_set_file(path.relative_to(folder))]


def is_rule_set_file(path: PurePath | str) -> bool:
    """Whether a file, named from the rules' folder, has rules, templates or care."""
    path = PurePath(path)
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden and "tests" not in path.parts[:-1]


def decoded(name: str, content: bytes) -> str:
    """A file's text.

    Raises:
        UserError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            phrase("{name}: not UTF-8 (byte {start})", name=name, start=error.start),
            hint=phrase("save the file as UTF-8"),
        ) from None


def _root(file: Path) -> Path:
    """The nearest folder above `file` that has templates, else its own."""
    return next((folder for folder in file.parents if _one_of(TEMPLATES, folder) is not None), file.parent)


def _one_of(names: Iterable[str], folder: Path) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _named(names: Iterable[str], folder: Path) -> tuple[str, str] | None:
    """The file of one of these names with its text."""
    path = _one_of(names, folder)
    return (str(path), _read(path)) if path is not None else None


def _sources(files: Iterable[Path], folder: Path) -> RuleSources:
    return RuleSources(
        rules={str(path): _read(path) for path in sorted(files) if path.name not in NO_RULES},
        templates=_named(TEMPLATES, folder),
        care=_named(CARE, folder),
    )


def _files(folder: Path, depth: int = 0) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if depth == MAX_FOLDERS:
                raise UserError(
                    phrase("{path}: more than {max_folders} folders deep", path=path, max_folders=MAX_FOLDERS),
                    hint=phrase("is it a link to a folder above?"),
                )
            yield from _files(path, depth + 1)
        elif path.is_file():
            yield path
        elif _is_yaml(path):  # a rule that is left out in silence sends no message
            if path.is_symlink() and not path.exists():
                message = phrase("{path}: is a link to nothing", path=path)
            else:
                message = phrase("{path}: is not a regular file", path=path)
            raise UserError(message, hint=phrase("remove it, or put the file there"))


def _is_yaml(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _is_test(path: Path, folder: Path) -> bool:
    return "tests" in path.relative_to(folder).parts[:-1]


def _ignored(files: Iterable[Path], folder: Path) -> Iterator[tuple[str, str]]:
    """Files that an author would expect to be read, each with a hint."""
    read = {_one_of(TEMPLATES, folder), _one_of(CARE, folder)}
    for path in files:
        name = path.name.strip().lower()
        if path.name in TEMPLATES and path not in read and not _is_test(path, folder):
            if _one_of(TEMPLATES, folder) is None:  # `check .` where the rules are in a folder below
                yield str(path), phrase("if the rules are in {folder}, name that folder", folder=path.parent)
                continue
            yield (
                str(path),
                phrase(
                    "a rule set has one catalogue of templates: move them to {folder}", folder=folder / TEMPLATES[0]
                ),
            )
        elif path.name in CARE and path not in read and not _is_test(path, folder):
            yield str(path), phrase("a rule set has one file of care: move it to {folder}", folder=folder / CARE[0])
        elif not _is_yaml(path) and path.suffix.lower() not in _COPIES:
            stem = name if name.endswith(SUFFIXES) else Path(name).stem
            if stem.endswith(SUFFIXES):
                yield str(path), phrase("rename it to `{stem}`", stem=stem)
            elif path.suffix.lower() not in _OF_OTHERS and _BEGINNING.match(_head(path)):
                yield str(path), phrase("rename it to `{stem}.yaml`", stem=Path(name).stem)


def _head(path: Path) -> bytes:
    """The first bytes of a file, enough for a comment and the first key; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:  # a file that is not read anyway must not stop a reload
        return b""


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise UserError(phrase("{path}: larger than {max_bytes} bytes", path=path, max_bytes=MAX_BYTES))
    return decoded(str(path), path.read_bytes())
