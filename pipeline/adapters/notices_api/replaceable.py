"""A client of the notices API that can be replaced by another while requests are in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.model.notice import Notice
    from pipeline.model.trace import TraceContext
    from pipeline.ports import Answered, NoticesApi


class ReplaceableNoticesApi:
    """Implements `pipeline.ports.NoticesApi` by the client in use."""

    def __init__(self, api: NoticesApi, linger_seconds: float) -> None:
        """A client that was replaced is closed after `linger_seconds`: longer than any request takes."""
        self._api = api
        self._linger_seconds = linger_seconds
        self._closing = Tasks()
        self.post: Callable[[Notice, str, TraceContext | None, Answered], None] = api.post
        """The client's own method: a call of it costs nothing more than without the replacement."""

    def use(self, api: NoticesApi) -> None:
        """Send further requests by `api`; those in flight end by the client that has them."""
        before, self._api = self._api, api
        self.post = api.post
        self._closing.start(self._close_later(before))

    async def _close_later(self, api: NoticesApi) -> None:
        try:
            await asyncio.sleep(self._linger_seconds)
        finally:
            await api.close()

    async def close(self) -> None:
        """Close the client in use, and those that were replaced."""
        await self._closing.cancel()
        await self._api.close()
