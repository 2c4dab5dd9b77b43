"""The events in files that tests of rules begin with (`file: events/paid.json`), read from beside them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from pipeline.adapters.authoring.event_files import given_events
from pipeline.errors import UserError
from pipeline.rules.lint.cases import Case
from pipeline.rules.lint.given_events import FileEvent, file_key


def read_test_events(cases: Iterable[Case]) -> dict[str, FileEvent | str]:
    """Every file that the cases name, as `given` wants it; what cannot be read is a text that says why.

    A file must lie below the folder of the test that names it: tests come with merge requests, and must not read what
    else lies on a build server.
    """
    names = {(case.document.path, case.event.file) for case in cases if case.event.file is not None}
    return {file_key(path, name): _read(Path(path).parent, name) for path, name in sorted(names)}


def _read(folder: Path, name: str) -> FileEvent | str:
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return "is not below the folder of this test"
        if not path.is_file():
            return f"is no file in {folder}" + _near(folder, path)
        events = list(islice(given_events(path), 2))
    except UserError as fault:
        message = fault.message.removeprefix(f"{path}:").strip()
        return f"holds no event that can be read ({'line ' if message[:1].isdigit() else ''}{message})"
    except (OSError, ValueError) as error:  # a name that no file can have
        return f"cannot be read: {error}"
    if len(events) != 1:
        return "holds several events, and a test is about one" if events else "holds no event"
    kind, data, *_ = events[0].given
    return FileEvent(kind, data) if isinstance(data, dict) else "holds an event whose data is no object"


def _near(folder: Path, path: Path) -> str:
    """The files beside the one that is missing, where there are few."""
    beside = sorted(one.relative_to(folder).as_posix() for one in path.parent.glob("*.json"))[:5]
    return f"; there are {', '.join(beside)}" if beside else ""
