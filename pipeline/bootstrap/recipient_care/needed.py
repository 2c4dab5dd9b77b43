"""Whether the configuration fits the recipient care that the rules have."""

from __future__ import annotations

from pipeline.adapters.rule_files import read_rules
from pipeline.model.finding import Finding
from pipeline.rules.care_compiler import held_back_by, read_care
from pipeline.rules.rule_compiler import with_defaults
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.source.document import parse
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.format import RuleFile
from pipeline.rules.source.structure import validate
from pipeline.settings import Settings

OMIT = "omit"


def needs_care(rules: RuleSet) -> str | None:
    """Return what needs recipient care: a category that may hold a message back, or a rule with `once`; else None."""
    for category in rules.care.categories.values():
        held = held_back_by(category)
        if held:
            return f"`{held[0]}` of category `{category.name}`"
    return next((f"`once` of rule `{rule.id}`" for rule in rules.rules if rule.once is not None), None)


def uses_care(settings: Settings, rules: RuleSet) -> bool:
    """Whether the service applies recipient care, by its configuration and rules."""
    enabled = settings.recipient_care.enabled
    return enabled is True or (enabled is not False and needs_care(rules) is not None)


def disabled_care(settings: Settings) -> str | None:
    """Why `recipient_care.enabled: false` does not fit the rules; None where it does.

    Raises:
        UserError: the rules cannot be read.
    """
    if settings.recipient_care.enabled is not False:
        return None
    where = _first_care(read_rules(settings.rules))
    return None if where is None else f"false, but the rules need recipient care ({where}): write auto, or true"


def omitted_recipient(settings: Settings) -> str | None:
    """Why `outcomes.recipient: omit` does not fit the rules; None where it does.

    Recipient care counts the outcomes of a recipient, so that the ledger must say whose they are.

    Raises:
        UserError: the rules cannot be read.
    """
    if settings.outcomes.recipient != OMIT:
        return None
    where = _first_care(read_rules(settings.rules))
    if where is None:
        return None
    return f"omit leaves out whose outcomes they are, and recipient care counts by it ({where}): write hash"


def _first_care(sources: RuleSources) -> str | None:
    """Where the first part is that holds messages back, whether the rules are sound or not."""
    care = read_care(sources.care, []).care
    if sources.care is not None and any(held_back_by(category) for category in care.categories.values()):
        return sources.care[0]
    for path, text in sources.rules.items():
        document = parse(path, text)
        model = None if isinstance(document, Finding) else validate(document, RuleFile)[0]
        for rule in model.rules if model is not None else ():
            if with_defaults(rule, model.defaults if model is not None else None).once is not None:
                return f"`once` of rule `{rule.id}` in {path}"
    return None
