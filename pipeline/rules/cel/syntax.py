"""Syntax errors in plain language, for people who have never seen a grammar: a message, and how to fix it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

_LIST = re.compile(r"\bin\s*\([^()]*$")
_NUMBER = re.compile(r"\d+(?:[,_]\d+)+(?:\.\d+)?")
_CURRENCIES = frozenset("¥￥$€£")
_QUOTES = "“”‘’＂＇「」『』"
_STRAIGHT = {"、": ",", "。": ".", "【": "[", "】": "]", "《": "<", "》": ">"}
_STRAIGHT |= {"×": "*", "÷": "/", "≥": ">=", "≤": "<=", "≠": "!="}
_CHOICE = "write `condition ? this : that`"
_EMPTY = 'write default(event.note, "…") for another value instead of null'
_TEXT_TESTS = 'write event.x.contains("…"), startsWith or endsWith'
_HINTS: Mapping[str, str] = {
    "=": "compare with `==`",
    "&": "write `&&`",
    "|": "write `||`",
    "and": "write `&&`",
    "且": "write `&&`",
    "并": "write `&&`",
    "or": "write `||`",
    "或": "write `||`",
    "not": "write `!`",
    "is": "compare with `==`, or with `!=`",
    "eq": "compare with `==`",
    "equals": "compare with `==`",
    "等于": "compare with `==`",
    "ne": "compare with `!=`",
    "不等于": "compare with `!=`",
    "gt": "compare with `>`",
    "大于": "compare with `>`",
    "ge": "compare with `>=`",
    "lt": "compare with `<`",
    "小于": "compare with `<`",
    "le": "compare with `<=`",
    "between": "write event.x >= 1 && event.x <= 3",
    "mod": "write `%`",
    "like": _TEXT_TESTS,
    "contains": 'write event.x.contains("…")',
    "if": _CHOICE,
    "then": _CHOICE,
    "else": _CHOICE,
    "unless": _CHOICE,
    "when": _CHOICE,
    ";": "one expression is enough: join conditions with `&&`",
    "元": "an amount is a number alone, like 12.50",
    "块": "an amount is a number alone, like 12.50",
}


_ESCAPE = re.compile(r"\\.?")


class _Form(NamedTuple):
    """A form of other languages around the location of an error."""

    pattern: re.Pattern[str]
    hint: str


def _form(pattern: str, hint: str) -> _Form:
    return _Form(re.compile(pattern), hint)


_AROUND = 12
"""Characters before an error that belong to its form."""
_FORMS = (
    _form(r"\?\?", _EMPTY),
    _form(r"\?:", _EMPTY),
    _form(r"\?\.", "write event.x != null ? event.x.y : …"),
    _form(r"\bin\s*\(", 'a list is in square brackets: in ["…", "…"]'),
    _form(r"\bis\s+not\b", "compare with `!=`"),
    _form(r"\*\*|\^", "there are no powers: multiply, as in event.x * event.x"),
    _form(r"=~", 'write event.x.matches("…")'),
    _form(r"!==", "compare with `!=`"),
    _form(r"===", "compare with `==`"),
    _form(r"\w\s*=>\s*\w+\.", "write event.tags.exists(one, one == …): the name, a comma, the condition"),
    _form(r"\"\s*=>", 'a map is written {"A": "…", "B": "…"}'),
    _form(r"=>", "write `>=`"),
    _form(r"=<", "write `<=`"),
    _form(r"<>", "write `!=`"),
    _form(r"\+\+|--|\+=|-=", "an expression changes nothing: write event.x + 1"),
    _form(r"->|::", "a field is named after a point: event.x"),
    _form(r"\.\.", "a field is named after one point: event.x"),
    _form(r"\.\s*\d", "an item of a list is written [0]"),
    _form(r"\[\s*-?\d*\s*:", "a part of a text is substring(event.x, 0, 8)"),
    _form(r"(&&|\|\|)\s*(==|!=|<=|>=|<|>)", "name the field again: event.x >= 1 && event.x < 20"),
    _form(r"\bhas\s*\(", "write has(event.x): `event.` and the field, without quotes"),
    _form(r"`", 'a text is in straight quotes: "…"'),
    _form(r"(?:^|\s)#|//|/\*", "an expression has no comments: put it on a line of its own, before the rule's key"),
    _form(r"%\s*[A-Za-z_][\w.]*\s*%", "a field is named without signs around it: event.x"),
)


def syntax(message: str, source: str, at: int) -> tuple[str, str | None]:
    """A clear message for CEL's `message` about the character `at` of `source`, and a hint where there is one."""
    message, _, expected = message.partition(" expecting ")
    message = message.removeprefix("Syntax error: ")
    if "recursion" in message:
        return "the expression is nested too deeply", "simplify it"
    if "'<EOF>'" in message:
        return _ended(message, expected, source)
    if message.startswith("reserved identifier: "):
        token = message.removeprefix("reserved identifier: ")
    else:
        token = message.partition(": ")[2] if message.startswith("token recognition") else message.partition("'")[2]
    token = token.strip("' ")[:20] or source[at : at + 1]
    if message.startswith("invalid ") and message.endswith("int literal"):
        hint = "a whole number has at most 18 digits; an order number is a text, in quotes"
        return "the number is beyond 64 bits", hint
    if message.endswith(" must be a simple identifier"):
        macro = message.partition("(")[0]
        return f"`{macro}` needs a name for the item first", f"write event.tags.{macro}(one, one == …)"
    if token[:1] in {'"', "'"} and (found := _ESCAPE.search(token)) is not None:
        hint = f'write two backslashes: "\\{found[0]}", or r"{found[0]}" for a regular expression'
        return f"`{found[0]}` has no meaning in a text", hint
    if message.startswith(("invalid argument to has()", "has() argument")):
        return "has() asks for a field of the event", "write has(event.x): `event.` and the field, without quotes"
    return f"not an expression: `{token}` does not go here" if token else "not an expression", _hint(token, source, at)


