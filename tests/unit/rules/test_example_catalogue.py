"""The rules, templates and schemas that the product ships as its example."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.rule_files import read_rules_and_tests
from pipeline.authoring.rule_tests.running import run
from pipeline.model.event import Event, Record
from pipeline.model.notice import Notice
from pipeline.rules.lint.check import check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.schema.json_events import from_json
from pipeline.rules.schema.types import NullableType, ScalarType

ROOT = Path(__file__).resolve().parents[3]
RECORD = Record("user.account.events", 0, 1, None, None, (), 0)


@pytest.fixture(scope="module")
def schemas() -> SchemaCatalogue:
    return read_schemas(ROOT / "schemas" / "events")


@pytest.fixture(scope="module")
def rules(schemas: SchemaCatalogue) -> RuleSet:
    checked = check(read_rules_and_tests(ROOT / "rules"), schemas, environment="production")
    assert checked.findings == ()
    assert checked.ruleset is not None
    return checked.ruleset


@pytest.mark.parametrize("environment", ["production", "staging", None])
def test_the_example_has_no_findings(schemas: SchemaCatalogue, environment: str | None) -> None:
    """What we ship as a model is clean, in every environment: no error, no warning, no note."""
    assert check(read_rules_and_tests(ROOT / "rules"), schemas, environment=environment).findings == ()


def test_the_examples_own_tests_pass(schemas: SchemaCatalogue) -> None:
    """Every one of them, in the service's own engine."""
    checked = check(read_rules_and_tests(ROOT / "rules"), schemas, environment="production")
    assert checked.ruleset is not None
    results = [run(case, checked.ruleset, schemas, {}) for case in checked.cases]
    assert len(results) > 20
    assert [(result.case.name, mismatch) for result in results for mismatch in result.mismatches] == []


def test_every_example_event_type_has_a_rule(rules: RuleSet, schemas: SchemaCatalogue) -> None:
    """Eight event types, and each makes a message."""
    assert len(schemas) == 8
    assert rules.event_types == set(schemas)


def test_schemas_say_what_fields_mean(schemas: SchemaCatalogue) -> None:
    """Every event names itself, its moment and its recipient, and explains each field."""
    for event_type in schemas:
        schema = schemas.newest(event_type)
        assert schema is not None
        kinds = {field.name: field.type for field in schema.root.fields}
        assert isinstance(kinds["event_id"], ScalarType)
        assert kinds["event_id"].logical == "uuid"
        assert isinstance(kinds["occurred_at"], ScalarType)
        assert kinds["occurred_at"].logical == "timestamp-millis"
        assert "sub" in kinds
        assert all(field.doc for field in schema.root.fields)
        if event_type == "com.example.coupon.issued.v1":
            assert isinstance(kinds["threshold"], NullableType)


def test_every_field_shows_an_example_that_the_channel_takes(rules: RuleSet) -> None:
    """Each field of each template has an example within its limits."""
    for template in rules.templates.values():
        for field in template.fields:
            assert field.example is not None
            assert field.kind.violation(field.example) is None


def test_a_message_of_the_older_kind_is_as_the_contract_shows(rules: RuleSet, schemas: SchemaCatalogue) -> None:
    """`first`, four keywords and `remark`, each with its colour, to the platform's id and the contract's template."""
    schema = schemas.newest("com.example.user.wallet.recharged.v1")
    assert schema is not None
    data = from_json(
        schema,
        {
            "event_id": "5f0c6f6c-f3a2-4a3c-9a1d-7e0b8c2d4e6f",
            "occurred_at": "2026-11-23T15:01:00Z",
            "sub": "5f0c6f6cf3a24a3c9a1d7e0b8c2d4e6f",
            "txn_no": "W20261123150100001",
            "amount": "20000.00",
            "balance": "20350.50",
            "recharged_at": 1795446060000,
        },
    )
    event = Event(schema.name, data, RECORD, "wallet/1", None, None, 1_795_446_060_000, None, None)
    notice = rules.evaluate(event)[1]
    assert isinstance(notice, Notice)
    assert json.loads(notice.body) == {
        "to": "5f0c6f6cf3a24a3c9a1d7e0b8c2d4e6f",
        "template": "Q57J4mJLPXxiBNTzRqkB93eB_64KLnRmAgNcoRiOMpk",
        "url": "https://m.example.com/wallet",
        "data": {
            "first": {"value": "您的账户有一笔大额充值", "color": "#000"},
            "keyword1": {"value": "W20261123150100001", "color": "#000"},
            "keyword2": {"value": "2026年11月23日 23:01", "color": "#000"},
            "keyword3": {"value": "¥20000.00", "color": "#000"},
            "keyword4": {"value": "¥20350.50", "color": "#000"},
            "remark": {"value": "如非本人操作，请立即联系客服", "color": "#000"},
        },
    }
