"""The text that is signed: a template of names in braces, and the parts that it stands for.

`{method}`, `{path}` and so on are replaced; `{{` and `}}` are braces. Everything that is the same in every request is
filled in once, so that an attempt only joins the parts that change.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pipeline.parameters.encoding import percent_encoded


class Field(StrEnum):
    """What changes from attempt to attempt."""

    TIMESTAMP = "timestamp"
    NONCE = "nonce"
    REQUEST_ID = "request_id"
    BODY = "body"
    BODY_SHA256 = "body_sha256"
    BODY_MD5 = "body_md5"


_OF_THE_BODY = frozenset({Field.BODY, Field.BODY_SHA256, Field.BODY_MD5})


class Slot(NamedTuple):
    """Where something that changes is filled in, percent-encoded or as it is."""

    field: Field
    encoded: bool = False


Part = str | Slot
"""A text that is the same in every request, or a slot."""

NAMES = (
    "method",
    "path",
    "query",
    "query_concatenated",
    "timestamp",
    "nonce",
    "request_id",
    "body",
    "body_sha256",
    "body_md5",
    "secret",
)
"""Placeholders without a dot; `query.NAME` and `header.NAME` are the others."""
_TOKEN = re.compile(r"\{\{|\}\}|\$?\{([^{}]*)\}|[{}]")
_DOTTED = re.compile(r"(query|header)\.(.+)", re.DOTALL)


class Placeholder(NamedTuple):
    """A name in braces."""

    name: str


def read_template(text: str) -> list[str | Placeholder]:
    """The texts and placeholders of a template, in order.

    Raises:
        ValueError: an unknown placeholder, or a brace without its other; the message says what to write.
    """
    found: list[str | Placeholder] = []
    end = 0
    for token in _TOKEN.finditer(text):
        if token.start() > end:
            found.append(text[end : token.start()])
        end = token.end()
        if token[0] in {"{{", "}}"}:
            found.append(token[0][0])
        elif token[0].startswith("$"):
            raise ValueError(f"{token[0]}: write a placeholder without the dollar sign: {{{token[1]}}}")
        elif token[1] is None:
            raise ValueError(f"a {token[0]} without its other brace; write {token[0] * 2} for the character itself")
        else:
            _require_known(token[1])
            found.append(Placeholder(token[1]))
    if end < len(text):
        found.append(text[end:])
    return found


def _require_known(name: str) -> None:
    if name in NAMES or _DOTTED.fullmatch(name) is not None:
        return
    close = difflib.get_close_matches(name, NAMES, 1, 0.6)
    hint = f"; did you mean {{{close[0]}}}?" if close else f"; known are {', '.join(NAMES)}, query.NAME and header.NAME"
    raise ValueError(f"unknown placeholder {{{name}}}{hint}")


def placeholders(text: str) -> frozenset[str]:
    """The names of a template's placeholders.

    Raises:
        ValueError: as `read_template`.
    """
    return frozenset(part.name for part in read_template(text) if isinstance(part, Placeholder))


class Values(NamedTuple):
    """What the placeholders stand for."""

    method: str
    path: str
    """As it is in the request line, percent-encoded, without the query."""
    query: Sequence[tuple[str, Part]]
    """All query parameters without the signature: decoded name, and decoded value or what it will be."""
    headers: Mapping[str, Part]
    """By lower-case name."""
    changing: frozenset[Field]
    """Which of timestamp, nonce and request id the request has."""
    secret: str | None
    encoded: bool
    """Whether `{query}` has names and values percent-encoded, as they are sent; else decoded."""
    keep_empty: bool
    """Whether parameters with an empty value are in `{query}`."""
    body_as: str | None
    """Name of the parameter that stands for the body in `{query}`."""


def parts_of(template: str, values: Values) -> tuple[Part, ...]:
    """The text to sign, with texts that are the same in every request joined.

    Raises:
        ValueError: a placeholder that has no value: `{nonce}` without a nonce, `{query.x}` without such a parameter.
    """
    parts: list[Part] = []
    for piece in read_template(template):
        parts += [piece] if isinstance(piece, str) else _filled(piece.name, values)
    return tuple(_joined(parts))


def _filled(name: str, values: Values) -> list[Part]:
    if name in {"method", "path"}:
        return [values.method if name == "method" else values.path]
    if name == "query":
        return _sorted_query(values, "=", "&")
    if name == "query_concatenated":
        return _sorted_query(values, "", "")
    if name == "secret":
        if values.secret is None:
            raise ValueError("{secret}: there is no secret with this algorithm")
        return [values.secret]
    dotted = _DOTTED.fullmatch(name)
    if dotted is None:
        field = Field(name)
        if field not in values.changing | _OF_THE_BODY:
            raise ValueError(f"{{{name}}}: the request has no {name}; give `parameters.{name}`, or leave it out")
        return [Slot(field)]
    if dotted[1] == "query":
        found = [value for known, value in values.query if known == dotted[2]]
    else:
        found = [value for known, value in values.headers.items() if known == dotted[2].lower()]
    if not found:
        raise ValueError(f"{{{name}}}: there is no such {'parameter' if dotted[1] == 'query' else 'header'}")
    return found[:1]


def _sorted_query(values: Values, between: str, after: str) -> list[Part]:
    """Sorted by the bytes of the name, then of the value, in the form that is signed."""
    pairs: list[tuple[str, Part]] = list(values.query)
    if values.body_as is not None:
        pairs.append((values.body_as, Slot(Field.BODY)))
    if not values.keep_empty:
        pairs = [(name, value) for name, value in pairs if value != ""]
    if values.encoded:
        pairs = [(percent_encoded(name), _encoded(value)) for name, value in pairs]
    # A name with a value that changes occurs once, so its value never decides.
    pairs.sort(key=lambda pair: (pair[0].encode(), b"" if isinstance(pair[1], Slot) else pair[1].encode()))
    parts: list[Part] = []
    for name, value in pairs:
        parts += [f"{after if parts else ''}{name}{between}", value]
    return parts


def _encoded(value: Part) -> Part:
    return value._replace(encoded=True) if isinstance(value, Slot) else percent_encoded(value)


def _joined(parts: Sequence[Part]) -> Iterator[Part]:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield "".join(texts)
            texts = []
        yield part
    if texts:
        yield "".join(texts)
