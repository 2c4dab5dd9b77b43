"""The rules in use on the page and in `/status.json`. Of thousands most are idle: their lines are made once.

Making 5,000 lines takes 30 ms, in which the loop sends nothing, and an open page asks every few seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.model.outcome import Outcome
from pipeline.model.outcome_words import outcome_words
from pipeline.model.pause import Pause, ScopeKind
from pipeline.rules.ruleset import Rule, RuleSet
from pipeline.web.tally import RuleTally, Tally


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule in use."""

    id: str
    event_types: tuple[str, ...]
    template: str
    owner: str
    matched: int
    accepted: int
    failed: int
    last_at: float | None
    """Time when its newest outcome was acknowledged."""
    suspended_since: float | None
    failed_share: float
    """Share of its ended notices that failed, since the start."""
    last_failure: str | None
    """Why its newest failure failed, in plain text."""
    paused_since: float | None


class RuleLines:
    """Makes the lines of the rules in use."""

    def __init__(self) -> None:
        self._rules: RuleSet | None = None
        self._idle: tuple[RuleLine, ...] = ()
        """Of each rule, its line while nothing has happened to it."""

    def of(
        self,
        rules: RuleSet,
        matched: Mapping[str, int],
        tally: Tally,
        suspended: Mapping[str, float],
        pauses: Sequence[Pause],
    ) -> tuple[RuleLine, ...]:
        """The lines in the order of the rules; `matched` and `suspended` are by rule."""
        if self._rules is not rules:
            self._rules = rules
            self._idle = tuple([_line(rule, 0, RuleTally(), None, None) for rule in rules.rules])
        paused = {(pause.scope.kind, pause.scope.name): pause.since for pause in pauses}
        lines = list(self._idle)
        for index, rule in enumerate(rules.rules):
            count, ended, since = matched.get(rule.id, 0), tally.rules.get(rule.id), suspended.get(rule.id)
            by_operator = next((paused[key] for key in _scopes(rule) if key in paused), None) if paused else None
            if count or ended is not None or since is not None or by_operator is not None:
                lines[index] = _line(rule, count, ended or RuleTally(), since, by_operator)
        return tuple(lines)


def _line(
    rule: Rule, matched: int, ended: RuleTally, suspended_since: float | None, paused_since: float | None
) -> RuleLine:
    return RuleLine(
        id=rule.id,
        event_types=rule.on,
        template=", ".join(rule.templates),
        owner=rule.owner,
        matched=matched,
        accepted=ended.accepted,
        failed=ended.failed,
        last_at=ended.last or None,
        suspended_since=suspended_since,
        failed_share=ended.failed / all_ended if (all_ended := sum(ended.ended.values())) else 0.0,
        last_failure=None if ended.last_failure is None else words_of(ended.last_failure),
        paused_since=paused_since,
    )


def _scopes(rule: Rule) -> Iterator[tuple[ScopeKind, str]]:
    """The pauses that concern a rule."""
    yield ScopeKind.ALL, ""
    yield ScopeKind.RULE, rule.id
    for template in rule.templates:
        yield ScopeKind.TEMPLATE, template


def words_of(outcome: Outcome) -> str:
    """Why a notice ended, in plain text."""
    return outcome_words(outcome.kind, outcome.reason, outcome.code, outcome.because)
