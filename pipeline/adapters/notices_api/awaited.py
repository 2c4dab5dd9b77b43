"""Adapts awaitable HTTP clients to the callback port, with one task for each request."""

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
        self._in_flight = Tasks()

    def post(self, notice: Notice, token: str, trace: TraceContext | None, answered: Answered) -> None:
        """POST the notice; every fault becomes a reply."""
        self._in_flight.start(self._ask(notice, token, trace, answered))

    async def close(self) -> None:
        """Close connections; requests in flight are never answered."""
        await self._in_flight.cancel()
        await self.disconnect()

    @abstractmethod
    async def send(self, notice: Notice, token: str, trace: TraceContext | None) -> Reply:
        """POST the notice; every fault becomes a reply."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close connections; no request is in flight."""

    async def _ask(self, notice: Notice, token: str, trace: TraceContext | None, answered: Answered) -> None:
        answered(await self.send(notice, token, trace))
