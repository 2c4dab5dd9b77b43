"""Rules that a change of schemas breaks, each with its location, expression and cause."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipeline.authoring.schema_impact import Impact, impact
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources

RULES = """rules:
  - id: paid
    on: shop.Paid
    when: event.amount > 10.0  # small amounts are not worth a message
    to: ${event.sub}
    template: t
    data:
      thing1: "${event.channel} at ${event.shop}"
  - id: left
    on: shop.Left
    to: ${event.sub}
    template: t
    data:
      thing1: "${event.nothing}"
"""
TEMPLATES = "templates: {t: {title: 付款成功, ids: {production: T1}, fields: {thing1: {}}}}"
FIELDS = {"sub": "string", "amount": "double", "channel": "string", "shop": "string"}


def schema(name: str = "shop.Paid", changes: Mapping[str, object] | None = None) -> EventSchema:
    """The known schema with changed types; None removes a field."""
    fields = {**FIELDS, **(changes or {})}
    listed = [{"name": one, "type": kind} for one, kind in fields.items() if kind is not None]
    return EventSchema({"type": "record", "name": name, "fields": listed})


def found(changed: EventSchema, known: SchemaCatalogue | None = None) -> Impact:
    sources = RuleSources({"rules/shop.yaml": RULES}, ("templates.yaml", TEMPLATES))
    return impact(sources, SchemaCatalogue([schema()]) if known is None else known, [changed])


@pytest.mark.parametrize(
    ("changes", "line", "expression", "message"),
    [
        ({"shop": None}, 8, "event.shop", "no field `shop`"),
        ({"channel": "long", "amount": "string"}, 4, "event.amount > 10.0", ""),
        ({"sub": {"type": "array", "items": "string"}}, 5, "event.sub", ""),
    ],
)
def test_a_rule_is_named_with_line_expression_and_cause(
    changes: Mapping[str, object], line: int, expression: str, message: str
) -> None:
    """A field that is gone, and types that do not fit; a rule with faults of its own is not blamed on the change."""
    result = found(schema(changes=changes))
    (broken,) = result.broken
    assert (result.rules, broken.path, broken.line, broken.rule) == (1, "rules/shop.yaml", line, "paid")
    assert broken.expression == expression
    assert message in broken.message
    assert f"rules/shop.yaml:{line}:" in str(broken)


def test_a_new_field_and_a_type_without_rules_break_nothing() -> None:
    """Rules ignore what they do not know."""
    assert found(schema(changes={"more": "string"})) == Impact(1, ())
    assert found(schema("shop.Other")) == Impact(0, ())


def test_without_a_known_schema_every_fault_of_the_type_is_reported() -> None:
    """Rules of another repository may have none beside them."""
    assert [one.expression for one in found(schema(changes={"shop": None}), SchemaCatalogue()).broken] == ["event.shop"]
    assert [one.rule for one in found(schema("shop.Left"), SchemaCatalogue()).broken] == ["left"]
