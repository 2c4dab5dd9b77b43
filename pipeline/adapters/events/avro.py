"""Avro bytes to and from values, on fastavro."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import fastavro
from fastavro import _read_py
from fastavro.schema import SchemaParseException

from pipeline.errors import SchemaError, Undecodable
from pipeline.model.outcome import Reason
from pipeline.phrases import phrase
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.resolution import resolver

MAGIC = b"\x00"
FRAME = 5
"""Bytes before the payload in Confluent's wire format: `MAGIC`, and the schema's id as a big-endian 32-bit number."""

MAX_EMPTY_ITEMS = 10_000
"""Items that take no byte, in one event."""

_BROKEN = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, RecursionError)
"""What fastavro raises on bytes of another schema; `UnicodeDecodeError` is a `ValueError`."""


class AvroReader:
    """Decodes payloads of one schema into the values that rule expressions read."""

    def __init__(self, schema: EventSchema, reader: EventSchema | None = None) -> None:
        """Parse once; `reader` is the version of the type that rules know, where it may be another.

        Raises:
            SchemaError: fastavro refuses the schema.
        """
        self.schema = schema
        self._plain = _with_strict_numbers(parsed(schema.plain, schema.path))
        self._resolve = None if reader is None or reader is schema else resolver(schema.root, reader.root)
        self._stream = _CountingStream if schema.has_unbounded_lists else BytesIO
        # The compiled decoder overflows the C stack, and with it the process ends, at some 20,000 nested records.
        self._decode: Any = _read_py.schemaless_reader if schema.is_recursive else fastavro.schemaless_reader

    def read(self, payload: bytes, start: int = 0) -> dict[str, object]:
        """The record that begins at `start` and ends with the payload.

        Hostile bytes cost no more than valid ones of the same length: a text or list that declares more than there
        is ends in a short read before anything is allocated.

        Raises:
            Undecodable: truncated, malformed, or with bytes left over.
        """
        make_stream, decode = self._stream, self._decode
        stream = make_stream(payload)
        stream.seek(start)
        try:
            raw: Any = decode(stream, self._plain, None)
        except _BROKEN as error:
            raise Undecodable(Reason.MALFORMED_AVRO, f"{type(error).__name__} at byte {stream.tell()}") from None
        if stream.tell() != len(payload):
            raise Undecodable(Reason.MALFORMED_AVRO, f"{len(payload) - stream.tell()} bytes are left over")
        try:
            data = self.schema.from_avro(raw)
            return data if self._resolve is None else self._resolve(data)
        except IndexError:
            raise Undecodable(Reason.MALFORMED_AVRO, "an enum has no such symbol") from None
        except RecursionError:
            raise Undecodable(Reason.MALFORMED_AVRO, "nested too deeply") from None


class UnionReader:
    """Decodes payloads of a schema that is a union of records: several event types under one schema id."""

    def __init__(self, branches: Sequence[AvroReader | None]) -> None:
        """None stands for a branch that is not a record."""
        self.branches = branches

    def branch(self, payload: bytes, start: int) -> tuple[AvroReader, int]:
        """The reader of the branch that the payload names, and where its record begins.

        Raises:
            Undecodable: the branch is not a record, or there is no such branch.
        """
        stream = BytesIO(payload)
        stream.seek(start)
        try:
            number: Any = fastavro.schemaless_reader(stream, _LONG, None)
        except _BROKEN:
            raise Undecodable(Reason.MALFORMED_AVRO, "the union's branch cannot be read") from None
        if not 0 <= number < len(self.branches):
            raise Undecodable(Reason.MALFORMED_AVRO, "the union has no such branch")
        reader = self.branches[number]
        if reader is None:
            raise Undecodable(Reason.UNSUPPORTED_SCHEMA, f"branch {number} of the union is not a record")
        return reader, stream.tell()


class _CountingStream(BytesIO):
    """Fails after too many reads of nothing."""

    _empty = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size == 0:
            self._empty += 1
            if self._empty > MAX_EMPTY_ITEMS:
                raise ValueError
        return super().read(size)


class AvroWriter:
    """Encodes values of one schema, in Confluent's framing."""

    def __init__(self, schema: Mapping[str, object], schema_id: int) -> None:
        """Parse once.

        Raises:
            SchemaError: fastavro refuses the schema.
        """
        self._parsed = parsed(schema, "schema")
        self._frame = frame(schema_id)

    def write(self, value: Mapping[str, object]) -> bytes:
        """The framed bytes.

        Raises:
            ValueError, TypeError, OverflowError: the value does not fit the schema.
        """
        stream = BytesIO()
        stream.write(self._frame)
        fastavro.schemaless_writer(stream, self._parsed, value)
        return stream.getvalue()


def frame(schema_id: int) -> bytes:
    """The bytes before the payload."""
    return MAGIC + schema_id.to_bytes(FRAME - 1, "big")


def parsed(schema: Any, path: str) -> Any:  # noqa: ANN401 - a schema's JSON, and fastavro's own form of it
    """The schema as fastavro takes it.

    Raises:
        SchemaError: fastavro refuses it; `path` is named.
    """
    try:
        return fastavro.parse_schema(schema)
    except (SchemaParseException, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SchemaError(phrase("{path}: not an Avro schema: {error}", path=path, error=error)) from None


def _with_strict_numbers(schema: Any) -> Any:  # noqa: ANN401 - as above
    """Let fastavro look up symbols and the branches of unions in dictionaries.

    It would count a negative number from the end of a list, and take another symbol or branch for the writer's.
    Changes the parsed schema; writers need the lists.
    """
    if isinstance(schema, list):
        branches = {number: _with_strict_numbers(branch) for number, branch in enumerate(schema)}
        return {"type": "union", **branches}
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("symbols"), list):
        schema["symbols"] = dict(enumerate(schema["symbols"]))
    for key in _NESTED.intersection(schema):
        schema[key] = _with_strict_numbers(schema[key])
    for below in (*schema.get("fields", ()), *schema.get(_NAMED_SCHEMAS, {}).values()):
        _with_strict_numbers(below)
    return schema


_NESTED = frozenset({"type", "items", "values"})
_NAMED_SCHEMAS = "__named_schemas"
"""Where fastavro keeps the definitions of a parsed schema by their names."""


_LONG = fastavro.parse_schema("long")


def folder_id(fingerprint: str) -> int:
    """The schema's id where there is no registry: 31 bits of its hash.

    Writers and readers that have the same file agree without a registry, whose ids are small numbers: the two do not
    meet in practice.
    """
    return int(fingerprint[:8], 16) & 0x7FFFFFFF
