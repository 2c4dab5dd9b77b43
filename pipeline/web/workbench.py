"""What the studio's pages need of the process that evaluates drafts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from starlette.exceptions import HTTPException

from pipeline.errors import ResourceLimitExceeded
from pipeline.phrases import phrase

MAX_FORM = 1_048_576
"""Largest form in bytes; a Chinese character takes nine in a form."""
MAX_NUMBER = 10_000_000


class Workbench(Protocol):
    """Evaluates drafts, in bounded time for any input; each method raises `ResourceLimitExceeded` beyond a limit."""

    async def open(self, file: str | None, rule: str | None, event_type: str | None) -> Mapping[str, object]:
        """The initial `files`, `file`, `rules`, `types`, `type`, `event` and `choices`, or `problem`."""
        ...

    async def example(self, event_type: str, number: int = 0) -> str:
        """An example event of that type, as JSON; each number gives another one."""
        ...

    async def ask(self, what: str, **arguments: object) -> Mapping[str, object]:
        """The answer to `choices`, `choose`, `complete`, `hover`, `palette` or `test`, or `problem`."""
        ...

    async def try_out(self, draft: Mapping[str, str]) -> Mapping[str, object]:
        """The result for `file`, `rules`, `type` and `event`, or `problem`."""
        ...


class NewestEvents(Protocol):
    """The newest real events of the service's topics, masked."""

    async def read(self) -> Mapping[str, object]:
        """Read them again. Of the reading: `records`, `faults`, `fault`, `is_whole`, `problem`, `hint`."""
        ...

    def choices(self, event_type: str) -> Sequence[Mapping[str, str]]:
        """The events of that type of the last reading: `key` and `name` of each."""
        ...

    def event(self, key: str) -> str | None:
        """The event of that key as JSON; None for any other key."""
        ...


@asynccontextmanager
async def available() -> AsyncIterator[None]:
    """Answer 503 where a limit is exceeded."""
    try:
        yield
    except ResourceLimitExceeded as error:
        raise HTTPException(503, error.message, {"Retry-After": "2"}) from None


def number_of(text: str) -> int:
    """A number of a form or an address.

    Raises:
        HTTPException: it is not a number from 0 on, or too large.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(MAX_NUMBER)) or int(text) > MAX_NUMBER:
        raise HTTPException(400, phrase("not a number"))
    return int(text)
