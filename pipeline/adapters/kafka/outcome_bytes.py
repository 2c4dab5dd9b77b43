"""Encode texts and numbers in Avro, for records that are written field by field.

fastavro tries out the branches of each nullable field, and an outcome has eleven of them (docs/decisions/hot-path.md).
Encoding: Avro 1.12, "Binary Encoding"; property tests hold it against fastavro's bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import floor

from pipeline.model.once import OnceUntil
from pipeline.model.outcome import Because

NULL, VALUE = b"\x00", b"\x02"
"""Which branch of a nullable field's union follows: the first (null), or the second."""
FALSE, TRUE = b"\x00", b"\x01"
EMPTY = b"\x00"
"""The empty text."""
ABSENT = b"\x00"
"""A null, an empty text or a 0, which are all one byte."""
_END_OF_ARRAY = b"\x00"
_UPPER = 1 << 50
"""The limit of a 64-bit number without its lowest 14 bits."""


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have their eighth bit set."""
    digits = bytearray()
    while number >> 7:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


_CACHED_NUMBERS = 4_096
_SHORT = tuple([_varint(number) for number in range(_CACHED_NUMBERS)])
_LENGTHS = _SHORT[::2]
"""Encoded lengths of texts."""
_TWO_BYTES = 1 << 14
_LOWEST = tuple([bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(_TWO_BYTES)])
"""The first two bytes of longer numbers: 0.9 MB, so that a timestamp is looked up instead of computed."""


@lru_cache(maxsize=1_024)
def _upper(number: int) -> bytes:
    """The upper bytes: equal for timestamps within 8 seconds, and for 8,192 consecutive offsets."""
    if number >= _UPPER:
        raise OverflowError("more than 64 bits")
    return _varint(number)


def long(value: int) -> bytes:
    """Encode Avro's `long` or `int`.

    Raises:
        OverflowError: it does not fit 64 bits.
    """
    zigzag = value << 1 if value >= 0 else (-value << 1) - 1
    if zigzag < _CACHED_NUMBERS:
        return _SHORT[zigzag]
    if zigzag < _TWO_BYTES:
        return _varint(zigzag)
    return _LOWEST[zigzag & 0x3FFF] + _upper(zigzag >> 14)


timestamp = lru_cache(maxsize=4_096)(long)
"""As `long`, cached: consecutive records often share a millisecond."""


def text(value: str) -> bytes:
    """Encode Avro's `string`.

    Raises:
        ValueError: UTF-8 cannot encode it.
    """
    raw = value.encode()
    try:
        return _LENGTHS[len(raw)] + raw
    except IndexError:
        return long(len(raw)) + raw


def because(items: Sequence[Because]) -> bytes:
    """Encode the array of the schema's field `because`.

    Raises:
        ValueError: UTF-8 cannot encode a text.
    """
    return b"".join((long(len(items)), *map(_one_because, items), _END_OF_ARRAY))


def _one_because(one: Because) -> bytes:
    what, name, value, until = one
    return b"".join(
        (
            text(what),
            NULL if name is None else VALUE + text(name),
            NULL if value is None else VALUE + text(value),
            NULL if until is None else VALUE + long(floor(until * 1000 + 0.5)),
        )
    )


def once(taken: OnceUntil) -> bytes:
    """Encode the record of the schema's field `once`.

    Raises:
        ValueError: UTF-8 cannot encode the key.
    """
    key, until = taken
    return text(key) + timestamp(floor(until * 1000 + 0.5))
