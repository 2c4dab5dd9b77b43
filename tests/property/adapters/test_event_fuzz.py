"""Random and mutated records, and random answers of the registry, through the real decoder, rules and intake.

The seed is fixed. Longer runs by hand: `EVENT_FUZZ_RECORDS=1000000 EVENT_FUZZ_SEED=7 pytest tests/property/adapters`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.adapters.events import writer_schemas
from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.event_fields import EventFields
from pipeline.adapters.events.registry import RegistryOptions, SchemaRegistry
from pipeline.delivery.machine import EvaluatedRecord
from pipeline.errors import SchemaError, SchemaUnavailable, Undecodable
from pipeline.model.event import UNREADABLE_HEADERS, Headers, Record
from pipeline.model.ledger import Assigned
from pipeline.model.outcome import Reason
from pipeline.rules.compile import load
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.runtime.intake import Intake
from tests.unit.adapters.events.records import PAID, PAID_BYTES, PAID_EVENT, PAID_TYPE
from tests.unit.delivery.making import P0, T0
from tests.unit.runtime.test_tasks import Anything, Standing

RECORDS = int(os.environ.get("EVENT_FUZZ_RECORDS", "6000"))
SEED = int(os.environ.get("EVENT_FUZZ_SEED", "20261130"))
RULES = f"""
rules:
  - id: typed
    on: {PAID_TYPE}
    to: ${{event.sub}}
    template: t
    data: {{keyword1: '${{money(event.amount_paid, event.currency)}} ${{local_time(event.paid_at, "HH:mm")}}'}}
  - id: untyped
    on: T
    when: has(event.a)
    to: ${{string(event.sub)}}
    template: t
    data: {{keyword1: '${{string(event.a)}}'}}
