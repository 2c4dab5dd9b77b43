"""The published JSON Schemas agree with the parser, by a validator of the standard.

What only `check` can know (fields of events, other files) is not in them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.rules.lint.case_format import TestFile
from pipeline.rules.source.care_format import CareFile
from pipeline.rules.source.format import RuleFile, TemplateFile

ROOT = Path(__file__).parents[3]
FAULTS = ROOT / "tests" / "faults"
EXAMPLE = ROOT / "examples" / "recipient-care" / "rules"
MODELS: dict[str, type[BaseModel]] = {
    "rules": RuleFile,
    "templates": TemplateFile,
    "tests": TestFile,
    "care": CareFile,
}
RULE = {"id": "paid", "on": "shop.Paid", "to": "${event.sub}", "template": "paid", "data": {"thing1": "豆"}}
TEMPLATE = {"title": "付款成功", "ids": {"production": "T1"}, "fields": {"thing1": {}}}
EVENT = {"type": "shop.Paid", "example": True}
CAP = {"of": "all", "at_most": 2, "per": "day"}
MOMENT = {"at": "2026-11-30T09:00+08:00", "event": EVENT, "expect": {"notices": []}}


def validator(kind: str) -> Draft202012Validator:
    """Refuses the schema itself, where it is none of the standard."""
    schema = json.loads((ROOT / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


def content(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    yaml = YAML(typ="safe", pure=True)
    as_text = yaml.constructor.yaml_constructors["tag:yaml.org,2002:str"]
    yaml.constructor.add_constructor("tag:yaml.org,2002:timestamp", as_text)  # YAML 1.2 has no dates, nor have editors
    return yaml.load(path.read_text(encoding="utf-8"))


def kind_of(path: Path) -> str:
    if path.parent.name == "tests":
        return "tests"
    return {"templates.yaml": "templates", "care.yaml": "care"}.get(path.name, "rules")


def model_takes(kind: str, value: object) -> bool:
    try:
        MODELS[kind].model_validate(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "rules").rglob("*.yaml"), *EXAMPLE.rglob("*.yaml")]), ids=lambda path: path.name
)
def test_the_example_catalogue_has_nothing_underlined(path: Path) -> None:
    """Rules, templates and tests as they are shipped, and the example of recipient care."""
    assert [str(error) for error in validator(kind_of(path)).iter_errors(content(path))] == []


@pytest.mark.parametrize("path", sorted(FAULTS.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", MODELS)
def test_a_faulty_file_is_underlined_where_its_form_is_at_fault(path: Path, kind: str) -> None:
    """Schema and parser agree on every file of faults, read as each of the kinds."""
    try:
        value = content(path)
    except YAMLError:
        return  # no YAML: an editor reports it without any schema
    assert validator(kind).is_valid(value) is model_takes(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("rules", {"rules": [{**RULE, "wen": "true"}]}),
        ("rules", {"rules": [{**RULE, "id": "Two Words"}]}),
        ("rules", {"rules": [{**RULE, "id": None}]}),
        ("rules", {"rules": [{key: text for key, text in RULE.items() if key != "id"}]}),
        ("rules", {"rules": [{**RULE, "on": 7}]}),
        ("rules", {"rules": [{**RULE, "color": "red"}]}),
        ("rules", {"rules": [{**RULE, "category": "Spam and more"}]}),
        ("rules", {"rules": [{**RULE, "once": {"by": "${event.sub}"}}]}),
        ("rules", {"rules": [{**RULE, "once": {"by": "${event.sub}", "within": "a day"}}]}),
        ("rules", {"rules": [{**RULE, "expires_after": "2 days"}]}),
        ("rules", {"rules": [{**RULE, "overflow": {"thing1": "wrap"}}]}),
        ("rules", {"rules": [{**RULE, "order": "sideways"}]}),
        ("rules", {"rules": [{**RULE, "data": {"thing1": {"text": "x"}}}]}),
        ("rules", {"rules": {"paid": RULE}}),
        ("rules", {"defaults": {"id": "x"}, "rules": [RULE]}),
        ("rules", []),
        ("templates", {"templates": {"paid": {**TEMPLATE, "style": "modern"}}}),
        ("templates", {"templates": {"paid": {**TEMPLATE, "fields": {"thing1": {"labl": "x"}}}}}),
        ("templates", {"templates": {"paid": {"title": "x"}}}),
        ("templates", {"templates": [TEMPLATE]}),
        ("care", {"care": {"caps": {"a": {**CAP, "of": "some"}}}}),
        ("care", {"care": {"caps": {"a": {**CAP, "at_most": "many"}}}}),
        ("care", {"care": {"caps": {"a": {**CAP, "per": "month"}}}}),
        ("care", {"care": {"quiet_hours": {"night": {"from": "22", "to": "08:00"}}}}),
        ("care", {"care": {"categories": {"marketing": {"quiet": {"hours": "night", "then": "hold"}}}}}),
        ("care", {"care": {"categories": {"marketing": {"over_cap": "hold"}}}}),
        ("care", {"categories": {}}),
        ("tests", {"tests": [{"name": "x", "timeline": [{**MOMENT, "att": "x"}]}]}),
        ("tests", {"tests": [{"name": "x", "timeline": [{"event": EVENT}]}]}),
        ("tests", {"tests": [{"name": "x", "recipient": {"zone": "UTC"}, "timeline": [MOMENT]}]}),
        ("tests", {"tests": [{"name": "x", "event": {}, "expect": {"notices": []}}]}),
        ("tests", {"tests": [{"name": "x", "event": EVENT, "expect": {"none": "never"}}]}),
        ("tests", {"tests": [{"event": EVENT, "expect": {"notices": []}}]}),
        ("tests", {"tests": [{"name": "x", "event": EVENT, "expect": {"notices": [{"rul": "paid"}]}}]}),
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_parser_refuses(kind: str, value: object) -> None:
    """Unknown keys, missing ones, wrong types, and values outside their set or form."""
    assert not model_takes(kind, value)
    assert not validator(kind).is_valid(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("rules", {"rules": [RULE]}),
        (
            "rules",
            {"defaults": {"to": "${event.sub}"}, "rules": [{**RULE, "on": ["a.B", "a.C"], "expires_after": "7d"}]},
        ),
        ("rules", {"rules": [{**RULE, "category": "newsletter", "once": {"by": "${event.sub}", "within": "24h"}}]}),
        ("care", {"care": {"timezone": "Asia/Shanghai", "caps": {"a": CAP}}}),
        (
            "care",
            {"care": {"timezone": {"from": "preferences"}, "caps": {"a": {**CAP, "of": {"category": ["x", "y"]}}}}},
        ),
        ("templates", {"templates": {"paid": TEMPLATE}}),
        ("tests", {"tests": [{"name": "x", "event": EVENT, "expect": {"none": "no_match"}}]}),
        ("tests", {"tests": [{"name": "x", "recipient": {"opted_out": ["a"]}, "timeline": [MOMENT]}]}),
    ],
    ids=str,
)
def test_the_schema_accepts_what_the_parser_accepts(kind: str, value: object) -> None:
    """A schema that refused everything would pass the tests above."""
    assert model_takes(kind, value)
    assert validator(kind).is_valid(value)


def test_the_configuration_s_schema_takes_what_the_compose_file_mounts() -> None:
    """It refuses an unknown key."""
    check = validator("configuration")
    given = content(ROOT / "deploy" / "compose" / "pipeline.yaml")
    assert [str(error) for error in check.iter_errors(given)] == []
    assert not check.is_valid({**given, "kafak": {}})
