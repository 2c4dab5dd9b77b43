"""Avro bytes to and from values, on fastavro, with hostile input bounded before it allocates."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from pipeline.errors import SchemaError, Undecodable
from pipeline.model.outcome import Reason
from pipeline.rules.schema import EventSchema, without_logical_types

FRAME = 5
"""Bytes before the payload in Confluent's wire format: a zero, and the schema's id as a big-endian 32-bit number."""


class AvroReader:
    """Decodes payloads of one schema into the values that rule expressions read."""

    def __init__(self, schema: EventSchema) -> None:
        """Parse once.

        Raises:
            SchemaError: fastavro refuses the schema.
        """
        self.schema = schema
        try:
            stripped: Any = without_logical_types(schema.avro)
            self._parsed = fastavro.parse_schema(stripped)
        except (SchemaParseException, KeyError, TypeError, ValueError) as error:
            raise SchemaError(f"{schema.path}: not an Avro schema: {error}") from None

    def read(self, payload: bytes, start: int = 0) -> dict[str, object]:
        """The record that begins at `start` and ends where the bytes end.

        Raises:
            Undecodable: truncated, malformed, or with bytes left over.
        """
        stream = io.BytesIO(payload)
        stream.seek(start)
        try:
            # A declared length beyond what is there ends in a short read, not in an allocation: BytesIO has no more to
            # give. Block counts of arrays are bounded likewise, for every item but null and empty records takes a byte.
            raw: Any = fastavro.schemaless_reader(stream, self._parsed, None)
        except (
            EOFError,
            ValueError,
            IndexError,
            KeyError,
            TypeError,
            OverflowError,
            MemoryError,
            RecursionError,
        ) as error:
            raise Undecodable(Reason.MALFORMED_AVRO, f"{type(error).__name__} at byte {stream.tell()}") from None
        except Exception as error:  # noqa: BLE001 - fastavro's C code raises bare errors for some broken unions
            raise Undecodable(Reason.MALFORMED_AVRO, type(error).__name__) from None
        if stream.tell() != len(payload):
            raise Undecodable(Reason.MALFORMED_AVRO, f"{len(payload) - stream.tell()} bytes are left over")
        try:
            return self.schema.from_avro(raw)
        except (ValueError, OverflowError, ArithmeticError):
            raise Undecodable(Reason.MALFORMED_AVRO, "a time or decimal is out of range") from None


class AvroWriter:
    """Encodes values of one schema, in Confluent's framing."""

    def __init__(self, schema: Mapping[str, object], schema_id: int) -> None:
        self._parsed = fastavro.parse_schema(dict(schema))
        self._frame = b"\x00" + schema_id.to_bytes(4, "big")

    def write(self, value: Mapping[str, object]) -> bytes:
        """The framed bytes."""
        stream = io.BytesIO()
        stream.write(self._frame)
        fastavro.schemaless_writer(stream, self._parsed, value)
        return stream.getvalue()


def folder_id(fingerprint: str) -> int:
    """The id under which a schema is known where there is no registry: 31 bits of its own hash.

    Writers and readers that have the same file agree without asking anybody.
    """
    return int(fingerprint[:8], 16) & 0x7FFFFFFF
