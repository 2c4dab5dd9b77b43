"""Decode outcomes to the values of chosen fields, with a function generated from schemas/outcome.avsc.

fastavro takes twice the time (docs/decisions/history.md): it looks up the type of each field of each record. The
function decodes what this release writes. Anything else is left to `OutcomeFields`; property tests compare both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from pipeline.adapters.events.avro import FRAME, MAGIC
from pipeline.adapters.kafka.outcome_record import OutcomeFields, outcome_schema
from pipeline.rules.schema.event_schema import without_logical_types

_SELDOM = frozenset(
    {
        "first_topic",
        "first_partition",
        "first_offset",
        "category",
        "because",
        "into",
        "intent_partition",
        "intent_offset",
        "scheduled_for",
        "item",
    }
)
"""Fields that most outcomes do not have: their nulls are compared at once."""
_MOST_BITS = 56
"""Numbers with more than 63 bits are left to fastavro."""
_INT = range(-(2**31), 2**31)
"""Avro's `int`. fastavro does not check it, and a database refuses the whole batch."""
_NOT_DECODED = (IndexError, ValueError)
"""The bytes end early, or hold something that this release does not write; `UnicodeDecodeError` is a `ValueError`."""


class OutcomeValues:
    """Decodes framed bytes to a tuple of values."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are fields of the schema, at least two, in the order of the values."""
        self._usual = _generated(names)
        self._any = OutcomeFields()
        self._chosen: Callable[[Mapping[str, Any]], tuple[Any, ...]] = itemgetter(*names)
        self._ints = [field["name"] for field in _fields() if _kind(field) == "int"]

    def __call__(self, value: bytes | None) -> tuple[Any, ...] | None:
        """Return the values; None if the bytes are not an outcome. Timestamps are milliseconds since the epoch."""
        if value is not None and value[:1] == MAGIC:
            try:
                return self._usual(value)
            except _NOT_DECODED:
                pass
        fields = self._any(value)
        if fields is None or any(fields[name] not in _INT for name in self._ints if fields[name] is not None):
            return None
        return self._chosen(fields)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at `at`, and where the next value begins (Avro 1.12, "Binary Encoding")."""
    number = bits = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << bits
        if byte < 0x80:  # noqa: PLR2004 - the highest bit is set in all bytes but the last
            return number >> 1 ^ -(number & 1), at
        if bits == _MOST_BITS:
            raise ValueError("more than 63 bits")
        bits += 7


def _fields() -> Sequence[Mapping[str, Any]]:
    plain: Any = without_logical_types(outcome_schema())
    fields: Sequence[Mapping[str, Any]] = plain["fields"]
    return fields


def _kind(field: Mapping[str, Any]) -> str:
    """Return the type of the field's value, where it is not null."""
    kind = field["type"][1] if isinstance(field["type"], list) else field["type"]
    return str(kind["type"] if isinstance(kind, Mapping) else kind)


def _generated(names: Sequence[str]) -> Callable[[bytes], tuple[Any, ...]]:
    lines = ["def read(data):", f"    at, sizes = {FRAME}, 0"]
    for seldom, run in groupby(_fields(), lambda field: field["name"] in _SELDOM):
        fields = list(run)
        if not seldom:
            lines += [f"    {line}" for field in fields for line in _field(field)]
            continue
        lines.append(f"    if data.startswith({bytes(len(fields))!r}, at):")
        lines.append(f"        at += {len(fields)}")
        lines.append(f"        {' = '.join(map(_variable, fields))} = None")
        lines.append("    else:")
        lines += [f"        {line}" for field in fields for line in _field(field)]
    # A slice beyond the end is cut off silently, and a size is even unless it is negative.
    lines.append("    if at > len(data) or sizes & 1:")
    lines.append("        raise ValueError")
    lines.append(f"    return ({', '.join(f'{name}_' for name in names)},)")
    found: dict[str, Any] = {"varint": _varint, "INT": _INT}
    # The source contains only names from the shipped schema.
    exec(compile("\n".join(lines), "<generated from schemas/outcome.avsc>", "exec"), found)  # noqa: S102
    read: Callable[[bytes], tuple[Any, ...]] = found["read"]
    return read


def _variable(field: Mapping[str, Any]) -> str:
    return f"{field['name']}_"  # no keyword


def _field(field: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that read one field."""
    if not isinstance(field["type"], list):
        yield from _value(_variable(field), _kind(field))
        return
    yield "branch = data[at]"
    yield "at += 1"
    yield "if branch == 2:"
    yield from (f"    {line}" for line in _value(_variable(field), _kind(field)))
    yield "elif branch:"
    yield "    raise ValueError"
    yield "else:"
    yield f"    {_variable(field)} = None"


def _value(variable: str, kind: str) -> Iterator[str]:
    if kind == "string":
        yield "size = data[at]"
        yield "if size < 0x80:"
        yield "    sizes |= size"
        yield "    at += 1"
        yield f"    {variable} = data[at:(at := at + (size >> 1))].decode()"
        yield "else:"
        yield "    size, at = varint(data, at)"
        yield "    if size < 0:"
        yield "        raise ValueError"
        yield f"    {variable} = data[at:(at := at + size)].decode()"
    elif kind in {"int", "long"}:
        yield f"{variable} = data[at]"
        yield f"if {variable} < 0x80:"
        yield "    at += 1"
        yield f"    {variable} = {variable} >> 1 ^ -({variable} & 1)"
        yield "else:"
        yield f"    {variable}, at = varint(data, at)"
        if kind == "int":
            yield f"    if {variable} not in INT:"
            yield "        raise ValueError"
    elif kind == "boolean":
        yield f"{variable} = data[at]"
        yield "at += 1"
        yield f"if {variable} > 1:"
        yield "    raise ValueError"
        yield f"{variable} = {variable} == 1"
    else:  # an array: seldom, and left to fastavro
        yield "raise ValueError"
