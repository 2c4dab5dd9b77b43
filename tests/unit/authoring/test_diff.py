"""A rule change is compared on recorded events: kinds of change, counts, examples, time spans."""

from __future__ import annotations

import pytest

from pipeline.authoring.diff.changes import Change, Diff, Edit, FieldChange
from pipeline.authoring.diff.rule_set_pair import compare
from pipeline.model.event import Event, Record
from pipeline.model.outcome import Reason
from tests.unit.rules.shop import DATA, PAID, PAID_AT, TEMPLATES, one_rule, ruleset

HOUR_MS = 3_600_000


def at(number: int, *, kind: str = PAID, time_ms: int = PAID_AT * 1_000, **changes: object) -> Event:
    """The shop's event at an offset and a time."""
    record = Record("orders", 0, number, None, b"", (), time_ms)
    return Event(kind, {**DATA, **changes}, record, f"orders/0/{number}", None, None, time_ms, None, None)


def counts(diff: Diff, rule: str = "paid") -> dict[Change, int]:
    return {change: count for change, count in diff.rules[rule].counts.items() if count}


def test_a_condition_that_widens_makes_new_messages() -> None:
    """Both sides' messages are counted, and an example shows the whole new message."""
    old, new = one_rule(when="event.count > 3"), one_rule(when="event.count > 2")
    diff = compare(old, new, [at(1, count=3), at(2, count=5), at(3, count=1)])
    rule = diff.rules["paid"]
    assert (rule.edit, rule.events, rule.before, rule.after) == (Edit.EDITED, 3, 1, 2)
    assert counts(diff) == {Change.NEW: 1, Change.SAME: 1}
    assert [str(example.position) for example in rule.examples] == ["orders/0/1"]
    assert FieldChange("thing1", None, "豆") in rule.examples[0].fields
    assert diff.changes == 1


def test_a_condition_that_narrows_makes_messages_gone() -> None:
    """The example shows what would be missing."""
    diff = compare(one_rule(), one_rule(when="event.gift"), [at(1), at(2, gift=True)])
    assert counts(diff) == {Change.GONE: 1, Change.SAME: 1}
    assert FieldChange("thing1", "豆", None) in diff.rules["paid"].examples[0].fields


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"data": "{thing1: 茶}"}, FieldChange("thing1", "豆", "茶")),
        ({"data": "{thing1: 豆, character_string2: T1}"}, FieldChange("character_string2", None, "T1")),
        ({"to": "${event.order_no}"}, FieldChange("to", str(DATA["sub"]), "T2026")),
        ({"url": "https://shop.example/a"}, FieldChange("url", None, "https://shop.example/a")),
        ({"color": '"#123456"'}, FieldChange("thing1 (colour)", None, "#123456")),
        ({"expires_after": "24h"}, FieldChange("expires after", None, "1d")),
        ({"expires_after": "90m"}, FieldChange("expires after", None, "90m")),
        ({"expires_after": "7s"}, FieldChange("expires after", None, "7s")),
        ({"order": "none"}, FieldChange("order", None, "none")),
        ({"on_ambiguous": "give_up"}, FieldChange("on_ambiguous", None, "give_up")),
    ],
)
def test_every_part_of_a_message_is_compared(changes: dict[str, str], expected: FieldChange) -> None:
    """One part differs, and the example names that one and no other."""
    diff = compare(one_rule(), one_rule(**changes), [at(1)])
    assert counts(diff) == {Change.CHANGED: 1}
    assert diff.rules["paid"].examples[0].fields == (expected,)
    assert diff.rules["paid"].fields == {expected.name: 1}


def test_another_template_id_is_a_change() -> None:
    """The rule is the same, but the channel shows another template."""
    old = ruleset("rules: [{id: paid, on: shop.order.Paid, to: '${event.sub}', template: paid, data: {thing1: 豆}}]")
    new = ruleset(
        "rules: [{id: paid, on: shop.order.Paid, to: '${event.sub}', template: paid, data: {thing1: 豆}}]",
        TEMPLATES.replace("template-1", "template-9"),
    )
    diff = compare(old, new, [at(1)])
    assert diff.rules["paid"].examples[0].fields == (FieldChange("template id", "template-1", "template-9"),)


