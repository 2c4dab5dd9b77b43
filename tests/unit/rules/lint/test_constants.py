"""A fixed part of an expression that fails for every event is an error at its location, with its cause and a hint."""

from __future__ import annotations

import time

import pytest

from pipeline.rules.compile import compile_rules
from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import PAID, TEMPLATES, schemas


def sources(when: str = "event.gift", thing: str = "豆") -> RuleSources:
    text = (
        f"rules:\n  - id: a\n    on: {PAID}\n    to: ${{event.sub}}\n    template: paid\n    when: |-\n      {when}\n"
        f"    data:\n      thing1: |-\n        {thing}\n"
    )
    return RuleSources({"a.yaml": text}, ("templates.yaml", TEMPLATES))


SEVEN = "".join(f"[1,2,3,4,5,6,7,8,9,10].all(v{number}, " for number in range(7)) + "true" + ")" * 7
FAILING = [
    ("1 ▸/ 0 > 0", "always-fails", "zero"),
    ("event.count ▸/ 0 > 1", "always-fails", "divides by zero"),
    ("event.count ▸% (2 - 2) == 1", "always-fails", "divides by zero"),
    ("event.amount ▸/ 0.0 > 1.0", "always-fails", "divides by zero"),
    ('▸int("x") == 1', "always-fails", "without quotes"),
    ('event.gift || ▸double("1,5") > 1.0', "always-fails", "without quotes"),
    ("▸[1][5] == 1", "always-fails", "the first item of a list is [0]"),
    ("event.tags[▸-1] == 'a'", "always-fails", "no list has an item -1"),
    ('"a".matches(▸"(")', "bad-argument", "not a regular expression"),
    ('event.order_no.matches(▸"(")', "bad-argument", "not a regular expression"),
    ('event.order_no.matches(▸"(" + "a")', "bad-argument", "not a regular expression"),
    ('▸timestamp("x") < event.paid_at', "always-fails", "date, time and zone"),
    ('event.paid_at < ▸timestamp("2026-11-11 00:00")', "always-fails", "2026-11-11T00:00:00+08:00"),
    ('event.paid_at - ▸duration("1d") < event.paid_at', "always-fails", 'duration("24h")'),
    ('event.paid_at.getHours(▸"Beijing") > 8', "bad-argument", "Asia/Shanghai"),
    ('timestamp("2026-11-11T00:00:00Z").getMonth(▸"CST+8") == 1', "bad-argument", "Asia/Shanghai"),
    *(
        (f'event.paid_at.{part}(▸"{zone}") > 8', "bad-argument", "+08:00")
        for part, zone in [("getHours", "+99:99"), ("getDate", "-24:00"), ("getMinutes", "8:60"), ("getMonth", "24:00")]
    ),
    ("event.count > ▸9223372036854775807 + 1", "always-fails", "too large"),
    ('event.channel in [▸{"a": "b"}.c]', "always-fails", "no such key"),
    ('▸{"a": 1, "a": 2} == {"a": 1}', "always-fails", "written once"),
    ("event.tags.all(tag, 1 ▸/ 0 > 0)", "always-fails", "zero"),
    ('[1, 2].all(item, item > 0) && ▸int("1.5") == 1', "always-fails", "without quotes"),
    (SEVEN, "too-costly", "more than 3 macros"),
]


@pytest.mark.parametrize(("marked", "code", "part"), FAILING)
def test_a_fixed_part_that_fails_is_an_error(marked: str, code: str, part: str) -> None:
    """At the part itself; the compiler reports it, so a running service refuses the set instead of stopping."""
    when = marked.replace("▸", "")
    errors = compile_rules(sources(when), schemas(), environment="production").errors
    found = [one for one in errors if one.code == code]
    assert found, errors
    if "▸" in marked:
        assert [one.column for one in found] == [7 + marked.index("▸")]
    assert part in f"{found[0].message} {found[0].hint}"
    assert all(finding.is_error is (finding in errors) for finding in check(sources(when), schemas()).findings)


def test_the_same_in_a_text() -> None:
    """Every expression of a rule is evaluated, not the condition alone."""
    (error,) = compile_rules(sources(thing='共${event.count + int("x")}件'), schemas()).errors
    assert (error.code, error.line, error.column) == ("always-fails", 10, 26)


@pytest.mark.parametrize(
    "when",
    [
        "event.gift || true",
        "false && 1 / 0 > 0",
        "[1, 2, 3].exists(item, item > 2)",
        'event.paid_at < timestamp("2026-11-11T00:00:00+08:00")',
        'event.paid_at.getHours("Asia/Shanghai") > 8 || event.paid_at.getMonth("+08:00") == 1',
        'event.order_no.matches("^T[0-9]+$")',
        "event.count % 2 == 0 && event.tags[0] != ''",
        '{"a": {"b": 1}}.a.b == 1',
        "type(event.count) == int",
    ],
)
def test_sound_fixed_parts_are_no_errors(when: str) -> None:
    """A part that CEL never evaluates, such as the right side of `false &&`, does not fail."""
    assert compile_rules(sources(when), schemas()).errors == ()


def test_evaluating_fixed_parts_takes_bounded_time() -> None:
    """CEL ends an evaluation after 10,000 steps of macros; measured: 0.01 s for these three million."""
    items = f"[{','.join(['1'] * 150)}]"
    when = f"{items}.all(a, {items}.all(b, {items}.all(c, a + b + c > 0)))"
    began = time.process_time()
    (error,) = compile_rules(sources(when), schemas()).errors
    assert (error.code, error.message) == ("too-costly", "these loops take more than 10,000 steps")
    assert time.process_time() - began < 2


def test_a_type_without_a_name_is_an_error() -> None:
    """A map whose keys are lists: the binding raises where it should name the type."""
    (error,) = compile_rules(sources(thing="${{event.tags: event.sub}}"), schemas()).errors
    assert (error.code, error.line, error.column) == ("type-mismatch", 10, 11)
