"""Why a rule did or did not make a message."""

from __future__ import annotations

from pipeline.authoring.explain import Match, RuleExplanation, explain
from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import Reason
from tests.unit.rules.shop import TEMPLATES, checked, event

RULES = """\
defaults:
  on: shop.order.Paid
  to: ${event.sub}
  template: paid
rules:
  - id: large
    when: event.count > 2 && event.amount >= 1000.0
    data: {thing1: 豆}
  - id: any
    stop: true
    data: {thing1: '共${event.count}件${event.order_no}'}
  - id: last
    when: event.gift
    data: {thing1: 礼}
  - id: other
    on: shop.order.Shipped
    data: {thing1: 发}
"""


def explained(given: Event, rules: str = RULES) -> dict[str, RuleExplanation]:
    result = checked(rules, TEMPLATES)
    assert result.ruleset is not None, [str(one) for one in result.findings]
    return {one.id: one for one in explain(result.ruleset, result.locations, given).rules}


def pointed_at(rules: str, line: int, column: int) -> str:
    return rules.splitlines()[line - 1][column - 1 :]


def test_a_false_condition_names_the_part_that_decided_with_its_values_and_place() -> None:
    """`count > 2` is true, so only the amount is shown."""
    large = explained(event())["large"]
    assert large.match is Match.NO_MATCH
    assert large.condition is not None
    assert large.condition.value is False
    (decision,) = large.decisions
    assert (decision.part.text, decision.part.value) == ("event.amount >= 1000.0", False)
    assert [(one.text, one.value) for one in decision.operands] == [("event.amount", 128.0)]
    assert pointed_at(RULES, *decision.part.location) == "event.amount >= 1000.0"
    assert large.path == "rules/shop.yaml"
    assert pointed_at(RULES, *large.location).startswith("id: large")


def test_a_true_condition_names_all_that_made_it_true() -> None:
    """And the message is there."""
    large = explained(event(amount=5_000.0))["large"]
    assert large.match is Match.NOTICE
    assert isinstance(large.result, Notice)
    assert [one.part.text for one in large.decisions] == ["event.count > 2", "event.amount >= 1000.0"]


def test_rules_after_a_stop_are_not_evaluated() -> None:
    """With the rule that stopped; rules for other types are only counted."""
    result = checked(RULES, TEMPLATES)
    assert result.ruleset is not None
    explanation = explain(result.ruleset, result.locations, event())
    assert [(one.id, one.match, one.stopped_by) for one in explanation.rules] == [
        ("large", Match.NO_MATCH, None),
        ("any", Match.NOTICE, None),
        ("last", Match.STOPPED, "any"),
    ]
    assert explanation.others == 1


def test_a_text_over_its_limit_is_explained_by_its_parts() -> None:
    """With the whole text, and the locations of the field and of each expression."""
    given = explained(event(order_no="N" * 30))["any"]
    assert given.match is Match.REFUSED
    assert isinstance(given.result, Refusal)
    assert given.result.reason is Reason.FIELD_LIMIT
    assert given.fault is not None
    assert (given.fault.name, given.fault.text) == ("thing1", "共3件" + "N" * 30)
    assert [(one.part.text, one.part.value) for one in given.fault.decisions] == [
        ("event.count", 3),
        ("event.order_no", "N" * 30),
    ]
    assert pointed_at(RULES, *given.fault.decisions[1].part.location).startswith("event.order_no}")


def test_a_failing_expression_is_narrowed_to_its_failing_part() -> None:
    """In a field, in the url, in the recipient and in the condition."""
    rules = RULES.replace("event.gift", "event.tags[9] == 'a'").replace(
        "'共${event.count}件${event.order_no}'", "'${event.order_no}${event.tags[7] + event.order_no}'"
    )
    given = explained(event(), rules)
    fault = given["any"].fault
    assert fault is not None
    assert (fault.name, fault.text) == ("thing1", None)
    (decision,) = fault.decisions
    assert (decision.part.text, decision.part.failed) == ("event.tags[7]", "Index error")
    assert pointed_at(rules, *decision.part.location).startswith("event.tags[7]")
    last = explained(event(), rules.replace("    stop: true\n", ""))["last"]
    assert last.match is Match.REFUSED
    assert last.fault is not None
    assert (last.fault.name, [one.part.text for one in last.fault.decisions]) == ("when", ["event.tags[9]"])


def test_an_invalid_recipient_or_url_is_explained() -> None:
    """Each with its location, also in `defaults`."""
    unaddressed = explained(event(sub=""))["any"].fault
    assert unaddressed is not None
    assert (unaddressed.name, unaddressed.text) == ("to", "")
    assert pointed_at(RULES, *unaddressed.location) == "${event.sub}"
    rules = RULES.replace("    stop: true\n", "    url: https://m.example.com/${event.order_no}\n")
    fault = explained(event(order_no="a b"), rules)["any"].fault
    assert fault is not None
    assert (fault.name, fault.text) == ("url", "https://m.example.com/a b")


def test_a_rule_without_a_condition_has_none_to_explain() -> None:
    """It matches everything of its type."""
    given = explained(event())["any"]
    assert (given.condition, given.decisions) == (None, ())


def test_an_explanation_agrees_with_the_service() -> None:
    """The results are those that the service would have had, in its order."""
    result = checked(RULES, TEMPLATES)
    assert result.ruleset is not None
    for given in (event(), event(gift=True), event(amount=9_999.0), event(sub=""), event(order_no="")):
        reported = [
            one.result for one in explain(result.ruleset, result.locations, given).rules if one.result is not None
        ]
        assert reported == result.ruleset.evaluate(given)
