"""Events from files: every form, typed as the service types them, every fault with its place."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.adapters.authoring.event_files import EventFault, EventTyper, OnFault, given_events, raised
from pipeline.errors import UserError
from pipeline.model.event import Event
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.unreadable import Unreadable
from pipeline.rules.timestamp import Timestamp

TYPE = "shop.Paid"
CATALOGUE = SchemaCatalogue(
    [
        EventSchema(
            {
                "type": "record",
                "name": TYPE,
                "fields": [
                    {"name": "no", "type": "string"},
                    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
                    {
                        "name": "amount",
                        "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
                    },
                    {"name": "note", "type": ["null", "string"], "default": None},
                ],
            }
        )
    ]
)
DATA = {"no": "T1", "at": "2026-11-23T15:01:00Z", "amount": "128.00"}
TYPED = {"no": "T1", "at": Timestamp(1_795_446_060, 0), "amount": 128.0, "note": None}
TYPER = EventTyper(CATALOGUE, time_ms=99)


def written(folder: Path, value: object) -> Path:
    file = folder / "events.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return file


def read_events(
    path: Path, typer: EventTyper, default_type: str | None = None, on_fault: OnFault = raised
) -> Iterator[Event]:
    """Every event of the file, typed; both steps report to `on_fault`."""
    for given in given_events(path, on_fault):
        try:
            event = typer.event(given, default_type)
        except EventFault as fault:
            on_fault(fault)
            continue
        yield event


def one(folder: Path, value: object, default_type: str | None = None) -> Event:
    (event,) = read_events(written(folder, value), TYPER, default_type)
    return event


def test_data_only_is_typed_by_its_schema(tmp_path: Path) -> None:
    """Times, amounts and defaults are read as by the service; the position is the one in the file."""
    event = one(tmp_path, DATA, TYPE)
    assert (event.type, event.data) == (TYPE, TYPED)
    assert (str(event.record.position), event.identity) == (f"{tmp_path}/events.json/0/0",) * 2
    assert (event.time_ms, event.id, event.source) == (99, None, None)


def test_an_object_can_have_attributes_of_the_event(tmp_path: Path) -> None:
    """Its type, time and identity."""
    event = one(
        tmp_path, {"type": TYPE, "data": DATA, "time": "2026-11-23T15:02:00Z", "id": "7", "source": "/s"}, "other"
    )
    assert (event.type, event.data) == (TYPE, TYPED)
    assert (event.time_ms, event.id, event.source, event.identity) == (1_795_446_120_000, "7", "/s", "/s\x1f7")


def test_a_cloud_event_is_read_as_from_kafka(tmp_path: Path) -> None:
    """Structured mode, with its time, identity and expiry."""
    envelope = {"specversion": "1.0", "type": TYPE, "id": "7", "source": "/s", "time": "2026-11-23T15:02:00Z"}
    event = one(tmp_path, {**envelope, "expirytime": "2026-11-24T00:00:00Z", "data": DATA, "subject": "x"})
    assert (event.type, event.data, event.identity) == (TYPE, TYPED, "/s\x1f7")
    assert (event.time_ms, event.expires_at_ms) == (1_795_446_120_000, 1_795_478_400_000)


@pytest.mark.parametrize(
    "more",
    [
        {"data": DATA, "type": TYPE},
        {"value": DATA, "headers": {"ce_type": TYPE}},
        {"value": DATA, "headers": [["ce_type", TYPE]]},
        {"value": DATA, "headers": [{"key": "type", "value": TYPE}]},
        {"payload": json.dumps(DATA), "headers": ["ce_type", TYPE, "other", None], "tstype": "create", "broker": 0},
        {"value": {"type": TYPE, "data": DATA}},
        {"value": {"specversion": "1.0", "type": TYPE, "id": "1", "source": "/s", "data": DATA}},
    ],
)
def test_an_exported_record_keeps_its_position(tmp_path: Path, more: dict[str, object]) -> None:
    """Topic, partition, offset and key, with the type in a header or beside the value."""
    event = one(tmp_path, {"topic": "orders", "partition": 3, "offset": 17, "key": "k", "timestamp": 5, **more})
    assert (event.type, event.data) == (TYPE, TYPED)
    assert (str(event.record.position), event.record.key, event.time_ms) == ("orders/3/17", b"k", 5)


def test_binary_cloud_events_have_their_attributes_in_headers(tmp_path: Path) -> None:
    """As in the record that was exported."""
    headers = {"ce_specversion": "1.0", "ce_type": TYPE, "ce_id": "7", "ce_source": "/s"}
    record = {"topic": "orders", "partition": 0, "offset": 0, "value": DATA, "headers": headers}
    assert one(tmp_path, record).identity == "/s\x1f7"


def test_many_events_come_in_any_arrangement(tmp_path: Path) -> None:
    """A list, lines, and both gzipped; places count on."""
    events = [DATA | {"no": str(number)} for number in range(3)]
    lines = "\n".join(map(json.dumps, events))
    for text in (json.dumps(events), json.dumps(events, indent=1), lines, "\ufeff" + lines):
        packed = tmp_path / "events.jsonl.gz"
        packed.write_bytes(gzip.compress(text.encode()))
        for file in (written(tmp_path, text), packed):
            found = list(read_events(file, TYPER, TYPE))
            assert [(event.data["no"], event.record.offset) for event in found] == [("0", 0), ("1", 1), ("2", 2)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_dash_is_the_standard_input(monkeypatch: pytest.MonkeyPatch, pack: type[bytes]) -> None:
    """Packed or not."""
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(json.dumps(DATA).encode()))))
    monkeypatch.setattr("sys.stdin", stream)
    (event,) = read_events(Path("-"), TYPER, TYPE)
    assert str(event.record.position) == "-/0/0"


def test_binary_data_of_a_cloud_event_is_read(tmp_path: Path) -> None:
    """`data_base64` that holds JSON, as the service reads it."""
    packed = base64.b64encode(json.dumps(DATA).encode()).decode()
    event = {"specversion": "1.0", "type": TYPE, "id": "1", "source": "/s", "data": None, "data_base64": packed}
    assert one(tmp_path, event).data == TYPED
    with pytest.raises(EventFault, match="not a CloudEvent: `data_base64` is not base64"):
        one(tmp_path, event | {"data_base64": "?"})


def test_without_a_schema_data_is_taken_as_it_is(tmp_path: Path) -> None:
    """As the service does for a type of which it has none."""
    assert one(tmp_path, DATA, "shop.Other").data == DATA


def test_unknown_fields_are_ignored_or_a_fault(tmp_path: Path) -> None:
    """Ignored, as in the service, or a fault in events written by authors."""
    file = written(tmp_path, DATA | {"note2": "x"})
    (event,) = read_events(file, TYPER, TYPE)
    assert event.data == TYPED
    with pytest.raises(EventFault, match="has no such field"):
        list(read_events(file, EventTyper(CATALOGUE, strict=True), TYPE))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('\n{"no": "x",\n "at" 5}', ":3:7: not JSON at character 18"),
        ('{"no": "a", "no": "b"}', ":1: a key occurs twice in one object"),
        ('{"no": NaN}', ":1: NaN and Infinity are not JSON"),
        ("[1]", ":1: an event is a JSON object, in `{}`"),
        ('{"type": "shop.Paid", "data": []}', ":1: `shop.Paid`: $: should be an object"),
        ('{"type": "shop.Other", "data": []}', ":1: the data of an event must be an object"),
        ('{"type": "shop.Paid", "data": {}, "time": "soon"}', ":1: `time` must be a time"),
        ('{"type": "shop.Paid", "data": {}, "id": 7}', ":1: `id` must be text"),
        ('{"type": "\\ud800", "data": {}}', ":1: a lone surrogate"),
        ('{"specversion": "0.3"}', ":1: not a CloudEvent: `specversion` is not the text 1.0"),
        ('{"specversion": "1.0", "type": "a"}', ":1: not a CloudEvent: id, source is missing, empty or not a text"),
        ('{"topic": "a", "partition": 0, "offset": 1}', ":1: a record without `data` or `value` or `payload`"),
        ('{"topic": "a", "partition": 0, "offset": 1, "value": "\\u0000x"}', ":1: the value of the record is not JSON"),
        ('{"topic": "a", "partition": 0, "offset": 1, "value": {}, "headers": [7]}', ":1: headers must be an object"),
        ('{"topic": "\\ud800", "partition": 0, "offset": 1, "value": {}}', ":1: a lone surrogate"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    """And the column where the text itself is broken."""
    file = written(tmp_path, text)
    with pytest.raises(EventFault) as fault:
        list(read_events(file, TYPER, TYPE))
    assert fault.value.message.startswith(f"{file}{message}")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"at": DATA["at"]}, "shop.Paid.no: is missing"),
        (DATA | {"no": True}, "shop.Paid.no: should be a text, not true or false"),
    ],
)
def test_a_field_that_does_not_fit_harms_only_rules_that_read_it(
    tmp_path: Path, data: dict[str, object], reason: str
) -> None:
    """As in the service."""
    event = one(tmp_path, data, TYPE)
    assert event.data["no"] == Unreadable(reason)
    assert event.data["at"] == TYPED["at"]


def test_an_event_of_no_type_says_how_to_name_one(tmp_path: Path) -> None:
    """With a hint."""
    with pytest.raises(EventFault, match="does not name its type") as fault:
        one(tmp_path, DATA)
    assert fault.value.hint is not None
    assert "--type" in fault.value.hint


def test_faults_can_be_collected(tmp_path: Path) -> None:
    """The other events are read, and each fault is reported once, in order."""
    lines = [json.dumps(DATA), "[]", '{"no": "x}', json.dumps(DATA), '{"no": ']
    faults: list[EventFault] = []
    events = list(read_events(written(tmp_path, "\n".join(lines)), TYPER, TYPE, faults.append))
    assert [event.data["no"] for event in events] == ["T1", "T1"]
    assert [fault.message.split(":")[1] for fault in faults] == ["2", "3", "5"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b'{"no": "T1"}' * 100, mtime=0)[:-9], "cannot be unpacked"),
        (b"\x1f\x8b" + b"x" * 50, "cannot be unpacked"),
        (b'{"no": "\xff"}', ":1: not UTF-8"),
        ("\ufeff{}".encode("utf-16"), ":1: not UTF-8"),
        (b'{"no": "T1"}\n{"no": "\xe4\xb8', ":2: not UTF-8"),
    ],
)
def test_a_broken_file_is_reported(tmp_path: Path, content: bytes, message: str) -> None:
    """Truncated, badly compressed, or in another encoding."""
    file = tmp_path / "events"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(given_events(file))


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    """A folder is not a file."""
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            list(given_events(path))
