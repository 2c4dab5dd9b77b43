"""Events as other systems write them: each through the registry's client, the decoder, its types and a rule.

`cases/NAME/` holds `case.json` (the registry's schemas by id, and records), `rules/`, sometimes `schemas/`, and
`expected.json`: for each record the texts of its notice, `null` where no rule matches, or the outcome's reason. With
`with_recipient` the texts include the recipient.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pipeline.adapters.events import writer_schemas
from pipeline.bootstrap.events import find_decoder, find_rules, service_schemas
from pipeline.errors import SchemaUnavailable, Tombstone, Undecodable
from pipeline.model.event import UNREADABLE_HEADERS, Event, Headers, Record
from pipeline.model.notice import Notice
from pipeline.settings import Settings
from tests.fakes.registry import FakeRegistry, Stored

CASES = Path(__file__).parent / "cases"
NOW_MS = 1_795_417_260_000

NOT_FOUND = JSONResponse({"error_code": 40403, "message": "Schema not found"}, 404)
BAD_DAYS: Mapping[str, list[Response]] = {
    "registry-40403-for-a-moment": [NOT_FOUND, NOT_FOUND],
    "registry-404-of-a-gateway": [
        PlainTextResponse("404 page not found", 404),
        JSONResponse({"message": "no Route matched with those values"}, 404),
        JSONResponse({"error_code": 404, "message": "HTTP 404 Not Found"}, 404),
    ],
}
"""What the registry answers first."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_schemas, "FIRST_WAIT", 0.001)


class Case:
    """One folder, with its registry running."""

    def __init__(self, folder: Path, registry: FakeRegistry) -> None:
        self.content: Mapping[str, Any] = json.loads((folder / "case.json").read_text())
        for number, given in self.content.get("registry", {}).items():
            _store(registry, int(number), given)
        directory = folder / "schemas"
        settings = Settings.model_validate(
            {
                "kafka": {"bootstrap_servers": "localhost:1", "topics": ["events"], "group_id": "cases"},
                "schemas": {
                    "registry_url": registry.url,
                    "directory": directory if directory.is_dir() else None,
                    "json_types": {"events": self.content["json_type"]} if "json_type" in self.content else {},
                },
                "rules": folder / "rules",
                "notices": {"url": "http://localhost:1/message/v2/notices", "token": "t"},
                **self.content.get("settings", {}),
            }
        )
        schemas = service_schemas(settings)
        assert schemas.registry is not None
        self.close = schemas.registry.close
        self.unreadable_times: list[str] = []
        self.decoder = find_decoder(settings, schemas, unreadable_time=self._unreadable_time)
        self.rules = find_rules(settings, schemas.catalogue)

    def _unreadable_time(self, _: Record, name: str) -> None:
        self.unreadable_times.append(name)

    def records(self) -> list[tuple[str, Record]]:
        """Each record with its label."""
        given = self.content["records"]
        return [(one.get("label", str(number)), self._record(number, one)) for number, one in enumerate(given)]

    def _record(self, number: int, given: Mapping[str, Any]) -> Record:
        value = None if "null" in given else self._value(given)
        headers = _headers(given.get("headers", ()))
        key = _bytes(given.get("key", "u1"))
        return Record("events", 0, number, key, value, headers, given.get("ts", NOW_MS))

    def _value(self, given: Mapping[str, Any]) -> bytes:
        if "hex" in given:
            return bytes.fromhex(given["hex"])
        if "text" in given:
            return str(given["text"]).encode()
        if "json" in given:
            return json.dumps(given["json"]).encode()
        schema = given.get("write") or self.content["registry"][str(given["id"])]["schema"]
        stream = BytesIO()
        fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), _avro(given["avro"]))
        frame = b"" if given.get("unframed") else b"\x00" + int(given["id"]).to_bytes(4, "big")
        return frame + stream.getvalue()

    async def result(self, record: Record) -> object:
        """What comes of a record, as `expected.json` writes it."""
        try:
            event = await self._event(record)
        except Tombstone:
            return "ignored"
        except Undecodable as fault:
            return fault.reason.value
        if event.expires_at_ms is not None and event.expires_at_ms < NOW_MS:
            return "expired"
        made = self.rules.evaluate(event)
        if not made:
            return None
        if not isinstance(made[0], Notice):
            return made[0].reason.value
        body = json.loads(made[0].body)
        texts = {name: field["value"] for name, field in body["data"].items()}
        return texts | ({"to": body["to"]} if "with_recipient" in self.content else {})

    async def _event(self, record: Record) -> Event:
        for _ in range(3):
            try:
                return self.decoder.decode(record)
            except SchemaUnavailable:
                await self.decoder.prepare(record)
        raise AssertionError("the schema stays unavailable")


def _store(registry: FakeRegistry, number: int, given: Mapping[str, Any]) -> None:
    schema = given["schema"]
    is_text = isinstance(schema, str) and (schema.startswith(("{", '"', "[")) or "schemaType" in given)
    body = {"schema": schema if is_text else json.dumps(schema)}
    body |= {name: given[name] for name in ("references", "ruleSet", "schemaType") if name in given}
    guid = UUID(given["guid"]) if "guid" in given else None
    registry.schemas.append(Stored(number, body, guid))
    registry.subjects.setdefault(given.get("subject", f"s{number}"), []).append(number)


def _headers(given: Sequence[tuple[object, object]]) -> Headers:
    """As the source gives them: a name that is not UTF-8 makes all of them unreadable."""
    try:
        return tuple(((_bytes(name) or b"").decode(), _bytes(value)) for name, value in given)
    except UnicodeDecodeError:
        return UNREADABLE_HEADERS


def _bytes(given: object) -> bytes | None:
    if isinstance(given, dict):
        return bytes.fromhex(given["$hex"])
    return None if given is None else str(given).encode()


def _avro(given: object) -> Any:  # noqa: ANN401 - whatever fastavro writes
    match given:
        case {"$dec": text}:
            return Decimal(text)
        case {"$hex": text}:
            return bytes.fromhex(text)
        case {"$u": [branch, value]}:
            return branch, _avro(value)
        case dict():
            return {name: _avro(value) for name, value in given.items()}
        case list():
            return [_avro(value) for value in given]
        case _:
            return given


@pytest.mark.parametrize("name", sorted(folder.name for folder in CASES.iterdir()))
async def test_each_record_comes_to_what_is_expected(name: str) -> None:
    """A notice with the right texts, or the right reason; never an exception."""
    folder = CASES / name
    expected: dict[str, object] = json.loads((folder / "expected.json").read_text())
    with FakeRegistry() as registry:
        case = await asyncio.to_thread(Case, folder, registry)
        registry.answers += BAD_DAYS.get(name, [])
        results = {label: await case.result(record) for label, record in case.records()}
        case.close()
    assert results == expected
