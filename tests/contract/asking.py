"""One request, awaited: what tests want of a port that calls back."""

from __future__ import annotations

import asyncio

from pipeline.model.notice import Notice
from pipeline.model.reply import Reply
from pipeline.model.trace import TraceContext
from pipeline.ports import NoticesApi


async def posted(api: NoticesApi, notice: Notice, token: str, trace: TraceContext | None = None) -> Reply:
    """The reply to one request."""
    reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    api.post(notice, token, trace, reply.set_result)
    return await reply
