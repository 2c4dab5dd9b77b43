"""Tests that authors write: what each expectation means, and how a failure reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from pipeline.model.finding import Finding
from pipeline.rules.check import Checked, check
from pipeline.rules.sources import RuleSources
from pipeline.rules.testing.given import file_key
from pipeline.rules.testing.reports import as_text
from pipeline.rules.testing.running import Result, run
from tests.unit.rules.shop import TEMPLATES, schemas

FILE = "rules/tests/shop.yaml"
RULES = """\
rules:
  - id: paid
    on: shop.order.Paid
    when: event.amount > 0.0 && event.channel != "BALANCE"
    to: ${event.sub}
    template: paid
    url: https://m.example.com/${event.order_no}
    data:
      thing1: ${event.order_no}等${event.count}件
      character_string2: ${event.order_no}
  - id: large
    on: shop.order.Paid
    when: event.amount >= 1000.0
    to: ${event.sub}
    template: old
    color: "#000"
    stop: true
    data: {keyword1: '${event.gift ? "礼物" : ""}大额', remark: '${event.note != null ? event.note : ""}'}
  - id: last
    on: shop.order.Paid
    when: event.count > 100
    to: ${event.sub}
    template: old
    data: {keyword1: 很多}
  - id: off
    enabled: false
    on: shop.order.Paid
    to: ${event.sub}
    template: old
    data: {keyword1: 无}
"""
EVENT = (
    "{type: shop.order.Paid, example: true, with: {sub: buyer, order_no: T1, count: 3, amount: 5, channel: WECHAT, "
    "gift: false, note: null}}"
)


def checked(tests: str, rules: str = RULES) -> Checked:
    sources = RuleSources({"rules/shop.yaml": rules}, ("rules/templates.yaml", TEMPLATES), {FILE: tests})
    return check(sources, schemas())


def findings(tests: str) -> list[Finding]:
    """What is wrong with the tests, by `check`."""
    return [one for one in checked(tests).findings if one.path == FILE]


def results(tests: str, files: Mapping[str, object] | None = None) -> list[Result]:
    found = checked(tests)
    assert found.ruleset is not None, [str(one) for one in found.findings]
    return [run(case, found.ruleset, schemas(), files or {}) for case in found.cases]


def one(expect: str, override: str = "{}") -> Result:
    """The one case: the shop's event with changes, and what must follow."""
    (result,) = results(
        f"tests:\n  - name: it\n    event: {EVENT}\n    cases:\n      - with: {override}\n        expect: {expect}\n"
    )
    return result


def told(result: Result) -> list[str]:
    """The words, each with expected and got."""
    return [mismatch.summary for mismatch in result.mismatches]


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
def test_what_is_as_expected_passes(expect: str, override: str) -> None:
    """Parts of messages, whole messages, several, none, and refusals with their reason."""
    assert told(one(expect, override)) == []


@pytest.mark.parametrize(
    ("expect", "override", "words"),
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
            ["`paid` has `character_string2`, too, and `whole: true` names every field"],
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
            ["the messages come in the order of the rules in their files: expected large, paid, got paid, large"],
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
            ["no message of `last`: `large` before it matched, and stops (`stop: true`)"],
        ),
        (
            "{notices: []}",
            "{}",
            ["a message that is not expected: `paid` to buyer: thing1: T1等3件, character_string2: T1"],
        ),
        (
            "{notices: [{rule: paid}]}",
            "{sub: ''}",
            ["`paid` matched, but could make no message: recipient_empty: to: is empty"],
        ),
        (
            "{notices: []}",
            "{sub: ''}",
            ["`paid` matched, too, but could make no message: recipient_empty: to: is empty"],
        ),
        ("{none: no_match}", "{}", ["a message came: `paid` to buyer: thing1: T1等3件, character_string2: T1"]),
        (
            "{none: no_match}",
            "{sub: ''}",
            ["`paid` matched, but could make no message: recipient_empty: to: is empty"],
        ),
        ("{none: refused}", "{}", ["a message came: `paid` to buyer: thing1: T1等3件, character_string2: T1"]),
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
def test_what_is_not_as_expected_is_told(expect: str, override: str, words: list[str]) -> None:
    """Field by field, and for a message that did not come, why."""
    assert told(one(expect, override)) == words


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
        ("A B", "AB", "only blanks differ"),
        ("AB", "AC", None),
    ],
)
def test_what_looks_alike_is_told_apart(came: str, expected: str, hint: str | None) -> None:
    """Full-width signs and blanks: where people stare at two texts and see no difference."""
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
    """What a test holds must not steer the terminal of who tests."""
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
    assert told(*results(NESTED)) == []


