"""Keys that are indented too little, or in a file of another kind: one finding instead of one for each line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.source.document import Document, Path
from pipeline.styles.registry import STYLES

_OF_A_RULE = frozenset({"when", "to", "template", "url", "category", "expires_after", "data", "overflow", "on"})
_OF_A_TEMPLATE = frozenset({"title", "style", "ids", "fields"})
_OF_A_TEST = frozenset({"event", "expect", "cases"})
_FILES: Mapping[str, tuple[str, str]] = {
    "rules": (phrase("rules"), phrase("move it out of the folder `tests`, and give it a name of its own")),
    "templates": (phrase("templates"), phrase("all templates are in templates.yaml, beside the rules")),
    "care": (phrase("recipient care"), phrase("all of it is in care.yaml, beside the rules")),
    "tests": (phrase("tests"), phrase("move it into the folder `tests`, beside the rules")),
}
"""The first key of each kind of file: what the file holds, and where it belongs."""


class Misplaced(NamedTuple):
    """A key in the wrong place."""

    path: Path
    message: str
    hint: str
    consequences: tuple[Path, ...]
    """Paths of which, and below which, every other error follows from it."""

    def explains(self, location: tuple[str | int, ...]) -> bool:
        """Whether an error at `location` follows from it."""
        return any(location[: len(path)] == path for path in self.consequences)

    def finding(self, document: Document) -> Finding:
        """The finding at the key."""
        return document.finding(self.path, "wrong-value", self.message, self.hint)


def first_misplaced(document: Document) -> Misplaced | None:
    """The first key in the wrong place; None where the keys are in theirs."""
    content = document.value
    if not isinstance(content, dict):
        return None
    return _other_file(document, content) or _dedented(content) or _fields_beside_data(content)


def _other_file(document: Document, content: Mapping[str, object]) -> Misplaced | None:
    first = next(iter(content), "")
    if first not in _FILES or len(content) != 1 or _expected(document) in {first, None}:
        return None
    kind, hint = _FILES[first]
    return Misplaced((first,), phrase("this is a file of {kind}", kind=kind), hint, ((),))


def _expected(document: Document) -> str | None:
    """The first key that the file should have, by its name."""
    parts = document.path.replace("\\", "/").split("/")
    if "tests" in parts[:-1]:
        return "tests"
    if parts[-1] in {"templates.yaml", "templates.yml"}:
        return "templates"
    if parts[-1] in {"care.yaml", "care.yml"}:
        return "care"
    return "rules" if len(parts) > 1 else None


def _dedented(content: Mapping[str, object]) -> Misplaced | None:
    templates = content.get("templates")
    if isinstance(templates, dict):
        owner = None
        for alias, value in templates.items():
            if alias in _OF_A_TEMPLATE and not (isinstance(value, dict) and "ids" in value) and owner is not None:
                followers = tuple(("templates", one) for one in templates if one in _OF_A_TEMPLATE)
                consequences = (*followers, ("templates", owner))
                return _too_little(("templates", alias), phrase("template `{owner}`", owner=owner), consequences)
            owner = alias if alias not in _OF_A_TEMPLATE else owner
    for first, keys, what in (
        ("rules", _OF_A_RULE, phrase("the rule above it")),
        ("templates", _OF_A_TEMPLATE, phrase("the template above it")),
        ("tests", _OF_A_TEST, phrase("the test above it")),
    ):
        misplaced = [key for key in content if key in keys] if first in content else []
        if misplaced:
            return _too_little((misplaced[0],), what, (*((key,) for key in misplaced), (first,)))
    return None


def _too_little(path: Path, owner: str, consequences: tuple[Path, ...]) -> Misplaced:
    message = phrase("`{path}` is indented too little: it belongs to {owner}", path=path[-1], owner=owner)
    return Misplaced(path, message, phrase("indent it, and what is below it, as the other keys there"), consequences)


def _fields_beside_data(content: Mapping[str, object]) -> Misplaced | None:
    """The fields of a card at the level of `data:` instead of below it."""
    rules = content.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, dict) or "data" not in rule or rule["data"] is not None:
            continue
        fields = [key for key in rule if any(style.owns(key) for style in STYLES.values())]
        if fields:
            path: Path = ("rules", index, fields[0])
            message = phrase(
                "`{fields}` is indented too little: the fields of the card belong below `data:`", fields=fields[0]
            )
            consequences = (*(("rules", index, key) for key in fields), ("rules", index, "data"))
            return Misplaced(path, message, phrase("indent each of them by two spaces more than `data:`"), consequences)
    return None
