"""An event type's Avro schema, as rules need it: the tree of its fields, and values in the form expressions read.

Avro decoding itself is an adapter's work: it decodes with `EventSchema.plain`, and `EventSchema.from_avro` converts the
few fields that need it into the form that `pipeline.rules.schema.types` documents.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from pipeline.errors import SchemaError
from pipeline.phrases import phrase
from pipeline.rules.schema.avro_types import read_record
from pipeline.rules.schema.avro_values import converter
from pipeline.rules.schema.types import RecordType


class EventSchema:
    """One version of one event type's schema."""

    def __init__(self, avro: Mapping[str, object], path: str = "schema") -> None:
        """`avro` is the schema's JSON, parsed; `path` is named in errors.

        Raises:
            SchemaError: `avro` is not an Avro record schema, or one that rules cannot read.
        """
        read = read_record(avro, path)
        assert isinstance(read.kind, RecordType)  # noqa: S101 - what `read_record` promises
        self.root = read.kind
        self.plain = read.plain
        """The schema with the same encoding that the decoder is given."""
        self.has_unbounded_lists = read.has_unbounded_lists
        """Whether a list of it has items that take no byte: a few bytes could declare 2^62 of them."""
        self.is_recursive = read.is_recursive
        """Whether it contains itself: a few bytes could nest thousands of records."""
        self.name = self.root.name
        """Full name: the event type."""
        self.avro = avro
        self.path = path
        self.fingerprint = _fingerprint(avro, path)
        """16 hex digits; the same for the same JSON, whatever the order of its keys."""
        self._convert = converter(self.root)

    def from_avro(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Convert a record as decoded with `plain`: timestamps, decimals, dates as expressions read them.

        `raw` itself is changed.

        Raises:
            IndexError: an enum's number that has no symbol.
            RecursionError: nested too deeply.
        """
        convert = self._convert
        if convert is not None:
            convert(raw)
        return raw


class SchemaCatalogue:
    """The schemas of all event types, each with every version that events may still come in."""

    def __init__(self, schemas: Iterable[EventSchema] = ()) -> None:
        self._types: dict[str, list[EventSchema]] = {}
        for schema in schemas:
            versions = self._types.setdefault(schema.name, [])
            if all(known.fingerprint != schema.fingerprint for known in versions):
                versions.append(schema)

    def versions(self, event_type: str) -> tuple[EventSchema, ...]:
        """Every known version, the newest last; empty for an unknown type."""
        return tuple(self._types.get(event_type, ()))

    def newest(self, event_type: str) -> EventSchema | None:
        """The newest version."""
        versions = self._types.get(event_type)
        return versions[-1] if versions else None

    def __iter__(self) -> Iterator[str]:
        """The event types."""
        return iter(self._types)

    def __contains__(self, event_type: object) -> bool:
        """Whether there is a schema of this event type."""
        return event_type in self._types

    def __len__(self) -> int:
        """How many event types there are."""
        return len(self._types)


def without_logical_types(schema: object) -> object:
    """The same schema without `logicalType`, so that plain numbers and bytes are decoded and encoded.

    Its texts are interned: a decoder compares them for each value, and finds them identical to its own.

    The schema's depth must be bounded already.
    """
    if isinstance(schema, Mapping):
        return {
            sys.intern(key): without_logical_types(value) if key in {"type", "items", "values", "fields"} else value
            for key, value in schema.items()
            if key not in {"logicalType", "precision", "scale"}
        }
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    return sys.intern(schema) if isinstance(schema, str) else schema


def _fingerprint(avro: Mapping[str, object], path: str) -> str:
    try:
        canonical = orjson.dumps(avro, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise SchemaError(phrase("{path}: not JSON: {error}", path=path, error=error)) from None
    return hashlib.sha256(canonical).hexdigest()[:16]
