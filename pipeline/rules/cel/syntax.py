"""Syntax errors in plain language, for people who have never seen a grammar: a message, and how to fix it."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"\d+(?:,\d+)+(?:\.\d+)?")
_CURRENCIES = frozenset("¥￥$€£")
_QUOTES = "“”‘’＂＇「」『』"
_STRAIGHT = {"、": ",", "。": ".", "【": "[", "】": "]", "《": "<", "》": ">"}
_STRAIGHT |= {"×": "*", "÷": "/", "≥": ">=", "≤": "<=", "≠": "!="}
_CHOICE = "write `condition ? this : that`"
_HINTS = {
    "=": "compare with `==`",
    "&": "write `&&`",
    "|": "write `||`",
    "and": "write `&&`",
    "且": "write `&&`",
    "并": "write `&&`",
    "or": "write `||`",
    "或": "write `||`",
    "not": "write `!`",
    "is": "compare with `==`",
    "like": 'write event.x.contains("…"), startsWith or endsWith',
    "contains": 'write event.x.contains("…")',
    "if": _CHOICE,
    "then": _CHOICE,
    "else": _CHOICE,
}


def syntax(message: str, source: str, at: int) -> tuple[str, str | None]:
    """A clear message for CEL's `message` about the character `at` of `source`, and a hint where there is one."""
    message, _, expected = message.partition(" expecting ")
    message = message.removeprefix("Syntax error: ")
    if "recursion" in message:
        return "the expression is nested too deeply", "simplify it"
    if "'<EOF>'" in message:
        return _ended(message, expected)
    if message.startswith("reserved identifier: "):
        token = message.removeprefix("reserved identifier: ")
    else:
        token = message.partition(": ")[2] if message.startswith("token recognition") else message.partition("'")[2]
    token = token.strip("' ")[:20] or source[at : at + 1]
    return f"not an expression: `{token}` does not go here" if token else "not an expression", _hint(token, source, at)


def _ended(message: str, expected: str) -> tuple[str, str | None]:
    if message.startswith("missing '"):
        closing = message[len("missing '")]
        opening = {")": "(", "]": "[", "}": "{"}.get(closing, "")
        return f"a `{closing}` is missing", f"each `{opening}` needs a `{closing}`" if opening else None
    hint = _CHOICE if expected == "':'" else "something must follow"
    return "the expression ends too early", hint


def _hint(token: str, source: str, at: int) -> str | None:
    first, before = token[:1], source[:at].rstrip()
    if first == "," and (number := _number_at(source, at)):
        return f"a number has no separators: {number}"
    if first == ">" and before.endswith("<"):
        return "write `!=`"
    if before.casefold().endswith("not"):
        return _HINTS["not"]
    if first in "})]" and first:
        return f"there is one `{first}` too many, or its beginning is missing"
    if first == "$" and source[at + 1 : at + 2] == "{":
        return "an expression stands without `${` and `}`: they are for texts"
    if first in _CURRENCIES:
        return "an amount is a number alone, like 12.50"
    if first in {'"', "'"}:
        return f"the quote `{first}` is not closed"
    return _HINTS.get(token.casefold()) or _HINTS.get(first) or _straightened(first)


def _straightened(character: str) -> str | None:
    if not character or character.isascii():
        return None
    if character in _QUOTES:
        return f'write straight quotes, `"`, not `{character}`'
    plain = _STRAIGHT.get(character) or unicodedata.normalize("NFKC", character)
    if plain.isascii() and plain.isprintable():
        return f"write `{plain}`: `{character}` is of the Chinese keyboard"
    return 'names are Latin letters; a text is in quotes: "…"'


def _number_at(source: str, at: int) -> str | None:
    found = next((one for one in _NUMBER.finditer(source) if one.start() < at < one.end()), None)
    if found is None:
        return None
    _, *groups = found[0].partition(".")[0].split(",")
    in_thousands = all(len(group) == 3 for group in groups)  # noqa: PLR2004 - as 1,280
    return found[0].replace(",", "" if in_thousands else ".")
