"""Describe the JSON form of an event type as JSON Schema (draft 2020-12), for emitters that check what they write.

The schema asks for the form that `docs/guide-events.md` recommends: times in RFC 3339 with an offset, decimals as texts
with all their digits. The service also reads other forms that have one meaning only.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.json_scalars import HIGHEST, LOWEST
from pipeline.rules.schema.types import (
    Field,
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordReference,
    RecordType,
    Scalar,
    ScalarType,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
_OFFSET = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_PLAIN: Mapping[Scalar, Mapping[str, object]] = {
    Scalar.BOOL: {"type": "boolean"},
    Scalar.INT: {"type": "integer", "minimum": LOWEST, "maximum": HIGHEST},
    Scalar.DOUBLE: {"type": "number"},
    Scalar.STRING: {"type": "string"},
    Scalar.BYTES: {
        "type": "string",
        "contentEncoding": "base64",
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    },
    Scalar.TIMESTAMP: {"type": "string", "format": "date-time", "pattern": f"^{_DATE}T{_TIME}{_OFFSET}$"},
    Scalar.NULL: {"type": "null"},
    Scalar.DYN: {},
}
"""Patterns repeat what `format` says, because validators may ignore `format` (JSON Schema, section 7.2.1)."""


def event_json_schema(schema: EventSchema) -> dict[str, object]:
    """Return the schema of an event's `data`; nested records are in `$defs` by their full names.

    A field is required unless it may be null or has a default. Further fields are allowed, as the service ignores them.
    """
    definitions: dict[str, dict[str, object]] = {}
    root = _record(schema.root, definitions)
    doc = " ".join(str(schema.avro.get("doc") or "").split())
    return {
        "$schema": DIALECT,
        "title": schema.name,
        **({"description": doc} if doc else {}),
        **root,
        **({"$defs": definitions} if definitions else {}),
    }


def _record(kind: RecordType, definitions: dict[str, dict[str, object]]) -> dict[str, object]:
    required = [one.name for one in kind.fields if not one.has_default and not isinstance(one.type, NullableType)]
    return {
        "type": "object",
        "properties": {field.name: _field(field, definitions) for field in kind.fields},
        **({"required": required} if required else {}),
    }


def _field(field: Field, definitions: dict[str, dict[str, object]]) -> dict[str, object]:
    doc = " ".join(field.doc.split())
    return {**_of(field.type, definitions), **({"description": doc} if doc else {})}


def _of(kind: FieldType, definitions: dict[str, dict[str, object]]) -> dict[str, object]:
    match kind:
        case NullableType(inner):
            return {"anyOf": [_of(inner, definitions), {"type": "null"}]}
        case RecordType():
            return _reference(kind, definitions)
        case ListType(item):
            return {"type": "array", "items": _of(item, definitions)}
        case MapType(value):
            return {"type": "object", "additionalProperties": _of(value, definitions)}
        case ScalarType(record=RecordReference() as reference):
            return _reference(reference.definition, definitions)
        case ScalarType(branches=(_, *_) as branches):
            return {"anyOf": [_of(branch, definitions) for branch in branches]}
        case ScalarType():
            return _scalar(kind)


def _reference(kind: RecordType, definitions: dict[str, dict[str, object]]) -> dict[str, object]:
    if kind.name not in definitions:
        definitions[kind.name] = {}  # a record that contains itself is described once
        definitions[kind.name] = _record(kind, definitions)
    return {"$ref": f"#/$defs/{kind.name}"}


def _scalar(kind: ScalarType) -> dict[str, object]:
    if kind.symbols:
        return {"enum": list(kind.symbols)}
    logical = kind.logical or ""
    if logical == "decimal":
        fraction = rf"\.[0-9]{{{kind.scale}}}" if kind.scale else ""
        return {
            "type": "string",
            "pattern": f"^-?[0-9]{{1,{(kind.precision or 1) - (kind.scale or 0) or 1}}}{fraction}$",
        }
    if logical == "uuid":
        return {"type": "string", "format": "uuid"}
    if logical == "date":
        return {"type": "string", "format": "date", "pattern": f"^{_DATE}$"}
    if logical.startswith("local-"):
        return {"type": "string", "pattern": f"^{_DATE}T{_TIME}$"}
    if logical.startswith("time-"):
        return {"type": "string", "pattern": f"^{_TIME}$"}
    return dict(_PLAIN[kind.scalar])
