"""Text with `${…}`: literal parts and expressions, each with its location.

`$${` means the two characters `${`. Only the rule's own text is parsed this way, never an event's values.
"""

from __future__ import annotations

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


def split(text: str) -> list[Part]:
    """The parts of `text`, in order; no empty literals.

    >>> [part.source for part in split('订单${event.no}已付')]
    ['订单', 'event.no', '已付']

    Raises:
        Unclosed: an expression does not end.
    """
    parts: list[Part] = []
    literal, begin, index = "", 0, 0
    while index < len(text):
        if text.startswith("$${", index):
            literal += "${"
            index += 3
        elif text.startswith("${", index):
            end = _end(text, index)
            if literal:
                parts.append(Part(literal, is_expression=False, at=begin))
            parts.append(Part(text[index + 2 : end], is_expression=True, at=index + 2))
            index = begin = end + 1
            literal = ""
        else:
            literal += text[index]
            index += 1
    if literal:
        parts.append(Part(literal, is_expression=False, at=begin))
    return parts


def _end(text: str, start: int) -> int:
    """The index of the `}` that closes the `${` at `start`, past texts and maps within the expression."""
    depth, quote, quoted_from, index = 0, "", start, start + 2
    while index < len(text):
        character = text[index]
        if quote:
            if character == "\\":
                index += 1
            elif character == quote:
                quote = ""
        elif character in "\"'":
            quote, quoted_from = character, index
        elif character == "{":
            depth += 1
        elif character == "}":
            if not depth:
                return index
            depth -= 1
        index += 1
    if quote and "}" in text[quoted_from:]:
        raise Unclosed(quoted_from, is_quote=True)
    raise Unclosed(start)
