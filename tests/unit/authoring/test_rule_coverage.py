"""Coverage of rules by their tests: what is a branch, and which of them a set of events reaches."""

from __future__ import annotations

import pytest

from pipeline.authoring.rule_tests.coverage import Coverage, RuleCoverage, decisions, percent
from pipeline.rules.cel.engine import Environment
from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import TEMPLATES, event, schemas

RULES = """\
rules:
  - id: large
    on: shop.order.Paid
    when: event.amount >= 1000.0 && (event.gift || event.channel != "BALANCE")
    to: ${event.sub}
    template: paid
    stop: true
    data:
      thing1: |-
        共${event.count > 1
          ? string(event.count) + "件" : "一件"}
  - id: noted
    on: shop.order.Paid
    when: event.note != null && event.note != ""
    to: ${event.sub}
    template: old
    data:
      keyword1: {value: '${event.points != null && event.points > 100 ? "金" : "银"}卡'}
  - id: all
    on: shop.order.Paid
    to: ${event.sub}
    template: paid
    data: {thing1: 豆}
"""
LARGE, NOTED, ALL = "large", "noted", "all"


def covered(*changes: dict[str, object]) -> dict[str, RuleCoverage]:
    """By rule: what the shop's event with each of these changes reaches."""
    sources = RuleSources({"rules/shop.yaml": RULES}, ("rules/templates.yaml", TEMPLATES))
    checked = check(sources, schemas())
    assert checked.ruleset is not None, checked.findings
    coverage = Coverage(checked.ruleset, checked.locations)
    for change in changes:
        coverage.note(event(**change))
    return {rule.rule: rule for rule in coverage.rules()}


def missing(rule: RuleCoverage) -> list[str]:
    """Each branch that was not reached, as the command shows it."""
    return [f"{branch.location.line}:{branch.location.column} {branch.message}" for branch in rule.missing]


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("event.a", ["event.a"]),
        ("!event.a", ["!event.a"]),
        ("true", []),
        ("event.a && event.b", ["event.a && event.b", "event.a", "event.b"]),
        ("event.a && !event.b && event.c", ["event.a && !event.b && event.c", "event.a", "event.b", "event.c"]),
        (
            "event.a || event.b && event.c",
            ["event.a || event.b && event.c", "event.a", "event.b && event.c", "event.b", "event.c"],
        ),
        ("event.a ? event.b : event.c", ["event.a ? event.b : event.c", "event.a"]),
        ("event.a && true", ["event.a && true", "event.a"]),
        ('event.l.exists(x, x == "a" || x == "b")', ['event.l.exists(x, x == "a" || x == "b")']),
        ("event.l.exists(x, event.a && x > 1)", ["event.l.exists(x, event.a && x > 1)", "event.a"]),
        ("size(event.a ? event.b : event.c) > 1", ["size(event.a ? event.b : event.c) > 1", "event.a"]),
    ],
)
def test_deciding_parts_are_branches(source: str, parts: list[str]) -> None:
    """The whole condition, operands of chains, and conditions before `?`; not the body of a macro."""
    tree = Environment().compile(source).tree()
    assert [tree.text(node) for node in dict.fromkeys(decisions(tree, is_condition=True))] == parts


def test_without_events_nothing_is_reached() -> None:
    """Every branch is named, at its place in the file, also within texts of several lines."""
    seen = covered()
    assert missing(seen[LARGE]) == [
        "2:5 never matches",
        '4:11 never false: event.amount >= 1000.0 && (event.gift || event.channel != "BALANCE")',
        "4:11 never true: event.amount >= 1000.0",
        "4:11 never false: event.amount >= 1000.0",
        '4:38 never true: event.gift || event.channel != "BALANCE"',
        '4:38 never false: event.gift || event.channel != "BALANCE"',
        "4:38 never true: event.gift",
        "4:38 never false: event.gift",
        '4:52 never true: event.channel != "BALANCE"',
        '4:52 never false: event.channel != "BALANCE"',
        "10:12 never true: event.count > 1",
        "10:12 never false: event.count > 1",
    ]
    assert missing(seen[ALL]) == ["19:5 never matches"]
    assert [rule.percent for rule in seen.values()] == [0, 0, 0]
    assert percent(list(seen.values())) == 0


