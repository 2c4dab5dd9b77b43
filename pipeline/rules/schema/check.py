"""Problems of a set of schemas, found before anything is written with them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from pipeline.phrases import phrase
from pipeline.rules.schema.compatibility import incompatibilities
from pipeline.rules.schema.event_schema import EventSchema


class SchemaProblem(NamedTuple):
    """One problem of one schema."""

    path: str
    message: str

    def __str__(self) -> str:
        """In the form of a compiler's message."""
        return str(self.as_text)

    @property
    def as_text(self) -> str:
        """The same, as a phrase."""
        return phrase("{path}: error: {message}", path=self.path, message=self.message)


def check_versions(schemas: Sequence[EventSchema]) -> list[SchemaProblem]:
    """Problems between files that define the same type; files of one type come oldest first."""
    by_name: dict[str, list[EventSchema]] = {}
    for schema in schemas:
        by_name.setdefault(schema.name, []).append(schema)
    problems: list[SchemaProblem] = []
    for versions in by_name.values():
        for older, newer in pairwise(versions):
            if older.fingerprint == newer.fingerprint:
                problems.append(
                    SchemaProblem(
                        newer.path, phrase("defines {name} just as {path} does", name=newer.name, path=older.path)
                    )
                )
            problems.extend(check_against(newer, older, older.path))
    return problems


def check_against(newer: EventSchema, older: EventSchema, where: str) -> list[SchemaProblem]:
    """The older version's events that the newer cannot read; `where` names the older."""
    return [
        SchemaProblem(newer.path, phrase("cannot read events of {where}: {message}", where=where, message=message))
        for message in incompatibilities(newer, older)
    ]


def check_change(changed: Sequence[EventSchema], before: Sequence[EventSchema], revision: str) -> list[SchemaProblem]:
    """Problems of rules that know the schemas of an earlier revision with events of the changed ones."""
    known = {schema.name: schema for schema in before}
    newest = {schema.name: schema for schema in changed}
    problems = [
        SchemaProblem(
            schema.path,
            phrase("{name} has no schema any more; without one, rules for its events are not checked", name=name),
        )
        for name, schema in known.items()
        if name not in newest
    ]
    for name, schema in newest.items():
        if name in known:
            problems += check_for_rules(schema, known[name], phrase("it at {revision}", revision=revision))
    return problems


def check_for_rules(writer: EventSchema, known: EventSchema, where: str) -> list[SchemaProblem]:
    """The events of a new writer that rules cannot read which know another version; `where` names that version.

    A new field needs no default for this: rules that do not know it ignore it.
    """
    return [
        SchemaProblem(
            writer.path,
            phrase("its events cannot be read by rules that know {where}: {message}", where=where, message=message),
        )
        for message in incompatibilities(known, writer)
    ]
