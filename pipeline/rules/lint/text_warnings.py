"""Texts that look like another system's: placeholders, tags, comments that hide a text, urls that are not encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from itertools import pairwise
from typing import NamedTuple

from pipeline.model.suggestion import closest
from pipeline.phrases import phrase
from pipeline.rules.cel.braces import FIELD
from pipeline.rules.cel.fields import Fields
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.tree import Kind, Node, Tree
from pipeline.rules.schema.types import Scalar, ScalarType, without_null
from pipeline.rules.source.document import Document
from pipeline.rules.source.text import Unclosed, split

_PLACEHOLDER = re.compile(
    r"""
      \{\{.*?\}\}                                   # {{name}}, {{#if x}}, {{thing1.DATA}}
    | \{%.*?%\} | <%.*?%>                           # Jinja, ERB
    | [\#@]\{[^{}]*\} | \$\([\w. ]*\) | \$\[[\w. ]*\]
    | (?<!\$)\{\d*\} | (?<!\$)\{[$@\#]?[A-Za-z_][\w.]*\}  # {0}, {}, {name}, {$name}
    | (?<!\$)\{\w[\w.]*[:!,][^{}]*\}                # {amount:.2f}, {name!r}, {count, plural, …}
    | \$[A-Za-z_][\w.]*
    | %\d*\$?[sd@](?![A-Za-z0-9]) | %\([A-Za-z_]\w*\)[sdf] | %[A-Za-z_]\w*%
    | \#[A-Za-z_]\w*\# | @[A-Za-z_]\w*@ | \*\|\w+\|\* | __[A-Za-z]\w*?__
    | (?<=/):[A-Za-z_]\w*                           # /orders/:order_no
    | \[\[.*?\]\] | \[[A-Za-z_][\w.]*\] | \{\[.*?\]\}
    | 【[^】]*】 | 〖[^〗]*〗
    | \[[\u4e00-\u9fff]{0,4}(?:名|名称|号|号码|金额|价格|时间|日期|地址|电话|手机|编号|数量|客户|用户|会员|门店)\]
    | </?[A-Za-z][^<>]*>                            # <name>, <b>, <br/>
    | &(?:nbsp|amp|lt|gt|quot|\#\d+);
    | \\[nrt](?![A-Za-z])
    | (?<![A-Za-z])(?:X{2,}|x{3,})(?![A-Za-z0-9]) | ×{2,} | ＊{2,} | _{3,} | ＿{2,}
    | (?<![A-Za-z])(?:TODO|TBD|FIXME|Lorem\ ipsum)(?![A-Za-z]) | 待填写? | 待补充 | 某某
    | (?<![A-Za-z])(?:undefined|null|NaN|\[object\ Object\])(?![A-Za-z])  # what programs write for no value
    """,
    re.VERBOSE | re.ASCII,
)
"""Placeholders of the template languages, SMS platforms and drafts that rules are copied from."""
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_NAME = re.compile(r"[A-Za-z_]\w*")
_FREE_TEXT = re.compile(
    r"(?:^|_)(?:name|summary|title|note|remark|reason|address|message|description|comment|city|keyword|text|label|q)$",
    re.IGNORECASE,
)


_HOST = re.compile(r"https://([A-Za-z0-9.-]+)(?=[:/?#]|$)")
_LOCAL_NAMES = re.compile(
    r"(?:.*\.)?(?:localhost|local|internal|lan|intranet|corp|home|test|invalid)\.?", re.IGNORECASE
)
"""Names for one machine, for a network of one's own, and for tests (RFC 2606, RFC 6762)."""


class Doubt(NamedTuple):
    """A doubtful part of a text."""

    at: int
    """Index into the text."""
    message: str
    hint: str


def unreachable_host(url: str) -> Doubt | None:
    """The host of a url that only the author's machine or network reaches."""
    found = _HOST.match(url)
    if found is None or not (_LOCAL_NAMES.fullmatch(found[1]) or _is_own_address(found[1])):
        return None
    message = phrase("customers cannot reach `{host}`: it is an address of your own network", host=found[1])
    return Doubt(found.start(1), message, phrase("write the public address of the page"))


def _is_own_address(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def placeholders(text: str, fields: Fields | None) -> Iterator[Doubt]:
    """Placeholders of other systems in a text, without `${…}` of our own; `fields` are those of the event."""
    for found in _PLACEHOLDER.finditer(_ESCAPED.sub("   ", text)):
        part = text[found.start() : found.end()]
        if FIELD.search(part) is not None:  # an error of its own
            continue
        yield Doubt(
            found.start(),
            phrase("the customer would read `{part}` as it is written", part=part),
            _instead(part, fields),
        )


def _instead(part: str, fields: Fields | None) -> str:
    if part.startswith(("<", "&")):
        return phrase("a card shows plain text: write the text alone")
    if part.startswith("\\"):
        return phrase("a line break has no place in a field: write the text on one line")
    if part.startswith(("【", "〖")):
        return phrase("write `${event.…}` for a value; for the text itself use 「」 or no brackets")
    named = _NAME.search(part)
    names = [field.name for field in fields.root.fields] if fields is not None else []
    if named is not None and (field := closest(named[0].strip("_"), names)) is not None:
        return phrase("write `${{event.{field}}}`", field=field)
    return phrase("write `${event.…}` for a value of the event")


def comments(document: Document) -> Iterator[tuple[int, int, str, str]]:
    """Comments that swallow part of a text: line and column counted from 1, a message and a hint."""
    for path, scalar in document.scalars.items():
        first = document.text[scalar.start : scalar.start + 1]
        if first in {"|", ">"}:
            continue
        end = document.text.find("\n", scalar.end)
        line = document.text[scalar.end : end if end >= 0 else len(document.text)]
        found = re.match(r"\s+#(.*)", line)
        if found is None or not _hides(path, found[1], is_quoted=first in _QUOTES):
            continue
        at = scalar.end + found.start(1) - 1
        number = document.text.count("\n", 0, at) + 1
        column = at - document.text.rfind("\n", 0, at)
        hint = phrase("put the whole text in quotes, or write ＃")
        if first in _QUOTES:
            hint = phrase("move the closing quote to the end of the line, or delete the comment")
        message = phrase("the text ends before `#`: what follows is a comment that no customer reads")
        yield number, column, message, hint


_QUOTES = frozenset({'"', "'"})
_TEXTS = frozenset({"data", "to", "url", "when", "reference"})


def _hides(path: tuple[str | int, ...], comment: str, *, is_quoted: bool) -> bool:
    """Whether a comment behind a value is a part of its text; behind a quote it is meant to be a comment otherwise."""
    if not _TEXTS.intersection(path):
        return False
    if "${" in comment:
        return True
    return not is_quoted and comment[:1].strip() != "" and not comment.startswith(("#", "!", "-", "="))


def unencoded(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """Free texts of the event in a url: one with a blank in it is refused."""
    for node in _as_they_are(tree.root):
        kind = fields.type_of(node, {}) if node.kind is Kind.FIELD else None
        kind = without_null(kind)
        is_text = isinstance(kind, ScalarType) and kind.scalar is Scalar.STRING and not kind.symbols
        if is_text and _FREE_TEXT.search(node.name):
            text = tree.text(node)
            message = phrase("this fails for events whose `{text}` has a blank in it", text=text)
            yield Fault(node.start, "may-fail", message, phrase("write url_encode({text})", text=text))


def _as_they_are(node: Node) -> Iterator[Node]:
    match node.kind, node.name:
        case Kind.CALL, "_?_:_":
            yield from _as_they_are(node.children[1])
            yield from _as_they_are(node.children[2])
        case Kind.CALL, "_+_" | "default" | "truncate" | "upper" | "lower" | "trim":
            for child in node.children:
                yield from _as_they_are(child)
        case _:
            yield node


def literals_of(text: str) -> Iterator[tuple[int, str]]:
    """The parts of a text outside `${…}`, each with its index."""
    try:
        parts = split(text)
    except Unclosed:
        return
    yield from ((part.at, part.source) for part in parts if not part.is_expression)


def stray_braces(text: str) -> Iterator[Doubt]:
    """Braces directly around an expression: `${event.order_no}}`."""
    try:
        parts = split(text)
    except Unclosed:
        return
    for before, part in pairwise(parts):
        if part.is_expression and before.source.endswith("{") and not before.is_expression:
            yield _stray("{", part.at - len("{${"))
        elif before.is_expression and part.source.startswith("}"):
            yield _stray("}", part.at)


def _stray(brace: str, at: int) -> Doubt:
    return Doubt(
        at,
        phrase("the customer would read the brace `{brace}`", brace=brace),
        phrase("an expression has one pair of braces: ${…}"),
    )


def template_id_doubts(ids: Mapping[str, str], others: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str, str]]:
    """Doubtful ids of one template: the environment, a message and a hint.

    `others` has the alias of each environment's and id's template before this one.
    """
    seen: dict[str, str] = {}
    for stage, one in ids.items():
        if _NO_ID.fullmatch(one) is not None:
            message = phrase("there is no id for {stage} yet: no message could be sent there", stage=stage)
            yield stage, message, phrase("copy it from the platform, or leave the line out")
            continue
        if (first := seen.get(one)) is not None:
            message = phrase(
                "{stage} has the id of {first}: a message sent there would reach the customers of the other",
                stage=stage,
                first=first,
            )
            yield stage, message, phrase("write the id of this environment's own account, or leave the line out")
        elif (alias := others.get((stage, one))) is not None:
            yield (
                stage,
                phrase("template `{alias}` has the same id in {stage}", alias=alias, stage=stage),
                phrase("copy this template's own id from the platform"),
            )
        elif (named := _named_environment(stage, one, ids)) is not None:
            yield (
                stage,
                phrase("the id of {stage} reads as that of {named}", stage=stage, named=named),
                phrase("are the two ids swapped?"),
            )
        elif (fault := _unlike_an_id(one)) is not None:
            yield stage, phrase("the id {fault}", fault=fault), phrase("copy it from the platform again")
        seen.setdefault(one, stage)


def _named_environment(stage: str, one: str, ids: Mapping[str, str]) -> str | None:
    words = re.split(r"[^a-z]+", one.casefold())
    return next((other for other in ids if other != stage and other in words and stage not in words), None)


_LENGTH, _NEAR = 43, 4
_NO_ID = re.compile(
    r"\s*(?:|x+|[-.…?？]+|todo|tbd|fixme|none|null|n/?a|id|template[-_ ]?id|待定|待填写?|待补充)\s*", re.IGNORECASE
)
"""What stands where an id is still to come."""


def _unlike_an_id(one: str) -> str | None:
    if re.search(r"[\s\"'“”‘’，。：；]", one) or not one.isascii():
        return phrase("has a blank, a quote or a character that no id has")
    is_alike = re.fullmatch(r"[A-Za-z0-9_-]+", one) is not None and re.search(r"[A-Z].*[0-9]|[0-9].*[A-Z]", one)
    if is_alike and 0 < abs(len(one) - _LENGTH) <= _NEAR and one != one.lower():
        return phrase("has {count} characters; WeChat's have {length}", count=len(one), length=_LENGTH)
    return None
