"""The part of the local Studio that writes files. The service does not have it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from pipeline.errors import UserError
from pipeline.web.form import read_form
from pipeline.web.origin import require_same_origin
from pipeline.web.workbench import MAX_FORM, Workbench, available

if TYPE_CHECKING:
    from starlette.requests import Request

_Result = TypeVar("_Result")
MOST_NAME = 200
"""Characters of a test's name."""
MOST_DIFF = 400
"""Lines of a diff; more than anyone reads in a box."""


class StoredFile(Protocol):
    """A file as it is on disk."""

    @property
    def text(self) -> str: ...  # noqa: D102 - as its name says
    @property
    def version(self) -> str: ...  # noqa: D102 - it changes whenever the text does; empty without a file


class SavedFile(Protocol):
    """The result of saving."""

    @property
    def stored(self) -> StoredFile: ...  # noqa: D102 - what the file holds now
    @property
    def is_saved(self) -> bool: ...  # noqa: D102 - False: it had changed
    @property
    def diff(self) -> Sequence[str]: ...  # noqa: D102 - then: lines of a unified diff from the file to the draft


class FileStore(Protocol):
    """The files of a folder of rules; each method raises `UserError`."""

    def read(self, name: str) -> StoredFile:
        """The file of that name."""
        ...

    def save(self, name: str, text: str, before: str) -> SavedFile:
        """Replace the file if its version is still `before`."""
        ...


class StudioFiles:
    """Saves drafts and tests."""

    def __init__(
        self,
        store: FileStore,
        bench: Workbench,
        with_test: Callable[[str, str, Sequence[str]], str],
    ) -> None:
        """`with_test` gives a file of tests, by name and text, one more, or raises `UserError`."""
        self._store = store
        self._bench = bench
        self._with_test = with_test
        self._turn = asyncio.Lock()

    def version(self, name: str) -> str:
        """The version of a file; empty if there is none, or it cannot be read."""
        try:
            return self._store.read(name).version
        except UserError:
            return ""

    def routes(self, guard: Callable[[Request], None]) -> list[Route]:
        """Saving a file, and adding a test; `guard` refuses requests from elsewhere."""

        async def save(request: Request) -> Response:
            form = await self._form(request, guard)
            return await self._save(form.get("file", ""), form.get("rules", ""), form.get("before", ""))

        async def test(request: Request) -> Response:
            form = await self._form(request, guard)
            return await self._add_test(form)

        return [
            Route("/studio/save", save, methods=["POST"]),
            Route("/studio/test", test, methods=["POST"]),
        ]

    async def _form(self, request: Request, guard: Callable[[Request], None]) -> dict[str, str]:
        guard(request)
        require_same_origin(request)
        return await read_form(request, MAX_FORM)

    async def _save(self, name: str, text: str, before: str) -> Response:
        async with self._turn:
            saved = await _stored(self._store.save, name, text, before)
        values = {"file": name, "version": saved.stored.version, "saved": saved.is_saved}
        if not saved.is_saved:
            return _json({**values, "text": saved.stored.text, "diff": saved.diff[:MOST_DIFF]}, 409)
        return _json(values)

    async def _add_test(self, form: Mapping[str, str]) -> Response:
        name = " ".join(form.get("name", "").split())[:MOST_NAME]
        if not name:
            raise HTTPException(400, "the test has no name")
        draft = {one: form.get(one, "") for one in ("file", "rules", "type", "event")}
        async with available(), self._turn:
            made = await self._bench.ask("test", draft=draft, name=name)
            if "problem" in made:
                raise HTTPException(422, str(made["problem"]))
            file = str(made["file"])
            stored = await _stored(self._store.read, file)
            text = await _stored(self._with_test, file, stored.text, made["test"])
            saved = await _stored(self._store.save, file, text, stored.version)
        if not saved.is_saved:
            raise HTTPException(409, f"{file} has changed meanwhile; try again")
        return _json({"file": file, "name": name})


async def _stored(call: Callable[..., _Result], *arguments: object) -> _Result:
    """The result of a method of the store, which runs in a thread: a disk may be slow."""
    try:
        return await asyncio.to_thread(call, *arguments)
    except UserError as error:
        raise HTTPException(422, error.message) from None


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE), status, media_type="application/json")
