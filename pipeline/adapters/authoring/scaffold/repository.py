"""Writes a repository of rules; existing files are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.events.schema_files import read_schema
from pipeline.adapters.rule_files import SUFFIXES
from pipeline.adapters.shipped import shipped
from pipeline.authoring import editor_schemas as json_schemas
from pipeline.errors import UserError
from pipeline.phrases import phrase
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import example

_FILES = Path(__file__).parent / "files"
_EVENT_SCHEMA = "schemas/events/trade/trade.order.paid.v1.avsc"
RECORDED = 20
"""Number of example events for trying a change."""
_UNMATCHED = 2


class Written(NamedTuple):
    """A file of the repository."""

    path: str
    """Path below the repository."""
    is_new: bool
    """Whether it was written; False: it existed and is kept."""


def write_repository(folder: Path, version: str, rng: Callable[[], float]) -> Iterator[Written]:
    """Write each file that does not exist; the CI jobs install this program in `version`.

    If there are rules already, the example rule is left out. `rng` returns numbers in [0, 1) for the recorded events.

    Raises:
        UserError: a file or folder cannot be written.
    """
    contents = dict(_around(version))
    if not _has_rules(folder / "rules"):
        contents = {**_example(rng), **contents}
    for path, text in contents.items():
        yield Written(path, _write_new(folder / path, text))


def _example(rng: Callable[[], float]) -> Mapping[str, str]:
    schema = shipped(_EVENT_SCHEMA)
    paid = read_schema(schema)
    events = [_recorded(paid, rng, number) for number in range(RECORDED)]
    return {
        "rules/templates.yaml": _text("templates.yaml"),
        "rules/receipts.yaml": _text("rules.yaml"),
        "rules/tests/receipts.yaml": _text("tests.yaml"),
        f"schemas/{schema.name}": schema.read_text(encoding="utf-8"),
        "events/recorded.jsonl": "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in events),
    }


def _recorded(paid: EventSchema, rng: Callable[[], float], number: int) -> Mapping[str, object]:
    """An event an hour, so that the volume of a day can be estimated. No rule matches the third one (nothing paid)."""
    time = f"2026-11-{22 + number // 24}T{number % 24:02}:00:00Z"
    amount = {"amount_paid": "0.00"} if number == _UNMATCHED else {}
    data = {**example(paid, rng, number), "occurred_at": time, "paid_at": time, **amount}
    return {"type": paid.name, "time": time, "data": data}


def _around(version: str) -> Mapping[str, str]:
    """The files of every repository of rules."""
    return {
        "schemas/care.schema.json": json_schemas.care(),
        "schemas/rules.schema.json": json_schemas.rules(),
        "schemas/templates.schema.json": json_schemas.templates(),
        "schemas/tests.schema.json": json_schemas.tests(),
        ".vscode/settings.json": _text("vscode-settings.json"),
        ".vscode/extensions.json": _text("vscode-extensions.json"),
        ".github/workflows/rules.yml": _text("github.yml").replace("@VERSION@", version),
        ".gitlab-ci.yml": _text("gitlab.yml").replace("@VERSION@", version),
        ".gitignore": _text("gitignore"),
        "README.md": _text("README.md"),
    }


def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _has_rules(folder: Path) -> bool:
    try:
        return folder.is_dir() and any(path.name.endswith(SUFFIXES) for path in folder.iterdir())
    except OSError as error:
        raise UserError(
            phrase("{folder}: cannot be read: {strerror}", folder=folder, strerror=error.strerror)
        ) from None


def _write_new(path: Path, text: str) -> bool:
    """Write the file unless it (or a link) exists; return whether it was written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        if not path.parent.is_dir():
            raise UserError(phrase("{parent} is a file, not a folder", parent=path.parent)) from None
        return False
    except NotADirectoryError:
        raise UserError(phrase("{parent}: a part of it is a file, not a folder", parent=path.parent)) from None
    except OSError as error:
        raise UserError(phrase("{path}: cannot be written: {strerror}", path=path, strerror=error.strerror)) from None
    return True
