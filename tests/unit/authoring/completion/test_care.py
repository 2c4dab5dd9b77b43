"""Completion and hover of care.yaml, and of the keys of rules and tests about it."""

from __future__ import annotations

import pytest

from pipeline.authoring.completion.complete import complete
from pipeline.authoring.completion.hover import hover
from pipeline.authoring.completion.known import Known
from pipeline.authoring.completion.shapes import FileKind
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from tests.unit.authoring.completion.folder import RULE, RULES, SCHEMA, TEMPLATES, TEST

HEAD = """\
care:
  quiet_hours: {night: {from: "22:00", to: "08:00"}}
  caps:
    a-day: {of: {category: marketing}, at_most: 2, per: day}
"""
CARE = f"""\
{HEAD}\
  categories:
    marketing: {{caps: [a-day], quiet: {{hours: night}}, opt_out: promotions}}
    news: {{}}
"""
KNOWN = Known(SchemaCatalogue([EventSchema(SCHEMA)])).with_files(
    RuleSources({"rules/shop.yaml": RULES}, ("rules/templates.yaml", TEMPLATES), care=("rules/care.yaml", CARE))
)


def labels(text: str, kind: FileKind = FileKind.CARE) -> list[str]:
    return [item.label for item in complete(kind, text.replace("¦", ""), text.index("¦"), KNOWN)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("¦", ["care"]),
        ("care:\n  ¦", ["timezone", "quiet_hours", "caps", "categories"]),
        ("care:\n  caps:\n    a-day:\n      ¦", ["of", "at_most", "per", "reserve"]),
        ("care: {caps: {a: {per: ¦", ["day", "week"]),
        ("care: {caps: {a: {of: ¦", ["all"]),
        ("care: {caps: {a: {of: {category: mar¦", ["marketing"]),
        ("care: {caps: {a: {reserve: {tr¦", ["transactional"]),
        (HEAD + "  categories: {marketing: {caps: [¦", ["a-day"]),
        (HEAD + "  categories: {marketing: {quiet: {hours: ¦", ["night"]),
        (HEAD + "  categories: {marketing: {quiet: {then: ¦", ["drop", "send"]),
        (HEAD + "  categories: {marketing: {urgent: ¦", ["true", "false"]),
        (HEAD + "  categories:\n    ¦", ["transactional", "marketing", "security", "news"]),
    ],
)
def test_in_care(text: str, found: list[str]) -> None:
    """Keys, closed values, and names that the file has."""
    assert labels(text) == found


def test_in_rules_and_tests() -> None:
    """Categories, caps, lists, and fields of the event in the key of `once`."""
    assert labels(RULE + "    category: ¦", FileKind.RULES) == ["transactional", "marketing", "security", "news"]
    assert labels(RULE + "    once: {¦", FileKind.RULES) == ["by", "within"]
    assert "sub" in labels(RULE + "    once: {by: '${event.¦", FileKind.RULES)
    assert labels(TEST + "    recipient: {opted_out: [¦", FileKind.TESTS) == ["promotions"]
    assert labels(TEST + "    timeline:\n      - expect: {cap: ¦", FileKind.TESTS) == ["a-day"]
    assert labels(TEST + "    timeline:\n      - ¦", FileKind.TESTS) == ["at", "event", "expect"]


@pytest.mark.parametrize(
    ("text", "kind", "title", "body"),
    [
        (CARE.replace("caps: [a-day]", "caps: [a-¦day]"), FileKind.CARE, "a-day", "2 a calendar day, of marketing"),
        (CARE.replace("hours: night", "hours: ni¦ght"), FileKind.CARE, "night", "22:00 to 08:00"),
        (CARE.replace("opt_out", "opt¦_out"), FileKind.CARE, "opt_out", "List in preferences"),
        (RULE + "    category: mark¦eting", FileKind.RULES, "marketing", "cap a-day: 2 a calendar day, of marketing"),
        (RULE + "    on¦ce: {by: x, within: 1h}", FileKind.RULES, "once", "No second message"),
    ],
)
def test_hover(text: str, kind: FileKind, title: str, body: str) -> None:
    """What a name or a key means."""
    found = hover(kind, text.replace("¦", ""), text.index("¦"), KNOWN)
    assert found is not None
    assert found.title == title
    assert body in found.body


def test_a_file_that_cannot_be_read_leaves_what_was_known() -> None:
    """While it is being written."""
    broken = KNOWN.with_files(RuleSources({}, None, care=("rules/care.yaml", "care: {caps: [")))
    assert broken.categories == KNOWN.categories
    assert KNOWN.with_files(RuleSources({}, None)).categories == ["transactional", "marketing", "security"]
