"""Sends to one API: its client, its token and the refresh of it, and the log of its halts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from pipeline.errors import TokenUnavailable
from pipeline.model.halt import Halt
from pipeline.model.reply import Reply
from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.delivery.machine import Delivery
    from pipeline.ports import Api, Clock, Telemetry

TOKEN_RETRY_SECONDS = 5.0
"""Wait after the token source failed."""

log = structlog.get_logger("engine")


class Sender:
    """One API, as the engine uses it."""

    def __init__(
        self,
        api: Api,
        *,
        delivery: Delivery,
        clock: Clock,
        telemetry: Telemetry,
        progressed: Callable[[], None],
        is_named: bool,
    ) -> None:
        """`progressed` is called whenever delivery may have something to do; with `is_named` logs name the API."""
        self.name = api.name
        self.client = api.client
        """Its `post` is looked up in each step: it changes when certificates or secret headers are read again."""
        self.token: str | None = None
        self.refusal: Reply | None = None
        """The last reply that was not an acceptance."""
        self._tokens = api.tokens
        self._delivery = delivery
        self._clock = clock
        self._telemetry = telemetry
        self._progressed = progressed
        self._logged = {"api": api.name} if is_named else {}
        self._refreshes = Tasks()
        self._refresh: asyncio.Task[None] | None = None
        self._newer = asyncio.Event()
        """The token source has another token than at its last `fetch`."""
        self._renewal: asyncio.TimerHandle | None = None
        self._renew_at = 0.0
        """When the token is to be renewed; in the past if its life is unknown."""
        self._stopped = False
        self._halt: Halt | None = None
        api.tokens.listen(self._fetch_newer)

    @property
    def has_token(self) -> bool:
        """Whether there is a token that is not refused."""
        return self.token is not None and not self._delivery.token_needed(self.name)

    def refresh_if_wanted(self) -> None:
        """Fetch a token where there is none that the API takes."""
        if not self.has_token:
            self.start_refresh()

    def start_refresh(self) -> None:
        """Fetch a token, unless one is being fetched."""
        if not self._stopped and (self._refresh is None or self._refresh.done()):
            self._report_early_end()
            self._refresh = self._refreshes.start(self._fetch_token())

    def _report_early_end(self) -> None:
        """Report a token that the API refuses before its end, unless the API refuses every token."""
        left, delivery = self._renew_at - self._clock.now(), self._delivery
        is_refused = self.token is not None and delivery.token_needed(self.name)
        if left <= 0 or not is_refused or delivery.halted(self.name) is not None:
            return
        self._telemetry.token_ended_early(self.name)
        log.warning(
            "token_ended_early",
            left_seconds=round(left),
            hint="does another member or program fetch tokens for the same client, and does the API keep only one?",
            **self._logged,
        )

    def _fetch_newer(self) -> None:
        self._newer.set()
        self.start_refresh()

    async def _fetch_token(self) -> None:
        """Fetch the token, retrying until it succeeds; one refresh runs at a time."""
        while True:
            self._newer.clear()
            try:
                self.token = await self._tokens.fetch()
            except TokenUnavailable as error:
                self._telemetry.token_refreshed(self.name, ok=False)
                retry = TOKEN_RETRY_SECONDS
                log.warning("token_unavailable", error=str(error), retry_in_seconds=retry, **self._logged)
                if not self.has_token:
                    self._delivery.token_failed(self._clock.now(), self.name)
                    self._progressed()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._newer.wait(), TOKEN_RETRY_SECONDS)
            else:
                self._telemetry.token_refreshed(self.name, ok=True)
                self._delivery.token_arrived(self._clock.now(), self.name)
                self._renew_in(self._tokens.refresh_in)
                self._progressed()
                if not self._newer.is_set():
                    return

    def _renew_in(self, seconds: float | None) -> None:
        """Schedule a refresh before the token expires; requests use the old token meanwhile."""
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = asyncio.get_running_loop().call_later(seconds, self.start_refresh) if seconds else None
        self._renew_at = self._clock.now() + seconds if seconds else 0.0

    def log_halt(self) -> None:
        """Log each halt of sending with its reason, and its end."""
        halt = self._delivery.halted(self.name)
        if halt is self._halt:
            return
        self._halt = halt
        if halt is None:
            log.info("sending_resumed", **self._logged)
            return
        if halt is Halt.PAUSED:
            log.warning("sending_halted", reason=halt.value, **self._logged)
            return
        reply = self.refusal or Reply()
        # The API's message may contain a recipient; the client's message about a fault does not.
        fault = None if reply.fault is None else f"{reply.fault.value}: {reply.detail}"
        log.warning(
            "sending_halted", reason=halt.value, status=reply.status, code=reply.code, fault=fault, **self._logged
        )

    async def stop(self) -> None:
        """Stop asking for tokens."""
        self._stopped = True
        if self._renewal is not None:
            self._renewal.cancel()
        await self._refreshes.cancel()
