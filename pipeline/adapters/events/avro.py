"""Avro bytes to and from values, on fastavro."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from pipeline.errors import SchemaError, Undecodable
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import EventSchema, without_logical_types

MAGIC = b"\x00"
FRAME = 5
"""Bytes before the payload in Confluent's wire format: `MAGIC`, and the schema's id as a big-endian 32-bit number."""

_BROKEN = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError)
"""What fastavro raises on bytes that are none of this schema's; `UnicodeDecodeError` is a `ValueError`."""


class AvroReader:
    """Decodes payloads of one schema into the values that rule expressions read."""

    def __init__(self, schema: EventSchema) -> None:
        """Parse once.

        Raises:
            SchemaError: fastavro refuses the schema.
        """
        self.schema = schema
        self._parsed = parsed(without_logical_types(schema.avro), schema.path)

    def read(self, payload: bytes, start: int = 0) -> dict[str, object]:
        """The record that begins at `start` and ends where the bytes end.

        Hostile bytes cost no more than honest ones of the same length: a text or list that declares more than is
        there ends in a short read before anything is allocated, and `EventSchema` has refused the schemas
        whose items take no byte.

        Raises:
            Undecodable: truncated, malformed, or with bytes left over.
        """
        stream = BytesIO(payload)
        stream.seek(start)
        try:
            raw: Any = fastavro.schemaless_reader(stream, self._parsed, None)
        except _BROKEN as error:
            raise Undecodable(Reason.MALFORMED_AVRO, f"{type(error).__name__} at byte {stream.tell()}") from None
        if stream.tell() != len(payload):
            raise Undecodable(Reason.MALFORMED_AVRO, f"{len(payload) - stream.tell()} bytes are left over")
        try:
            return self.schema.from_avro(raw)
        except (ValueError, OverflowError):
            raise Undecodable(Reason.MALFORMED_AVRO, "a time, date or decimal out of range") from None


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
            ValueError, TypeError, OverflowError: the value is none of this schema's.
        """
        stream = BytesIO()
        stream.write(self._frame)
        fastavro.schemaless_writer(stream, self._parsed, value)
        return stream.getvalue()


def frame(schema_id: int) -> bytes:
    """What stands before the payload."""
    return MAGIC + schema_id.to_bytes(FRAME - 1, "big")


def parsed(schema: Any, path: str) -> Any:  # noqa: ANN401 - a schema's JSON, and fastavro's own form of it
    """The schema as fastavro wants it.

    Raises:
        SchemaError: fastavro refuses it; `path` is named.
    """
    try:
        return fastavro.parse_schema(schema)
    except (SchemaParseException, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SchemaError(f"{path}: not an Avro schema: {error}") from None


def folder_id(fingerprint: str) -> int:
    """The id under which a schema is known where there is no registry: 31 bits of its own hash.

    Writers and readers that have the same file agree without asking anybody. A registry's ids are small numbers, so
    the two do not meet in practice.
    """
    return int(fingerprint[:8], 16) & 0x7FFFFFFF
