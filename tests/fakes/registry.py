"""A schema registry in this process: Confluent's HTTP dialect, as far as the product speaks it, and its bad days."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from typing import Self
from uuid import NAMESPACE_URL, UUID, uuid5

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.errors import SchemaError
from pipeline.rules.schema.compatibility import incompatibilities
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.web.listener import listen


@dataclass
class Stored:
    """One schema under one id."""

    id: int
    body: dict[str, object]
    given_guid: UUID | None = None

    @property
    def guid(self) -> UUID:
        return self.given_guid or uuid5(NAMESPACE_URL, json.dumps(self.body, sort_keys=True))


@dataclass
class FakeRegistry:
    """Up while its context lasts."""

    schemas: list[Stored] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """`GET /schemas/ids/1`, in the order of their coming."""
    answers: list[Response] = field(default_factory=list)
    """Given first, one for each request, instead of the true answer."""
    basic: tuple[str, str] | None = None
    bearer: str | None = None
    away: bool = False
    """Every request is answered with 503."""
    read_only: tuple[int, int] | None = None
    """HTTP status and Confluent's code for who registers: 403 and 40301, or 422 and 42205."""
    url: str = ""

    def __enter__(self) -> Self:
        listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def forget(self) -> None:
        """As at the beginning."""
        for kept in (self.schemas, self.subjects, self.requests, self.answers):
            kept.clear()
        self.basic = self.bearer = self.read_only = None
        self.away = False

    def add(self, subject: str, avro: object, **more: object) -> int:
        """Store a schema as if someone had registered it; `more` is `schemaType` or `references`."""
        return self._store(subject, {"schema": avro if isinstance(avro, str) else json.dumps(avro), **more}).id

    async def _answer(self, request: Request) -> Response:
        self.requests.append(f"{request.method} {request.url.path}")
        if self.away:
            return PlainTextResponse("no upstream", 503)
        if self.answers:
            return self.answers.pop(0)
        return await self._found_at(request) if self._may(request) else _error(401, 40101, "Unauthorized")

    async def _found_at(self, request: Request) -> Response:  # noqa: PLR0911 - a path each
        match request.method, request.url.path.strip("/").split("/"):
            case "GET", ["schemas", "ids" | "guids", key]:
                return self._found([one for one in self.schemas if key in {str(one.id), str(one.guid)}])
            case "GET", ["subjects"]:
                return JSONResponse(list(self.subjects))
            case "GET", ["subjects", subject, "versions", "latest"] if subject in self.subjects:
                return self._version(subject, len(self.subjects[subject]))
            case "GET", ["subjects", subject, "versions"] if subject in self.subjects:
                return JSONResponse(list(range(1, len(self.subjects[subject]) + 1)))
            case "GET", ["subjects", subject, "versions", version] if subject in self.subjects:
                return self._version(subject, int(version))
            case "POST", ["subjects", subject]:
                return self._looked_up(subject, json.loads(await request.body()))
            case "POST", ["subjects", subject, "versions"]:
                return self._register(subject, json.loads(await request.body()))
            case "GET", ["subjects", *_]:
                return _error(404, 40401, "Subject not found.")
            case _:
                return PlainTextResponse("no such page", 404)

    def _may(self, request: Request) -> bool:
        given = request.headers.get("authorization")
        if self.basic is not None:
            return given == "Basic " + base64.b64encode(":".join(self.basic).encode()).decode()
        return self.bearer is None or given == f"Bearer {self.bearer}"

    def _found(self, schemas: list[Stored]) -> Response:
        return JSONResponse(schemas[0].body) if schemas else _error(404, 40403, "Schema not found")

    def _version(self, subject: str, version: int) -> Response:
        ids = self.subjects[subject]
        if not 1 <= version <= len(ids):
            return _error(404, 40402, "Version not found.")
        stored = next(one for one in self.schemas if one.id == ids[version - 1])
        return JSONResponse({"subject": subject, "version": version, "id": stored.id, **stored.body})

    def _looked_up(self, subject: str, body: dict[str, object]) -> Response:
        for version, number in enumerate(self.subjects.get(subject, ()), start=1):
            stored = next(one for one in self.schemas if one.id == number)
            if stored.body["schema"] == body["schema"]:
                return JSONResponse({"subject": subject, "version": version, "id": number, **stored.body})
        return _error(404, 40403, "Schema not found")

    def _register(self, subject: str, body: dict[str, object]) -> Response:
        if self.read_only is not None:
            return _error(*self.read_only, "User is denied operation Write on Subject")
        try:
            if "references" in body:
                return JSONResponse({"id": self._store(subject, body).id})
            new = EventSchema(json.loads(str(body["schema"])))
            for number in self.subjects.get(subject, ()):
                old = EventSchema(json.loads(str(next(one for one in self.schemas if one.id == number).body["schema"])))
                if new.fingerprint != old.fingerprint and (faults := incompatibilities(new, old)):
                    return _error(409, 409, f"Schema being registered is incompatible: {faults[0]}")
        except (SchemaError, ValueError) as error:
            return _error(422, 42201, f"Invalid schema: {error}")
        return JSONResponse({"id": self._store(subject, {"schema": body["schema"]}).id})

    def _store(self, subject: str, body: dict[str, object]) -> Stored:
        stored = next((one for one in self.schemas if one.body == body), None)
        if stored is None:
            stored = Stored(len(self.schemas) + 1, body)
            self.schemas.append(stored)
        ids = self.subjects.setdefault(subject, [])
        if stored.id not in ids:
            ids.append(stored.id)
        return stored


def _error(status: int, code: int, message: str) -> Response:
    return JSONResponse({"error_code": code, "message": message}, status)
