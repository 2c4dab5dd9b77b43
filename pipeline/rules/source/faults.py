"""Why a text is not YAML, at the location of the mistake, which is before the one where the parser noticed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.phrases import phrase

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

_CODE = "not-yaml"
_KEY = re.compile(r"(?P<indent> *)(?:- +)?(?P<key>[\w.\"'-]+) *:(?= |$)(?P<value>.*)")
_FULL_WIDTH_COLON = re.compile(r"\s*(?:- )?([\w-]+)：")
_NO_BLANK = re.compile(r"\s*(?:- )?([A-Za-z][\w-]*):[^\s/]")
_OTHER_BLANK = re.compile(r"\s*(?:- )?[A-Za-z][\w-]*:([^\S \t]|[\u200b\ufeff])")
_QUOTED = re.compile(r"\s*(?:- +)?[\w.-]+ *: +(?P<quote>[\"'])(?P<rest>.*)")
_OPERATOR = re.compile(r"\s*(?:[.+=!<>&|?*/%-]|in\b)")
"""What follows a text in an expression."""
_INDICATOR = re.compile(r"\s*(?:- +)?[\w.-]+ *: +(?P<sign>[*&!?|>%@`-])(?: |\S|$)")
_CONFLICT = re.compile(r"(?:<{7}|={7}|>{7})(?: |$)")
_BLANKS = {"\u00a0": phrase("no-break space"), "\u3000": phrase("ideographic space")}
_IN_QUOTES_ALL = phrase("put the whole text in quotes: '…'")
_WITH_QUOTES = phrase("put the whole text in quotes: '…', with \" inside")
_IN_QUOTES = phrase("put the text in quotes: '…', or below a `|-` on lines of its own")
_SAME_COLUMN = phrase("keys of one thing begin in the same column, with the same indent")


class YamlFault(NamedTuple):
    """The parts of a finding."""

    location: tuple[int, int]
    """Line and column, counted from 1."""
    code: str
    message: str
    hint: str | None


class _Case(NamedTuple):
    """What the parser says, and where: lines and columns counted from 0."""

    lines: Sequence[str]
    line: int
    column: int
    problem: str
    context: str
    start: tuple[int, int] | None
    """Where what it was reading begins."""

    def text(self, number: int) -> str:
        """A line; empty where there is none."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    @property
    def near(self) -> list[int]:
        """The lines in which the mistake may be, the likeliest first."""
        start = self.start[0] if self.start is not None else self.line
        return list(dict.fromkeys((self.line, self.line - 1, start)))


def yaml_fault(error: MarkedYAMLError, text: str) -> YamlFault:
    """The parser's error about `text`, at the author's location and without the parser's vocabulary."""
    mark, start = error.problem_mark or error.context_mark, error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    case = _Case(
        text.splitlines(),
        line,
        column,
        str(error.problem or ""),
        str(error.context or ""),
        (start.line, start.column) if start is not None else None,
    )
    found = next((fault for diagnose in _DIAGNOSES for fault in diagnose(case)), None)
    return found or _fault(line, column, phrase("this line cannot be read as YAML"), _IN_QUOTES)


def unfit_character(text: str, at: int) -> YamlFault:
    """A character that no YAML file may have, at an index into the text."""
    line, column = text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1
    message = phrase("a character that YAML does not allow (U+{text:04X})", text=ord(text[at]))
    return _fault(line, column, message, phrase("delete it; it comes with text copied from another program"))


def _fault(line: int, column: int, message: str, hint: str | None) -> YamlFault:
    return YamlFault((line + 1, column + 1), _CODE, message, hint)


def _conflict(case: _Case) -> Iterator[YamlFault]:
    for number, line in enumerate(case.lines):
        if _CONFLICT.match(line):
            yield _fault(
                number,
                0,
                phrase("a merge conflict is not resolved"),
                phrase("keep one of the two versions, and no such line"),
            )


def _dash(case: _Case) -> Iterator[YamlFault]:
    """A list entry with the dash of a text editor."""
    for number in (*case.near, case.line - 2):
        if found := re.match(r"\s*([–—－•·●]) *[\w-]+ *[:：]", case.text(number)):
            hint = phrase("an entry of a list begins with `- `: a plain hyphen and a space")
            yield _fault(number, found.start(1), phrase("`{found}` is not the hyphen of a list", found=found[1]), hint)


def _documents(case: _Case) -> Iterator[YamlFault]:
    if "another document" in case.problem:
        yield _fault(
            case.line, case.column, phrase("more than one document in a file"), phrase("delete the line `---`")
        )


def _alias(case: _Case) -> Iterator[YamlFault]:
    if "undefined alias" in case.problem:
        hint = phrase("put a text that begins with `*` in quotes")
        yield _fault(case.line, case.column, phrase("`*` names a value that is nowhere in the file"), hint)


