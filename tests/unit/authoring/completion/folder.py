"""A folder of rules with every kind of field, for the tests of completion and hover."""

from __future__ import annotations

from pipeline.authoring.completion.complete import Item, complete
from pipeline.authoring.completion.hover import Hover, hover
from pipeline.authoring.completion.known import Known
from pipeline.authoring.completion.shapes import FileKind
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources

CHANNEL = {"type": "enum", "name": "Channel", "symbols": ["WECHAT", "ALIPAY"]}
NAMED = {"name": "name", "type": "string", "doc": "As on the passport."}
SCHEMA: dict[str, object] = {
    "type": "record",
    "name": "Booked",
    "namespace": "shop",
    "doc": "A flight is booked.",
    "fields": [
        {"name": "sub", "type": "string"},
        {"name": "channel", "type": CHANNEL, "doc": "How it was paid."},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "gift", "type": "boolean"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "people", "type": {"type": "array", "items": {"type": "record", "name": "Person", "fields": [NAMED]}}},
        {
            "name": "tiers",
            "type": {
                "type": "map",
                "values": {"type": "record", "name": "Tier", "fields": [{"name": "price", "type": "double"}]},
            },
        },
        {"name": "buyer", "type": {"type": "record", "name": "Buyer", "fields": [{"name": "city", "type": "string"}]}},
    ],
}
OTHER: dict[str, object] = {
    "type": "record",
    "name": "Left",
    "namespace": "shop",
    "fields": [{"name": "sub", "type": "string"}, {"name": "gate", "type": "string"}],
}
TEMPLATES = """\
templates:
  booked:
    title: 预订成功
    ids: {production: P1}
    fields:
      thing1: {label: 姓名, example: 李雷}
      amount2: {label: 金额}
      thing3: {label: 备注, optional: true}
"""
RULES = """\
rules:
  - id: booked
    on: shop.Booked
    to: ${event.sub}
    template: booked
    data: {thing1: a}
"""
KNOWN = Known(SchemaCatalogue([EventSchema(SCHEMA), EventSchema(OTHER)])).with_files(
    RuleSources({"rules/shop.yaml": RULES}, ("rules/templates.yaml", TEMPLATES))
)
RULE = "rules:\n  - id: mine\n    on: shop.Booked\n    template: booked\n"
"""The beginning of a file: what follows is a key of the rule."""
TEST = "tests:\n  - name: one\n    event:\n      type: shop.Booked\n"
CURSOR = "¦"


def completed(text: str, kind: FileKind = FileKind.RULES) -> list[Item]:
    """What can be written at the cursor in `text`."""
    return complete(kind, text.replace(CURSOR, ""), text.index(CURSOR), KNOWN)


def labels(text: str, kind: FileKind = FileKind.RULES) -> list[str]:
    """The labels of what can be written at the cursor."""
    return [item.label for item in completed(text, kind)]


def written(text: str, label: str, kind: FileKind = FileKind.RULES) -> str:
    """The text after the item with that label is chosen."""
    item = next(one for one in completed(text, kind) if one.label == label)
    offset, whole = text.index(CURSOR), text.replace(CURSOR, "")
    return whole[: item.start] + item.insert + whole[offset:]


def hovered(text: str, kind: FileKind = FileKind.RULES) -> Hover | None:
    """What is at the cursor in `text`."""
    return hover(kind, text.replace(CURSOR, ""), text.index(CURSOR), KNOWN)
