"""Schemas are read again with the rules, and used only with rules that are accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.bootstrap.events import Schemas, find_decoder, service_schemas
from pipeline.bootstrap.rule_loader import RuleLoader
from pipeline.errors import RulesRefused, SchemaError
from pipeline.model.event import Event, Record
from pipeline.settings import Settings

TEMPLATES = "templates: {paid: {title: 付款成功, ids: {production: T1}, fields: {thing1: {}}}}"


def rule(name: str, field: str) -> str:
    data = f"{{thing1: '${{string(event.{field})}}'}}"
    return f"rules:\n  - {{id: {name.lower()}, on: {name}, to: u1, template: paid, data: {data}}}\n"


def schema(name: str, *fields: str) -> str:
    declared = [{"name": one, "type": "long", "default": 7} for one in fields]
    return json.dumps({"type": "record", "name": name, "fields": declared})


class Folder:
    """Rules and schemas on disk, and what a service has made of them."""

    def __init__(self, folder: Path) -> None:
        self.rules, self.schemas = folder / "rules", folder / "schemas"
        self.rules.mkdir()
        self.schemas.mkdir()
        (self.rules / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
        (self.rules / "a.yaml").write_text(rule("A", "n"), encoding="utf-8")
        (self.schemas / "A.avsc").write_text(schema("A", "n"), encoding="utf-8")
        settings = Settings.model_validate(
            {
                "kafka": {"bootstrap_servers": "localhost:1", "topics": ["events"], "group_id": "g"},
                "schemas": {"directory": self.schemas},
                "rules": self.rules,
                "notices": {"url": "http://localhost:1/", "token": "t"},
            }
        )
        self.at_start: Schemas = service_schemas(settings)
        self.decoder = find_decoder(settings, self.at_start)
        self.loader = RuleLoader(settings, self.at_start, self.decoder, has_care=False)

    def event(self, name: str, content: object) -> Event:
        """One event, written as JSON."""
        value = json.dumps(content).encode()
        return self.decoder.decode(Record("events", 0, 0, None, value, (("ce_type", name.encode()),), 1))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_type_that_is_new_with_the_rules_is_checked_and_typed(folder: Folder) -> None:
    """Once its rules are accepted, not before."""
    (folder.rules / "b.yaml").write_text(rule("B", "n"), encoding="utf-8")
    (folder.schemas / "B.avsc").write_text(schema("B", "n"), encoding="utf-8")
    rules = folder.loader.load()
    assert rules.event_types == {"A", "B"}
    assert folder.event("B", {"n": "5"}).data == {"n": "5"}
    folder.loader.accepted(rules)
    assert folder.event("B", {"n": "5"}).data == {"n": 5}


def test_a_field_that_is_new_with_the_rules_can_be_read(folder: Folder) -> None:
    """Events that lack it have its default."""
    (folder.rules / "a.yaml").write_text(rule("A", "m"), encoding="utf-8")
    (folder.schemas / "A.avsc").write_text(schema("A", "n", "m"), encoding="utf-8")
    folder.loader.accepted(folder.loader.load())
    assert folder.event("A", {"n": 5}).data == {"n": 5, "m": 7}


@pytest.mark.parametrize(
    ("break_it", "error"),
    [
        (lambda at: (at.schemas / "A.avsc").write_text("{", encoding="utf-8"), SchemaError),
        (lambda at: (at.rules / "a.yaml").write_text(rule("A", "q"), encoding="utf-8"), RulesRefused),
        (lambda at: (at.schemas / "A.avsc").write_text(schema("A", "m"), encoding="utf-8"), RulesRefused),
    ],
    ids=["a schema that is cut short", "a field that no version has", "a schema without a field that rules read"],
)
def test_what_is_refused_changes_nothing(
    folder: Folder, break_it: Callable[[Folder], object], error: type[Exception]
) -> None:
    """Events are read as before, by the schemas of the rules in use."""
    break_it(folder)
    with pytest.raises(error):
        folder.loader.load()
    assert folder.event("A", {"n": "5"}).data == {"n": 5}
