"""Tests that authors write and that could never pass: `check` finds them."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import TEMPLATES, schemas
from tests.unit.rules.shop_tests import EVENT, FILE, RULES, checked, findings


class Bad(NamedTuple):
    """A test that is wrong in itself: its event and expectation, and the finding."""

    event: str
    expect: str
    code: str
    column: int
    message: str
    hint: str | None


@pytest.mark.parametrize(
    "bad",
    [
        Bad(
            "{type: shop.order.Payed, example: true}",
            "{none: no_match}",
            "bad-test",
            19,
            "neither a rule nor a schema knows `shop.order.Payed`",
            "did you mean `shop.order.Paid`?",
        ),
        Bad(
            "{type: shop.order.Paid}",
            "{none: no_match}",
            "unfit-event",
            5,
            "the event has no data",
            "one of `example: true`, `data: {…}` and `file: …`",
        ),
        Bad(
            "{type: shop.order.Paid, example: true, data: {}}",
            "{none: no_match}",
            "unfit-event",
            51,
            "an event begins with one thing, not with example and data",
            "one of `example: true`, `data: {…}` and `file: …`",
        ),
        Bad(
            "{type: shop.order.Paid, example: true, with: {amuont: 1}}",
            "{none: no_match}",
            "unfit-event",
            58,
            "`event.amuont`: `shop.order.Paid` has no such field",
            "did you mean `amount`?",
        ),
        Bad(
            "{type: shop.order.Paid, example: true, with: {order_no: 17}}",
            "{none: no_match}",
            "unfit-event",
            68,
            "`event.order_no`: should be a text, not a whole number",
            "put it into quotes",
        ),
        Bad(
            "{type: shop.order.Paid, example: true, with: {channel: WEBCHAT}}",
            "{none: no_match}",
            "unfit-event",
            67,
            "`event.channel`: `WEBCHAT` is none of WECHAT, ALIPAY, BALANCE",
            "did you mean `WECHAT`?",
        ),
        Bad(
            "{type: shop.order.Paid, example: true, with: {paid_at: 2026-11-23 15:01}}",
            "{none: no_match}",
            "unfit-event",
            67,
            "`event.paid_at`: the time has no zone; write Z or +08:00 after it",
            None,
        ),
        Bad(
            "{type: shop.order.Paid, example: true, time: yesterday}",
            "{none: no_match}",
            "unfit-event",
            57,
            "`yesterday` is not a time",
            "write it like 2026-11-23T15:01:00Z",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{}",
            "bad-test",
            5,
            "nothing is expected",
            "`notices: [{rule: …}]`, `none: no_match` or `none: refused`",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{rule: paid}",
            "bad-test",
            14,
            "`rule` goes with `none: refused` only",
            "put it into the list: `notices: [{rule: …}]`",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{none: no_match, reason: field_limit}",
            "bad-test",
            30,
            "`reason` goes with `none: refused` only",
            None,
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{none: refused, reason: too_long}",
            "bad-test",
            37,
            "no message is refused for `too_long`",
            "it is one of field_limit, field_empty, expression_failed, wrong_type, recipient_empty, url_refused",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{none: no_match, notices: []}",
            "bad-test",
            14,
            "both `notices` and `none` are expected",
            "keep `notices:` where messages must come, `none:` where none may",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{notices: [{rule: lost}]}",
            "unknown-rule",
            31,
            "there is no rule `lost`",
            "did you mean `last`?",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{notices: [{rule: paid, template: payed}]}",
            "unknown-template",
            47,
            "there is no template `payed`",
            "did you mean `paid`?",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{notices: [{rule: paid, data: {thing: x}}]}",
            "unknown-template-field",
            44,
            "template `paid` has no field `thing`",
            "did you mean `thing1`?",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{notices: [{rule: paid, data: {thing1: '共${event.count}件'}}]}",
            "bad-test",
            54,
            "what is expected is the text itself: `${…}` is not evaluated here",
            "write what the customer reads for the event of this test",
        ),
    ],
    ids=lambda bad: bad.message,
)
def test_a_test_that_is_wrong_in_itself_is_found_by_check(bad: Bad) -> None:
    """Beforehand, at its place, with a hint: an author must not hunt for why a test fails that never could pass."""
    (found,) = findings(f"tests:\n  - name: it\n    event: {bad.event}\n    expect: {bad.expect}\n")
    assert (found.code, found.column, found.message, found.hint) == (bad.code, bad.column, bad.message, bad.hint)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "test `it` expects nothing"),
        (
            "    expect: {none: no_match}\n    cases: [{expect: {none: no_match}}]\n",
            "test `it` has both `expect` and `cases`",
        ),
        ("    cases: [{expect: {none: maybe}}]\n", "`none`: is one of no_match, refused, suppressed"),
        ("    cases: {expect: {none: no_match}}\n", "`cases`: should be a list"),
        ("    expct: {none: no_match}\n", "unknown key `expct`"),
    ],
)
def test_a_test_of_the_wrong_form_is_found(body: str, message: str) -> None:
    """Structure first."""
    found = findings(f"tests:\n  - name: it\n    event: {EVENT}\n{body}")
    assert message in {one.message for one in found}


def test_a_faulty_test_does_not_hide_the_others() -> None:
    """Each is reported at its own place."""
    tests = (f"{{name: a, event: {EVENT}}}", f"{{name: b, event: {EVENT}, expect: {{notices: [{{rule: pad}}]}}}}")
    text = "tests:\n" + "".join(f"  - {test}\n" for test in tests)
    assert [(one.line, one.code) for one in findings(text)] == [(2, "bad-test"), (3, "unknown-rule")]


def test_one_file_of_rules_alone_calls_no_rule_unknown() -> None:
    """`check rules/shop.yaml` knows nothing of the rules in other files."""
    tests = f"tests:\n  - name: it\n    event: {EVENT}\n    expect: {{notices: [{{rule: elsewhere}}]}}\n"
    sources = RuleSources(
        {"rules/shop.yaml": RULES}, ("rules/templates.yaml", TEMPLATES), {FILE: tests}, is_whole=False
    )
    assert [one for one in check(sources, schemas()).findings if one.path == FILE] == []


def test_a_rule_that_never_sees_the_event_is_reported() -> None:
    """It is of another type than the rule looks at: that message can never come."""
    rules = RULES.replace("id: last\n    on: shop.order.Paid", "id: last\n    on: other.Thing")
    tests = f"tests:\n  - name: it\n    event: {EVENT}\n    expect: {{notices: [{{rule: last}}]}}\n"
    (finding,) = [one for one in checked(tests, rules).findings if one.path == FILE]
    assert (finding.line, finding.column, finding.code) == (4, 31, "bad-test")
    assert finding.message == "rule `last` looks at other.Thing, not at `shop.order.Paid`"


@pytest.mark.parametrize("text", ["", "[]", "# to come\n", "just words"])
def test_a_file_that_is_no_file_of_tests(text: str) -> None:
    """Says how one begins."""
    (finding,) = findings(text)
    assert (finding.line, finding.column, finding.code) == (1, 1, "wrong-value")
    assert finding.hint == "it must begin with `tests:`"
