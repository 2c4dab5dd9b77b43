"""Writes Avro records of plain fields, each a text, whole number or truth value, or null instead.

fastavro tries out the branches of each nullable field, and an outcome has eleven of them: 22 µs against 13 here
(docs/decisions/hot-path.md). Encoding: Avro 1.12, "Binary Encoding"; a property test holds it against fastavro's bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import call, itemgetter
from typing import Any

from pipeline.errors import SchemaError

Encode = Callable[[Any], bytes]

_NULL, _SECOND = b"\x00", b"\x02"
"""Which branch of a union follows: the first (null), or the second."""
_LEAST, _MOST = -(2**63), 2**63 - 1


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    digits = bytearray()
    while number >> 7:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


_SHORT = tuple(_varint(number) for number in range(4_096))
_LENGTHS = _SHORT[::2]
"""Of texts: what `_long` gives for a count."""
_upper_bits = lru_cache(maxsize=1_024)(_varint)
"""Moments of the same 16 seconds have them in common."""


def _long(value: int) -> bytes:
    zigzag = value << 1 if value >= 0 else (-value << 1) - 1
    if zigzag < len(_SHORT):
        return _SHORT[zigzag]
    if not _LEAST <= value <= _MOST:
        raise OverflowError("more than 64 bits")
    if zigzag < 1 << 14:
        return _varint(zigzag)
    return bytes((zigzag & 0x7F | 0x80, zigzag >> 7 & 0x7F | 0x80)) + _upper_bits(zigzag >> 14)


_moment = lru_cache(maxsize=4_096)(_long)
"""A millisecond that one outcome has, its neighbours have too."""


def _text(value: str) -> bytes:
    raw = value.encode()
    length = len(raw)
    return (_LENGTHS[length] if length < len(_LENGTHS) else _long(length)) + raw


def _truth(value: bool) -> bytes:  # noqa: FBT001 - a value among others
    return b"\x01" if value else b"\x00"


def _nullable(encode: Encode) -> Encode:
    def encode_or_null(value: object) -> bytes:
        return _NULL if value is None else _SECOND + encode(value)

    return encode_or_null


_ENCODERS: Mapping[str, Encode] = {"string": _text, "int": _long, "long": _long, "boolean": _truth}


def _encoder(kind: object) -> Encode:
    match kind:
        case ["null", inner]:
            return _nullable(_encoder(inner))
        case {"type": "long", "logicalType": "timestamp-millis"}:
            return _moment
        case {"type": str(inner)}:
            return _encoder(inner)
        case str(name) if name in _ENCODERS:
            return _ENCODERS[name]
        case _:
            raise SchemaError(f"schema: not a plain field: {kind}")


def _remembering(encoders: Sequence[Encode]) -> Encode:
    """Fields that stand side by side and come again and again with the same values: rule, version and template."""

    @lru_cache(maxsize=4_096)
    def encode(values: tuple[object, ...]) -> bytes:
        return b"".join([encode(value) for encode, value in zip(encoders, values, strict=True)])

    return encode


class FlatWriter:
    """Encodes the values of one schema's fields."""

    def __init__(self, schema: Mapping[str, Any], frame: bytes, recurring: frozenset[str]) -> None:
        """`frame` comes before each record; `recurring` names the fields whose values come again and again.

        Raises:
            SchemaError: a field is not plain.
        """
        self.names = tuple(field["name"] for field in schema["fields"])
        encoders = [_encoder(field["type"]) for field in schema["fields"]]
        parts: list[tuple[Encode, int | slice]] = []
        for is_recurring, group in groupby(enumerate(self.names), lambda numbered: numbered[1] in recurring):
            numbers = [number for number, _ in group]
            if is_recurring:
                along = slice(numbers[0], numbers[-1] + 1)
                parts.append((_remembering(encoders[along]), along))
            else:
                parts += [(encoders[number], number) for number in numbers]
        self._encoders = [encode for encode, _ in parts]
        self._values_of: Callable[[tuple[object, ...]], tuple[Any, ...]] = itemgetter(*(at for _, at in parts), 0)
        """What each encoder is given; the last is for nobody: of a single one `itemgetter` would make no tuple."""
        self._frame = frame

    def write(self, values: tuple[object, ...]) -> bytes:
        """The framed bytes; `values` are in the order of `names`.

        Raises:
            ValueError: a text is none that UTF-8 can hold, or there are more or fewer values than fields.
            OverflowError: a number does not fit 64 bits.
        """
        if len(values) != len(self.names):
            raise ValueError(f"{len(values)} values for {len(self.names)} fields")
        return self._frame + b"".join(map(call, self._encoders, self._values_of(values)))
