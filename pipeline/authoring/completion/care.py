"""What care.yaml, and the keys of rules and tests about it, may name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.authoring.care_words import cap_in_words, clock
from pipeline.authoring.completion.facts import Facts
from pipeline.authoring.completion.outline import Path
from pipeline.authoring.completion.shapes import FileKind
from pipeline.phrases import joined, phrase

Named = Sequence[tuple[str, str]]
"""Names, each with what it is."""


def names_at(facts: Facts, path: Path) -> Named | None:
    """The names that may be the value at `path`; None where none of recipient care is meant."""
    parts = [part for part in path if isinstance(part, str)]
    last = parts[-1] if parts else None
    care = facts.known.care
    if facts.kind is FileKind.CARE:
        if last == "caps" and "categories" in parts:
            return _written(facts, "caps", "cap")
        if last == "hours":
            return _written(facts, "quiet_hours", phrase("quiet hours"))
        if last == "category":
            return _categories(facts)
        return None
    if last == "category":
        return _categories(facts)
    if facts.kind is FileKind.TESTS and last == "cap":
        return [(name, cap_in_words(cap)) for name, cap in care.caps.items()]
    if facts.kind is FileKind.TESTS and last == "opted_out":
        return [(name, "list") for name in facts.known.lists]
    return None


def keys_at(facts: Facts, path: Path) -> Named:
    """The keys below `path` that name a category: of `categories` and `reserve`."""
    if facts.kind is not FileKind.CARE or path[-1:] not in {("categories",), ("reserve",)}:
        return []
    return _categories(facts)


def described(facts: Facts, path: Path, written: str) -> str | None:
    """What a name is, in words; None where it is none of recipient care."""
    names = names_at(facts, path)
    if names is None or written not in {name for name, _ in names}:
        return None
    care = facts.known.care
    if written in care.caps:
        return cap_in_words(care.caps[written])
    hours = next((one.quiet.hours for one in care.categories.values() if one.quiet is not None), None)
    if hours is not None and hours.name == written:
        return phrase("{start} to {end}", start=clock(hours.start), end=clock(hours.end))
    category = care.categories.get(written)
    if category is None:
        return None
    if category.urgent:
        return phrase("urgent: no cap, quiet hours or opt-out holds it back")
    parts = [phrase("cap {name}: {cap}", name=cap.name, cap=cap_in_words(cap)) for cap in category.caps]
    if category.quiet is not None:
        parts.append(phrase("quiet hours {name}: {then}", name=category.quiet.hours.name, then=category.quiet.then))
    if category.opt_out is not None:
        parts.append(phrase("list {opt_out}", opt_out=category.opt_out))
    return joined("\n", parts) if parts else None


def _categories(facts: Facts) -> Named:
    written: Iterable[str] = ()
    if facts.kind is FileKind.CARE:
        written = facts.outline.keys(("care", "categories"))
    return [(name, "category") for name in dict.fromkeys([*facts.known.categories, *written])]


def _written(facts: Facts, key: str, what: str) -> Named:
    """The names below a key of the file as it is now written."""
    return [(name, what) for name in facts.outline.keys(("care", key))]
