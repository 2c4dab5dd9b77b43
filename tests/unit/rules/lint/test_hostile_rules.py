"""Rules and events that mean harm are refused or bounded; what each costs is in the docstrings (one core, 2026)."""

from __future__ import annotations

import json
from typing import NamedTuple

import orjson
import pytest

from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import Reason
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import PAID, TEMPLATES, event, ruleset, schemas


def rules(when: str = "event.count > 2", thing: str = "豆", url: str = "https://m.example.com/") -> str:
    """A file of one rule."""
    return (
        f"rules:\n  - id: a\n    on: {PAID}\n    to: ${{event.sub}}\n    template: paid\n    when: |-\n      {when}\n"
        f"    url: {json.dumps(url)}\n    data: {{thing1: {json.dumps(thing)}}}\n"
    )


def checked(text: str) -> CheckResult:
    return check(RuleSources({"a.yaml": text}, ("templates.yaml", TEMPLATES)), schemas())


class Hostile(NamedTuple):
    """A file, and the code of the error that refuses it."""

    name: str
    text: str
    code: str


ONES = f"[{','.join(['1'] * 900)}]"
FEW = f"[{','.join(['1'] * 400)}]"
REFUSED = (
    Hostile("alias bomb", "a: &a [x,x]\nb: &b [*a,*a]\nrules: [*b,*b]\n", "alias"),
    Hostile("merge key", "x: &x {a: 1}\nrules:\n  - <<: *x\n", "alias"),
    Hostile("tag", "rules: !!python/object/apply:os.system [id]\n", "not-yaml"),
    Hostile("brackets in brackets", "rules: " + "[" * 100_000, "too-deep"),
    Hostile("maps in maps", "rules: " + "{a: " * 50_000, "too-deep"),
    Hostile("a megabyte and more", "rules: " + "x" * 1_100_000, "file-too-large"),
    Hostile("a quote that does not end", 'rules: "' + "\\n" * 500_000, "not-yaml"),
    Hostile("parentheses", rules("(" * 200 + "true" + ")" * 200), "expression-syntax"),
    Hostile("choices in choices", rules("event.gift ? true : " * 200 + "false"), "expression-syntax"),
    Hostile("a long condition", rules(" && ".join(["event.count > 2"] * 2_000)), "wrong-value"),
    Hostile("a huge whole number", rules("event.count > 99999999999999999999"), "expression-syntax"),
    Hostile("many pluses", rules(f"event.order_no == {' + '.join(['event.order_no'] * 60)}"), "expression-syntax"),
    Hostile(
        "macros in macros",
        rules("event.tags.all(a, event.tags.all(b, event.tags.all(c, event.tags.all(d, a + b + c + d != ''))))"),
        "too-costly",
    ),
    Hostile("lists made in a macro", rules("event.tags.all(a, event.tags.map(b, a + b) != [])"), "too-costly"),
    Hostile(
        "a regular expression of millions", rules('event.order_no.matches("((a{100}){100}){100}")'), "bad-argument"
    ),
    Hostile("a text of braces", rules(thing="${" * 5_000), "wrong-value"),
    *(
        Hostile(f"url {url[:40]}", rules(url=url), "bad-url")
        for url in (
            "javascript:alert(1)",
            "data:text/html,x",
            "http://m.example.com/",
            "//m.example.com/",
            "weixin://dl/business",
            "https://m.example.com@evil.example/",
            "https://m.example.com\\@evil.example/",
            "https:///nowhere",
            "https://${event.order_no}",
            "https://m.example.com${event.order_no}/",
            "${event.order_no}",
            "https://m.example.com/\nevil",
            "https://m.example.com/" + "x" * 2_000,
        )
    ),
)


