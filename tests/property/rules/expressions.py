"""Expressions of the forms that rules are made of, and events that they may meet, fitting or not."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from pipeline.rules import numbers
from pipeline.rules.timestamp import Timestamp

NAMES = ("a", "b", "c")

_texts = st.text("aA1 é中😀.-\n\x01\x00", max_size=4) | st.sampled_from(
    ["", "A", "CNY", "Asia/Shanghai", "12.50", "YYYY-MM-DD", "a\x00b"]
)
_decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20).map(
    numbers.number
)
_numbers = (
    st.integers(-3, 3)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | _decimals
    | st.sampled_from([0.1, 0.2, 128.1, 1e-7, 1e22, numbers.parse("12345678901234567.89"), Decimal(10**18 + 1)])
)
_moments = st.builds(
    Timestamp,
    st.integers(-62_135_596_800, 253_402_300_799),
    st.integers(0, 999_999_999),
)
_scalars = _texts | _numbers | st.booleans() | st.none() | _moments
_values = st.recursive(
    _scalars,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(NAMES), below, max_size=3),
    max_leaves=6,
)
_too_large = st.integers(-(2**65), 2**65)
"""Alone only: decoders refuse them, and beside one CEL refuses every other part of the same record, too."""
EVENTS = st.dictionaries(st.sampled_from(NAMES), _values, max_size=3) | st.dictionaries(
    st.sampled_from(NAMES), _too_large, min_size=1, max_size=1
)

PATHS = st.recursive(
    st.sampled_from([f"event.{name}" for name in NAMES]),
    lambda below: (
        st.builds("{}.{}".format, below, st.sampled_from(NAMES))
        | st.builds("{}[{}]".format, below, st.sampled_from(["0", "1", "-1", '"a"']))
    ),
    max_leaves=3,
)
_constants = st.sampled_from(
    ['"A"', '"CNY"', '""', '"HH:mm"', r'"\u0001"', "0", "1", "1u", "-2", "0.5", "2.0", "3.1", "true", "false", "null"]
)
_binary = st.sampled_from(["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in"])


def _larger(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.builds("({} {} {})".format, below, _binary, below)
        | st.builds("({} ? {} : {})".format, below, below, below)
        | st.builds("!{}".format, below)
        | st.builds("-{}".format, below)
        | st.builds("{}({})".format, st.sampled_from(["double", "int", "uint"]), below)
        | st.builds("[{}, {}].map(i, {})[0]".format, below, below, below)
        | st.builds('join({}.map(k, string(k)), " ")'.format, PATHS)
        | st.builds("has({}.a)".format, PATHS)
        | st.builds('{} in ["A", {}]'.format, below, _constants)
        | st.builds(
            "{}({})".format, st.sampled_from(["string", "size", "upper", "lower", "trim", "mask", "number"]), below
        )
        | st.builds("{}.{}({})".format, below, st.sampled_from(["startsWith", "endsWith", "contains"]), below)
        | st.builds("{}({}, {})".format, st.sampled_from(["money", "money_of_cents", "decimal"]), below, below)
        | st.builds("{}({}, {})".format, st.sampled_from(["local_time", "local_date", "truncate"]), below, below)
        | st.builds("{}({}, {})".format, st.sampled_from(["default", "items"]), below, below)
        | st.builds("{}({}, {}, {})".format, st.sampled_from(["money", "local_time", "mask"]), below, below, below)
        | st.builds("{}({}, {}, {})".format, st.sampled_from(["plural", "items"]), below, below, below)
        | st.builds("{}({}, {}, {})".format, st.sampled_from(["replace", "substring"]), below, below, below)
        | st.builds("substring({}, {})".format, below, below)
        | st.builds('label({}, {{"A": "x", "CNY": "y"}})'.format, below)
        | st.builds('label({}, {{"A": "x", "*": {}}})'.format, below, below)
    )


SOURCES = st.recursive(PATHS | _constants, _larger, max_leaves=5)
