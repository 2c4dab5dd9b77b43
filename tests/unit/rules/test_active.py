"""`active`: the days of the events that a rule is for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.authoring.cards.preview import previews, previews_of
from pipeline.authoring.diff.rule_set_pair import compare
from pipeline.authoring.explain import Match, explain
from pipeline.authoring.rule_tests.coverage import Coverage
from pipeline.authoring.rule_tests.running import run
from pipeline.model.event import Event
from pipeline.rules.active import Days
from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import PAID, RULE, TEMPLATES, checked, event, findings, ruleset, schemas

NOVEMBER = f"{RULE}    active: {{from: 2026-11-01, until: 2026-11-30}}\n"


def at(moment: str) -> Event:
    """The shop's event at a moment."""
    made = event()
    made.time_ms = round(datetime.fromisoformat(moment).timestamp() * 1_000)
    return made


@pytest.mark.parametrize(
    ("moment", "matches"),
    [
        ("2026-10-31T23:59:59.999+08:00", False),
        ("2026-11-01T00:00:00+08:00", True),
        ("2026-11-30T23:59:59.999+08:00", True),
        ("2026-12-01T00:00:00+08:00", False),
        ("2026-11-30T16:00:00Z", False),
        ("2026-10-31T16:00:00Z", True),
    ],
)
def test_the_days_are_whole_and_in_shanghai(moment: str, *, matches: bool) -> None:
    """Both ends count, to the millisecond; an event of another day does not match, and has no outcome to wait for."""
    rules = ruleset(NOVEMBER)
    assert bool(rules.evaluate(at(moment))) is matches
    assert bool(rules.expected(at(moment))) is matches


def test_the_file_may_name_another_zone() -> None:
    """For all its rules."""
    rules = ruleset("timezone: America/New_York\n" + NOVEMBER)
    assert not rules.evaluate(at("2026-11-01T00:00:00+08:00"))
    assert rules.evaluate(at("2026-11-30T23:59:59-05:00"))


def test_one_end_may_be_open_and_defaults_may_have_it() -> None:
    """`from` alone has no end, `until` alone no beginning."""
    begins = ruleset("defaults: {active: {from: 2026-11-01}}\n" + RULE)
    ends = ruleset(f"{RULE}    active: {{until: 2026-11-01}}\n")
    assert begins.evaluate(at("2099-01-01T00:00:00Z"))
    assert not begins.evaluate(at("2026-10-01T00:00:00Z"))
    assert ends.evaluate(at("1999-01-01T00:00:00Z"))
    assert not ends.evaluate(at("2026-11-02T00:00:00Z"))


@given(
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia", "UTC"]),
    st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    st.integers(-(36 * 60), 36 * 60),
)
def test_an_event_is_on_the_day_that_clocks_there_show(zone: str, day: date, minutes: int) -> None:
    """In every zone, also where clocks skip midnight or a whole day, or show an hour twice."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    moment = noon.astimezone(UTC) + timedelta(minutes=minutes)
    there = moment.astimezone(ZoneInfo(zone)).date()
    made = event()
    made.time_ms = round(moment.timestamp() * 1_000)
    assert Days.of(day, day, zone).has(made) == (there == day)


def test_days_that_are_over_are_warned_of() -> None:
    """Where the check knows the time; the last day is still one of them."""
    sources = RuleSources({"rules/shop.yaml": NOVEMBER}, ("rules/templates.yaml", TEMPLATES))
    for moment, expected in (("2026-11-30T23:59:59+08:00", []), ("2026-12-01T00:00:00+08:00", ["days-over"])):
        now = datetime.fromisoformat(moment).timestamp()
        found = check(sources, schemas(), now=now).findings
        assert [one.code for one in found if one.code not in {"missing-test", "unused-template"}] == expected
    assert findings(NOVEMBER) == []


def test_a_rule_with_days_hides_no_other() -> None:
    """It stops nothing on the other days."""
    stopping = f"{NOVEMBER}    stop: true\n{RULE.partition('rules:')[2].replace('id: paid', 'id: other')}"
    assert "shadowed" not in {one.code for one in findings(stopping)}


def test_the_tools_say_why_a_rule_is_not_active() -> None:
    """Explanation, preview, comparison and the report of a test."""
    result = checked(NOVEMBER)
    assert result.ruleset is not None
    other_day = at("2026-12-01T00:30:00+08:00")
    reason = (
        "it is active from 2026-11-01 until 2026-11-30 (Asia/Shanghai), and the event's time there is 2026-12-01 00:30"
    )
    (explained,) = explain(result.ruleset, result.locations, other_day).rules
    assert (explained.match, explained.inactive, explained.condition) == (Match.NO_MATCH, reason, None)
    assert previews(result.ruleset, other_day) == []
    (shown,) = previews_of(result.ruleset, result.ruleset.rules[0], other_day)
    assert shown.unsent == f"nothing would be sent: {reason}"
    assert shown.as_json([])["inactive"] == reason
    diff = compare(ruleset(RULE), result.ruleset, [at("2026-11-02T00:00:00Z"), other_day])
    assert (diff.rules["paid"].before, diff.rules["paid"].after) == (2, 1)


TESTS = f"""\
tests:
  - name: in November
    event: {{type: {PAID}, example: true, time: "2026-11-02T00:00:00Z"}}
    expect: {{notices: [{{rule: paid}}]}}
  - name: in December
    event: {{type: {PAID}, example: true, time: "2026-12-02T00:00:00Z"}}
    expect: {{notices: [{{rule: paid}}]}}
"""


def test_tests_set_the_time_and_coverage_wants_another_day() -> None:
    """A rule with days has one branch more: an event on none of them."""
    sources = RuleSources(
        {"rules/shop.yaml": NOVEMBER}, ("rules/templates.yaml", TEMPLATES), {"rules/tests/shop.yaml": TESTS}
    )
    result = check(sources, schemas())
    assert result.ruleset is not None
    november, december = (run(case, result.ruleset, schemas(), {}) for case in result.cases)
    assert november.passed
    assert "it is active from 2026-11-01" in december.mismatches[0].summary
    assert "`time:`" in str(december.mismatches[0].hint)
    coverage = Coverage(result.ruleset, result.locations)
    for case, missing in ((november, ["never false: active from 2026-11-01 until 2026-11-30"]), (december, [])):
        assert case.event is not None
        coverage.note(case.event)
        (rule,) = coverage.rules()
        assert [branch.message for branch in rule.missing] == missing
        assert rule.branches == 2