@pytest.mark.parametrize("hostile", REFUSED, ids=lambda hostile: hostile.name)
def test_hostile_files_are_refused(hostile: Hostile) -> None:
    """By the code that says why; the dearest, a megabyte in a quote, takes half a second."""
    found = checked(hostile.text)
    assert found.ruleset is None
    assert hostile.code in {finding.code for finding in found.findings if finding.is_error}


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("\n".join(f"k{one}: 1" for one in range(20_000)), 20_000),
        (
            "rules:\n"
            + "".join(
                f"  - {{id: r{one}, on: {PAID}, to: a, template: nope, data: {{thing1: '${{event.nope}}'}}}}\n"
                for one in range(1_500)
            ),
            4_500,
        ),
        (
            f"rules:\n  - {{id: r, to: a, template: paid, data: {{thing1: x}}, on: [{','.join(['a.b'] * 10_000)}]}}\n",
            10_000,
        ),
    ],
    ids=["keys", "rules", "event types"],
)
def test_thousands_of_findings_cost_no_more_than_thousands_of_times_one(text: str, least: int) -> None:
    """1.0 s, 0.3 s and 0.3 s; a megabyte of faults, 5 s, is the most that a file can hold."""
    assert len(checked(text).findings) >= least


@pytest.mark.parametrize(
    ("when", "changes"),
    [
        (f"{ONES}.all(a, {ONES}.all(b, a + b > event.count - 9))", {}),
        (f"{FEW}.all(a, {FEW}.all(b, {FEW}.all(c, a + b > event.count - 9)))", {}),
        ("event.tags.all(a, event.tags.all(b, event.tags.all(c, a + b + c != '')))", {"tags": ["x" * 100] * 3_000}),
        ("size(event.tags.map(a, a)) > 0", {"tags": ["x"] * 20_000}),
    ],
    ids=["900 squared", "400 cubed", "an event of many tags", "a list made of many tags"],
)
def test_what_an_evaluation_may_cost_is_bounded(when: str, changes: dict[str, object]) -> None:
    """Loops end after ten thousand steps, at 0.03 s, with an outcome that reports it."""
    (found,) = ruleset(rules(when)).evaluate(event(**changes))
    assert isinstance(found, Refusal)
    assert found.reason is Reason.EXPRESSION_FAILED


def test_a_regular_expression_takes_linear_time() -> None:
    """RE2: what would take forever by trying is done in 2 ms over a megabyte."""
    evil = ruleset(rules('event.order_no.matches("^(a|aa)+$")'))
    assert evil.evaluate(event(order_no="a" * 1_000_000 + "b")) == []
    assert len(evil.evaluate(event(order_no="aaa"))) == 1


@pytest.mark.parametrize(
    "value", ["${event.sub}", "$${event.sub}", '","to":"evil', "{{ event }}", "%s%n", "\\u0022", "<b>", "'\"`"]
)
def test_an_events_text_is_never_read_as_a_template(value: str) -> None:
    """Braces, quotes, JSON and markup of an event arrive as they are, in the one field where they were put."""
    (notice,) = ruleset(rules(thing="${event.order_no}")).evaluate(event(order_no=value))
    assert isinstance(notice, Notice)
    body = orjson.loads(notice.body)
    assert body["data"] == {"thing1": {"value": value}}
    assert body["to"] == notice.recipient
    assert set(body) == {"to", "template", "url", "data"}


@pytest.mark.parametrize(
    "value", ["../../x", "@evil.example", "//evil.example", "?a=b#c", ":80", "javascript:alert(1)"]
)
def test_an_events_text_does_not_lead_a_url_elsewhere(value: str) -> None:
    """It stands behind scheme, host and slash, so that it can name another page of that host alone."""
    (notice,) = ruleset(rules(url="https://m.example.com/${event.order_no}")).evaluate(event(order_no=value))
    assert isinstance(notice, Notice)
    assert orjson.loads(notice.body)["url"] == f"https://m.example.com/{value}"


@pytest.mark.parametrize("value", ["a b", "a\nHost: evil", "a\u202eb", "x" * 2_000, "\x00"])
def test_a_url_with_what_no_url_holds_is_refused(value: str) -> None:
    """With its reason, and no message."""
    (found,) = ruleset(rules(url="https://m.example.com/${event.order_no}")).evaluate(event(order_no=value))
    assert isinstance(found, Refusal)
    assert found.reason is Reason.URL_REFUSED
