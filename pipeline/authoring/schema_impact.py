"""Which rules a change of schemas breaks: for those who emit events, before they merge the change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.compile import Compilation, RuleDocument, compile_rules
from pipeline.rules.rule_compiler import event_types
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources


class BrokenRule(NamedTuple):
    """One expression of a rule that does not fit the events of the changed schemas."""

    path: str
    line: int
    column: int
    rule: str
    expression: str
    """As it is in the rule's file."""
    message: str
    hint: str | None

    def __str__(self) -> str:
        """In the form of a compiler's message."""
        return str(self.as_text)

    @property
    def as_text(self) -> str:
        """The same, as a phrase."""
        text = phrase(
            "{path}:{line}:{column}: error: rule `{rule}`: `{expression}`: {message}",
            path=self.path,
            line=self.line,
            column=self.column,
            rule=self.rule,
            expression=self.expression,
            message=self.message,
        )
        return phrase("{message} ({hint})", message=text, hint=self.hint) if self.hint else text


class Impact(NamedTuple):
    """What a change of schemas does to rules."""

    rules: int
    """How many rules read events of the changed types."""
    broken: tuple[BrokenRule, ...]


def impact(sources: RuleSources, known: SchemaCatalogue, changed: Sequence[EventSchema]) -> Impact:
    """What becomes of rules that were written for the schemas `known` once events have those of `changed`.

    Faults that the rules have without the change are left out where `known` has a schema of the type.
    """
    types = {schema.name for schema in changed}
    others = [version for name in known if name not in types for version in known.versions(name)]
    before = compile_rules(sources, known)
    after = compile_rules(sources, SchemaCatalogue([*others, *changed]))
    earlier = set(before.errors)
    concerned = [(file, index) for file in after.files for index in _concerned(file, types)]
    return Impact(
        len(concerned), tuple(_broken(after, sources, types, [one for one in after.errors if one not in earlier]))
    )


def _concerned(file: RuleDocument, types: AbstractSet[str]) -> list[int]:
    return [index for index, rule in file.merged if rule.enabled and not types.isdisjoint(event_types(rule))]


def _broken(
    after: Compilation, sources: RuleSources, types: AbstractSet[str], errors: Sequence[Finding]
) -> Iterator[BrokenRule]:
    files = {file.document.path: file for file in after.files}
    for error in errors:
        file = files.get(error.path)
        rule = None if file is None else _rule_at(file, error.line, types)
        if rule is not None:
            text = sources.rules[error.path].split("\n")[error.line - 1]
            expression = _expression(text, error.column)
            yield BrokenRule(error.path, error.line, error.column, rule, expression, error.message, error.hint)


def _rule_at(file: RuleDocument, line: int, types: AbstractSet[str]) -> str | None:
    """The id of the rule at a line, if it reads events of these types."""
    concerned = set(_concerned(file, types))
    begun = [(index, rule.id) for index, rule in file.rules if file.document.location(("rules", index)).line <= line]
    return begun[-1][1] if begun and begun[-1][0] in concerned else None


_BRACES = re.compile(r"\$\{(.*?)\}")
_VALUE = re.compile(r"""^\s*(?:-\s+)?[\w-]+\s*:\s+(?:"(.*)"|'(.*)'|(.*?))(?:\s+#.*)?\s*$""")


def _expression(line: str, column: int) -> str:
    """The expression at a column of a line: within `${…}`, else the whole value of its key."""
    for found in _BRACES.finditer(line):
        if found.start() < column <= found.end():
            return found[1].strip()
    value = _VALUE.match(line)
    return next(filter(None, value.groups()), "") if value else line.strip()
