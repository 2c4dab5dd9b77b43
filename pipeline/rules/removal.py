"""Which rules a reload removes, and whether that looks like an accident: an unmounted folder, a file lost in a merge.

A rule that is present with `enabled: false` is switched off on purpose and does not count as removed, nor does a rule
that moved to another file.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.rules.ruleset import RuleSet

MOST_NAMED = 5


class Removal(NamedTuple):
    """What a newer rule set lacks."""

    rules: tuple[str, ...]
    """Ids of the removed rules, sorted."""
    files: tuple[str, ...]
    """Files that are gone together with every rule they held, sorted."""
    before: int
    """Number of rules in use before."""

    def refusal(self, max_share: float) -> str | None:
        """Return why the reload must not be accepted unasked; None if it may.

        One rule may always be removed; more only up to `max_share` of the rules, and never a whole file.
        """
        count = len(self.rules)
        if self.files:
            what = (
                f"the file {self.files[0]} is"
                if len(self.files) == 1
                else f"{len(self.files)} files ({_named(self.files)}) are"
            )
            return f"{what} gone, with {_counted(count)}: {_named(self.rules)}"
        if count > max(1.0, max_share * self.before):
            return (
                f"{count} of {self.before} rules are gone, more than the share {max_share:g} that "
                f"rule_options.max_removed_share allows: {_named(self.rules)}"
            )
        return None


def removal(before: RuleSet, after: RuleSet) -> Removal:
    """Compare the rules in use with newer ones."""
    present = after.off.union(rule.id for rule in after.rules)
    gone = {rule.id for rule in before.rules} - present
    rules_of: dict[str, set[str]] = {}
    for rule in before.rules:
        rules_of.setdefault(rule.file, set()).add(rule.id)
    files = [file for file, rules in rules_of.items() if file not in after.files and rules <= gone]
    return Removal(tuple(sorted(gone)), tuple(sorted(files)), len(before.rules))


def _named(names: tuple[str, ...]) -> str:
    first = ", ".join(names[:MOST_NAMED])
    return f"{first} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else first


def _counted(rules: int) -> str:
    return "its rule" if rules == 1 else f"{rules} rules"
