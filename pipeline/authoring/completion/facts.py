"""What the place of the cursor means: which expression, event types and template it belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.authoring.completion.expression import Cursor, Scope, cursor
from pipeline.authoring.completion.known import EventFields, Known
from pipeline.authoring.completion.outline import Outline, Path
from pipeline.authoring.completion.place import Place
from pipeline.authoring.completion.shapes import FileKind
from pipeline.rules.for_each import taken_apart
from pipeline.rules.source.templates import Template

_TEXTS = {("to",), ("url",), ("data",), ("reference",)}
"""Keys of a rule whose values are texts with `${…}`."""
_OVER = re.compile(r"""["']?\s*[A-Za-z_]\w*\s+in\s""")
"""What `for_each` has before its list."""
_OF_A_RULE = 2
"""Length of the path of a rule, `("rules", 0)`."""


class Facts(NamedTuple):
    """One text, and what is known around it."""

    kind: FileKind
    outline: Outline
    known: Known

    def inside(self, path: Path) -> Path:
        """A path of a rules file from its rule, or from `defaults`, on; empty for another one."""
        if path[:1] == ("defaults",):
            return path[1:]
        return path[_OF_A_RULE:] if path[:1] == ("rules",) else ()

    def types(self, path: Path) -> list[str]:
        """The event types of the rule, or the test's event, that `path` belongs to."""
        if self.kind is FileKind.TESTS:
            written = self.outline.written((*path[:2], "event", "type"))
            return [written] if written else []
        for owner in (path[:_OF_A_RULE], ("defaults",)):
            one = self.outline.written((*owner, "on"))
            below = [self.outline.written(entry.path) for entry in self.outline.below((*owner, "on"))]
            found = [name for name in ([one] if one else below) if name]
            if found:
                return found
        return []

    def fields(self, path: Path) -> list[EventFields]:
        """The fields of those types."""
        return self.known.fields_of(self.types(path))

    def template(self, path: Path) -> Template | None:
        """The template of the rule, or of the expected message, that `path` belongs to."""
        if self.kind is FileKind.TESTS:
            owner = path[: path.index("data")] if "data" in path else path
            alias = self.outline.written((*owner, "template"))
            rule = self.known.rules.get(self.outline.written((*owner, "rule")) or "")
            alias = alias or (rule.template if rule is not None else None)
        else:
            alias = self._alias(path[:_OF_A_RULE]) or self._alias(("defaults",))
        return self.known.templates.get(alias or "")

    def _alias(self, owner: Path) -> str | None:
        """The template of a rule or of `defaults`; of several, which have the same keys, the first one."""
        one = self.outline.written((*owner, "template"))
        below = (self.outline.written(entry.path) for entry in self.outline.below((*owner, "template", "of")))
        return one or next((alias for alias in below if alias), None)

    def is_expression(self, path: Path) -> bool:
        """Whether the whole value at `path` is an expression."""
        return self.kind is FileKind.RULES and (self.inside(path)[:1] == ("when",) or self._chooses(path))

    def _chooses(self, path: Path) -> bool:
        """Whether the value at `path` chooses the template."""
        return self.inside(path) == ("template", "by")

    def is_text(self, path: Path) -> bool:
        """Whether the value at `path` is a text with `${…}`."""
        inside = self.inside(path)
        return self.kind is FileKind.RULES and (inside[:1] in _TEXTS or inside == ("once", "by"))

    def item(self, path: Path) -> Mapping[str, str]:
        """The name of an item of the rule's `for_each`, with the path of the list; empty where none can be read."""
        if not self.is_text(path) and not self._chooses(path):
            return {}
        for owner in (path[:_OF_A_RULE], ("defaults",)):
            found = taken_apart(self.outline.written((*owner, "for_each")) or "")
            if found is not None:
                return {found.name: found.source.partition(".filter(")[0]}
        return {}

    def expression(self, where: Place, offset: int) -> tuple[int, str] | None:
        """Where the expression around `offset` begins, and its source up to there; None outside of one."""
        start, quote = where.word.start, self.outline.quote(where.word)
        written = self.outline.text[start:offset]
        if self.is_expression(where.path):
            return start + len(quote), _unescaped(written[len(quote) :], quote)
        if self.kind is FileKind.RULES and self.inside(where.path) == ("for_each",):
            over = _OVER.match(written)
            return None if over is None else (start + over.end(), _unescaped(written[over.end() :], quote))
        if not self.is_text(where.path):
            return None
        opened = _open(written)
        return None if opened is None else (start + opened, _unescaped(written[opened:], quote))

    def cursor(self, where: Place, offset: int) -> Cursor | None:
        """What is being written in the expression at `offset`; None outside of one."""
        found = self.expression(where, offset)
        if found is None:
            return None
        at = cursor(found[1])
        return at._replace(variables={**self.item(where.path), **at.variables})

    def scope(self, where: Place, at: Cursor) -> Scope:
        """The names of the expression."""
        return Scope(self.fields(where.path), at.variables)


def _unescaped(written: str, quote: str) -> str:
    if quote == "'":
        return written.replace("''", "'")
    return written.replace('\\"', '"') if quote == '"' else written


def _open(written: str) -> int | None:
    """Where the expression begins that is not closed at the end of `written`; None where all are closed."""
    at = 0
    while (at := written.find("${", at)) >= 0:
        if written[at - 1 : at] == "$" and at:
            at += 2
            continue
        end = _closing(written, at + 2)
        if end is None:
            return at + 2
        at = end
    return None


def _closing(written: str, at: int) -> int | None:
    """Behind the `}` that closes the expression whose source begins at `at`."""
    depth, quote = 0, ""
    while at < len(written):
        one = written[at]
        if quote:
            at += one == "\\" and quote == '"'
            quote = "" if one == quote else quote
        elif one in "\"'":
            quote = one
        elif one == "{":
            depth += 1
        elif one == "}":
            if not depth:
                return at + 1
            depth -= 1
        at += 1
    return None
