"""Finds the files of a rule folder that are relevant for a draft; each is parsed again only if it changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.rule_files import read_rules, read_rules_and_tests
from pipeline.model.finding import Finding
from pipeline.rules.rule_compiler import event_types, with_defaults
from pipeline.rules.source.document import parse
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.format import RuleFile
from pipeline.rules.source.structure import validate


class Inside(NamedTuple):
    """Rule ids and event types of a file of rules."""

    ids: frozenset[str]
    types: frozenset[str]


class RuleFolder:
    """A folder of rules."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[str, Inside]] = {}

    def read(self) -> RuleSources:
        """Read the whole folder.

        Raises:
            UserError: it cannot be read.
        """
        return read_rules_and_tests(self._folder)

    def names(self) -> Mapping[str, str]:
        """Paths by name within the folder, in the order of names."""
        return {Path(path).relative_to(self._folder).as_posix(): path for path in read_rules(self._folder).rules}

    def relevant(self, path: str, text: str, event_type: str | None) -> RuleSources:
        """The draft in place of the file at `path`, with the files for the same events and their tests.

        A folder of a thousand rules would take seconds for each keystroke.
        """
        sources = self.read()
        mine = inside(path, text)
        types = mine.types | ({event_type} if event_type is not None else frozenset())
        near = {other: body for other, body in sources.rules.items() if other != path and types & self._of(other, body)}
        names = mine.ids.union(types, *(self._known[other][1].ids for other in near))
        tests = {test: body for test, body in sources.tests.items() if any(name in body for name in names)}
        rules = {other: text if other == path else sources.rules[other] for other in sorted({path, *near})}
        return RuleSources(rules, sources.templates, tests, is_whole=rules.keys() >= sources.rules.keys())

    def _of(self, path: str, text: str) -> frozenset[str]:
        known = self._known.get(path)
        if known is None or known[0] != text:
            known = self._known[path] = (text, inside(path, text))
        return known[1].types


def rule_types(path: str, text: str) -> list[tuple[str, tuple[str, ...]]]:
    """The rules of a file in order, each with its event types; empty for an invalid file."""
    document = parse(path, text)
    model = None if isinstance(document, Finding) else validate(document, RuleFile)[0]
    if model is None:
        return []
    return [(rule.id, event_types(with_defaults(rule, model.defaults))) for rule in model.rules]


def inside(path: str, text: str) -> Inside:
    """Rule ids and event types of a file."""
    rules = rule_types(path, text)
    return Inside(frozenset(id_ for id_, _ in rules), frozenset(one for _, types in rules for one in types))
