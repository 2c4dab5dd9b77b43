"""What of recipient care a rule set has, for a service that does not apply it."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.model.finding import Finding
from pipeline.phrases import marked, phrase
from pipeline.rules.care_compiler import held_back_by
from pipeline.rules.compile import Compilation
from pipeline.rules.source.document import Document, Path

_MESSAGE = marked("this release checks, tests and simulates recipient care; `run` does not apply `{key}` yet")
_HINT = phrase("leave it out of the rules that `run` reads")


def unapplied(compilation: Compilation) -> Iterator[Finding]:
    """A finding for each part because of which a message could be held back, so that nothing is sent against it."""
    document = compilation.care.document
    if document is not None:
        for category in compilation.care.care.categories.values():
            for key in held_back_by(category):
                yield _finding(document, ("care", "categories", category.name, key))
    for locations in compilation.locations.values():
        path = locations.key("once")
        if path in locations.document.keys:
            yield _finding(locations.document, path)


def _finding(document: Document, path: Path) -> Finding:
    return document.finding(path, "care-not-applied", phrase(_MESSAGE, key=path[-1]), _HINT)
