"""A folder of rules, templates and tests, read from disk."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UserError
from pipeline.rules.source.files import RuleSources

TEMPLATES = ("templates.yaml", "templates.yml")
SUFFIXES = (".yaml", ".yml")
MAX_BYTES = 4_194_304


def read_rules(folder: Path) -> RuleSources:
    """Everything that makes up the rule set in `folder`; paths stay as given, so findings can be clicked.

    Raises:
        UserError: the folder is not there or cannot be read.
    """
    if folder.is_file():
        return _sources([folder], folder.parent)._replace(is_whole=False)
    if not folder.is_dir():
        raise UserError(
            f"{folder}: there is no such folder", hint="name the folder that holds your rules and templates.yaml"
        )
    files = [path for path in _yaml_files(folder) if path.name not in TEMPLATES]
    return _sources(files, folder)


def _sources(files: list[Path], folder: Path) -> RuleSources:
    catalogue = next((folder / name for name in TEMPLATES if (folder / name).is_file()), None)
    tests = _yaml_files(folder / "tests") if (folder / "tests").is_dir() else []
    return RuleSources(
        rules={str(path): _read(path) for path in files},
        templates=(str(catalogue), _read(catalogue)) if catalogue is not None else None,
        tests={str(path): _read(path) for path in tests},
    )


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path}: larger than {MAX_BYTES} bytes")
        return decoded(str(path), path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def decoded(name: str, content: bytes) -> str:
    """A file's text.

    Raises:
        UserError: it is none.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: not UTF-8 (byte {error.start})", hint="save the file as UTF-8") from None
