"""The report of a comparison: masked, readable, and safe to paste into a page or a terminal."""

from __future__ import annotations

import json

from pipeline.authoring.diff.changes import Diff
from pipeline.authoring.diff.markdown import as_markdown, code
from pipeline.authoring.diff.report import Mask, Names, as_values
from pipeline.authoring.diff.rule_set_pair import Comparison, compare
from pipeline.model.outcome import Reason
from tests.unit.authoring.test_diff import HOUR_MS, at
from tests.unit.rules.shop import DATA, PAID_AT, one_rule

NAMES = Names("main", "rules", "events.jsonl")
SUB = str(DATA["sub"])


def sent_elsewhere() -> Diff:
    """A change that shows recipients in three places."""
    old = one_rule(url="https://shop.example/${event.order_no}")
    new = one_rule(to="${event.order_no}", url="https://shop.example/u/${event.sub}?o=${event.order_no}")
    return compare(old, new, [at(1), at(2)])


def test_recipients_are_masked_wherever_they_stand() -> None:
    """The same recipient is the same number throughout; nothing of it is left in either form."""
    diff = sent_elsewhere()
    for text in (json.dumps(as_values(diff, NAMES, Mask())), as_markdown(diff, NAMES, Mask())):
        assert SUB not in text
        assert "T2026" not in text
        assert "recipient 1" in text
        assert "recipient 3" not in text
    assert "https://shop.example/u/recipient 1?o=recipient 2" in json.dumps(as_values(diff, NAMES, Mask()))


def test_recipients_are_shown_on_request() -> None:
    """For a terminal of one's own."""
    assert SUB in as_markdown(sent_elsewhere(), NAMES, Mask(show=True))


def test_a_short_recipient_does_not_split_other_words() -> None:
    """It is masked only where it is a whole word."""
    diff = compare(one_rule(), one_rule(data="{thing1: '7 of 77'}"), [at(1, sub="7")])
    assert '"after": "recipient 1 of 77"' in json.dumps(as_values(diff, NAMES, Mask()))


def test_the_values_say_all_of_it() -> None:
    """Counts by kind, by field, by reason; a day's volume from the span; the rules left out by name."""
    old, new = one_rule(when="event.count > 3"), one_rule(data="{thing1: 茶}")
    events = [at(1, count=3, time_ms=HOUR_MS), at(2, count=5, time_ms=HOUR_MS * 13)]
    comparison = Comparison(old, new)
    for event in events:
        comparison.add(event)
    comparison.add_undecodable(Reason.MALFORMED_JSON)
    values = as_values(comparison.diff, NAMES, Mask())
    rules = values.pop("rules")
    assert isinstance(rules, list)
    rule = rules[0]
    del rule["examples"]
    assert rule == {
        "rule": "paid", "edit": "edited", "events": 2, "before": 1, "after": 2,
        "per_day": {"before": 2, "after": 4}, "refused_before": 0, "refused_after": 0,
        "same": 0, "new": 1, "gone": 0, "changed": 1, "refused": 0, "refusals": {}, "fields": {"thing1": 1},
    }  # fmt: skip
    assert values == {
        "old": "main", "new": "rules", "source": "events.jsonl", "events": 2, "undecodable": {"malformed_json": 1},
        "first_event": "1970-01-01T01:00:00Z", "last_event": "1970-01-01T13:00:00Z", "days": 0.5, "changes": 2,
        "unchanged": [], "notes": ["1 record cannot be decoded and was skipped (malformed_json 1)"],
    }  # fmt: skip


def test_markdown_has_a_table_and_folded_examples() -> None:
    """The table is shown first; examples are collapsed."""
    diff = compare(one_rule(), one_rule(data="{thing1: 茶}"), [at(1), at(2, time_ms=PAID_AT * 1_000 + 24 * HOUR_MS)])
    text = as_markdown(diff, NAMES, Mask())
    assert "**2 messages change**; the rules below sent 2." in text
    assert "| <code>paid</code> | edited | 2 | 2 |  |  | 2 |  | 2 → 2 |" in text
    assert "<details><summary><code>paid</code>: 2 changed (thing1 2)</summary>" in text
    assert "| <code>thing1</code> | <code>豆</code> | <code>茶</code> |" in text


def test_one_change_is_one_message() -> None:
    """In the singular."""
    diff = compare(one_rule(), one_rule(data="{thing1: 茶}"), [at(1)])
    assert "**1 message changes**; the rules below sent 1." in as_markdown(diff, NAMES, Mask())


def test_no_change_is_reported() -> None:
    """With the number of unchanged rules."""
    text = as_markdown(compare(one_rule(), one_rule(), [at(1)]), NAMES, Mask())
    assert "**No message changes.** Compared on 1 event of <code>events.jsonl</code>." in text
    assert "1 rule is the same in both versions." in text


def test_a_rule_without_recorded_events_is_reported() -> None:
    """An edited rule without events must not look unchanged."""
    notes = as_values(compare(one_rule(), one_rule(when="event.gift"), [at(1, kind="x")]), NAMES, Mask())["notes"]
    assert notes == ["the recording has no event for these rules: `paid`"]
    notes = as_values(compare(one_rule(), one_rule(when="event.count > 2"), [at(1)]), NAMES, Mask())["notes"]
    assert notes == ["these rules differ, but none of their messages does: `paid`"]


def test_values_of_events_are_escaped_in_markdown() -> None:
    """They make no images, mentions or tags, and break no table or terminal."""
    hostile = "![x](https://evil.example/p.png) @all <script> a|b `c` \x1b[31m\n\u202e"
    shown = code(hostile)
    assert shown.startswith("<code>")
    assert not set("![]()@|`*_\n\x1b\u202e") & set(shown)
    assert "<script>" not in shown


def test_a_rule_that_refuses_all_on_both_sides_does_not_pass_for_one_without_changes() -> None:
    """As where a folder has no schemas: its events' times stay texts, and no message is made of them."""
    notes = as_values(compare(one_rule(), one_rule(data="{thing1: 茶}"), [at(1, sub="")]), NAMES, Mask())["notes"]
    assert notes == ["every message of these rules is refused in both versions: `paid`; `explain` shows why"]
