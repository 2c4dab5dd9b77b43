"""Finds the files of a rule folder that are relevant for a draft; each is parsed again only if it changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.rule_files import read_rules_and_tests
from pipeline.authoring.completion.shapes import FileKind
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

    def named(self, sources: RuleSources) -> Mapping[str, str]:
        """The files that can be edited: text by name within the folder; rules, templates, care, then tests."""
        others = dict(one for one in (sources.templates, sources.care) if one is not None)
        files = {**sources.rules, **others, **sources.tests}
        return {self.name(path): text for path, text in files.items() if Path(path).is_relative_to(self._folder)}

    def name(self, path: str) -> str:
        """The name of a file within the folder."""
        return Path(path).relative_to(self._folder).as_posix()

    def path(self, name: str) -> str:
        """The path of the file with that name; the file need not exist."""
        return str(self._folder / name)

    def relevant(self, name: str, text: str, event_type: str | None) -> RuleSources:
        """The draft in place of the file of that name, with the files for the same events and their tests.

        A folder of a thousand rules would take seconds for each keystroke.
        """
        sources, path = self.read(), self.path(name)
        match FileKind.of(name):
            case FileKind.TEMPLATES:
                return self._near(sources._replace(templates=(path, text)), event_type, text)
            case FileKind.CARE:
                return self._near(sources._replace(care=(path, text)), event_type, text)
            case FileKind.TESTS:
                near = self._near(sources, event_type, text)
                return near._replace(tests={path: text})
            case FileKind.RULES:
                return self._around(sources, path, text, event_type)

    def _near(self, sources: RuleSources, event_type: str | None, text: str) -> RuleSources:
        """The files of rules that a draft of templates or tests, or the event, is about."""
        near = {
            path: body
            for path, body in sources.rules.items()
            if event_type in (inner := self._of(path, body)).types or any(one in text for one in inner.ids)
        }
        return self._with_tests(sources, near or dict(sources.rules))

    def _around(self, sources: RuleSources, path: str, text: str, event_type: str | None) -> RuleSources:
        mine = inside(path, text)
        types = mine.types | ({event_type} if event_type is not None else frozenset())
        near = {
            other: body
            for other, body in sources.rules.items()
            if other != path and types & self._of(other, body).types
        }
        rules = {other: text if other == path else sources.rules[other] for other in sorted({path, *near})}
        return self._with_tests(sources, rules, mine.ids | types)

    def _with_tests(
        self, sources: RuleSources, rules: Mapping[str, str], names: frozenset[str] = frozenset()
    ) -> RuleSources:
        """These rules, with the tests that name one of them or of `names`."""
        names = names.union(*(self._of(path, body).ids for path, body in rules.items()))
        tests = {test: body for test, body in sources.tests.items() if any(name in body for name in names)}
        is_whole = rules.keys() >= sources.rules.keys()
        return sources._replace(rules=rules, tests=tests, is_whole=is_whole, ignored={})

    def _of(self, path: str, text: str) -> Inside:
        known = self._known.get(path)
        if known is None or known[0] != text:
            known = self._known[path] = (text, inside(path, text))
        return known[1]


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
