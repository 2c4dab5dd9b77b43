"""HTTP clients that are awaited, behind a port that calls back: a task for each request."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pipeline.model.notice import Notice
    from pipeline.model.reply import Reply
    from pipeline.model.trace import TraceContext
    from pipeline.ports import Answered


class Tasks:
    """Tasks that nobody awaits."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Let it run."""
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    async def cancel(self) -> None:
        """End what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # What nobody foresaw must not stay unseen until the collector comes by: the notice would wait for ever.
            task.get_loop().call_exception_handler({"message": "a request failed", "exception": error, "task": task})


class AwaitedNoticesApi(ABC):
    """Implements `pipeline.ports.NoticesApi` over `send` and `disconnect`."""

    def __init__(self) -> None:
        self._under_way = Tasks()

    def post(self, notice: Notice, token: str, trace: TraceContext | None, answered: Answered) -> None:
        """POST the notice; every fault of the way becomes a reply."""
        self._under_way.start(self._ask(notice, token, trace, answered))

    async def close(self) -> None:
        """Close connections; requests under way are never answered."""
        await self._under_way.cancel()
        await self.disconnect()

    @abstractmethod
    async def send(self, notice: Notice, token: str, trace: TraceContext | None) -> Reply:
        """POST the notice; every fault of the way becomes a reply."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close connections; no request is under way."""

    async def _ask(self, notice: Notice, token: str, trace: TraceContext | None, answered: Answered) -> None:
        answered(await self.send(notice, token, trace))