"""
TEMPLATES = "templates: {t: {title: 通知, style: history, ids: {production: p}, fields: {keyword1: {label: 一}}}}"
NAMES = [
    *("content-type", "contentType", "ce_type", "CE_ID", "ce_id", "ce_source", "ce_specversion", "ce_time"),
    *("ce_expirytime", "ce-type", "cloudEvents:id", "type", "traceparent", "tracestate", "__value_schema_id"),
    *("apicurio.value.globalId", "content-encoding", "encrypted", "notice.event-identity", "notice.redrives"),
    *("notice.only-rule", "notice.key-round", "notice.event-time", "notice.dead-letter", "", "\u8ba2\u5355"),
]
VALUES = [
    *(b"", b"1.0", b'"1.0"', b"T", b'"T"', PAID_TYPE.encode(), b"application/json", b"application/cloudevents+json"),
    *(b"avro/binary+1", b"gzip", b"true", b"9" * 400, b"2026-11-23T07:01:00Z", b"2026-11-23t07:01:60z", b"\xff\xfe"),
    *(b"\x00\x00\x00\x00\x07", b"\x01" + bytes(16), b"-1", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    *("\u0663".encode(), b'"', b'"\\ud800"', b"x" * 3_000),
]
TYPES: list[object] = [
    *("null", "boolean", "int", "long", "float", "double", "bytes", "string"),
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "int", "logicalType": "date"},
    {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    {"type": "string", "logicalType": "uuid"},
    {"type": "long", "logicalType": "local-timestamp-micros"},
]


class Maker:
    """Makes records and answers of one random sequence."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - not a secret
        self._names = 0

    def one(self, *choices: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the choices make
        return self.rng.choice(choices)()

    def some_bytes(self, most: int = 40) -> bytes:
        return self.rng.randbytes(self.rng.randrange(most))

    def record(self, offset: int) -> Record:
        rng = self.rng
        value = self.one(self._avro, self._json, self._envelope, self.some_bytes, lambda: None)
        if value and rng.random() < 0.4:
            value = self._mutated(value)
        headers: Headers = tuple(
            (rng.choice(NAMES), rng.choice([None, rng.choice(VALUES), self.some_bytes(20)]))
            for _ in range(rng.randrange(5))
        )
        if rng.random() < 0.01:
            headers = UNREADABLE_HEADERS
        key = self.one(lambda: None, self.some_bytes)
        timestamp = rng.choice([0, 1, int(T0 * 1000), 253_402_300_799_999])
        return Record(*P0, offset, key, value, headers, timestamp)

    def _avro(self) -> bytes:
        frame = self.rng.choice([PAID_BYTES[:5], b"\x00" + self.rng.randrange(40).to_bytes(4, "big")])
        return frame + self.rng.choice([PAID_BYTES[5:], self.some_bytes()])

    def _json(self) -> bytes:
        event: dict[str, object] = dict(PAID_EVENT)
        for name in self.rng.sample([*event, "a", "sub"], 3):
            event[name] = self.json()
        return json.dumps(event, ensure_ascii=self.rng.random() < 0.5).encode(errors="surrogatepass")

    def _envelope(self) -> bytes:
        envelope: dict[str, object] = {
            "specversion": "1.0",
            "type": self.rng.choice(["T", PAID_TYPE]),
            "source": "/s",
            "id": "1",
            "data": PAID_EVENT,
        }
        names = [*envelope, "time", "expirytime", "data_base64", "datacontenttype", "traceparent"]
        for name in self.rng.sample(names, self.rng.randrange(3)):
            envelope[name] = self.json()
        return json.dumps(envelope).encode()

    def json(self, depth: int = 0) -> object:
        rng = self.rng
        plain: list[object] = [
            *(None, True, 0, -1, 2**53 + 1, 2**63, 2**64, 10**30, 0.5, 1e308, float("nan"), float("inf")),
            *("", "1", "1000", "5.0", "a\ud83d", "\x00", "2026-11-23T07:01:00Z", "24:00", "MjI=", "x" * 300),
            *(1_795_417_260, 1_795_417_260_000, 1_795_417_260.5, {"string": "a"}, {"long": 5}, []),
        ]
        if depth > 3 or rng.random() < 0.7:
            return rng.choice(plain)
        if rng.random() < 0.5:
            return [self.json(depth + 1) for _ in range(rng.randrange(3))]
        return {str(rng.choice(["a", "b", "\ud800", ""])): self.json(depth + 1) for _ in range(rng.randrange(3))}

    def _mutated(self, value: bytes) -> bytes:
        at = self.rng.randrange(len(value))
        return value[:at] + self.some_bytes(6) + value[at + self.rng.randrange(6) :]

    def schema(self) -> object:
        """A schema, often valid."""
        fields = [{"name": name, "type": self._type(0)} for name in self.rng.sample("abcdef", self.rng.randrange(5))]
        record: dict[str, object] = {"type": "record", "name": self.rng.choice(["T", PAID_TYPE]), "fields": fields}
        if self.rng.random() < 0.2:
            return [record, self._type(0), {**record, "name": "U"}]
        if self.rng.random() < 0.2:
            record[self.rng.choice(["type", "name", "fields", "namespace"])] = self.json()
        return record

    def _type(self, depth: int) -> object:
        rng = self.rng
        if depth > 4 or rng.random() < 0.4:
            return rng.choice([*TYPES, "T", "nothing", None, 5])
        self._names += 1
        name = f"{rng.choice(['N', 'a-b', '订单'])}{self._names}"
        below = [self._type(depth + 1) for _ in range(rng.randrange(4))]
        return rng.choice(
            [
                {"type": "array", "items": self._type(depth + 1)},
                {"type": "map", "values": self._type(depth + 1)},
                {"type": "enum", "name": name, "symbols": ["A", rng.choice(["B", "b-1", "A"])]},
                {"type": "fixed", "name": name, "size": rng.choice([0, 12, 16]), "logicalType": "uuid"},
                {"type": "record", "name": name, "fields": [{"name": f"f{n}", "type": t} for n, t in enumerate(below)]},
                {"type": below},
                below,
            ]
        )

    def answer(self) -> tuple[int, object]:
        """Status and JSON of a registry's answer."""
        rng = self.rng
        if rng.random() < 0.15:
            bodies: list[object] = [{"error_code": 40403, "message": "x"}, {"message": "no route"}, None, [], "x"]
            body = rng.choice(bodies)
            return rng.choice([200, 404, 401, 500]), body
        schema = self.schema()
        answer: dict[str, object] = {"schema": rng.choice([json.dumps(schema), json.dumps(schema)[:-3], 7])}
        if rng.random() < 0.2:
            answer["schemaType"] = rng.choice(["AVRO", "JSON", 5, None])
        if rng.random() < 0.3:
            answer["references"] = rng.choice(
                [None, 5, [5], [{"subject": "\ud800", "version": 1}], [{"name": "x", "subject": "s", "version": 1}]]
            )
        if rng.random() < 0.2:
            rule = rng.choice([None, {"type": "ENCRYPT", "tags": self.json()}, {"type": "ENCRYPT", "tags": [{}]}])
            answer["ruleSet"] = rng.choice([None, 5, {"domainRules": [rule]}, {"encodingRules": rule}])
        return 200, answer


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_schemas, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(writer_schemas, "LONGEST_WAIT", 0.0)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[SchemaRegistry]:
    """The real client, whose every request gets a random answer."""
    maker = Maker(SEED + 1)
    monkeypatch.setattr(SchemaRegistry, "_ask", lambda *_: maker.answer())
    client = SchemaRegistry(RegistryOptions("http://127.0.0.1:1"))
    yield client
    client.close()


class Offered:
    """Stands for delivery."""

    def __init__(self) -> None:
        self.arrivals: list[EvaluatedRecord] = []

    def offer(self, arrival: EvaluatedRecord, _now: float) -> None:
        self.arrivals.append(arrival)


async def test_every_record_comes_to_an_outcome_or_notices(registry: SchemaRegistry) -> None:
    """Nothing raises, nothing stops, and each record is offered once and in order."""
    catalogue = SchemaCatalogue([PAID])
    offered = Offered()
    rules = load(RuleSources({"r.yaml": RULES}, ("t.yaml", TEMPLATES)), catalogue, environment="production")
    delivery: Any = offered
    telemetry: Any = Anything()
    intake = Intake(
        decoder=EventDecoder(
            look_up=registry.by_id,
            known={int.from_bytes(PAID_BYTES[1:5], "big"): PAID},
            catalogue=catalogue,
            json_types={P0.topic: "T"},
            max_bytes=2_000,
            fields=EventFields.of("event_id", "meta.at"),
        ),
        rules=rules,
        delivery=delivery,
        clock=Standing(),
        telemetry=telemetry,
        progressed=lambda: None,
        publish_unmatched=False,
    )
    maker = Maker(SEED)
    intake.open(Assigned(P0, 1, 0, {}))
    intake.take([maker.record(offset) for offset in range(RECORDS)])
    async with asyncio.timeout(60 + RECORDS / 100):
        while intake.waiting:  # noqa: ASYNC110 - the intake reports its progress to delivery alone
            await asyncio.sleep(0.001)
    assert [arrival.record.offset for arrival in offered.arrivals] == list(range(RECORDS))
    reasons = Counter(outcome.reason for arrival in offered.arrivals for outcome in arrival.outcomes)
    assert Reason.INTERNAL_ERROR not in reasons
    assert len(reasons) > 10, reasons
    assert any(arrival.notices for arrival in offered.arrivals)


def test_random_schemas_are_read_or_refused() -> None:
    """By their reader; and what it reads has a plain schema that the decoder takes, for any bytes."""
    maker = Maker(SEED + 2)
    read = 0
    for _ in range(RECORDS // 4):
        schema = maker.schema()
        try:
            known = EventSchema(schema if isinstance(schema, dict) else {"type": schema})
        except SchemaError:
            continue
        read += 1
        decoder = EventDecoder(
            look_up=None,
            known={7: known},
            catalogue=SchemaCatalogue([known]),
            json_types={"t": known.name},
            max_bytes=999,
        )
        for value in (b"\x00\x00\x00\x00\x07" + maker.some_bytes(), json.dumps(maker.json()).encode(errors="replace")):
            with contextlib.suppress(Undecodable, SchemaUnavailable):
                decoder.decode(Record("t", 0, 0, None, value, (), 0))
    assert read > RECORDS // 40