def _ended(message: str, expected: str, source: str) -> tuple[str, str | None]:
    if not source.strip():
        return "there is no expression", "write a field between the braces: ${event.order_no}"
    if re.search(r"\?\.", source):
        return "the expression ends too early", "write event.x != null ? event.x.y : …"
    if message.startswith("missing '"):
        closing = message[len("missing '")]
        opening = {")": "(", "]": "[", "}": "{"}.get(closing, "")
        return f"a `{closing}` is missing", f"each `{opening}` needs a `{closing}`" if opening else None
    hint = _CHOICE if expected == "':'" else "something must follow"
    return "the expression ends too early", hint


def _hint(token: str, source: str, at: int) -> str | None:
    first, before = token[:1], source[:at].rstrip()
    if (quote := _open_quote(source)) is not None and not _straightened(first):
        return f"the quote `{quote}` is not closed"
    return (
        _of_sign(first, before, source, at)
        or _of_form(source, at)
        or _of_point(first, before, source)
        or _of_bracket(first, before, source, at)
        or _HINTS.get(token.casefold())
        or _HINTS.get(first)
        or _straightened(first)
        or _of_neighbour(token, before)
    )


_VALUE_BEFORE = re.compile(r"[\w\"')\]]$")
_VALUE = re.compile(r"[A-Za-z_(]")


def _of_neighbour(token: str, before: str) -> str | None:
    """A hint about a value that follows another one, with nothing or a comma between them."""
    if _VALUE_BEFORE.search(before) and (token == "," or _VALUE.match(token)):  # noqa: S105 - a token of CEL
        return "join conditions with `&&` or `||`, and texts with `+`"
    return None


