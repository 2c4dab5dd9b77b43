"""Text with `${…}`: literal parts and expressions, each with its location.

`$${` means the two characters `${`. Only the rule's own text is parsed this way, never an event's values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from pipeline.phrases import phrase


class Part(NamedTuple):
    """A literal text, or an expression's source."""

    source: str
    is_expression: bool
    at: int
    """Index of its first character in the whole text."""


class Unclosed(ValueError):
    """A `${` without its `}`, or a quote within it that is not closed; `at` is its index."""

    def __init__(self, at: int, *, is_quote: bool = False) -> None:
        super().__init__(phrase("a quote that is not closed") if is_quote else phrase("`${` without its `}`"))
        self.at = at
        self.is_quote = is_quote


_OPENING = re.compile(r"\$?\$\{")
_SIGN = re.compile("[\"'{}]")
_QUOTED = {quote: re.compile(rf"(?:\\.|[^\\{quote}])*{quote}", re.DOTALL) for quote in ('"', "'")}
"""What follows an opening quote, to the closing one."""


@lru_cache(maxsize=256)
def split(text: str) -> tuple[Part, ...]:
    """The parts of `text`, in order; no empty literals.

    >>> [part.source for part in split('订单${event.no}已付')]
    ['订单', 'event.no', '已付']

    Raises:
        Unclosed: an expression does not end.
    """
    parts: list[Part] = []
    literal, begin, index = "", 0, 0
    while (opening := _OPENING.search(text, index)) is not None:
        literal += text[index : opening.start()]
        index = opening.end()
        if opening[0] == "$${":
            literal += "${"
            continue
        end = _end(text, opening.start())
        if literal:
            parts.append(Part(literal, is_expression=False, at=begin))
        parts.append(Part(text[index:end], is_expression=True, at=index))
        literal, begin, index = "", end + 1, end + 1
    literal += text[index:]
    if literal:
        parts.append(Part(literal, is_expression=False, at=begin))
    return tuple(parts)


def _end(text: str, start: int) -> int:
    """The index of the `}` that closes the `${` at `start`, past texts and maps within the expression."""
    depth, index = 0, start + 2
    while (found := _SIGN.search(text, index)) is not None:
        index = found.end()
        if found[0] in _QUOTED:
            closing = _QUOTED[found[0]].match(text, index)
            if closing is None and "}" in text[index:]:
                raise Unclosed(found.start(), is_quote=True)
            if closing is None:
                break
            index = closing.end()
        elif found[0] == "{":
            depth += 1
        elif not depth:
            return found.start()
        else:
            depth -= 1
    raise Unclosed(start)
