"""Mistakes as people make them: each is reported at its place, before anything else, with how to fix it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.adapters.events.schema_files import read_schemas
from pipeline.authoring.rule_tests.running import run
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from tests.planted import flights, in_other_files, in_rules, lockers, odd_expressions, odd_yaml, wrong_texts
from tests.planted.mistake import MARK, Mistake

ROOT = Path(__file__).parents[2]
FILES = ROOT / "pipeline" / "adapters" / "authoring" / "scaffold" / "files"
RULES, TEMPLATES, TESTS = "rules/receipts.yaml", "rules/templates.yaml", "rules/tests/receipts.yaml"
OTHER_RULES, OTHER_TEMPLATES = "flights/rules.yaml", "flights/templates.yaml"
LOCKER_RULES, LOCKER_TEMPLATES = "lockers/rules.yaml", "lockers/templates.yaml"
PLANTED = [
    *((RULES, mistake) for mistake in (*in_rules.EXPRESSIONS, *in_rules.WRONG_FUNCTIONS, *in_rules.FORM)),
    *((RULES, mistake) for mistake in (*in_rules.REFERENCES, *in_rules.DAYS, *in_rules.ZONES, *in_rules.CHOICES)),
    *((TEMPLATES, mistake) for mistake in in_other_files.TEMPLATES),
    *((TESTS, mistake) for mistake in in_other_files.TESTS),
    *((OTHER_RULES, mistake) for mistake in (*flights.IN_RULES, *odd_expressions.MISTAKES)),
    *((OTHER_RULES, mistake) for mistake in (*odd_yaml.MISTAKES, *wrong_texts.MISTAKES)),
    *((OTHER_TEMPLATES, mistake) for mistake in flights.IN_TEMPLATES),
    *((LOCKER_RULES, mistake) for mistake in lockers.IN_RULES),
    *((LOCKER_TEMPLATES, mistake) for mistake in lockers.IN_TEMPLATES),
]
SOUND = [
    *((OTHER_RULES, *one) for one in (*flights.SOUND, *wrong_texts.SOUND)),
    *((LOCKER_RULES, *one) for one in lockers.SOUND),
]
USUAL = {"missing-test", "unused-template"}
"""Findings about rules without tests, which are not about the mistake."""


class Reported(NamedTuple):
    """One finding in the files."""

    path: str
    line: int
    column: int
    code: str
    message: str


@pytest.fixture(scope="module")
def schemas() -> SchemaCatalogue:
    examples = read_schemas(ROOT / "schemas" / "events")
    own = [schema for event_type in examples for schema in examples.versions(event_type)]
    return SchemaCatalogue([*own, EventSchema(flights.SCHEMA), EventSchema(lockers.SCHEMA)])


def sound(path: str = RULES) -> dict[str, str]:
    """The files that `init` writes, or those of the domain that `path` is of."""
    if path in {LOCKER_RULES, LOCKER_TEMPLATES}:
        return {LOCKER_RULES: lockers.RULES, LOCKER_TEMPLATES: lockers.TEMPLATES}
    if path in {OTHER_RULES, OTHER_TEMPLATES}:
        return {OTHER_RULES: flights.RULES, OTHER_TEMPLATES: flights.TEMPLATES}
    names = {RULES: "rules.yaml", TEMPLATES: "templates.yaml", TESTS: "tests.yaml"}
    return {path: (FILES / name).read_text(encoding="utf-8") for path, name in names.items()}


def reported(files: Mapping[str, str], schemas: SchemaCatalogue) -> list[Reported]:
    """What `check` says first, or where it finds no error `test`."""
    rules, templates, *_ = files
    tests = {TESTS: files[TESTS]} if TESTS in files else {}
    sources = RuleSources({rules: files[rules]}, (templates, files[templates]), tests)
    checked = check(sources, schemas, environment="production")
    findings = [
        Reported(one.path, one.line, one.column, one.code, f"{one.message} ({one.hint})")
        for one in checked.findings
        if one.code not in USUAL
    ]
    results = [run(case, checked.ruleset, schemas, {}) for case in checked.cases] if checked.ruleset else []
    failures = [
        Reported(TESTS, *result.location(mismatch), "test", f"{mismatch.summary} ({mismatch.hint})")
        for result in results
        for mismatch in result.mismatches
    ]
    return [*findings, *failures]


def test_the_files_are_sound_before(schemas: SchemaCatalogue) -> None:
    """Nothing is reported of them."""
    assert reported(sound(), schemas) == []
    assert reported(sound(OTHER_RULES), schemas) == []
    assert reported(sound(LOCKER_RULES), schemas) == []


def test_there_are_enough_of_them() -> None:
    """And each has a name of its own in its file."""
    assert len(PLANTED) >= 250
    assert len({(path, mistake.name) for path, mistake in PLANTED}) == len(PLANTED)


@pytest.mark.parametrize(("path", "mistake"), PLANTED, ids=[f"{path}: {mistake.name}" for path, mistake in PLANTED])
def test_a_mistake_is_reported_at_its_place(path: str, mistake: Mistake, schemas: SchemaCatalogue) -> None:
    """First of all, at the exact line and column, with a message that helps to fix it."""
    files = sound(path)
    assert files[path].count(mistake.right) == 1, "the text that is changed stands there once"
    marked = files[path].replace(mistake.right, mistake.wrong)
    files[path] = marked.replace(MARK, "")
    first = next(iter(reported(files, schemas)), None)
    assert first is not None, "nothing is reported"
    assert first.code == mistake.code, first
    assert mistake.message in first.message, first
    if MARK in marked:
        at = marked.index(MARK)
        location = (path, marked.count("\n", 0, at) + 1, at - marked.rfind("\n", 0, at))
        assert (first.path, first.line, first.column) == location, first


@pytest.mark.parametrize("condition", odd_expressions.ALONE)
def test_one_mistake_is_one_finding(condition: str, schemas: SchemaCatalogue) -> None:
    """What follows from it is not reported beside it; also where the type of the event is not known."""
    for event_type in ("fly.flight.Delayed", "fly.flight.Unknown"):
        files = sound(OTHER_RULES)
        text = files[OTHER_RULES].replace(flights.WHEN, f"'{condition}'").replace("fly.flight.Delayed", event_type)
        errors = [one for one in reported({**files, OTHER_RULES: text}, schemas) if one.code != "unknown-event-type"]
        assert [one.code for one in errors] == ["unknown-name"], errors


@pytest.mark.parametrize(
    ("condition", "code", "message"),
    [
        ("mony(event.x) > 1", "unknown-name", "did you mean `money`?"),
        ("foo > 1", "unknown-name", "there is no `foo` here"),
        ("event.x > now()", "unknown-name", "knows no clock"),
        ('money(event.x) == "x"', "type-mismatch", "it takes 2 or 3 arguments, not 1"),
        ('event.x.toUpperCase() == "A"', "unknown-name", "write upper(event.x)"),
        ('"a" + 1 == "x"', "type-mismatch", "with string()"),
    ],
)
def test_events_without_a_schema_have_the_same_messages(
    condition: str, code: str, message: str, schemas: SchemaCatalogue
) -> None:
    """As far as their mistakes show without types."""
    files = sound(OTHER_RULES)
    text = (
        files[OTHER_RULES].replace(flights.WHEN, f"'{condition}'").replace("fly.flight.Delayed", "fly.flight.Unknown")
    )
    first = next(one for one in reported({**files, OTHER_RULES: text}, schemas) if one.code != "unknown-event-type")
    assert (first.code, message in first.message) == (code, True), first


@pytest.mark.parametrize(("path", "name", "right", "also_right"), SOUND, ids=[name for _, name, *_ in SOUND])
def test_what_only_looks_like_a_mistake_is_not_reported(
    path: str, name: str, right: str, also_right: str, schemas: SchemaCatalogue
) -> None:
    """A rule that asks first, or that means what it writes, has no finding."""
    files = sound(path)
    assert files[path].count(right) == 1, name
    files[path] = files[path].replace(right, also_right)
    assert reported(files, schemas) == []
