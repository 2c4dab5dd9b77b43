"""A small shop for tests of rules: an event type, a template of each style, and rule sets made of short texts."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from pipeline.model.event import Event, Record
from pipeline.model.finding import Finding
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.rules.timestamp import Timestamp


def _record(name: str, field: str) -> Mapping[str, object]:
    return {"type": "record", "name": name, "fields": [{"name": field, "type": "string"}]}


PAID = "shop.order.Paid"
PAID_AT = 1_764_000_000
SCHEMA: Mapping[str, object] = {
    "type": "record",
    "name": "Paid",
    "namespace": "shop.order",
    "fields": [
        {"name": "sub", "type": "string"},
        {"name": "order_no", "type": "string"},
        {"name": "count", "type": "int"},
        {"name": "amount", "type": "double"},
        {"name": "gift", "type": "boolean"},
        {"name": "paid_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["WECHAT", "ALIPAY", "BALANCE"]}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "points", "type": ["null", "long"], "default": None},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "extra", "type": {"type": "map", "values": "string"}},
        {
            "name": "buyer",
            "type": {
                "type": "record",
                "name": "Buyer",
                "fields": [{"name": "name", "type": "string"}, {"name": "level", "type": ["null", "int"]}],
            },
        },
        {"name": "coupon", "type": ["null", _record("Coupon", "code")]},
        {"name": "lines", "type": {"type": "array", "items": _record("Line", "title")}},
    ],
}
DATA: Mapping[str, object] = {
    "sub": "0123456789abcdef0123456789abcdef",
    "order_no": "T2026",
    "count": 3,
    "amount": 128.0,
    "gift": False,
    "paid_at": Timestamp(PAID_AT, 0),
    "channel": "WECHAT",
    "note": None,
    "points": 7,
    "tags": ["new", "vip"],
    "extra": {"shop": "west"},
    "buyer": {"name": "Li", "level": None},
    "coupon": None,
    "lines": [{"title": "bean"}],
}
TEMPLATES = """\
templates:
  paid:
    title: 订单支付成功通知
    ids: {production: template-1, staging: template-2}
    fields:
      thing1: {label: 商品}
      character_string2: {label: 订单编号, optional: true}
  old:
    title: 订单支付成功通知
    style: history
    ids: {production: template-3}
    fields: {first: {optional: true}, keyword1: {}, remark: {optional: true}}
"""
RULE = """\
rules:
  - id: paid
    on: shop.order.Paid
    to: ${event.sub}
    template: paid
    data: {thing1: 豆}
"""


def with_fields(*more: Mapping[str, object], without: str = "") -> Mapping[str, object]:
    """Another version of the shop's schema: fields more, and one less."""
    fields = SCHEMA["fields"]
    assert isinstance(fields, list)
    return {**SCHEMA, "fields": [*(field for field in fields if field["name"] != without), *more]}


def schemas(*versions: Mapping[str, object]) -> SchemaCatalogue:
    """The shop's schema, or the versions given."""
    return SchemaCatalogue(EventSchema(version) for version in versions or (SCHEMA,))


def checked(rules: str, templates: str | None = TEMPLATES, *versions: Mapping[str, object]) -> CheckResult:
    """What `check` says of one file of rules."""
    given = ("rules/templates.yaml", templates) if templates is not None else None
    return check(RuleSources({"rules/shop.yaml": rules}, given), schemas(*versions), environment="production")


def findings(rules: str, templates: str | None = TEMPLATES, *versions: Mapping[str, object]) -> list[Finding]:
    """Findings but for warnings of missing tests and unused templates."""
    usual = {"missing-test", "unused-template"}
    return [one for one in checked(rules, templates, *versions).findings if one.code not in usual]


def ruleset(rules: str, templates: str = TEMPLATES) -> RuleSet:
    """A rule set that must be free of errors."""
    result = checked(rules, templates)
    assert result.ruleset is not None, [str(one) for one in result.findings]
    return result.ruleset


def one_rule(**changes: str) -> RuleSet:
    """The shop's rule with keys added or changed, each as YAML."""
    keys = {"id": "paid", "on": PAID, "to": "${event.sub}", "template": "paid", "data": "{thing1: 豆}"} | changes
    first, *others = (f"{key}: {value}" for key, value in keys.items())
    return ruleset("\n".join(["rules:", f"  - {first}", *(f"    {other}" for other in others)]) + "\n")


def event(**changes: object) -> Event:
    """The shop's event with fields changed."""
    record = Record("orders", 0, 17, b"key", b"value", (), PAID_AT * 1_000)
    return Event(PAID, {**DATA, **changes}, record, "orders/0/17", None, None, PAID_AT * 1_000, None, None)


def body(item: object) -> dict[str, object]:
    """The request that a notice will be."""
    loaded = orjson.loads(getattr(item, "body"))  # noqa: B009 - a notice or a refusal; the latter fails the test here
    assert isinstance(loaded, dict)
    return loaded
