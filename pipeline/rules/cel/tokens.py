"""Positions of an expression's tokens and brackets, which CEL's tree leaves out."""

from __future__ import annotations

import re
from bisect import bisect_right

_TOKEN = re.compile(
    r"""
    (?P<skipped>\s+|//[^\n]*)
    |[bB]?[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
    |[bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |`[^`\n]*`
    |[A-Za-z_]\w*
    |0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?
    |&&|\|\||[=!<>]=
    |.
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}


class Tokens:
    """The tokens of an expression that compiles; its language is CEL's (cel-spec, doc/langdef.md, "Syntax")."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._spans = [match.span() for match in _TOKEN.finditer(source) if match["skipped"] is None]
        self._starts = [start for start, _ in self._spans]
        self._partners = self._pairs()

    def _pairs(self) -> dict[int, int]:
        """Each bracket's partner, both ways."""
        pairs: dict[int, int] = {}
        opened: list[int] = []
        for index in range(len(self._spans)):
            text = self.text(index)
            if text in _CLOSING.values():
                opened.append(index)
            elif text in _CLOSING and opened:
                partner = opened.pop()
                pairs[partner], pairs[index] = index, partner
        return pairs

    def __len__(self) -> int:
        return len(self._spans)

    def at(self, offset: int) -> int:
        """The number of the token that holds the character at `offset`, or of the last one before it."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def text(self, token: int) -> str:
        """The token itself."""
        start, end = self._spans[token]
        return self._source[start:end]

    def start(self, token: int) -> int:
        """Index of its first character."""
        return self._spans[token][0]

    def end(self, token: int) -> int:
        """Index after its last character."""
        return self._spans[token][1]

    def closing(self, token: int) -> int:
        """The bracket that closes the one at `token`; itself where there is none."""
        return self._partners.get(token, token)

    def balanced(self, first: int, last: int) -> tuple[int, int]:
        """The smallest run of tokens around `first … last` that breaks no pair of brackets."""
        index = first
        while index <= last:
            partner = self._partners.get(index, index)
            if partner < first:
                first = index = partner
                continue
            last = max(last, partner)
            index += 1
        return first, last
