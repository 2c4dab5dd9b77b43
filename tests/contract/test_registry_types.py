"""Event types from the registry: JSON events, and the check of rules, as with a folder of schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.bootstrap.events import Schemas, find_decoder, find_rules, service_schemas
from pipeline.errors import RulesRefused
from pipeline.model.event import Record
from pipeline.rules.timestamp import Timestamp
from pipeline.settings import Settings
from tests.fakes.registry import FakeRegistry

TIME = {"type": "long", "logicalType": "timestamp-millis"}
PAID = {
    "type": "record",
    "name": "shop.Paid",
    "fields": [
        {"name": "sub", "type": "string"},
        {"name": "amount", "type": "double"},
        {"name": "at", "type": TIME},
    ],
}
RULES = """
rules:
  - id: paid
    on: shop.Paid
    when: event.FIELD > 1.0
    to: ${event.sub}
    template: t
    data: {keyword1: "${local_time(event.at, 'HH:mm')}"}
"""
TEMPLATES = "templates: {t: {title: 通知, style: history, ids: {production: p}, fields: {keyword1: {label: 一}}}}"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


def settings(folder: Path, url: str, field: str = "amount") -> Settings:
    """A configuration with a registry alone."""
    folder.joinpath("rules.yaml").write_text(RULES.replace("FIELD", field))
    folder.joinpath("templates.yaml").write_text(TEMPLATES)
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "localhost:1", "topics": ["orders"], "group_id": "g"},
            "schemas": {"registry_url": url},
            "rules": folder,
            "notices": {"url": "http://localhost:1/", "token": "t"},
        }
    )


def found(given: Settings) -> Schemas:
    """The schemas, with the registry's connection closed."""
    schemas = service_schemas(given)
    assert schemas.registry is not None
    schemas.registry.close()
    return schemas


@pytest.mark.parametrize("subject", ["orders-value", "shop.Paid", "orders-shop.Paid"])
def test_json_events_are_typed_by_the_registrys_newest_schema(
    tmp_path: Path, registry: FakeRegistry, subject: str
) -> None:
    """Under each of Confluent's subject strategies."""
    registry.add(subject, {**PAID, "fields": PAID["fields"][:1]})
    registry.add(subject, PAID)
    given = settings(tmp_path, registry.url)
    schemas = found(given)
    value = b'{"sub": "u1", "amount": 2, "at": 1795417260000}'
    record = Record("orders", 0, 0, None, value, (("ce_type", b"shop.Paid"),), 0)
    event = find_decoder(given, schemas).decode(record)
    assert event.data == {"sub": "u1", "amount": 2.0, "at": Timestamp(1_795_417_260, 0)}
    assert len(find_rules(given, schemas.catalogue).evaluate(event)) == 1


def test_rules_are_checked_against_it(tmp_path: Path, registry: FakeRegistry) -> None:
    """A misspelt field is refused at start, not at each event."""
    registry.add("orders-value", PAID)
    given = settings(tmp_path, registry.url, "amuont")
    with pytest.raises(RulesRefused) as refused:
        find_rules(given, found(given).catalogue)
    assert [finding.code for finding in refused.value.findings] == ["unknown-field"]


def test_other_subjects_are_not_requested(tmp_path: Path, registry: FakeRegistry) -> None:
    """A registry may have thousands; one that cannot be read stops nothing."""
    registry.add("other-value", PAID)
    registry.add("orders-value", "syntax", schemaType="PROTOBUF")
    registry.add("shop.Paid", [PAID, {**PAID, "name": "shop.Closed"}])
    schemas = found(settings(tmp_path, registry.url))
    assert sorted(schemas.catalogue) == ["shop.Closed", "shop.Paid"]
    assert registry.requests == [
        "GET /subjects",
        "GET /subjects/orders-value/versions/latest",
        "GET /subjects/shop.Paid/versions/latest",
    ]
