"""Reads the Avro records of one schema with one Python function, written for that schema.

fastavro calls a stream for each value, and for each byte of a number: 51,000 instructions for an order of eight fields
and two items, 27,000 here (docs/decisions/hot-path.md). The function gives fastavro's value or gives up, for any reason
and at any byte: then fastavro reads the record, so what is refused, and in which words, stays fastavro's to say.
Encoding: Avro 1.12, "Binary Encoding". A property test holds the two against each other.

The source is made of the words of this module alone; what a schema says, the name of a field or a symbol, is a value
that it is given as `c1`, `c2`, …, and none of it is ever read as Python. For a record of one whole number:

    def of(c1):
     def read(b, i):
      v1 = numbers[b[i]]
      i += 1
      if v1 is None: v1, i = long(b, i - 1)
      v2 = {c1: v1}
      return v2, i
     return read
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

Read = Callable[[bytes, int], tuple[dict[str, Any], int]]
"""From bytes, and the index at which a record begins, to its values and the index behind it."""

MAX_LINES = 5_000
"""Of source, 600 to 1,200 fields: Python takes some 60 ms to compile so many, while everything waits."""
MAX_BRANCHES = 64
"""Of a union: their numbers take one byte."""


class _GiveUp(Exception):
    """This is one for fastavro."""


GIVING_UP = (_GiveUp, LookupError, struct.error, ValueError)
"""Too few bytes, a branch or symbol that is none, bytes that are no text, a number of more than 63 bits."""


def direct_reader(parsed: object) -> Read | None:
    """The function for a schema as fastavro has parsed it, without logical types; None where only fastavro reads it.

    The function raises nothing but `GIVING_UP`. The index that it gives may lie beyond the bytes: they were too few.
    """
    writer = _Writer()
    try:
        return writer.function(writer.value(parsed))
    except (_GiveUp, LookupError, RecursionError, SyntaxError, MemoryError):
        return None


class _Writer:
    """Writes the lines that read one value after the other."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._margin = "  "
        self._given: list[object] = []
        self._variables = 0
        self._named: dict[str, object] = {}

    def function(self, result: str) -> Read:
        """The lines as a function that gives `result`."""
        names = ", ".join(f"c{number}" for number in range(1, len(self._given) + 1))
        lines = "\n".join(self._lines)
        space = dict(_WORDS)
        exec(f"def of({names}):\n def read(b, i):\n{lines}\n  return {result}, i\n return read", space)  # noqa: S102 - of our own words alone
        of: Any = space["of"]
        made: Read = of(*self._given)
        return made

    def value(self, kind: Any) -> str:  # noqa: ANN401 - a schema's JSON
        """The name of a value of this kind, once the lines that read it have run."""
        if len(self._lines) > MAX_LINES:
            raise _GiveUp
        if isinstance(kind, list):
            return self._union(kind)
        if isinstance(kind, str):
            return self._read(*_PLAIN[kind]) if kind in _PLAIN else self.value(self._named[kind])
        if "name" in kind:
            self._named[kind["name"]] = kind
        match kind["type"]:
            case "record":
                fields = [f"{self._given_as(one['name'])}: {self.value(one['type'])}" for one in kind["fields"]]
                return self._read(f"{{0}} = {{{', '.join(fields)}}}")
            case "array":
                return self._blocks("[]", "{0}.append({1})", kind["items"])
            case "map":
                return self._blocks("{}", "{0}[{2}] = {1}", kind["values"], "string")
            case "enum":
                return self._read(*_LENGTH, f"{{0}} = {self._given_as(tuple(kind['symbols']))}[n]")
            case "fixed":
                return self._read(f"n = {int(kind['size'])}", _BYTES, "if i > len(b): raise IndexError")
            case inner:
                return self.value(inner)

    def _union(self, branches: Sequence[object]) -> str:
        if len(branches) > MAX_BRANCHES:
            raise _GiveUp
        result = self._read("n = b[i]", "i += 1")
        for number, branch in enumerate(branches):
            with self._inside(f"{'el' if number else ''}if n == {number * 2}:"):
                self._write(f"{result} = {self.value(branch)}")
        self._write("else: raise IndexError")
        return result

    def _blocks(self, empty: str, add: str, item: object, *key: str) -> str:
        """A list or map: blocks, each with its count before it, the last of no item."""
        result = self._read(f"{{0}} = {empty}")
        with self._inside("while True:"):
            self._write(*_COUNT, "if not n: break")
            with self._inside("for _ in range(n):"):
                keys = [self.value(one) for one in key]
                self._write(add.format(result, self.value(item), *keys))
        return result

    def _given_as(self, value: object) -> str:
        """The name of a value that the source is given."""
        self._given.append(value)
        return f"c{len(self._given)}"

    def _read(self, *lines: str) -> str:
        """Write lines with a fresh variable in place of `{0}`, and give the variable."""
        self._variables += 1
        variable = f"v{self._variables}"
        self._write(*(line.replace("{0}", variable) for line in lines))
        return variable

    def _write(self, *lines: str) -> None:
        self._lines += [self._margin + line for line in lines]

    @contextmanager
    def _inside(self, opening: str) -> Iterator[None]:
        """What is written meanwhile stands inside the statement that `opening` begins."""
        self._write(opening)
        self._margin += " "
        yield
        self._margin = self._margin[:-1]


