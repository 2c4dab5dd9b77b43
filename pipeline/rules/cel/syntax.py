"""Syntax errors in plain language, for people who have never seen a grammar: a message, and how to fix it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.phrases import phrase

_LIST = re.compile(r"\bin\s*\([^()]*$")
_NUMBER = re.compile(r"\d+(?:[,_]\d+)+(?:\.\d+)?")
_CURRENCIES = frozenset("¥￥$€£")
_QUOTES = "“”‘’＂＇「」『』"
_STRAIGHT = {"、": ",", "。": ".", "【": "[", "】": "]", "《": "<", "》": ">"}
_STRAIGHT |= {"×": "*", "÷": "/", "≥": ">=", "≤": "<=", "≠": "!="}
_CHOICE = phrase("write `condition ? this : that`")
_EMPTY = phrase('write default(event.note, "…") for another value instead of null')
_TEXT_TESTS = phrase('write event.x.contains("…"), startsWith or endsWith')
_HINTS: Mapping[str, str] = {
    "=": phrase("compare with `==`"),
    "&": phrase("write `&&`"),
    "|": phrase("write `||`"),
    "and": phrase("write `&&`"),
    "且": phrase("write `&&`"),
    "并": phrase("write `&&`"),
    "or": phrase("write `||`"),
    "或": phrase("write `||`"),
    "not": phrase("write `!`"),
    "is": phrase("compare with `==`, or with `!=`"),
    "eq": phrase("compare with `==`"),
    "equals": phrase("compare with `==`"),
    "等于": phrase("compare with `==`"),
    "ne": phrase("compare with `!=`"),
    "不等于": phrase("compare with `!=`"),
    "gt": phrase("compare with `>`"),
    "大于": phrase("compare with `>`"),
    "ge": phrase("compare with `>=`"),
    "lt": phrase("compare with `<`"),
    "小于": phrase("compare with `<`"),
    "le": phrase("compare with `<=`"),
    "between": phrase("write event.x >= 1 && event.x <= 3"),
    "mod": phrase("write `%`"),
    "like": _TEXT_TESTS,
    "contains": phrase('write event.x.contains("…")'),
    "if": _CHOICE,
    "then": _CHOICE,
    "else": _CHOICE,
    "unless": _CHOICE,
    "when": _CHOICE,
    "return": phrase("leave it out: an expression is its own result"),
    "#": phrase("a text with # is in quotes; an expression has no comments"),
    ";": phrase("one expression is enough: join conditions with `&&`"),
    "元": phrase("an amount is a number alone, like 12.50"),
    "块": phrase("an amount is a number alone, like 12.50"),
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
    _form(r"\?\.", phrase("write event.x != null ? event.x.y : …")),
    _form(r"\bin\s*\(", phrase('a list is in square brackets: in ["…", "…"]')),
    _form(r"\bis\s+not\b", phrase("compare with `!=`")),
    _form(r"\*\*|\^", phrase("there are no powers: multiply, as in event.x * event.x")),
    _form(r"=~", phrase('write event.x.matches("…")')),
    _form(r"!==", phrase("compare with `!=`")),
    _form(r"===", phrase("compare with `==`")),
    _form(r"\w\s*=>\s*\w+\.", phrase("write event.tags.exists(one, one == …): the name, a comma, the condition")),
    _form(r"\"\s*=>", phrase('a map is written {"A": "…", "B": "…"}')),
    _form(r"=>", phrase("write `>=`")),
    _form(r"=<", phrase("write `<=`")),
    _form(r"<>", phrase("write `!=`")),
    _form(r"\+\+|--|\+=|-=", phrase("an expression changes nothing: write event.x + 1")),
    _form(r"\(\s*\w+\s*->", phrase("write event.tags.exists(one, one == …): the name, a comma, the condition")),
    _form(r"\bnot\s+in\b", phrase('write !(event.x in ["…", "…"])')),
    _form(r"\bin\s*\{", phrase('a list is in square brackets: in ["…", "…"]')),
    _form(r"\.\?", phrase("write event.x != null ? event.x.y : …")),
    _form(r"\[\s*\*\s*\]", phrase("of all items write event.list.exists(one, one.x == …), of the first event.list[0]")),
    _form(r"\[\s*\]", phrase("an item of a list is written [0]")),
    _form(r"\bfor\s+\w+\s+in\b", phrase("write event.list.exists(one, one.x == …), or event.list.map(one, one.x)")),
    _form(r"\bnew\s+\w", phrase('a fixed time is timestamp("2026-11-11T00:00:00+08:00"); a rule knows no clock')),
    _form(r"\d\s*%(?!\s*\w)", phrase("a percentage is a number: 0.5 for 50 %")),
    _form(r"\d\s*[kK万千亿wW]\b", phrase("a number is written out: 10000")),
    _form(r"\$\.", phrase("a field is named after a point: event.x")),
    _form(r"~", _TEXT_TESTS),
    _form(r"->|::", phrase("a field is named after a point: event.x")),
    _form(r"\.\.", phrase("a field is named after one point: event.x")),
    _form(r"\.\s*\d", phrase("an item of a list is written [0]")),
    _form(r"\[\s*-?\d*\s*:", phrase("a part of a text is substring(event.x, 0, 8)")),
    _form(r"(&&|\|\|)\s*(==|!=|<=|>=|<|>)", phrase("name the field again: event.x >= 1 && event.x < 20")),
    _form(r"\bhas\s*\(", phrase("write has(event.x): `event.` and the field, without quotes")),
    _form(r"`", phrase('a text is in straight quotes: "…"')),
    _form(
        r"(?:^|\s)#|//|/\*", phrase("an expression has no comments: put it on a line of its own, before the rule's key")
    ),
    _form(r"%\s*[A-Za-z_][\w.]*\s*%", phrase("a field is named without signs around it: event.x")),
)


def syntax(message: str, source: str, at: int) -> tuple[str, str | None]:
    """A clear message for CEL's `message` about the character `at` of `source`, and a hint where there is one."""
    message, _, expected = message.partition(" expecting ")
    message = message.removeprefix("Syntax error: ")
    if "recursion" in message:
        return phrase("the expression is nested too deeply"), phrase("simplify it")
    if "'<EOF>'" in message:
        return _ended(message, expected, source)
    if message.startswith("reserved identifier: "):
        token = message.removeprefix("reserved identifier: ")
    else:
        token = message.partition(": ")[2] if message.startswith("token recognition") else message.partition("'")[2]
    token = token.strip("' ")[:20] or source[at : at + 1]
    if message.startswith("invalid ") and message.endswith("int literal"):
        hint = phrase("a whole number has at most 18 digits; an order number is a text, in quotes")
        return phrase("the number is beyond 64 bits"), hint
    if message.endswith(" must be a simple identifier"):
        macro = message.partition("(")[0]
        return phrase("`{macro}` needs a name for the item first", macro=macro), phrase(
            "write event.tags.{macro}(one, one == …)", macro=macro
        )
    if token[:1] in {'"', "'"} and (found := _ESCAPE.search(token)) is not None:
        hint = phrase('write two backslashes: "\\{found}", or r"{found}" for a regular expression', found=found[0])
        return phrase("`{found}` has no meaning in a text", found=found[0]), hint
    if message.startswith(("invalid argument to has()", "has() argument")):
        return phrase("has() asks for a field of the event"), phrase(
            "write has(event.x): `event.` and the field, without quotes"
        )
    return phrase("not an expression: `{token}` does not go here", token=token) if token else phrase(
        "not an expression"
    ), _hint(token, source, at)


