"""Which branches of care.yaml the timelines of the tests reach.

They are, of a category: opted out or not, in its quiet hours or outside, and each cap reached or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.authoring.rule_tests.coverage import Branch, RuleCoverage
from pipeline.authoring.rule_tests.running import NoticeDecision
from pipeline.care.decision import End
from pipeline.care.declaration import Category
from pipeline.model.outcome import CAP, Reason
from pipeline.phrases import phrase
from pipeline.rules.care_compiler import held_back_by
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.source.document import Document, Path

_OPTED_OUT, _NOT_OPTED_OUT = phrase("opted out"), phrase("not opted out")
_IN, _OUTSIDE = phrase("in"), phrase("outside of")
_REACHED, _BELOW = phrase("reached"), phrase("not reached")


class CareCoverage:
    """Records what recipient care says of messages."""

    def __init__(self, rules: RuleSet, care: Document | None) -> None:
        """`care` is the file, as of `check`."""
        used = {rule.category for rule in rules.rules}
        self._care = care
        self._categories = {name: one for name, one in rules.care.categories.items() if name in used}
        self._seen: set[tuple[str, _Side]] = set()

    def note(self, decisions: Iterable[NoticeDecision]) -> None:
        """Record the decisions about the messages of one event of a timeline."""
        for decided in decisions:
            category = self._categories.get(decided.category or "")
            if category is not None:
                self._seen.update((category.name, side) for side in _taken(category, decided))

    def categories(self) -> tuple[RuleCoverage, ...]:
        """The coverage of each category that has rules and branches, in the order of the file."""
        if self._care is None:
            return ()
        found: list[RuleCoverage] = []
        for name, category in self._categories.items():
            sides = list(_sides(category))
            path: Path = ("care", "categories", name)
            missing = tuple(
                Branch(self._care.location((*path, side.key)), side.what, side.result)
                for side in sides
                if (name, side) not in self._seen
            )
            if sides:
                found.append(RuleCoverage(name, self._care.path, self._care.location(path), len(sides), missing))
        return tuple(found)


class _Side(NamedTuple):
    """One branch of a category."""

    key: str
    """Below the category: `opt_out`, `quiet` or `caps`."""
    name: str
    what: str
    result: str


def _sides(category: Category) -> Iterator[_Side]:
    """Every branch of a category."""
    held = held_back_by(category)
    if "opt_out" in held and category.opt_out is not None:
        for result in (_OPTED_OUT, _NOT_OPTED_OUT):
            yield _Side("opt_out", category.opt_out, phrase("list `{opt_out}`", opt_out=category.opt_out), result)
    if "quiet" in held and category.quiet is not None:
        name = category.quiet.hours.name
        for result in (_IN, _OUTSIDE):
            yield _Side("quiet", name, phrase("quiet hours `{name}`", name=name), result)
    for cap in category.caps if "caps" in held else ():
        for result in (_REACHED, _BELOW):
            yield _Side("caps", cap.name, phrase("cap `{name}`", name=cap.name), result)


def _taken(category: Category, decided: NoticeDecision) -> Iterator[_Side]:
    """The branches that one decision took: those after the one that ended it were not reached."""
    end = decided.decision if isinstance(decided.decision, End) else None
    reason = None if end is None else end.reason
    caps = () if end is None else tuple(one.name for one in end.because if one.what == CAP)
    for side in _sides(category):
        if side.key == "opt_out":
            result = _OPTED_OUT if reason is Reason.OPTED_OUT else _NOT_OPTED_OUT
        elif reason in {Reason.OPTED_OUT, Reason.DUPLICATE}:
            continue
        elif side.key == "quiet":
            result = _IN if reason is Reason.QUIET_HOURS else _OUTSIDE
        elif reason is Reason.QUIET_HOURS:
            continue
        else:
            result = _REACHED if side.name in caps else _BELOW
        if side.result == result:
            yield side
