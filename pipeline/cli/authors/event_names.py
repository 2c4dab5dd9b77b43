"""The names of events, alike for every command: a file, one event of it, a file of `events/`, a test, a position."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.rule_files import SUFFIXES as YAML_SUFFIXES
from pipeline.adapters.rule_files import read_rules_and_tests, read_test_files
from pipeline.errors import UserError
from pipeline.model.event import Position
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.lint.cases import Case, read_cases

_POSITION = re.compile(r"([A-Za-z0-9._-]{1,249})/(\d{1,9})/(\d{1,18})")
_NUMBERED = re.compile(r"(.+):([1-9]\d{0,8})")
SUFFIXES = ("", ".json", ".jsonl", ".json.gz", ".jsonl.gz", ".ndjson")
MOST_NAMED = 8
FORMS = phrase("a file, FILE:NUMBER, a file of events/, the name of a test, or TOPIC/PARTITION/OFFSET")


class Reference(NamedTuple):
    """What a name stands for: one of them is given."""

    file: Path | None = None
    number: int | None = None
    """Number of the event in the file, from 1; None: not named."""
    position: Position | None = None
    case: Case | None = None


def plain_reference(name: str) -> Reference | None:
    """What a name stands for without a look at the rules: a file that exists, or a position."""
    if name == "-" or Path(name).exists():
        return Reference(Path(name))
    numbered = _NUMBERED.fullmatch(name)
    if numbered is not None and Path(numbered[1]).is_file():
        return Reference(Path(numbered[1]), int(numbered[2]))
    location = _POSITION.fullmatch(name)
    if location is not None:
        return Reference(position=Position(location[1], int(location[2]), int(location[3])))
    return None


def reference(name: str, rules: Path) -> Reference:
    """What a name stands for; `rules` is the folder of rules, with tests in it and `events` in or beside it.

    Raises:
        UserError: nothing has this name, or several tests have it.
    """
    found = plain_reference(name) or _recorded(name, rules)
    if found is not None:
        return found
    cases = list(_cases(rules))
    exact = [case for case in cases if case.name == name]
    like = exact or [case for case in cases if name.casefold() in case.name.casefold()]
    if len(like) == 1 or exact:
        return Reference(case=like[0])
    if like:
        names = joined("; ", (case.name for case in like[:MOST_NAMED]))
        raise UserError(
            phrase("`{name}` is in the names of several tests", name=name),
            hint=phrase("write the whole name: {names}", names=names),
        )
    if any(name.endswith(suffix) for suffix in SUFFIXES if suffix):
        return Reference(Path(name))  # reading it says what is wrong
    known = [*(path.name for path in _recordings(rules)), *(case.name for case in cases)]
    raise UserError(
        phrase("no event is named `{name}`", name=name),
        hint=did_you_mean(name, known) or phrase("name {forms}", forms=FORMS),
    )


def cases_of(name: str) -> list[Case] | None:
    """The tests of a file of tests, or of a folder of rules or tests; None where the name is of neither.

    Raises:
        UserError: a file cannot be read.
    """
    path = Path(name)
    if not path.is_dir() and not (path.suffix.lower() in YAML_SUFFIXES and path.is_file()):
        return None
    return [case for file, text in read_test_files(path).items() for case in read_cases(file, text)[0]]


def event_folders(rules: Path) -> list[Path]:
    """The folders of recorded events: beside the rules, or in them."""
    parent = rules.parent if rules.name else Path("..")
    return [folder for folder in (parent / "events", rules / "events") if folder.is_dir()]


def _recorded(name: str, rules: Path) -> Reference | None:
    numbered = _NUMBERED.fullmatch(name)
    stem, number = (numbered[1], int(numbered[2])) if numbered is not None else (name, None)
    stem = stem.removeprefix("events/")
    for folder in event_folders(rules):
        for suffix in SUFFIXES:
            try:
                if (folder / f"{stem}{suffix}").is_file():
                    return Reference(folder / f"{stem}{suffix}", number)
            except (OSError, ValueError):  # an impossible name of a file
                return None
    return None


def _recordings(rules: Path) -> Iterator[Path]:
    for folder in event_folders(rules):
        yield from sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _cases(rules: Path) -> Iterator[Case]:
    for path, text in read_rules_and_tests(rules).tests.items():
        yield from read_cases(path, text)[0]
