"""HTTP clients that are awaited, behind a port that calls back: a task for each request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.model.notice import Notice
    from pipeline.model.reply import Reply
    from pipeline.model.trace import TraceContext
    from pipeline.ports import Answered


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
