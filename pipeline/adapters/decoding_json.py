"""JSON as strictly as RFC 8259 lets us: what two readers could read differently is refused."""

from __future__ import annotations

import json

from pipeline.errors import Undecodable
from pipeline.model.outcome import Reason


def parse(value: bytes, reason: Reason) -> object:
    """The JSON value.

    Python's own parser rather than orjson: that one takes the last of two equal keys and rounds integers beyond 64
    bits, both in silence (4 µs more for an order event).

    Raises:
        Undecodable: with `reason`; no UTF-8, no JSON, a key twice, NaN, or nested too deeply.
    """
    try:
        parsed: object = _DECODER.decode(value.decode())
    except UnicodeDecodeError as error:
        raise Undecodable(reason, f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Undecodable(reason, f"not JSON at character {error.pos}") from None
    except _Refused as error:
        raise Undecodable(reason, str(error)) from None
    except ValueError:  # int() refuses more than 4,300 digits
        raise Undecodable(reason, "a number of too many digits") from None
    except RecursionError:
        raise Undecodable(reason, "nested too deeply") from None
    return parsed


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
