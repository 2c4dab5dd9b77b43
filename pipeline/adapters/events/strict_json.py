"""JSON of records and of people: what two readers could read differently is refused, or cannot be used by rules."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from decimal import Decimal

import orjson

from pipeline.adapters.events.first_bytes import looks_like
from pipeline.errors import Undecodable
from pipeline.model.outcome import Reason
from pipeline.rules import numbers
from pipeline.rules.schema.unreadable import Unreadable


class Malformed(ValueError):
    """A text that is not JSON; the message says where, and contains nothing of it."""

    def __init__(self, message: str, at: int | None = None) -> None:
        """`at` is the index of the first wrong character, where it is known."""
        super().__init__(message)
        self.at = at


class _TooManyDigits(Malformed):
    pass


class _TooDeep(Malformed):
    pass


def loads(text: str) -> object:
    """The JSON value of a text that a person wrote.

    Python's own parser rather than orjson, which takes the last of two equal keys and rounds integers beyond 64 bits,
    both silently (4 µs more for an order event).

    Raises:
        Malformed: not JSON, a key twice, NaN, or nested too deeply.
    """
    return _decoded(text, _STRICT)


def parse(value: bytes, reason: Reason) -> object:
    """The JSON value of a record.

    More lenient than `loads`, for a record may be fine but for a field that no rule reads: a byte order mark is
    skipped; control characters within a text, such as a line feed, are taken as they are; NaN, Infinity, a number of
    too many digits, a key that occurs twice with different values and what Python's parser finds too deep become
    `Unreadable`.

    Raises:
        Undecodable: with `reason`; the value is not UTF-8, or not JSON.
    """
    try:
        text = value.removeprefix(codecs.BOM_UTF8).decode()
        try:
            return _leniently(text)
        except _TooDeep:
            return _leniently(_without_depth(text))
    except UnicodeDecodeError as error:
        raise Undecodable(reason, f"not UTF-8 at byte {error.start}{looks_like(value)}") from None
    except Malformed as error:
        raise Undecodable(reason, f"{error}{looks_like(value)}") from None


def _leniently(text: str) -> object:
    try:
        return _decoded(text, _LENIENT)
    except _TooManyDigits:
        return _decoded(text, _LENIENT_WITH_LONG_NUMBERS)


_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]+|[\]}]+|"', re.DOTALL)
_KEPT_DEPTH = 100
"""Levels of which something is kept: more than expressions read."""
_LONGEST_DEEP = 100_000
"""Characters of a text that is worth the search for its brackets, which takes 0.1 µs for each."""


def _without_depth(text: str) -> str:
    """The text with NaN in place of each object and list that is deeper; what is in it is not checked.

    Raises:
        Malformed: it is long, or the brackets or quotes do not close.
    """
    if len(text) > _LONGEST_DEEP:
        raise Malformed("nested too deeply")
    kept: list[str] = []
    depth = start = 0
    for found in _BRACKETS.finditer(text):
        run = found[0]
        if run[0] in "[{":
            if depth <= _KEPT_DEPTH < depth + len(run):
                kept.append(text[start : found.start() + _KEPT_DEPTH - depth])
            depth += len(run)
        elif run[0] in "]}":
            if depth - len(run) <= _KEPT_DEPTH < depth:
                kept.append("NaN")
                start = found.start() + depth - _KEPT_DEPTH
            depth -= len(run)
        elif run == '"':
            break
    if depth:
        raise Malformed("nested too deeply")
    return "".join(kept) + text[start:]


def _decoded(text: str, decoder: json.JSONDecoder) -> object:
    try:
        parsed: object = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(_named(text, error), error.pos) from None
    except _Refused as error:
        raise Malformed(str(error)) from None
    except ValueError:  # int() refuses more than 4,300 digits, numbers.from_json() more than 1,000
        raise _TooManyDigits("a number of too many digits") from None
    except RecursionError:
        raise _TooDeep("nested too deeply") from None
    return parsed


def _named(text: str, error: json.JSONDecodeError) -> str:
    if not text.strip():
        return "the value is empty"
    if error.msg == "Extra data" and _BEGINNING.match(text, error.pos):
        return f"more than one JSON value; the second begins at character {error.pos}"
    return f"not JSON at character {error.pos}"


_BEGINNING = re.compile('[-{["0-9tfn]')
"""Of a JSON value."""


def dumps(value: object, *, indented: bool = False) -> str:
    """The value as JSON, numbers with all their digits.

    Raises:
        TypeError: JSON has no form for it.
    """
    try:
        return json.dumps(value, ensure_ascii=False, indent=2 if indented else None)
    except TypeError:  # a `Decimal`, which the standard library does not write
        return orjson.dumps(value, default=_digits, option=orjson.OPT_INDENT_2 if indented else None).decode()


def _digits(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(numbers.text_of(value))
    raise TypeError(f"{type(value).__name__} in JSON")


class _Refused(ValueError):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Refused("a key occurs twice in one object")
    return result


def _last_of_equal(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        for key, value in pairs:
            if not _same(result[key], value):
                result[key] = Unreadable("the key occurs twice with different values")
    return result


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _no_constant(_: str) -> object:
    raise _Refused("NaN and Infinity are not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=numbers.from_json)


def _integer(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return Unreadable("a number beyond 64 bits")


def _decimal(text: str) -> object:
    try:
        return numbers.from_json(text)
    except ValueError:
        return Unreadable("a number of too many digits")


def _lenient(parse_int: Callable[[str], object], parse_float: Callable[[str], object]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_last_of_equal,
        parse_constant=lambda _: Unreadable("not a number"),
        parse_float=parse_float,
        parse_int=parse_int,
        strict=False,
    )


_LENIENT = _lenient(int, numbers.from_json)
"""`int` itself is called without a Python function, so that the other decoder reads only what this one refuses."""
_LENIENT_WITH_LONG_NUMBERS = _lenient(_integer, _decimal)
