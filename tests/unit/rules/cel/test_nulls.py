"""Whether an expression asks before it uses a field that may be null, or that not every version has."""

from __future__ import annotations

import pytest

from pipeline.rules.cel import nulls
from pipeline.rules.cel.engine import Environment
from pipeline.rules.cel.fields import versions
from tests.unit.rules.shop import PAID, schemas, with_fields

ENVIRONMENT = Environment()
OLDER, NEWER = versions(
    schema.root
    for schema in schemas(with_fields(), with_fields({"name": "gift_card", "type": "string"})).versions(PAID)
)


def used(source: str, *, after: str = "", may_be_null: bool = False) -> list[str]:
    """The paths that the older version cannot vouch for; `after` is a condition that holds."""
    known = nulls.facts(ENVIRONMENT.compile(after).tree().root, holds=True) if after else nulls.NOTHING
    found = nulls.uses(ENVIRONMENT.compile(source).tree(), OLDER, known, may_be_null=may_be_null)
    return [use.path for use in found]


@pytest.mark.parametrize(
    "source",
    [
        "event.note != null && event.note.size() > 1",
        "event.note.size() > 1 && event.note != null",
        "event.note == null || event.note.size() > 1",
        "!(event.note == null) && event.note.size() > 1",
        "!(event.note == null || event.count > 1) && event.note.size() > 1",
        "null != event.note && event.note.size() > 1",
        "event.note != null ? event.note : 'none'",
        "event.note == null ? 'none' : event.note",
        "event.note != null && event.count > 1 ? event.note + '!' : ''",
        "event.note == 'gift' ? event.note + '!' : ''",
        "event.points == 5",
        "event.note == event.order_no",
        "event.note in ['a', 'b']",
        "default(event.note, '') + '!'",
        "event.buyer.level != null && event.buyer.level > 2",
        "event.coupon != null && event.coupon.code == 'A'",
        "event.coupon != null ? event.coupon.code : ''",
        "event.lines.exists(line, line.title == 'bean')",
        "has(event.gift_card) && event.gift_card == 'A'",
        "event.gift_card == 'A' && has(event.gift_card)",
        "has(event.gift_card) ? event.gift_card : ''",
        "!has(event.gift_card) || event.gift_card == 'A'",
        "event.extra['shop'] == 'west'",
    ],
)
def test_what_is_checked_before_is_fine(source: str) -> None:
    """Every way of asking that CEL honours counts, in either order."""
    assert used(source) == []


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("event.note", ["event.note"]),
        ("event.note.size() > 1", ["event.note"]),
        ("event.points > 3", ["event.points"]),
        ("event.note != null || event.note.size() > 1", ["event.note"]),
        ("event.note == null && event.note.size() > 1", ["event.note"]),
        ("event.note != null ? 'none' : event.note", ["event.note"]),
        ("event.count > 1 ? event.note : ''", ["event.note"]),
        ("event.note != 'gift' && event.note.size() > 1", ["event.note"]),
        ("has(event.note) && event.note.size() > 1", ["event.note"]),
        ("event.points != null && event.note.size() > 1", ["event.note"]),
        ("event.coupon.code == 'A'", ["event.coupon"]),
        ("has(event.coupon.code)", ["event.coupon"]),
        ("event.buyer.level + 1", ["event.buyer.level"]),
        ("event.tags.exists(tag, tag == event.note + '')", ["event.note"]),
        ("string(event.points)", ["event.points"]),
        ("event.order_no in [event.note]", ["event.note"]),
        ("event.gift_card == 'A'", ["event.gift_card"]),
        ("event.gift_card != null", ["event.gift_card"]),
        ("default(event.gift_card, '')", ["event.gift_card"]),
        ("(event.note != null || event.points != null) && event.note.size() > 1", ["event.note"]),
    ],
)
def test_what_is_not_checked_is_reported(source: str, paths: list[str]) -> None:
    """has() is true for null, and asking about one field says nothing of another."""
    assert used(source) == paths


def test_a_condition_vouches_for_the_message() -> None:
    """What `when` asked, the texts need not ask again."""
    assert used("event.note + '!'", after="event.count > 1 && event.note != null") == []
    assert used("event.gift_card", after="has(event.gift_card)") == []
    assert used("event.note + '!'", after="event.count > 1 || event.note != null") == ["event.note"]


def test_a_text_that_may_come_to_nothing_may_be_null() -> None:
    """An optional field that is null is left out; but only null itself, not what is made of it."""
    assert used("event.note", may_be_null=True) == []
    assert used("event.count > 1 ? event.note : event.order_no", may_be_null=True) == []
    assert used("event.note + '!'", may_be_null=True) == ["event.note"]


def test_the_newer_version_has_what_the_older_lacks() -> None:
    """Each version is judged by its own fields."""
    tree = ENVIRONMENT.compile("event.gift_card == 'A'").tree()
    assert list(nulls.uses(tree, NEWER)) == []
    (use,) = nulls.uses(tree, OLDER)
    assert use.is_absent