def _of_sign(first: str, before: str, source: str, at: int) -> str | None:
    """Hints about operators."""
    if first in {",", "_"} and _LIST.search(before) is None and (number := _number_at(source, at)):
        return f"a number has no separators: {number}"
    if first == ">" and before.endswith("<"):
        return "write `!=`"
    if before.casefold().endswith("not"):
        return _HINTS["not"]
    if first and first in "&|" and source[at : at + 2] not in {"&&", "||"} and _is_joining(source, at):
        return "texts are joined with `+`" if first == "&" else "write the function around it: upper(event.x)"
    return "something must come before it" if not before and first and first in "&|" else None


def _of_bracket(first: str, before: str, source: str, at: int) -> str | None:
    """Hints about brackets, currencies and quotes."""
    if first in "})]" and first:
        return f"there is one `{first}` too many, or its beginning is missing"
    if first == "$" and source[at + 1 : at + 2] == "{":
        return "an expression is written without `${` and `}`: they are for texts"
    if first in _CURRENCIES:
        is_field = source[at + 1 : at + 2].isalpha()
        return "a field is named without signs: event.x" if is_field else "an amount is a number alone, like 12.50"
    if first in {'"', "'"}:
        return "join texts with `+`"
    if first == ":" or (first == "=" and before.endswith('"') and "{" in before):
        return 'a map is written {"A": "…", "B": "…"}'
    return None


def _open_quote(source: str) -> str | None:
    """The quote that opens a text without an end."""
    quote = ""
    index = 0
    while index < len(source):
        if quote and source[index] == "\\":
            index += 1
        elif quote and source[index] == quote:
            quote = ""
        elif not quote and source[index] in {'"', "'"}:
            quote = source[index]
        index += 1
    return quote or None


def _of_point(first: str, before: str, source: str) -> str | None:
    """Hints about points and brackets beside a name."""
    if first == "," and before.endswith("event"):
        return "a field is named after a point: event.x"
    if re.search(r"\d\.$", before):
        return "a decimal number has digits behind its point: 5.0"
    if first.isascii() and (before.endswith(".") or first == "."):
        return "a field's name is missing behind the point"
    if before.endswith("]") and first.isalpha():
        return "write a point before the field: [0].name"
    if source.lstrip().startswith("{") and first in "})":
        return "an expression is written without braces around it"
    return None


def _is_joining(source: str, at: int) -> bool:
    """Whether one `&` joins texts, or one `|` passes a value on, as in spreadsheets and templates."""
    before, behind = source[:at].rstrip(), source[at + 1 :].lstrip()
    if source[at] == "&":
        return before.endswith(('"', "'")) or behind.startswith(('"', "'"))
    return re.match(r"[a-z_]+\s*(?:$|[(|:])", behind) is not None


def _of_form(source: str, at: int) -> str | None:
    window = max(0, at - _AROUND)
    for form in _FORMS:
        for found in form.pattern.finditer(source, window):
            if found.start() <= at + 1 and found.end() >= at - _behind(source, found, at):
                return form.hint
    return None


def _behind(source: str, found: re.Match[str], at: int) -> int:
    """How far behind a form its error may be: within the brackets that it opens."""
    return _AROUND if found[0].endswith("(") and ")" not in source[found.end() : at] else 0


def _straightened(character: str) -> str | None:
    if not character or character.isascii():
        return None
    if character in _QUOTES:
        return f'write straight quotes, `"`, not `{character}`'
    plain = _STRAIGHT.get(character) or unicodedata.normalize("NFKC", character)
    if plain.isascii() and plain.isprintable() and plain.strip():
        return f"write `{plain}`: `{character}` is of the Chinese keyboard"
    if unicodedata.category(character) in {"Zs", "Cf"}:
        return "this is an invisible character: delete it and type a blank"
    return 'names are Latin letters; a text is in quotes: "…"'


def _number_at(source: str, at: int) -> str | None:
    found = next((one for one in _NUMBER.finditer(source) if one.start() < at < one.end()), None)
    if found is None:
        return None
    _, *groups = re.split("[,_]", found[0].partition(".")[0])
    in_thousands = all(len(group) == 3 for group in groups)  # noqa: PLR2004 - as 1,280
    return re.sub("[,_]", "" if in_thousands else ".", found[0])
