"""The client of a shadow: sends nothing, and replies that nothing was sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.model.reply import Fault, Reply

if TYPE_CHECKING:
    from pipeline.model.notice import Notice
    from pipeline.model.trace import TraceContext
    from pipeline.ports import Answered

_WITHHELD = Reply(fault=Fault.WITHHELD, detail="not sent: this is a shadow")


class WithheldNoticesApi:
    """Implements `pipeline.ports.NoticesApi`."""

    def post(self, notice: Notice, token: str, trace: TraceContext | None, answered: Answered) -> None:  # noqa: ARG002 - the port's
        """Do not send it."""
        asyncio.get_running_loop().call_soon(answered, _WITHHELD)

    async def close(self) -> None:
        """Nothing is open."""