def _long(b: bytes, i: int) -> tuple[int, int]:
    """The number at `i`, of more than one byte as a rule, and the index behind it."""
    low, high = b[i], b[i + 1]
    if low & 129 == _FOLLOWED and high >= _FOLLOWED and b[i + 4] >= _FOLLOWED:
        upper = _upper(b[i + 2 : i + 6])
        if upper is not None:
            return (low >> 1) + (high << 6) + upper, i + 6
    return _any_long(b, i)


@lru_cache(maxsize=1_024)
def _upper(raw: bytes) -> int | None:
    """What the upper four of a number's six bytes add to it, less what the lower two have too much: `_FOLLOWED`.

    Moments of the same eight seconds have these in common. None: the number has not six bytes.
    """
    try:
        number, end = _any_long(b"\x80\x80" + raw, 0)
    except GIVING_UP:
        return None
    return number - (_FOLLOWED >> 1) - (_FOLLOWED << 6) if end == len(raw) + 2 else None


def _any_long(b: bytes, i: int) -> tuple[int, int]:
    number = 0
    for shift in _SHIFTS:
        byte = b[i]
        i += 1
        number |= (byte & 127) << shift
        if byte < _FOLLOWED:
            return number >> 1 ^ -(number & 1), i
    raise _GiveUp


def _length(b: bytes, i: int) -> tuple[int, int]:
    """The number at `i`, which none below zero may be."""
    number, i = _long(b, i)
    if number < 0:
        raise _GiveUp
    return number, i


def _count(b: bytes, i: int) -> tuple[int, int]:
    """A block's count of items; one below zero is followed by the block's size in bytes, which is of no use here."""
    number, i = _long(b, i)
    return (number, i) if number >= 0 else (-number, _long(b, i)[1])


_FOLLOWED = 128
"""The bit of a number's byte that says that another one follows."""
_SHIFTS = tuple(range(0, 63, 7))
"""Of a number's bytes: 63 bits in all."""
_COUNT = ("n = lengths[b[i]]", "i += 1", "if n is None: n, i = count(b, i - 1)")
_LENGTH = ("n = lengths[b[i]]", "i += 1", "if n is None: n, i = length(b, i - 1)")
_BYTES = "{0} = b[i:(i := i + n)]"
_NUMBER = ("{0} = numbers[b[i]]", "i += 1", "if {0} is None: {0}, i = long(b, i - 1)")
_PLAIN: Mapping[str, Sequence[str]] = {
    "null": ("{0} = None",),
    "boolean": ("{0} = truths[b[i]]", "i += 1"),
    "int": _NUMBER,
    "long": _NUMBER,
    "float": ("{0} = single(b, i)[0]", "i += 4"),
    "double": ("{0} = double(b, i)[0]", "i += 8"),
    "bytes": (*_LENGTH, _BYTES),
    "string": (*_LENGTH, f"{_BYTES}.decode()"),
}
"""Lines that put a value into `{0}`: `b` are the bytes, `i` is the index of the next one, `n` is free to use."""
_WORDS: Mapping[str, object] = {
    "__builtins__": {},
    "range": range,
    "len": len,
    "IndexError": IndexError,
    "truths": (False, True),
    "numbers": tuple(n >> 1 ^ -(n & 1) if n < _FOLLOWED else None for n in range(256)),
    "lengths": tuple(n >> 1 if not n & 129 else None for n in range(256)),
    "long": _long,
    "length": _length,
    "count": _count,
    "single": struct.Struct("<f").unpack_from,
    "double": struct.Struct("<d").unpack_from,
}
"""All that generated source can name, besides what it is given."""