def test_a_message_that_is_refused_now_says_why() -> None:
    """It is gone if there was one before, else newly refused."""
    old, new = one_rule(when="event.gift == false"), one_rule(data='{thing1: "${event.order_no}"}')
    diff = compare(old, new, [at(1, order_no="T" * 50), at(2, order_no="T" * 50, gift=True)])
    rule = diff.rules["paid"]
    assert counts(diff) == {Change.GONE: 1, Change.REFUSED: 1}
    assert rule.refusals == {Reason.FIELD_LIMIT: 2}
    assert (rule.refused_before, rule.refused_after) == (0, 2)
    assert all(example.detail.startswith("field_limit: thing1:") for example in rule.examples)


def test_a_refusal_of_the_same_reason_is_the_same() -> None:
    """A message that is refused in both versions is not a change."""
    text = '{{thing1: "{}${{event.order_no}}"}}'
    diff = compare(one_rule(data=text.format("a")), one_rule(data=text.format("b")), [at(1, order_no="T" * 50)])
    assert counts(diff) == {Change.SAME: 1}


def test_rules_that_come_and_go() -> None:
    """A renamed rule is a rule gone and a rule new: its messages would be sent once more when events are read again."""
    diff = compare(one_rule(id="old-name"), one_rule(id="new-name"), [at(1)])
    assert {name: rule.edit for name, rule in diff.rules.items()} == {
        "old-name": Edit.REMOVED,
        "new-name": Edit.ADDED,
    }
    assert (counts(diff, "old-name"), counts(diff, "new-name")) == ({Change.GONE: 1}, {Change.NEW: 1})


def test_fields_without_effect_are_not_an_edit() -> None:
    """Description, owner and category do not change messages."""
    diff = compare(one_rule(), one_rule(description="other words", owner="others", category="marketing"), [at(1)])
    assert (diff.rules, diff.unchanged) == ({}, ("paid",))


def test_a_stop_changes_the_rules_behind_it() -> None:
    """An unchanged rule loses messages if an earlier rule gets `stop: true`."""
    rules = """
defaults: {on: shop.order.Paid, to: "${event.sub}", template: paid}
rules:
  - {id: first, data: {thing1: 一}, when: event.gift, stop: STOP}
  - {id: second, data: {thing1: 二}}
"""
    old, new = ruleset(rules.replace("STOP", "false")), ruleset(rules.replace("STOP", "true"))
    diff = compare(old, new, [at(1, gift=True), at(2)])
    assert diff.rules["second"].edit is Edit.SAME
    assert counts(diff, "second") == {Change.GONE: 1, Change.SAME: 1}
    assert counts(diff, "first") == {Change.SAME: 1}


def test_examples_are_the_first_of_each_kind_and_whatever_else_shows_a_new_place() -> None:
    """Two requested: the third is kept only because it alone shows a change of the second field."""
    old = one_rule(data='{thing1: "a${event.count}"}')
    new = one_rule(data='{thing1: "b${event.count}", character_string2: "${event.note != null ? event.note : \'\'}"}')
    events = [at(1), at(2), at(3), at(4, note="N1"), at(5, note="N2")]
    diff = compare(old, new, events, examples=2)
    assert [example.position.offset for example in diff.rules["paid"].examples] == [1, 2, 4]
    assert diff.rules["paid"].fields == {"thing1": 5, "character_string2": 2}
    assert compare(old, new, events, examples=0).rules["paid"].examples == []


def test_the_span_of_time_ignores_events_without_a_time() -> None:
    """Events in a file may have no time."""
    old, new = one_rule(), one_rule(data="{thing1: 茶}")
    assert compare(old, new, [at(1, time_ms=0), at(2, time_ms=0)]).days is None
    assert compare(old, new, [at(1, time_ms=HOUR_MS), at(2, time_ms=0), at(3, time_ms=HOUR_MS + 1)]).days is None
    half = compare(old, new, [at(1, time_ms=HOUR_MS * 13), at(2, time_ms=HOUR_MS)])
    assert half.days == 0.5


def test_types_that_no_rule_knows_are_counted_alone() -> None:
    """They are events, and nothing follows from them."""
    diff = compare(one_rule(), one_rule(when="event.gift"), [at(1, kind="unused.type")])
    assert (diff.events, diff.rules["paid"].events, diff.changes) == (1, 0, 0)
