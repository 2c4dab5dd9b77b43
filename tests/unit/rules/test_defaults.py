"""`defaults:` of a file: keys of every rule that does not set them, and fields of cards, one by one."""

from __future__ import annotations

import pytest

from pipeline.model.event import Event, Record
from pipeline.model.notice import Notice
from pipeline.rules.compile import compile_rules
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources

TEMPLATES = """\
templates:
  paid:
    title: 已支付
    ids: {production: A}
    fields: {thing1: {}, thing2: {optional: true}}
  shipped:
    title: 已发货
    ids: {production: B}
    fields: {thing1: {}, character_string3: {}}
"""
RULES = """\
defaults:
  on: shop.Done
  to: ${event.sub}
  data:
    thing2: 咖啡商城
    character_string3: ${event.order_no}
rules:
  - id: paid
    template: paid
    data: {thing1: 已支付}
  - id: quiet
    template: paid
    data: {thing1: 已支付, thing2: ""}
  - id: shipped
    template: shipped
    data: {thing1: 已发货}
"""


def sources(rules: str) -> RuleSources:
    return RuleSources({"rules.yaml": rules}, ("templates.yaml", TEMPLATES))


def texts(rules: str) -> dict[str, dict[str, str]]:
    compiled = compile_rules(sources(rules), SchemaCatalogue())
    assert compiled.errors == ()
    assert compiled.ruleset is not None
    record = Record("t", 0, 0, None, None, (), 0)
    event = Event("shop.Done", {"sub": "s", "order_no": "T1"}, record, "t/0/0", None, None, 0, None, None)
    made = compiled.ruleset.evaluate(event)
    assert all(isinstance(one, Notice) for one in made)
    rendered = {rule.id: rule for rule in compiled.ruleset.rules}
    activation = compiled.ruleset.bind(event)
    return {
        name: {field.key: text for field in rule.fields if (text := field.text.render(activation, field.key))}
        for name, rule in rendered.items()
    }


def test_the_fields_of_the_defaults_are_added_to_each_card_that_has_them() -> None:
    """The rule's own text comes first; an empty one leaves an optional field out."""
    assert texts(RULES) == {
        "paid": {"thing1": "已支付", "thing2": "咖啡商城"},
        "quiet": {"thing1": "已支付"},
        "shipped": {"thing1": "已发货", "character_string3": "T1"},
    }


@pytest.mark.parametrize(
    ("before", "after", "code", "line"),
    [
        ("thing2: 咖啡商城", "thing9: 咖啡商城", "unknown-template-field", 5),
        ("thing2: 咖啡商城", f"thing2: {'咖' * 21}", "over-limit", 5),
        ("${event.order_no}", "${event.order_no", "expression-unclosed", 6),
        ("data: {thing1: 已发货}", "data: {thing1: 已发货, thing9: x}", "unknown-template-field", 16),
    ],
)
def test_faults_are_where_the_text_is(before: str, after: str, code: str, line: int) -> None:
    """In the defaults or in the rule; one that no card has is found once."""
    found = check(sources(RULES.replace(before, after)), SchemaCatalogue()).findings
    assert [(one.code, one.line) for one in found if one.is_error] == [(code, line)]


def test_a_placeholder_in_the_defaults_is_warned_of_there() -> None:
    """As in a rule."""
    found = check(sources(RULES.replace("咖啡商城", "您好%s")), SchemaCatalogue()).findings
    assert {one.line for one in found if one.code == "foreign-placeholder"} == {5}


def test_parts_of_a_rule_know_where_they_are() -> None:
    """For explanations and coverage: in the rule, else in the defaults."""
    locations = check(sources(RULES), SchemaCatalogue()).locations["shipped"]
    assert locations.location("data", "thing1").line == 16
    assert locations.location("data", "character_string3").line == 6
    assert locations.expressions("data", "character_string3") == (2,)
