"""The event's own id and time, where its data holds them."""

from __future__ import annotations

import json

import pytest

from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.event_fields import EventFields
from pipeline.errors import Tombstone, Undecodable
from pipeline.model.event import Headers, Origin, Record
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from tests.unit.adapters.events.records import NOON_MS, framed, one_field, record

CLOUDEVENT: Headers = (("ce_id", b"ce-1"), ("ce_source", b"/s"), ("ce_time", b"2026-11-23T07:01:00Z"))


def decoder(reports: list[str], *schemas: EventSchema, **more: object) -> EventDecoder:
    """One that reads `event_id` and `meta.at`."""
    options: dict[str, object] = {"fields": EventFields.of("event_id", "meta.at"), **more}
    return EventDecoder(
        look_up=None,
        known={},
        catalogue=SchemaCatalogue(schemas),
        json_types={"orders": "T"},
        max_bytes=10_000,
        unreadable_time=lambda _, attribute: reports.append(attribute),
        **options,  # type: ignore[arg-type]  # by name, as the tests give them
    )


def plain(*headers: tuple[str, bytes], **data: object) -> Record:
    """A JSON record."""
    return record(json.dumps(data).encode(), *headers)


@pytest.mark.parametrize(
    ("at", "time_ms"),
    [
        ("2026-11-23T07:01:00Z", 1_795_417_260_000),
        ("2026-11-23t15:01:00.5+08:00", 1_795_417_260_500),
        (1_795_417_260_000, 1_795_417_260_000),
        (1_795_417_260, 1_795_417_260_000),
        (1_795_417_260.25, 1_795_417_260_250),
    ],
)
def test_id_and_time_of_the_data_count(at: object, time_ms: int) -> None:
    """The event is the same wherever it is in Kafka, and as old as it says."""
    reports: list[str] = []
    event = decoder(reports).decode(plain(event_id="e-1", meta={"at": at}))
    assert (event.id, event.identity, event.time_ms) == ("e-1", "T\x1fe-1", time_ms)
    assert event.time_source == "field meta.at"
    assert reports == []
    again = decoder(reports).decode(plain(event_id="e-1", meta={"at": at}), Origin("shop", "cluster", "topic-id"))
    assert again.identity == "shop\x1fT\x1fe-1"


def test_cloudevents_attributes_count_more() -> None:
    """They are the standard; the settings are for events without them."""
    event = decoder([]).decode(plain(*CLOUDEVENT, event_id="e-1", meta={"at": 1}))  # type: ignore[arg-type]  # no value is None
    assert (event.identity, event.time_ms) == ("/s\x1fce-1", 1_795_417_260_000)
    assert event.time_source == "CloudEvents time"


ABSENT: list[dict[str, object]] = [
    {},
    {"event_id": "", "meta": {"at": "soon"}},
    {"event_id": True, "meta": 7},
    {"meta": {"at": 0}},
    {"meta": {"at": "0001-01-01T00:00:00Z"}},
    {"meta": {"at": "1970-01-01T08:00:00+08:00"}},
]


@pytest.mark.parametrize("data", ABSENT)
def test_what_is_missing_is_reported_and_stops_nothing(data: dict[str, object]) -> None:
    """The event is its position then, and as old as its record."""
    reports: list[str] = []
    event = decoder(reports).decode(plain(**data))
    assert (event.id, event.identity, event.time_ms) == (None, "orders/3/17", NOON_MS)
    assert reports == ["meta.at"]


def test_a_schemas_time_counts() -> None:
    """A timestamp of Avro, through the way without headers."""
    schema = one_field({"type": "long", "logicalType": "timestamp-micros"})
    given = decoder([], schema, fields=EventFields.of("f", "f"))
    given._readers.update(decoder_of(schema)._readers)
    event = given.decode(record(framed(schema, 1_795_417_260_000_000)))
    assert (event.id, event.time_ms) == (None, 1_795_417_260_000)
    assert given.decode(record(framed(schema, 0))).time_ms == NOON_MS


def decoder_of(schema: EventSchema) -> EventDecoder:
    """One that knows the schema by its folder id."""
    from tests.unit.adapters.events import records  # noqa: PLC0415 - its name is taken here

    return records.decoder(schema)


def test_a_tombstone_is_ignored_only_where_it_deletes() -> None:
    """In other topics a record without a value is a fault, with an outcome."""
    with pytest.raises(Tombstone):
        decoder([], tombstone_topics=["orders"]).decode(record(None))
    with pytest.raises(Undecodable) as caught:
        decoder([], tombstone_topics=["others"]).decode(record(None))
    assert not isinstance(caught.value, Tombstone)
    assert caught.value.reason is Reason.TOMBSTONE


def test_what_attributes_say_is_kept_of_an_undecodable_event() -> None:
    """Its outcome can be found by id and trace."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = (("ce_type", b"T"), ("ce_id", b"1"), ("ce_source", b"/s"), ("traceparent", trace.encode()))
    envelope = {"specversion": "1.0", "type": "T", "source": "/s", "id": "1", "traceparent": trace, "data": "x"}
    for given in (record(b"{", *headers), record(json.dumps(envelope).encode())):
        with pytest.raises(Undecodable) as caught:
            decoder([]).decode(given)
        known = caught.value.attributes
        assert known is not None
        assert (known.type, known.id, known.source) == ("T", "1", "/s")
        assert known.trace is not None
        assert known.trace.traceparent == trace
    with pytest.raises(Undecodable) as caught:
        decoder([]).decode(record(b"{"))
    assert caught.value.attributes is None
