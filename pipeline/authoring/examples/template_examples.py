"""The examples of templates as values of events: a preview shows what the author registered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pipeline.rules.ruleset import Rule, RuleSet

_FIELD = re.compile(r"event(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
_AMOUNT = re.compile(r"money\((event(?:\.[A-Za-z_][A-Za-z0-9_]*)+), .*\)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def examples_of(rules: RuleSet, event_type: str, only: Iterable[Rule] | None = None) -> Mapping[str, str]:
    """By path of the event: the example of the template's field that shows this value alone, or an amount of it."""
    found: dict[str, str] = {}
    for rule in only if only is not None else rules.rules:
        template = rules.templates.get(rule.template)
        if event_type not in rule.on or template is None:
            continue
        for field in rule.fields:
            declared = template.field(field.key)
            if declared is None or not declared.example or len(field.text.parts) != 1:
                continue
            if len(field.text.expressions) != 1:
                continue
            source = field.text.expressions[0].source.strip()
            amount = _AMOUNT.fullmatch(source)
            if _FIELD.fullmatch(source):
                found.setdefault(source, declared.example)
            elif amount is not None and (digits := _NUMBER.search(declared.example)) is not None:
                found.setdefault(amount[1], digits[0])
    return found
