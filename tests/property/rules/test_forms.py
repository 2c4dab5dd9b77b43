"""Rules whose expressions differ only in texts and numbers: checked and evaluated as if each were alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.event import Event
from pipeline.rules.cel.compiling import CompileError
from pipeline.rules.cel.engine import Environment
from pipeline.rules.cel.forms import form_of, moved
from pipeline.rules.compile import Compilation, compile_rules
from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from tests.property.rules import test_fuzzed_rules as fuzzed
from tests.unit.rules.shop import PAID, TEMPLATES, event

ENVIRONMENT = Environment()
LITERAL = re.compile(r"""(?<![\w.])(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\d+\.\d+|\d+)(?![\w.])""")
TEXT = st.sampled_from(
    ['""', '"x"', "'x'", '"WECHAT"', '"wechat"', '"("', '"0"', '"${event.sub}"', '"event.sub"', '"a event.count"',
     r'"\\n"', '"CNY"', '"HH:mm"', '"Asia/Shanghai"', '"2026-11-11T00:00:00Z"', '"it\'s"', "'\"'", '"http://a"',
     '"超过二十个字的文字超过二十个字的文字超过二十"', '"* / -"', '"map("', '"true"', '"1"', '"*"', '"|"', '"\u200b"']
)  # fmt: skip
INTEGER = st.sampled_from(
    ["0", "1", "2", "7", "007", "60", "9223372036854775807", "9223372036854775808", "123456789012345"]
)
DECIMAL = st.sampled_from(["0.0", "1.0", "0.1", "99.5", "123456789.123456", "1234567890.1234567", "00.5"])
CONDITIONS = (
    'event.amount > 5.0 && event.order_no.startsWith("T1")',
    'event.channel == "WECHAT" && event.count > 3',
    "event.points != null && event.points >= 10",
    "10 / event.count > 1 && event.count != 0",
    "event.count > 0 && 10 / event.count > 1",
    'size(event.tags) > 1 && event.tags[1] == "new"',
    'event.extra["shop"] == "west" || "east" == event.order_no',
    'event.paid_at > timestamp("2026-01-01T00:00:00Z")',
    'event.order_no in ["T1", "T2"]',
    'event.tags.exists(one, one == "new")',
    'event.order_no.matches("T[0-9]+")',
    "-5 < event.count && event.amount < 0.5",
    "event.amount == 3.0 || event.amount == 4.0 && event.amount != 4.0",
    'event.note == "a" && size(event.note) == 1',
)
TEXTS = (
    'label(event.channel, {"WECHAT": "微信", "*": "其他"})',
    'event.count > 1 ? "×" + string(event.count) : ""',
    'money(event.amount, "CNY")',
    'local_time(event.paid_at, "HH:mm")',
    'default(event.note, "无")',
    'event.gift ? "a" : event.count > 5 ? "b" : "c"',
    'truncate(event.order_no, 5) + "。"',
    "string(event.amount * 2.0)",
    "event.tags[0]",
    '"A" == event.order_no ? "B" + event.order_no : "C" + "D"',
    "items(event.order_no, event.count, 20)",
)


@st.composite
def others(draw: st.DrawFn, source: str) -> str:
    """The source with other texts and numbers."""

    def other(found: re.Match[str]) -> str:
        if draw(st.integers(0, 3)) == 0:
            return found[0]
        strategy = TEXT if found[0][0] in "\"'" else DECIMAL if "." in found[0] else INTEGER
        return draw(strategy)

    return LITERAL.sub(other, source)


def _sources(rules: Sequence[tuple[str, str]]) -> RuleSources:
    """A file for each rule, of its condition and text, so that no location depends on another rule."""
    files = {}
    for number, (when, text) in enumerate(rules):
        rule: Mapping[str, object] = {
            "id": f"r{number}", "on": PAID, "when": when, "to": "u1", "template": "paid",
            "data": {"thing1": f"${{{text}}}"},
            "url": f"https://m.example.com/{number}?a=${{{text}}}", "reference": f"${{{text}}}",
        }  # fmt: skip
        files[f"{number}.yaml"] = json.dumps({"rules": [rule]}, ensure_ascii=False)
    return RuleSources(files, ("templates.yaml", TEMPLATES))


def _findings(sources: RuleSources) -> list[str]:
    usual = {"missing-test", "unused-template", "same-message"}
    return [str(one) for one in check(sources, fuzzed.SHOP, environment="production").findings if one.code not in usual]


def _sent(compilation: Compilation, events: Sequence[Event]) -> list[str] | None:
    """What comes of the events."""
    if compilation.ruleset is None:
        return None
    return [repr(result) for one in events for result in compilation.ruleset.evaluate(one)]


def _compare(rules: Sequence[tuple[str, str]], events: Sequence[Event]) -> None:
    sources = _sources(rules)
    found, sent = _findings(sources), _sent(compile_rules(sources, fuzzed.SHOP, environment="production"), events)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipeline.rules.sound.form_of", lambda _: None)
        assert found == _findings(sources)
        assert sent == _sent(compile_rules(sources, fuzzed.SHOP, environment="production"), events)


@settings(max_examples=max(settings().max_examples // 2, 20))
@given(st.data())
def test_usual_rules_with_other_texts_and_numbers(data: st.DataObject) -> None:
    """Of the forms that rules have."""
    when, text = data.draw(st.sampled_from(CONDITIONS)), data.draw(st.sampled_from(TEXTS))
    rules = [(when, text), *((data.draw(others(when)), data.draw(others(text))) for _ in range(3))]
    _compare(rules, [event(), event(count=1, amount=0.5, order_no="T1", points=None, note="a", tags=["new", "new"])])


@pytest.mark.parametrize(
    "rules",
    [
        [('event.channel == "WECHAT"', '"a"'), ('event.channel == "WECHATT"', '"a"')],
        [("event.count != 0", "10 / event.count"), ("event.count != 5", "10 / event.count")],
        [("event.count > 5 / 1", '"a"'), ("event.count > 5 / 0", '"a"')],
        [('event.order_no == "T"', '"a"'), ('event.order_no == "event.sub"', '"a"')],
        [
            ("true", 'event.gift ? "a" : "b"'),
            ("true", 'event.gift ? "a" : "超过二十个字的文字超过二十个字的文字超过二十"'),
        ],
        [("true", '"a" + event.order_no'), ("true", '"a ${event.sub}" + event.order_no')],
        [
            ("true", 'label(event.channel, {"WECHAT": "a", "*": "b"})'),
            ("true", 'label(event.channel, {"X": "a", "*": "b"})'),
        ],
        [("size(event.tags) > 2", "event.tags[2]"), ("size(event.tags) > 1", "event.tags[2]")],
        [("event.amount > 5.0", "event.order_no"), ("event.amount > 7.5", "event.order_no")],
        [("true", 'money(event.amount, "CNY")'), ("true", 'money(event.amount, "YUAN")')],
    ],
)
def test_rules_in_which_a_text_or_number_matters(rules: list[tuple[str, str]]) -> None:
    """What is wrong with one of them is found, whether another one is checked before it or not."""
    _compare(rules, [event(), event(count=6, amount=6.0)])
    _compare(rules[::-1], [event()])


@settings(fuzzed.FEWER)
@given(st.data(), fuzzed.EXPRESSIONS, fuzzed.EVENTS)
def test_any_expressions_with_other_texts_and_numbers(data: st.DataObject, source: str, one: Event) -> None:
    """Of any form."""
    _compare([(source, source), *((data.draw(others(source)),) * 2 for _ in range(2))], [event(), one])


@pytest.mark.parametrize("source", [*CONDITIONS, *TEXTS])
@given(data=st.data())
@settings(max_examples=10)
def test_a_tree_that_was_moved_is_the_one_that_cel_gives(source: str, data: st.DataObject) -> None:
    """Every part, its location and its value."""
    other = data.draw(others(source))
    before, after = form_of(source), form_of(other)
    try:
        expected = ENVIRONMENT.compile(other).tree()
    except CompileError:
        return
    if before is not None and after is not None and before.outline == after.outline:
        assert moved(ENVIRONMENT.compile(source).tree(), before, after) == expected


@pytest.mark.parametrize(
    "source",
    [
        'event.a == "it\'s"',
        'event.a == r"b"',
        'event.a == """b"""',
        "event.a == 5u",
        "event.a > 1e5",
        "event.a > 5 // more than five",
        r'event.a == "\n"',
        "event.a > -5",
        "event.a",
    ],
)
def test_only_plain_literals_have_a_form(source: str) -> None:
    """Whatever is written in another way is checked by itself."""
    assert form_of(source) is None


def test_the_forms_of_the_usual_rules_are_known() -> None:
    """The tests above compare something."""
    assert sum(form_of(source) is not None for source in (*CONDITIONS, *TEXTS)) > len((*CONDITIONS, *TEXTS)) / 2
