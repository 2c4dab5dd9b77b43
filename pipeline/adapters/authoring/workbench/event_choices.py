"""Events that an author can try a draft with: examples, those of tests, and recorded ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.authoring.event_files import EventFault, EventTyper, GivenEvent, given_events
from pipeline.adapters.authoring.event_forms import UnrecognisedShape, given
from pipeline.adapters.authoring.lifelike_events import DEFAULT_SEED, example_event
from pipeline.adapters.authoring.rule_test_events import read_test_events
from pipeline.errors import UserError
from pipeline.model.event import Position
from pipeline.model.notice import Notice
from pipeline.rules.lint.cases import Case, read_cases
from pipeline.rules.lint.given_events import Unfit, event_json
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources

MOST_CHOICES = 200
"""Of each group."""
MOST_EVENTS = 2_000
"""Events of a file that are looked through."""
MOST_FILES = 50
MOST_BYTES = 32 * 1024 * 1024
"""Larger files are not looked through: a recording of production may have gigabytes."""
TRIES = 40
"""Examples that are made until a rule makes a message of one."""
SUFFIXES = (".json", ".jsonl", ".ndjson")


class Choice(NamedTuple):
    """One event that can be chosen."""

    key: str
    """Names it to `event`."""
    name: str


class EventChoices:
    """Finds events of one type in a folder of rules, and in the folder `events` in or beside it."""

    def __init__(self, folder: Path, schemas: SchemaCatalogue) -> None:
        self._folder = folder
        self._schemas = schemas

    def choices(self, event_type: str, sources: RuleSources) -> dict[str, list[Choice]]:
        """The events of that type by group: `tests`, then `recorded`; a file that cannot be read has none."""
        tests = [
            Choice(f"test:{path}:{n}", case.name) for path, n, case in _cases(sources) if case.event.type == event_type
        ]
        recorded = [
            Choice(f"recorded:{path.relative_to(root).as_posix()}:{number}", f"{path.name} {number + 1}")
            for root, path in self._files()
            for number, _ in self._recorded(path, event_type)
        ]
        return {"tests": tests[:MOST_CHOICES], "recorded": recorded[:MOST_CHOICES]}

    def example(self, event_type: str, rules: RuleSet | None = None, number: int = 0) -> str:
        """An example made from the schema; of several, the first one that a rule of `rules` makes a message of.

        Each `number` gives another one. It is empty without a schema.
        """
        schema = self._schemas.newest(event_type)
        if schema is None:
            return "{}"
        first = ""
        for attempt in range(TRIES if rules is not None and rules.for_type(event_type) else 1):
            value = example_event(schema, DEFAULT_SEED + number * TRIES + attempt)
            text = _text(value)
            first = first or text
            if rules is None or _makes_a_message(rules, self._schemas, event_type, value):
                return text
        return first

    def event(self, key: str, sources: RuleSources) -> str | None:
        """The event that `key` names, as JSON; None if it does not exist any more or cannot be made."""
        group, _, rest = key.partition(":")
        place, _, number = rest.rpartition(":")
        if not number.isdecimal():
            return None
        if group == "test":
            return self._of_test(place, int(number), sources)
        if group != "recorded":
            return None
        for root, path in self._files():
            if path.relative_to(root).as_posix() == place:
                found = next(islice(given_events(path, lambda _: None), int(number), int(number) + 1), None)
                return _text(found.given.data) if found is not None else None
        return None

    def _of_test(self, place: str, number: int, sources: RuleSources) -> str | None:
        case = next((case for path, n, case in _cases(sources) if (path, n) == (place, number)), None)
        if case is None:
            return None
        try:
            return _text(event_json(case, self._schemas, read_test_events([case])))
        except Unfit:
            return None

    def _files(self) -> Iterator[tuple[Path, Path]]:
        """The files of recorded events, each with the folder that it is named from."""
        root = next(
            (one for one in (self._folder / "events", self._folder.resolve().parent / "events") if one.is_dir()), None
        )
        if root is None:
            return
        found = (path for path in sorted(root.rglob("*")) if path.suffix in SUFFIXES and path.is_file())
        for path in islice(found, MOST_FILES):
            if path.resolve().is_relative_to(root.resolve()) and path.stat().st_size <= MOST_BYTES:
                yield root, path

    def _recorded(self, path: Path, event_type: str) -> Iterator[tuple[int, GivenEvent]]:
        """The events of that type, and those that do not name theirs if it is the only one there is."""
        try:
            for number, one in enumerate(islice(given_events(path, lambda _: None), MOST_EVENTS)):
                if one.given.type == event_type:
                    yield number, one
        except (UserError, EventFault):
            return


def _cases(sources: RuleSources) -> Iterator[tuple[str, int, Case]]:
    for path, text in sources.tests.items():
        for number, case in enumerate(read_cases(path, text)[0]):
            yield Path(path).name, number, case


def _makes_a_message(rules: RuleSet, schemas: SchemaCatalogue, event_type: str, value: Mapping[str, object]) -> bool:
    try:
        one = GivenEvent("example", given(value, Position("studio", 0, 0)))
        event = EventTyper(schemas).event(one, event_type)
    except (EventFault, UnrecognisedShape):
        return False
    return any(isinstance(item, Notice) for item in rules.evaluate(event))


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
