"""Reads the event files that rule tests name (`file: events/paid.json`), relative to the test."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from pipeline.adapters.authoring.event_files import given_events
from pipeline.errors import UserError
from pipeline.phrases import joined, phrase
from pipeline.rules.lint.cases import Case
from pipeline.rules.lint.given_events import FileEvent, file_key


def read_test_events(cases: Iterable[Case]) -> dict[str, FileEvent | str]:
    """The event of every file that the cases name; for a file that cannot be read, the reason as text.

    `NAME` is a file with one event, `NAME:3` the third one of a file. It is below the folder of the test, or in the
    folder `events` beside the rules: tests come with merge requests and must not read other files of a build server.
    """
    every = [one for case in cases for one in (case, *(case.moment.before if case.moment is not None else ()))]
    names = {(case.document.path, case.event.file) for case in every if case.event.file is not None}
    return {file_key(path, name): _read(Path(path).parent, name) for path, name in sorted(names)}


def _read(folder: Path, name: str) -> FileEvent | str:
    number = _NUMBERED.fullmatch(name)
    try:
        if number is None or (folder / name).is_file():
            return _event(_located(folder, name), None)
        return _event(_located(folder, number[1]), int(number[2]))
    except UserError as fault:
        return fault.message
    except (OSError, ValueError) as error:  # an impossible file name
        return phrase("cannot be read: {error}", error=error)


_NUMBERED = re.compile(r"(.+):([1-9]\d{0,5})")


def _located(folder: Path, name: str) -> Path:
    """The file of that name, below the folder of the test or in the folder of recorded events.

    Raises:
        UserError: there is none; the message continues a sentence that begins with the name.
    """
    path = folder / name
    is_below = path.resolve().is_relative_to(folder.resolve())
    if is_below and path.is_file():
        return path
    for events in _event_folders(folder):
        recorded = events / name.removeprefix("events/")
        if recorded.is_file() and recorded.resolve().is_relative_to(events.resolve()):
            return recorded
    if not is_below:
        raise UserError(phrase("is not below the folder of this test"))
    raise UserError(phrase("is not a file in {folder}", folder=folder) + _near(folder, path))


def _event_folders(folder: Path) -> list[Path]:
    """`events` in and beside the folder of rules, which has the folder `tests`."""
    tests = next((one for one in (folder, *folder.parents) if one.name == "tests"), folder)
    rules = tests.parent
    return [one for one in (rules / "events", rules / ".." / "events") if one.is_dir()]


def _event(path: Path, number: int | None) -> FileEvent | str:
    first = 0 if number is None else number - 1
    try:
        events = list(islice(given_events(path), first, first + 2))
    except UserError as fault:
        message = fault.message.removeprefix(f"{path}:").strip()
        if message[:1].isdigit():
            return phrase("holds no readable event (line {message})", message=message)
        return phrase("holds no readable event ({message})", message=message)
    if not events:
        return phrase("holds no event") if number is None else phrase("holds fewer than {number} events", number=number)
    if number is None and len(events) > 1:
        return phrase("holds several events; a test has one: name it as `{name}:3`", name=path.name)
    kind, data, *_ = events[0].given
    return FileEvent(kind, data) if isinstance(data, dict) else phrase("holds an event whose data is not an object")


def _near(folder: Path, path: Path) -> str:
    """The files beside the missing one."""
    beside = sorted(one.relative_to(folder).as_posix() for one in path.parent.glob("*.json"))[:5]
    return phrase("; there are {beside}", beside=joined(", ", beside)) if beside else ""