def _ended(message: str, expected: str, source: str) -> tuple[str, str | None]:
    if not source.strip():
        return phrase("there is no expression"), phrase("write a field between the braces: ${event.order_no}")
    if re.search(r"\d\s*%\s*$", source):
        return phrase("the expression ends too early"), phrase("a percentage is a number: 0.5 for 50 %")
    if re.search(r"\?\.", source):
        return phrase("the expression ends too early"), phrase("write event.x != null ? event.x.y : …")
    if message.startswith("missing '"):
        closing = message[len("missing '")]
        opening = {")": "(", "]": "[", "}": "{"}.get(closing, "")
        return phrase("a `{closing}` is missing", closing=closing), phrase(
            "each `{opening}` needs a `{closing}`", opening=opening, closing=closing
        ) if opening else None
    hint = _CHOICE if expected == "':'" else phrase("something must follow")
    return phrase("the expression ends too early"), hint


def _hint(token: str, source: str, at: int) -> str | None:
    first, before = token[:1], source[:at].rstrip()
    if (quote := _open_quote(source)) is not None and not _straightened(first):
        return phrase("the quote `{quote}` is not closed", quote=quote)
    if first == "=" and not before:
        return phrase("leave the `=` at the beginning out")
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
        return phrase("join conditions with `&&` or `||`, and texts with `+`")
    return None


