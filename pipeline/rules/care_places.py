"""Where the conditions of recipient care are declared, for explanations of what they decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.care.declaration import Care
from pipeline.care.words import CareWords
from pipeline.model.outcome import CAP, ONCE, OPT_OUT, QUIET_HOURS
from pipeline.rules.source.document import Document, Path
from pipeline.rules.source.rule_locations import RuleLocations


def care_words(care: Care, document: Document | None, rules: Mapping[str, RuleLocations]) -> CareWords:
    """Words for outcomes, with places of today's care.yaml (`document`) and rules."""
    places = {} if document is None else {key: _place(document, path) for key, path in _declared(care)}
    for name, one in rules.items():
        if (path := one.key("once")) in one.document.keys:
            places[ONCE, name] = _place(one.document, path)
    return CareWords(care.zone, places, care.zone_of_preferences)


def _declared(care: Care) -> Iterator[tuple[tuple[str, str], Path]]:
    for name in care.caps:
        yield (CAP, name), ("care", "caps", name)
    for name, category in care.categories.items():
        if category.opt_out is not None:
            yield (OPT_OUT, category.opt_out), ("care", "categories", name, "opt_out")
        if category.quiet is not None:
            hours = category.quiet.hours.name
            yield (QUIET_HOURS, hours), ("care", "quiet_hours", hours)


def _place(document: Document, path: Path) -> str:
    location = document.location(path)
    return f"{document.path}:{location.line}:{location.column}"
