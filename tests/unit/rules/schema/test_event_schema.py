"""Avro schemas as rules see them: names, types, values, and the schemas that are refused."""

from __future__ import annotations

import pytest

from pipeline.errors import SchemaError
from pipeline.rules.schema.avro_types import MAX_FIELDS
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue, without_logical_types
from pipeline.rules.schema.types import ListType, MapType, NullableType, RecordType, Scalar, ScalarType


def record(*fields: object, name: str = "T", **more: object) -> dict[str, object]:
    """A record schema."""
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(kind: object, name: str = "f", **more: object) -> dict[str, object]:
    """A field of it."""
    return {"name": name, "type": kind, **more}


def type_of(kind: object) -> object:
    """How rules see a field of this type."""
    found = EventSchema(record(field(kind))).root.field("f")
    assert found is not None
    return found.type


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("int", ScalarType(Scalar.INT)),
        ({"type": "string"}, ScalarType(Scalar.STRING)),
        ({"type": {"type": "string"}}, ScalarType(Scalar.STRING)),
        (["null", "long"], NullableType(ScalarType(Scalar.INT))),
        (["long", "null"], NullableType(ScalarType(Scalar.INT))),
        (["string"], ScalarType(Scalar.STRING)),
        (["string", "long"], ScalarType(Scalar.DYN)),
        (["null", "string", "long"], NullableType(ScalarType(Scalar.DYN))),
        ({"type": "array", "items": "float"}, ListType(ScalarType(Scalar.DOUBLE))),
        ({"type": "map", "values": ["null", "boolean"]}, MapType(NullableType(ScalarType(Scalar.BOOL)))),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, ScalarType(Scalar.STRING, "enum", ("A", "B"))),
        ({"type": "long", "logicalType": "timestamp-nanos"}, ScalarType(Scalar.TIMESTAMP, "timestamp-nanos")),
        ({"type": "int", "logicalType": "date"}, ScalarType(Scalar.STRING, "date")),
        ({"type": "string", "logicalType": "uuid"}, ScalarType(Scalar.STRING, "uuid")),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
            ScalarType(Scalar.DOUBLE, "decimal", precision=4, scale=2),
        ),
        ({"type": "bytes", "logicalType": "decimal"}, ScalarType(Scalar.BYTES, "unscaled")),
        ({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}, ScalarType(Scalar.BYTES, "unscaled")),
        ({"type": "bytes", "logicalType": "big-decimal"}, ScalarType(Scalar.BYTES, "unscaled")),
        ({"type": "string", "logicalType": "date"}, ScalarType(Scalar.STRING)),
        ({"type": "long", "logicalType": "of-our-own"}, ScalarType(Scalar.INT)),
    ],
    ids=str,
)
def test_each_type_is_seen_as_promised(kind: object, seen: object) -> None:
    """Avro's types in the vocabulary of expressions; an invalid logical type is ignored, as Avro wants."""
    assert type_of(kind) == seen


def test_names_are_resolved_as_avro_does() -> None:
    """A name without a dot belongs to the namespace around it."""
    money = record(field("long", "cents"), name="Money", namespace="shop.types")
    schema = EventSchema(
        record(field(money, "price"), field("shop.types.Money", "fee"), name="Order", namespace="shop")
    )
    price, fee = schema.root.fields
    assert schema.name == "shop.Order"
    assert isinstance(price.type, RecordType)
    assert price.type.name == "shop.types.Money"
    assert fee.type == price.type


def doubling(levels: int) -> dict[str, object]:
    """A type used twice by the next, which is used twice by the next: small on paper, endless when walked."""
    parts = [field(record(field("int", "a"), name="T0"), "t0")]
    parts += [
        field(record(field(f"T{n - 1}", "a"), field(f"T{n - 1}", "b"), name=f"T{n}"), f"t{n}") for n in range(1, levels)
    ]
    return record(*parts, name="Root")


def deep(levels: int) -> object:
    """Lists of lists."""
    kind: object = "int"
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
    return kind


@pytest.mark.parametrize(
    ("avro", "message"),
    [
        ({"type": "string"}, "must be a record"),
        ({"type": "record", "name": "T"}, "list of fields"),
        ({"type": "record", "fields": []}, "needs a name"),
        (record(name=""), "needs a name"),
        (record(namespace=7), "namespace"),
        (record(field("nothing")), "unknown type"),
        (record(field("int"), field("int")), "twice"),
        (record(field("int", "")), "needs a name"),
        (record({"name": "f"}), "needs a name and a type"),
        (record("f"), "needs a name and a type"),
        (record(field([])), "union of nothing"),
        (record(field(None)), "not NoneType"),
        (record(field({"type": "enum", "name": "E"})), "symbols"),
        (record(field({"type": "enum", "name": "E", "symbols": []})), "symbols"),
        (record(field({"type": "fixed", "name": "F"})), "size"),
        (record(field({"type": "fixed", "name": "F", "size": -1})), "size"),
        (record(field({"type": "enum", "name": "T", "symbols": ["A"]})), "defined twice"),
        (record(field(deep(110))), "deeper"),
        (record(field({"type": {"type": {"type": {"type": None}}}})), "not NoneType"),
        (doubling(60), "more than|deeper"),
        (record(*(field("int", f"f{n}") for n in range(MAX_FIELDS + 1))), "more than"),
        (record(doc="\ud800"), "not JSON"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_rules_cannot_read_is_refused(avro: dict[str, object], message: str) -> None:
    """In words that name the file."""
    with pytest.raises(SchemaError, match=f"^orders.avsc: .*({message})"):
        EventSchema(avro, "orders.avsc")


def test_the_fingerprint_is_of_the_content() -> None:
    """The order of keys does not change it, a symbol does."""
    one = EventSchema({"type": "record", "name": "T", "fields": [field("int")]})
    same = EventSchema({"name": "T", "fields": [{"type": "int", "name": "f"}], "type": "record"})
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != EventSchema(record(field("long"))).fingerprint


def test_logical_types_are_taken_out_everywhere() -> None:
    """And nothing else: a field may be named like the key."""
    kind = {"type": "array", "items": ["null", {"type": "long", "logicalType": "timestamp-millis"}]}
    schema = record(field(kind, "logicalType", default=[], doc="precision"), name="T")
    assert without_logical_types(schema) == record(
        field({"type": "array", "items": ["null", {"type": "long"}]}, "logicalType", default=[], doc="precision")
    )


def test_versions_stay_in_their_order_and_once() -> None:
    """The newest is the last."""
    first, second = EventSchema(record(field("int"))), EventSchema(record(field("int"), field("int", "g", default=1)))
    catalogue = SchemaCatalogue([first, second, EventSchema(record(field("int")))])
    assert catalogue.versions("T") == (first, second)
    assert catalogue.newest("T") is second
    assert (list(catalogue), len(catalogue)) == (["T"], 1)
    assert (catalogue.versions("U"), catalogue.newest("U")) == ((), None)
