"""Tests that authors write: what each expectation means, and how a failure reads."""

from __future__ import annotations

import pytest

from pipeline.authoring.rule_tests.reports import as_text
from tests.unit.rules.shop_tests import one, reported, results


@pytest.mark.parametrize(
    ("expect", "override"),
    [
        ("{notices: [{rule: paid}]}", "{}"),
        ("{notices: [{rule: paid, to: buyer, template: paid, url: https://m.example.com/T1}]}", "{}"),
        ("{notices: [{rule: paid, data: {thing1: T1等3件}}]}", "{}"),
        ("{notices: [{rule: paid, whole: true, data: {thing1: T1等3件, character_string2: T1}}]}", "{}"),
        ("{notices: [{rule: paid, data: {character_string2: 0012.50}}]}", '{order_no: "0012.50"}'),
        ("{notices: [{rule: paid, to: 007}]}", '{sub: "007"}'),
        ("{notices: [{rule: paid}, {rule: large, data: {keyword1: {value: 大额, color: '#000'}}}]}", "{amount: 1000}"),
        ("{notices: [{rule: large, data: {keyword1: 大额, remark: ''}}]}", "{amount: 1000, channel: BALANCE}"),
        ("{notices: []}", "{amount: 0}"),
        ("{none: no_match}", "{channel: BALANCE}"),
        ("{none: refused}", "{order_no: 一二三四五六七八九十一二三四五六七八九十}"),
        ("{none: refused, rule: paid, reason: field_limit}", "{order_no: 一二三四五六七八九十一二三四五六七八九十}"),
        ("{none: refused, rule: paid, reason: recipient_empty}", "{sub: ''}"),
    ],
)
def test_expected_messages_pass(expect: str, override: str) -> None:
    """Parts of messages, whole messages, several, none, and refusals with their reason."""
    assert reported(one(expect, override)) == []


@pytest.mark.parametrize(
    ("expect", "override", "message"),
    [
        (
            "{notices: [{rule: paid, data: {thing1: T1等2件}}]}",
            "{}",
            ["`thing1` of `paid`: expected T1等2件, got T1等3件"],
        ),
        (
            "{notices: [{rule: paid, to: other, url: https://m.example.com/T2}]}",
            "{}",
            [
                "`to` of `paid`: expected other, got buyer",
                "`url` of `paid`: expected https://m.example.com/T2, got https://m.example.com/T1",
            ],
        ),
        ("{notices: [{rule: paid, template: old}]}", "{}", ["`template` of `paid`: expected old, got paid"]),
        (
            "{notices: [{rule: paid, whole: true, data: {thing1: T1等3件}}]}",
            "{}",
            ["`paid` also has `character_string2`, and `whole: true` lists every field"],
        ),
        (
            "{notices: [{rule: paid}, {rule: large, data: {keyword1: {value: 大额, color: '#fff'}}}]}",
            "{amount: 1000}",
            ["the colour of `keyword1` of `large`: expected #fff, got #000"],
        ),
        (
            "{notices: [{rule: large, data: {first: 您好}}]}",
            "{amount: 1000, channel: BALANCE}",
            ["`first` of `large` is not in the message: expected 您好, got nothing"],
        ),
        (
            "{notices: [{rule: paid}, {rule: paid}]}",
            "{}",
            ["`paid` makes one message of an event, not several"],
        ),
        (
            "{notices: [{rule: large}, {rule: paid}]}",
            "{amount: 1000}",
            ["messages are in the order of the rules in their files: expected large, paid, got paid, large"],
        ),
        (
            "{notices: [{rule: paid}]}",
            "{amount: 0}",
            ["no message of `paid`: its condition is false: `event.amount > 0.0` (event.amount is 0.0)"],
        ),
        (
            "{notices: [{rule: paid}]}",
            "{channel: BALANCE}",
            ['no message of `paid`: its condition is false: `event.channel != "BALANCE"` (event.channel is "BALANCE")'],
        ),
        (
            "{notices: [{rule: large}, {rule: last}]}",
            "{amount: 1000, channel: BALANCE, count: 101}",
            ["no message of `last`: the earlier rule `large` matched and has `stop: true`"],
        ),
        (
            "{notices: []}",
            "{}",
            ["unexpected message: `paid` to buyer: thing1: T1等3件, character_string2: T1"],
        ),
        (
            "{notices: [{rule: paid}]}",
            "{sub: ''}",
            ["`paid` matched, but cannot make its message: recipient_empty: to: is empty"],
        ),
        (
            "{notices: []}",
            "{sub: ''}",
            ["`paid` also matched, but cannot make its message: recipient_empty: to: is empty"],
        ),
        ("{none: no_match}", "{}", ["there is a message: `paid` to buyer: thing1: T1等3件, character_string2: T1"]),
        (
            "{none: no_match}",
            "{sub: ''}",
            ["`paid` matched, but cannot make its message: recipient_empty: to: is empty"],
        ),
        ("{none: refused}", "{}", ["there is a message: `paid` to buyer: thing1: T1等3件, character_string2: T1"]),
        ("{none: refused}", "{amount: 0}", ["no rule matched"]),
        (
            "{none: refused, rule: last}",
            "{sub: ''}",
            [
                "`last` was not refused: its condition is false: `event.count > 100` (event.count is 3); "
                "refused was `paid` refused: recipient_empty: to: is empty"
            ],
        ),
        (
            "{none: refused, rule: paid, reason: field_limit}",
            "{sub: ''}",
            ["`paid` was refused for another reason: to: is empty: expected field_limit, got recipient_empty"],
        ),
    ],
)
def test_differences_are_described(expect: str, override: str, message: list[str]) -> None:
    """Field by field; for a missing message, with the reason."""
    assert reported(one(expect, override)) == message


