"""In place of the notices API, for a shadow: nothing leaves, and the answer says so."""

from __future__ import annotations

from pipeline.model.notice import Notice
from pipeline.model.reply import Fault, Reply
from pipeline.model.trace import TraceContext

_WITHHELD = Reply(fault=Fault.WITHHELD, detail="not sent: this is a shadow")


class WithheldNoticesApi:
    """Implements `pipeline.ports.NoticesApi`."""

    async def send(self, notice: Notice, token: str, trace: TraceContext | None = None) -> Reply:  # noqa: ARG002 - the port's
        """Keep it back."""
        return _WITHHELD

    async def close(self) -> None:
        """Nothing is open."""
