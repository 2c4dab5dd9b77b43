"""JSON as strictly as RFC 8259 lets us: what two readers could read differently is refused."""

from __future__ import annotations

import json

from pipeline.errors import Undecodable
from pipeline.model.outcome import Reason


class Malformed(ValueError):
    """A text that is no JSON; the words tell where, and hold nothing of it."""

    def __init__(self, message: str, at: int | None = None) -> None:
        """`at` is the index of the first character at fault, where it is known."""
        super().__init__(message)
        self.at = at


def loads(text: str) -> object:
    """The JSON value.

    Python's own parser rather than orjson: that one takes the last of two equal keys and rounds integers beyond 64
    bits, both in silence (4 µs more for an order event).

    Raises:
        Malformed: no JSON, a key twice, NaN, or nested too deeply.
    """
    try:
        parsed: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON at character {error.pos}", error.pos) from None
    except _Refused as error:
        raise Malformed(str(error)) from None
    except ValueError:  # int() refuses more than 4,300 digits
        raise Malformed("a number of too many digits") from None
    except RecursionError:
        raise Malformed("nested too deeply") from None
    return parsed


def parse(value: bytes, reason: Reason) -> object:
    """The JSON value of a record.

    Raises:
        Undecodable: with `reason`; no UTF-8, or no JSON as `loads` wants it.
    """
    try:
        return loads(value.decode())
    except UnicodeDecodeError as error:
        raise Undecodable(reason, f"not UTF-8 at byte {error.start}") from None
    except Malformed as error:
        raise Undecodable(reason, str(error)) from None


class _Refused(ValueError):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Refused("a key stands twice in one object")
    return result


def _no_constant(_: str) -> object:
    raise _Refused("NaN and Infinity are no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