class Bad(NamedTuple):
    """A test that is wrong in itself: its event and expectation, and the finding."""

    event: str
    expect: str
    code: str
    column: int
    words: str
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
            "`yesterday` is no time",
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
            "`rule` goes with `none: refused` alone",
            "put it into the list: `notices: [{rule: …}]`",
        ),
        Bad(
            "{type: shop.order.Paid, example: true}",
            "{none: no_match, reason: field_limit}",
            "bad-test",
            30,
            "`reason` goes with `none: refused` alone",
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
            "{notices: [{rule: off}]}",
            "bad-test",
            31,
            "rule `off` takes no part",
            "it has `enabled: false`",
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
            "what is expected is the text itself: `${…}` is not worked out here",
            "write what the customer reads for the event of this test",
        ),
    ],
    ids=lambda bad: bad.words,
)
def test_a_test_that_is_wrong_in_itself_is_found_by_check(bad: Bad) -> None:
    """Beforehand, at its place, with a hint: an author must not hunt for why a test fails that never could pass."""
    (found,) = findings(f"tests:\n  - name: it\n    event: {bad.event}\n    expect: {bad.expect}\n")
    assert (found.code, found.column, found.words, found.hint) == (bad.code, bad.column, bad.words, bad.hint)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "test `it` expects nothing"),
        (
            "    expect: {none: no_match}\n    cases: [{expect: {none: no_match}}]\n",
            "test `it` has both `expect` and `cases`",
        ),
        ("    cases: [{expect: {none: maybe}}]\n", "`none`: is one of no_match, refused"),
        ("    cases: {expect: {none: no_match}}\n", "`cases`: should be a list"),
        ("    expct: {none: no_match}\n", "unknown key `expct`"),
    ],
)
def test_a_test_of_the_wrong_form_is_found(body: str, words: str) -> None:
    """Structure first."""
    found = findings(f"tests:\n  - name: it\n    event: {EVENT}\n{body}")
    assert words in {one.words for one in found}


def test_a_faulty_test_does_not_hide_the_others() -> None:
    """Each is told at its own place."""
    tests = (f"{{name: a, event: {EVENT}}}", f"{{name: b, event: {EVENT}, expect: {{notices: [{{rule: pad}}]}}}}")
    text = "tests:\n" + "".join(f"  - {test}\n" for test in tests)
    assert [(one.line, one.code) for one in findings(text)] == [(2, "bad-test"), (3, "unknown-rule")]


FROM_FILE = "tests:\n  - name: it\n    event: {type: shop.order.Paid, file: paid.json}\n    expect: {none: no_match}\n"


def test_an_event_from_a_file() -> None:
    """Its JSON is the event."""
    data = {
        "sub": "a", "order_no": "T1", "count": 1, "amount": "0", "gift": False, "paid_at": "2026-11-23T15:01:00Z",
        "channel": "WECHAT", "tags": [], "extra": {}, "buyer": {"name": "Li"}, "lines": [],
    }  # fmt: skip
    assert told(*results(FROM_FILE, {file_key(FILE, "paid.json"): data})) == []


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("is not JSON", "`paid.json` is not JSON"),
        ({"sub": 1}, "`event.sub`: should be a text, not a whole number"),
        (None, "`paid.json` was not read"),
    ],
)
def test_a_file_that_gives_no_event_fails_the_test(file: object, words: str) -> None:
    """At the place that names it."""
    (result,) = results(FROM_FILE, {file_key(FILE, "paid.json"): file} if file is not None else {})
    assert told(result) == [words]
    assert result.place(result.mismatches[0]) == (3, 42)


def test_an_event_of_a_type_without_schema() -> None:
    """Given whole; without a schema there is nothing to make an example from."""
    rules = RULES.replace("id: last\n    on: shop.order.Paid", "id: last\n    on: other.Thing")
    tests = (
        "tests:\n  - name: it\n    event: {type: other.Thing, data: {sub: a, count: 101}}\n"
        "    expect: {notices: [{rule: last}]}\n"
    )
    found = checked(tests, rules)
    assert found.ruleset is not None
    assert [run(case, found.ruleset, schemas(), {}).mismatches for case in found.cases] == [()]
    (finding,) = [
        one for one in checked(tests.replace("data: {sub: a, count: 101}", "example: true"), rules).findings
        if one.path == FILE
    ]  # fmt: skip
    assert finding.words == "no schema of `other.Thing` is known to make an example from"


def test_one_file_of_rules_alone_calls_no_rule_unknown() -> None:
    """`check rules/shop.yaml` knows nothing of the rules in other files."""
    tests = f"tests:\n  - name: it\n    event: {EVENT}\n    expect: {{notices: [{{rule: elsewhere}}]}}\n"
    sources = RuleSources(
        {"rules/shop.yaml": RULES}, ("rules/templates.yaml", TEMPLATES), {FILE: tests}, is_whole=False
    )
    assert [one for one in check(sources, schemas()).findings if one.path == FILE] == []


def test_a_rule_that_never_sees_the_event_is_told() -> None:
    """It is of another type than the rule looks at: that message can never come."""
    rules = RULES.replace("id: last\n    on: shop.order.Paid", "id: last\n    on: other.Thing")
    tests = f"tests:\n  - name: it\n    event: {EVENT}\n    expect: {{notices: [{{rule: last}}]}}\n"
    (finding,) = [one for one in checked(tests, rules).findings if one.path == FILE]
    assert (finding.line, finding.column, finding.code) == (4, 31, "bad-test")
    assert finding.words == "rule `last` looks at other.Thing, not at `shop.order.Paid`"


@pytest.mark.parametrize("text", ["", "[]", "# to come\n", "just words"])
def test_a_file_that_is_no_file_of_tests(text: str) -> None:
    """Says how one begins."""
    (finding,) = findings(text)
    assert (finding.line, finding.column, finding.code) == (1, 1, "wrong-value")
    assert finding.hint == "it begins with `tests:`"