@pytest.mark.parametrize(
    ("came", "expected", "hint"),
    [
        (
            "￥5",
            "¥5",
            "they look alike: character 1 is `¥` (yen sign) here, and `￥` (fullwidth yen sign) in the message",
        ),
        (
            "A：B",
            "A:B",
            "they look alike: character 2 is `:` (colon) here, and `：` (fullwidth colon) in the message",
        ),
        ("①", "1", "they look alike: character 1 is `1` (digit one) here, and `①` (circled digit one) in the message"),
        ("A B", "AB", "only spaces differ"),
        ("AB", "AC", None),
    ],
)
def test_similar_characters_get_a_hint(came: str, expected: str, hint: str | None) -> None:
    """Full-width characters and spaces, whose difference is hard to see."""
    result = one(f"{{notices: [{{rule: paid, to: '{expected}'}}]}}", f"{{sub: '{came}'}}")
    assert [mismatch.hint for mismatch in result.mismatches] == [hint]


def test_a_failure_reads_like_this() -> None:
    """The test's place, then each expectation's place with what was expected and what came."""
    result = one("{notices: [{rule: paid, data: {thing1: '2件 ', character_string2: T2}}]}")
    assert list(as_text(result)) == [
        "FAILED rules/tests/shop.yaml:5:9: it: case 1",
        "  rules/tests/shop.yaml:6:57: `thing1` of `paid`",
        '    expected  "2件 "',
        "    got       T1等3件",
        "  rules/tests/shop.yaml:6:82: `character_string2` of `paid`",
        "    expected  T2",
        "    got       T1",
    ]


def test_terminal_escapes_are_written_out() -> None:
    """The content of a test must not control the terminal."""
    result = one(r'{notices: [{rule: paid, data: {thing1: "\e[2J\u202e"}}]}')
    assert list(as_text(result))[-2:] == [r'    expected  "\u001b[2J\u202e"', "    got       T1等3件"]


NESTED = """\
tests:
  - name: it
    event:
      type: shop.order.Paid
      example: true
      with: {amount: 5, sub: a, order_no: T1, channel: WECHAT, buyer: {level: 3}}
    expect: {notices: [{rule: paid}]}
"""


def test_fields_of_a_record_are_set_one_by_one() -> None:
    """`with: {buyer: {level: 3}}` keeps the buyer's name from the example."""
    assert reported(*results(NESTED)) == []