def _of_sign(first: str, before: str, source: str, at: int) -> str | None:
    """Hints about operators."""
    if first in {",", "_"} and _LIST.search(before) is None and (number := _number_at(source, at)):
        return phrase("a number has no separators: {number}", number=number)
    if first == ">" and before.endswith("<"):
        return phrase("write `!=`")
    if before.casefold().endswith("not") and not re.match(r"\s*in\b", source[at:]):
        return _HINTS["not"]
    if first and first in "&|" and source[at : at + 2] not in {"&&", "||"} and _is_joining(source, at):
        return (
            phrase("texts are joined with `+`")
            if first == "&"
            else phrase("write the function around it: upper(event.x)")
        )
    return phrase("something must come before it") if not before and first and first in "&|" else None


def _of_bracket(first: str, before: str, source: str, at: int) -> str | None:
    """Hints about brackets, currencies and quotes."""
    if first in "})]" and first:
        return phrase("there is one `{first}` too many, or its beginning is missing", first=first)
    if first == "$" and source[at + 1 : at + 2] == "{":
        return phrase("an expression is written without `${` and `}`: they are for texts")
    if first in _CURRENCIES:
        is_field = source[at + 1 : at + 2].isalpha()
        return (
            phrase("a field is named without signs: event.x")
            if is_field
            else phrase("an amount is a number alone, like 12.50")
        )
    if first in {'"', "'"}:
        return phrase("join texts with `+`")
    if first == ":" or (first == "=" and before.endswith('"') and "{" in before):
        return phrase('a map is written {"A": "…", "B": "…"}')
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
        return phrase("a field is named after a point: event.x")
    if re.search(r"\d\.$", before):
        return phrase("a decimal number has digits behind its point: 5.0")
    if first.isascii() and (before.endswith(".") or first == "."):
        return phrase("a field's name is missing behind the point")
    if before.endswith("]") and first.isalpha():
        return phrase("write a point before the field: [0].name")
    if source.lstrip().startswith("{") and first in "})":
        return phrase("an expression is written without braces around it")
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
    closing = {"(": ")", "{": "}"}.get(found[0][-1:])
    return _AROUND if closing is not None and closing not in source[found.end() : at] else 0


def _straightened(character: str) -> str | None:
    if not character or character.isascii():
        return None
    if character in _QUOTES:
        return phrase('write straight quotes, `"`, not `{character}`', character=character)
    plain = _STRAIGHT.get(character) or unicodedata.normalize("NFKC", character)
    if plain.isascii() and plain.isprintable() and plain.strip():
        return phrase("write `{plain}`: `{character}` is of the Chinese keyboard", plain=plain, character=character)
    if unicodedata.category(character) in {"Zs", "Cf"}:
        return phrase("this is an invisible character: delete it and type a blank")
    return phrase('names are Latin letters; a text is in quotes: "…"')


def _number_at(source: str, at: int) -> str | None:
    found = next((one for one in _NUMBER.finditer(source) if one.start() < at < one.end()), None)
    if found is None:
        return None
    _, *groups = re.split("[,_]", found[0].partition(".")[0])
    in_thousands = all(len(group) == 3 for group in groups)  # noqa: PLR2004 - as 1,280
    return re.sub("[,_]", "" if in_thousands else ".", found[0])
