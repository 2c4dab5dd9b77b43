"""Whatever rule files hold, checking and compiling end with findings, and what compiles evaluates for every event.

`pytest tests/property/rules/test_fuzzed_rules.py --hypothesis-profile search` searches longer than the suite does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.rule_files import read_rules_and_tests
from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.rules.cel.engine import Environment
from pipeline.rules.compile import compile_rules
from pipeline.rules.lint.check import check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES
from pipeline.rules.timestamp import Timestamp
from tests.unit.rules.shop import DATA, PAID, RULE, SCHEMA, TEMPLATES, event, with_fields

ROOT = Path(__file__).parents[3]
SHOP = SchemaCatalogue([EventSchema(SCHEMA), EventSchema(with_fields({"name": "b", "type": "string", "default": ""}))])
SHIPPED = read_rules_and_tests(ROOT / "rules")
TRADE = read_schemas(ROOT / "schemas" / "events")
FAULTS = sorted(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "faults").glob("*.yaml"))
SECONDS = 10.0
"""More than any small rule set may take, on a machine that runs other tests as well."""
FEWER = settings(
    max_examples=settings().max_examples if settings().max_examples > 100 else 15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

CONSTANTS = st.sampled_from(
    [
        "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "1u", "0.0", "-0.0", "1e308", "1e400", "true",
        "null", '""', '"x"', '"("', r'"\\"', r'"\u0000"', '"CNY"', '"Asia/Shanghai"', '"Beijing"', '"+99:99"', '"1d"',
        '"YYYY年M月D日 HH:mm"', '"MMMM"', "b'x'", "[]", "[1]", "{}", '{"a": 1}', '{"a": 1, "a": 2}', "{1: 2, 1u: 3}",
        'timestamp("x")', 'timestamp("2026-11-11 00:00")', "timestamp(99999999999999)", 'duration("1d")',
        'duration("99999999h")', 'int("x")', 'int("12")', "int(1e300)", "uint(-1)", 'double("nan")', "type(1)", "int",
        '"𝕏é\u200d👩"',
    ]
)  # fmt: skip
FIELDS = st.sampled_from(
    [f"event.{name}" for name in DATA]
    + ["event", "event.nope", "event.buyer.name", "event.coupon.code", "event.lines[0].title", 'event.extra["k"]',
       "event.tags[-1]", "event.b", "eventt", "has(event.note)", "dyn(event.count)"]
)  # fmt: skip
BINARY = st.sampled_from(["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in", "?", "=", "&"])
FUNCTIONS = st.sampled_from(
    ["money", "money_of_cents", "decimal", "local_time", "local_date", "truncate", "mask", "plural", "label",
     "label_in", "default", "items", "join", "trim", "upper", "size", "string", "int", "double", "duration",
     "timestamp", "matches", "type", "dyn", "url_encode", "nope"]
)  # fmt: skip
METHODS = st.sampled_from(
    ["matches", "startsWith", "contains", "getHours", "getFullYear", "getMonth", "size", "toUpperCase", "getSeconds"]
)
MACROS = st.sampled_from(["all", "exists", "exists_one", "map", "filter"])


def _larger(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, below, BINARY, below),
        st.builds("{} {} {}".format, below, BINARY, below),
        st.builds("({} ? {} : {})".format, below, below, below),
        st.builds("!{}".format, below),
        st.builds("-{}".format, below),
        st.builds("{}[{}]".format, below, below),
        st.builds("{}.a".format, below),
        st.builds("{}({})".format, FUNCTIONS, below),
        st.builds("{}({}, {})".format, FUNCTIONS, below, below),
        st.builds("{}({}, {}, {})".format, FUNCTIONS, below, below, below),
        st.builds("{}.{}({})".format, below, METHODS, below),
        st.builds("{}.{}()".format, below, METHODS),
        st.builds("[{}, {}]".format, below, below),
        st.builds("{{{}: {}}}".format, below, below),
        st.builds("{}.{}(v, {} == v)".format, below, MACROS, below),
        st.builds("[1,2,3,4,5,6,7,8,9,10].{}(w, {})".format, MACROS, below),
    )


EXPRESSIONS = st.recursive(FIELDS | CONSTANTS, _larger, max_leaves=8)
TEXTS = st.lists(
    EXPRESSIONS.map("${{{}}}".format) | st.sampled_from(["订单", "$${", "${", "}", "event.count", " # ", "\n", "'"]),
    max_size=3,
).map("".join)
SMALL = st.sampled_from(
    ["", " ", "\t", "\n", "\r", ":", "：", "“", "'", '"', "{", "}", "[", "]", "${", "$", "-", "#", ",", "，", "&a",
     "*a", "!!python/none", "|", ">", "?", "~", "0x", "\u00a0", "\u200b", "\ufeff", "\x00", "\ud800", "true", "\\"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=20)
    | st.builds(Timestamp, st.integers(-62_135_596_800, 253_402_300_799), st.integers(0, 999_999_999)),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=6,
)  # fmt: skip
EVENTS = st.dictionaries(st.sampled_from(sorted(DATA)), VALUES, max_size=6).map(lambda changes: event(**changes))
CEL = Environment()


def survived(sources: RuleSources, schemas: SchemaCatalogue, events: list[Event]) -> None:
    """Check, compile and evaluate."""
    began = time.process_time()
    checked = check(sources, schemas, environment="production", cel=CEL)
    compilation = compile_rules(sources, schemas, environment="production", cel=CEL)
    assert {finding.code for finding in checked.findings} <= set(CODES)
    assert set(compilation.errors) <= set(checked.findings)
    assert (compilation.ruleset is None) == bool(compilation.errors)
    if compilation.ruleset is not None:
        for one in events:
            evaluated(compilation.ruleset, one)
    assert time.process_time() - began < SECONDS


def evaluated(rules: RuleSet, one: Event) -> None:
    """Every rule that matches gives a notice or a refusal, and `expected` names the same rules."""
    for event_type in rules.event_types:
        given_event = replace(one, type=event_type)
        results = rules.evaluate(given_event)
        assert all(isinstance(result, Notice | Refusal) for result in results)
        assert tuple(result.rule for result in results) == rules.expected(given_event)


@settings(FEWER)
@given(when=EXPRESSIONS, to=TEXTS, first=TEXTS, url=TEXTS, event_type=st.sampled_from([PAID, "shop.other"]), one=EVENTS)
def test_rules_of_any_expressions(when: str, to: str, first: str, url: str, event_type: str, one: Event) -> None:
    """Typed against a schema, and untyped."""
    rule: Mapping[str, object] = {
        "id": "a", "on": event_type, "when": when, "to": to or "u1", "template": "paid", "data": {"thing1": first},
        "url": f"https://m.example.com/{url}",
    }  # fmt: skip
    sources = RuleSources({"a.yaml": json.dumps({"rules": [rule]})}, ("templates.yaml", TEMPLATES))
    survived(sources, SHOP, [one, event()])


@settings(FEWER)
@given(when=EXPRESSIONS, first=EXPRESSIONS, one=EVENTS)
def test_conditions_and_texts_one_by_one(when: str, first: str, one: Event) -> None:
    """A rule with one odd expression compiles more often than one with many."""
    for key, value in {"when": when, "data": {"thing1": f"${{{first}}}"}}.items():
        rule = {"id": "a", "on": PAID, "to": "u1", "template": "paid", "data": {"thing1": "豆"}, key: value}
        sources = RuleSources({"a.yaml": json.dumps({"rules": [rule]})}, ("templates.yaml", TEMPLATES))
        survived(sources, SHOP, [one, event()])


@st.composite
def mutants(draw: st.DrawFn, text: str) -> str:
    """The text with a few places cut out, doubled or overwritten."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        with_ = draw(SMALL | EXPRESSIONS | st.just(text[start:end] * 2))
        text = text[:start] + with_ + text[end:]
    return text