def _unusual_indent(case: _Case) -> Iterator[YamlFault]:
    """Tabs and blanks that look like spaces, before a line's text."""
    for number in (*case.near, *range(len(case.lines))):
        line = case.text(number)
        for column, character in enumerate(line[: len(line) - len(line.lstrip())]):
            if character == "\t":
                yield _fault(number, column, phrase("a tab as indentation"), phrase("indent with spaces, not tabs"))
            elif character != " ":
                name = _BLANKS.get(character) or f"U+{ord(character):04X}"
                hint = phrase("delete it and type spaces; it comes with text copied from a page, a chat or Word")
                yield _fault(
                    number,
                    column,
                    phrase("an indentation with a character that is not a space ({name})", name=name),
                    hint,
                )


def _full_width_colon(case: _Case) -> Iterator[YamlFault]:
    for number in case.near:
        if found := _FULL_WIDTH_COLON.match(case.text(number)):
            hint = phrase("`：` is a full-width colon: write `:` and a space")
            yield _fault(number, found.start(1), phrase("`{text}` is not a key", text=found[0].strip()), hint)


def _open_quote(case: _Case) -> Iterator[YamlFault]:
    if case.start is not None and "quoted scalar" in case.context and "escape" not in case.problem:
        line, column = case.start
        quote = case.text(line)[column : column + 1]
        yield _fault(
            line, column, phrase("a quote is not closed"), phrase("it ends with the same quote, {quote}", quote=quote)
        )


def _open_quote_above(case: _Case) -> Iterator[YamlFault]:
    """A quote that is not closed ends at the next one, many lines below."""
    if "found '" not in case.problem:
        return
    for number in range(case.line - 1, -1, -1):
        found = _QUOTED.match(case.text(number))
        if found is not None and found["quote"] not in found["rest"]:
            hint = phrase("it ends with the same quote, {quote}", quote=found["quote"])
            yield _fault(number, found.start("quote"), phrase("a quote is not closed"), hint)
            return


def _escape(case: _Case) -> Iterator[YamlFault]:
    if "escape" in case.problem:
        hint = phrase("inside '…' a backslash is a plain character; inside \"…\" write two")
        yield _fault(case.line, max(0, case.column - 1), phrase('a backslash with no meaning inside "…"'), hint)


def _quote_in_quotes(case: _Case) -> Iterator[YamlFault]:
    """`'${event.x == 'A' ? …}'`: YAML ends the text at the second quote."""
    line = case.text(case.line)
    for found in re.finditer(r"(?:: |- |^ *|[{,\[] ?)(['\"])", line):
        quote, begin = found[1], found.end()
        end = line.find(quote, begin)
        while end >= 0 and quote == "'" and line.startswith("''", end):
            end = line.find(quote, end + 2)
        rest = line[end + 1 :] if end >= 0 else ""
        if end >= 0 and quote == '"' and _OPERATOR.match(rest):
            yield _fault(case.line, end + 1, phrase("the value ends at the quote before this"), _WITH_QUOTES)
            return
        if end >= 0 and quote in rest and not re.match(r"\s*(?:$|#|[,\]}:])", rest):
            other = '"' if quote == "'" else "'"
            hint = phrase(
                "inside {quote}…{quote} write {other}…{other}, or put the text below a `|-` on lines of its own",
                quote=quote,
                other=other,
            )
            yield _fault(
                case.line,
                end,
                phrase("the text ends at this quote: {quote} is also the quote around it", quote=quote),
                hint,
            )
            return


def _hidden_color(case: _Case) -> Iterator[YamlFault]:
    """A comment inside `{…}` or `[…]`."""
    for number in case.near:
        found = re.search(r"[{\[,:].*?\s(#(?P<rest>\S+))", case.text(number))
        if found is not None and _depth(case.text(number)[: found.start(1)]) > 0:
            is_color = re.match(r"[0-9a-fA-F]{3,6}\b", found["rest"]) is not None
            hint = (
                phrase('put the colour in quotes: "#{color}"', color=found["rest"].rstrip("}] ,"))
                if is_color
                else _IN_QUOTES
            )
            yield _fault(
                number, found.start(1), phrase("`#` begins a comment, so the rest of the line is not read"), hint
            )


def _depth(text: str) -> int:
    return sum(text.count(one) for one in "{[") - sum(text.count(one) for one in "}]")


def _expression_in_brackets(case: _Case) -> Iterator[YamlFault]:
    """`[${event.sub}]`, `{value: ${event.x}}`: the braces of the expression are YAML's there."""
    if "flow" not in case.context:
        return
    for number in case.near:
        line = case.text(number)
        at = next((found.start() for found in re.finditer(r"\$\{", line) if _depth(line[: found.start()]) > 0), None)
        if at is not None:
            hint = phrase('inside [ ] and { } put it in quotes: "${event.…}"')
            yield _fault(number, at, phrase("`${` inside brackets of YAML"), hint)