def test_one_event_reaches_one_way_of_each_branch() -> None:
    """A side that CEL passes over is reached in neither way."""
    seen = covered({"amount": 1000.0, "gift": True, "count": 3})
    assert missing(seen[LARGE]) == [
        '4:11 never false: event.amount >= 1000.0 && (event.gift || event.channel != "BALANCE")',
        "4:11 never false: event.amount >= 1000.0",
        '4:38 never false: event.gift || event.channel != "BALANCE"',
        "4:38 never false: event.gift",
        '4:52 never true: event.channel != "BALANCE"',
        '4:52 never false: event.channel != "BALANCE"',
        "10:12 never false: event.count > 1",
    ]
    assert seen[LARGE].branches == 12
    assert seen[LARGE].percent == pytest.approx(100 * 5 / 12)


def test_a_rule_that_stops_keeps_events_from_the_rules_after_it() -> None:
    """As in the service: what the rules after it would have done with the event does not count."""
    assert missing(covered({"amount": 1000.0})[ALL]) == ["19:5 never matches"]
    assert missing(covered({"amount": 1.0})[ALL]) == []


def test_texts_count_only_where_the_rule_matches() -> None:
    """A message that is not made reaches no branch of its texts."""
    seen = covered({"amount": 1.0, "note": ""}, {"amount": 1.0, "note": "x", "points": 7})
    assert missing(seen[NOTED]) == [
        "14:11 never false: event.note != null",
        "18:28 never true: event.points != null && event.points > 100",
        "18:28 never false: event.points != null",
        "18:52 never true: event.points > 100",
    ]


def test_all_branches() -> None:
    """Seven events reach all of them."""
    seen = covered(
        {"amount": 1.0, "note": None},
        {"amount": 1.0, "note": ""},
        {"amount": 1.0, "note": "x", "points": None},
        {"amount": 1.0, "note": "x", "points": 1},
        {"amount": 1.0, "note": "x", "points": 101},
        {"amount": 1000.0, "gift": True, "count": 1},
        {"amount": 1000.0, "channel": "BALANCE"},
        {"amount": 1000.0},
    )
    assert [missing(rule) for rule in seen.values()] == [[], [], []]
    assert percent(list(seen.values())) == 100


@pytest.mark.parametrize("amount", [0.0, 1000.0])
@pytest.mark.parametrize("gift", [True, False])
@pytest.mark.parametrize("channel", ["WECHAT", "BALANCE"])
@pytest.mark.parametrize("note", [None, "", "x"])
def test_rules_match_here_as_they_do_in_the_service(
    amount: float, *, gift: bool, channel: str, note: str | None
) -> None:
    """Exactly the rules that make something of the event are seen to match."""
    changes: dict[str, object] = {"amount": amount, "gift": gift, "channel": channel, "note": note}
    rules = check(RuleSources({"rules/shop.yaml": RULES}, ("rules/templates.yaml", TEMPLATES)), schemas()).ruleset
    assert rules is not None
    made = {result.rule for result in rules.evaluate(event(**changes))}
    seen = covered(changes)
    assert {name for name, rule in seen.items() if all(branch.expression for branch in rule.missing)} == made


LABELLED = """\
rules:
  - id: labelled
    on: shop.order.Paid
    to: ${event.sub}
    template: paid
    data:
      thing1: |-
        ${label(event.channel, {"WECHAT": "微信", "*": "其他"})}
      character_string2: ${default(event.note, "none")}
"""


def labelled(rules: str, *changes: dict[str, object]) -> RuleCoverage:
    checked = check(RuleSources({"r.yaml": rules}, ("t.yaml", TEMPLATES)), schemas())
    assert checked.ruleset is not None, checked.findings
    coverage = Coverage(checked.ruleset, checked.locations, schemas())
    for change in changes:
        coverage.note(event(**change))
    (one,) = coverage.rules()
    return one


def test_labels_and_both_sides_of_default_are_branches() -> None:
    """A label that no test reads, and a value or its replacement that no test sees, are missing."""
    seen = labelled(LABELLED, {"channel": "WECHAT", "note": None})
    assert missing(seen) == [
        '8:11 never "*": label(event.channel, {"WECHAT": "微信", "*": "其他"})',
        '9:28 never the value itself: default(event.note, "none")',
    ]
    assert seen.branches == 5
    assert not labelled(LABELLED, {"note": " "}, {"channel": "ALIPAY", "note": "x"}).missing


def test_a_label_that_no_event_can_have_is_not_a_branch() -> None:
    """Where every value of the enum has its own label, `"*"` is for values to come."""
    every = '{"WECHAT": "微信", "ALIPAY": "支付宝", "BALANCE": "余额", "*": "其他"}'
    seen = labelled(LABELLED.replace('{"WECHAT": "微信", "*": "其他"}', every))
    assert [one.expected for one in seen.missing if "label" in one.expression] == ['"WECHAT"', '"ALIPAY"', '"BALANCE"']