@settings(FEWER)
@given(st.data(), EVENTS)
def test_mutated_rule_template_and_test_files(data: st.DataObject, one: Event) -> None:
    """The shipped set and the files of `tests/faults`, changed in some places."""
    if data.draw(st.booleans()):
        rules = data.draw(st.sampled_from([RULE, *FAULTS]).flatmap(mutants))
        templates = data.draw(st.just(TEMPLATES) | mutants(TEMPLATES))
        test = data.draw(st.sampled_from(FAULTS))
        survived(RuleSources({"a.yaml": rules}, ("templates.yaml", templates), {"t.yaml": test}), SHOP, [one])
        return
    assert SHIPPED.templates is not None
    path = data.draw(st.sampled_from(sorted(SHIPPED.rules)))
    test = data.draw(st.sampled_from(sorted(SHIPPED.tests)))
    sources = SHIPPED._replace(
        rules={path: data.draw(mutants(SHIPPED.rules[path]))},
        templates=(SHIPPED.templates[0], data.draw(mutants(SHIPPED.templates[1]) | st.just(SHIPPED.templates[1]))),
        tests={test: data.draw(mutants(SHIPPED.tests[test]))},
    )
    survived(sources, TRADE, [one])


@settings(FEWER)
@given(st.text(st.characters(), max_size=200) | st.lists(SMALL, max_size=30).map("".join))
def test_files_of_any_characters(text: str) -> None:
    """As rules, as templates and as tests."""
    survived(RuleSources({"a.yaml": text}, ("templates.yaml", text), {"t.yaml": text}), SHOP, [event()])