def _behind_its_end(case: _Case) -> Iterator[YamlFault]:
    """`"${event.sum}"元`, `[热卖] 咖啡`: the value ends at the quote or bracket that closes it."""
    before = case.text(case.line)[: case.column].rstrip()
    if "found '" not in case.problem or before[-1:] not in _CLOSING:
        return
    hint = _WITH_QUOTES if before[-1] == '"' else _IN_QUOTES_ALL
    is_quote = before[-1] in "\"'"
    message = (
        phrase("the value ends at the quote before this")
        if is_quote
        else phrase("the value ends at the bracket before this")
    )
    yield _fault(case.line, case.column, message, hint)


_CLOSING = frozenset("\"']}")


def _unclosed_bracket(case: _Case) -> Iterator[YamlFault]:
    if "flow" in case.context and case.start is not None:
        line, column = case.start
        if not case.text(line)[column:].strip():  # the file's end: the bracket is the last one before it
            ends = ((number, max(case.text(number).rfind(one) for one in "[{")) for number in range(line, -1, -1))
            line, column = next((end for end in ends if end[1] >= 0), case.start)
        opening = case.text(line)[column : column + 1]
        closing = {"[": "]", "{": "}"}.get(opening, "}")
        hint = phrase(
            "close it with `{closing}`, and put a comma between entries; a text with a comma is in quotes",
            closing=closing,
        )
        yield _fault(line, column, phrase("`{opening}` is not closed", opening=opening), hint)


def _second_colon(case: _Case) -> Iterator[YamlFault]:
    if ": " in case.text(case.line)[: case.column]:
        yield from _colon_in_text(case)


def _colon_in_text(case: _Case) -> Iterator[YamlFault]:
    """A second `: ` on a line."""
    if "mapping values are not allowed" not in case.problem:
        return
    yield _fault(case.line, case.column, phrase("a colon inside a text, which YAML takes for a key"), _IN_QUOTES)


def _more_indented(case: _Case) -> Iterator[YamlFault]:
    """A key that is indented more than the one above it, which has a value already."""
    key, above = _KEY.match(case.text(case.line)), _above(case)
    if key is None or above is None or not above["value"].partition(" #")[0].strip():
        return
    more = key.start("key") - above.start("key")
    if more > 0:
        blanks = phrase("one space") if more == 1 else phrase("{more} spaces", more=more)
        message = phrase(
            "`{key}` is indented by {blanks} more than `{above}` above it",
            key=key["key"],
            blanks=blanks,
            above=above["key"],
        )
        yield _fault(case.line, key.start("key"), message, _SAME_COLUMN)


def _above(case: _Case) -> re.Match[str] | None:
    """The nearest line with a key before the mistake."""
    for number in range(case.line - 1, -1, -1):
        if case.text(number).strip() and not case.text(number).lstrip().startswith("#"):
            return _KEY.match(case.text(number))
    return None


def _no_blank(case: _Case) -> Iterator[YamlFault]:
    if case.start is None or "simple key" not in case.context:
        return
    line, column = case.start
    written = case.text(line)
    if found := _OTHER_BLANK.match(written):
        name = _BLANKS.get(found[1]) or f"U+{ord(found[1]):04X}"
        message = phrase("behind the colon is a character that is not a space ({name})", name=name)
        yield _fault(line, found.start(1), message, phrase("delete it and type a space"))
    elif _NO_BLANK.match(written):
        yield _fault(line, column, phrase("a key without a value"), phrase("write a space after the colon"))
    else:
        hint = phrase("a key is followed by `:` and a space; a text of several lines is below a `|-`, indented")
        yield _fault(line, column, phrase("this line has no key"), hint)


def _indicator(case: _Case) -> Iterator[YamlFault]:
    """A text that begins with a character that means something to YAML: `* 取件`, `- 取件`."""
    for number in case.near:
        if found := _INDICATOR.match(case.text(number)):
            message = phrase("a text must not begin with `{character}`", character=found["sign"])
            yield _fault(number, found.start("sign"), message, phrase("put the text in quotes: '…'"))


def _indentation(case: _Case) -> Iterator[YamlFault]:
    if "<block end>" in case.problem or "block" in case.context:
        yield _fault(case.line, case.column, phrase("the indentation does not fit"), _SAME_COLUMN)


def _first_character(case: _Case) -> Iterator[YamlFault]:
    if "cannot start any token" not in case.problem:
        return
    character = case.text(case.line)[case.column : case.column + 1]
    if character == "\t":
        yield _fault(case.line, case.column, phrase("a tab between the words"), phrase("write spaces, not tabs"))
    else:
        yield _fault(
            case.line,
            case.column,
            phrase("a text must not begin with `{character}`", character=character),
            phrase("put the text in quotes: '…'"),
        )


_DIAGNOSES: tuple[Callable[[_Case], Iterator[YamlFault]], ...] = (
    _conflict,
    _documents,
    _alias,
    _dash,
    _unusual_indent,
    _full_width_colon,
    _escape,
    _open_quote,
    _open_quote_above,
    _quote_in_quotes,
    _hidden_color,
    _expression_in_brackets,
    _unclosed_bracket,
    _first_character,
    _second_colon,
    _more_indented,
    _colon_in_text,
    _no_blank,
    _behind_its_end,
    _indicator,
    _indentation,
)
