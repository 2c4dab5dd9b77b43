"""What is wrong with a set of schemas before anything is written with them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from pipeline.rules.schema.compatibility import incompatibilities
from pipeline.rules.schema.event_schema import EventSchema


class SchemaProblem(NamedTuple):
    """One thing wrong with one schema."""

    path: str
    message: str

    def __str__(self) -> str:
        """As compilers tell it."""
        return f"{self.path}: error: {self.message}"


def check_versions(schemas: Sequence[EventSchema]) -> list[SchemaProblem]:
    """Problems between files that define the same type; files of one type come oldest first."""
    by_name: dict[str, list[EventSchema]] = {}
    for schema in schemas:
        by_name.setdefault(schema.name, []).append(schema)
    problems: list[SchemaProblem] = []
    for versions in by_name.values():
        for older, newer in pairwise(versions):
            if older.fingerprint == newer.fingerprint:
                problems.append(SchemaProblem(newer.path, f"defines {newer.name} just as {older.path} does"))
            problems.extend(check_against(newer, older, older.path))
    return problems


def check_against(newer: EventSchema, older: EventSchema, where: str) -> list[SchemaProblem]:
    """What of the older version's events the newer cannot read; `where` names the older."""
    return [
        SchemaProblem(newer.path, f"cannot read events of {where}: {message}")
        for message in incompatibilities(newer, older)
    ]
