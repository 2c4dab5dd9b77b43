"""Reads the event files that rule tests name (`file: events/paid.json`), relative to the test."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from pipeline.adapters.authoring.event_files import given_events
from pipeline.errors import UserError
from pipeline.rules.lint.cases import Case
from pipeline.rules.lint.given_events import FileEvent, file_key


def read_test_events(cases: Iterable[Case]) -> dict[str, FileEvent | str]:
    """The event of every file that the cases name; for a file that cannot be read, the reason as text.

    A file must be below the folder of its test: tests come with merge requests and must not read other files of a build
    server.
    """
    names = {(case.document.path, case.event.file) for case in cases if case.event.file is not None}
    return {file_key(path, name): _read(Path(path).parent, name) for path, name in sorted(names)}


def _read(folder: Path, name: str) -> FileEvent | str:
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return "is not below the folder of this test"
        if not path.is_file():
            return f"is not a file in {folder}" + _near(folder, path)
        events = list(islice(given_events(path), 2))
    except UserError as fault:
        message = fault.message.removeprefix(f"{path}:").strip()
        return f"holds no readable event ({'line ' if message[:1].isdigit() else ''}{message})"
    except (OSError, ValueError) as error:  # an impossible file name
        return f"cannot be read: {error}"
    if len(events) != 1:
        return "holds several events; a test has one" if events else "holds no event"
    kind, data, *_ = events[0].given
    return FileEvent(kind, data) if isinstance(data, dict) else "holds an event whose data is not an object"


def _near(folder: Path, path: Path) -> str:
    """The files beside the missing one."""
    beside = sorted(one.relative_to(folder).as_posix() for one in path.parent.glob("*.json"))[:5]
    return f"; there are {', '.join(beside)}" if beside else ""
