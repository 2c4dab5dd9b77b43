"""The lines of rules on the page: those of idle rules are made once, and none is out of date."""

from __future__ import annotations

from pipeline.model.outcome import OutcomeKind
from pipeline.model.pause import Pause, Scope, ScopeKind
from pipeline.web.rule_lines import RuleLine, RuleLines
from pipeline.web.tally import Tally

from .status_sources import T0, outcome, rule_set


def test_whatever_happens_to_a_rule_is_on_its_line_at_once() -> None:
    """A match, an outcome, a suspension, a pause of the rule, of its template and of everything; and their end."""
    rules, tally, lines = rule_set("a", "b"), Tally(), RuleLines()

    def line(
        matched: dict[str, int] | None = None, suspended: dict[str, float] | None = None, *pauses: Pause
    ) -> RuleLine:
        return lines.of(rules, matched or {}, tally, suspended or {}, pauses)[0]

    idle = line()
    assert (idle.id, idle.matched, idle.paused_since) == ("a", 0, None)
    assert line({"a": 3}).matched == 3
    assert line({}, {"a": T0}).suspended_since == T0
    for scope in (Scope(ScopeKind.RULE, "a"), Scope(ScopeKind.TEMPLATE, "paid"), Scope(ScopeKind.ALL, "")):
        assert line({}, {}, Pause(scope, T0)).paused_since == T0
    assert line({}, {}, Pause(Scope(ScopeKind.RULE, "b"), T0)) == idle
    assert line() == idle
    tally.ended(outcome(1, OutcomeKind.REJECTED, rule="a"), T0)
    assert (line().failed, line().failed_share) == (1, 1.0)
    tally.ended(outcome(2, rule="a"), T0)
    assert (line().accepted, line().failed_share) == (1, 0.5)


def test_idle_rules_share_their_lines_until_the_rules_are_others() -> None:
    """5,000 lines at each update of a page held the loop for 30 ms."""
    before, lines = rule_set("a", "b"), RuleLines()
    first = lines.of(before, {}, Tally(), {}, ())
    second = lines.of(before, {"b": 1}, Tally(), {}, ())
    assert second[0] is first[0]
    assert [line.matched for line in second] == [0, 1]
    after = lines.of(rule_set("c", "a"), {}, Tally(), {}, ())
    assert [line.id for line in after] == ["c", "a"]
