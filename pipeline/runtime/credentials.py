"""Replaces secrets and certificates without a restart: read and checked first, then put in place on the loop's thread.

What cannot be used (a file that is missing, empty or cut short, a key of another certificate) is refused as a whole,
and what was read before stays in use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from pipeline.errors import UserError
from pipeline.model.credential import RefusedCredential

if TYPE_CHECKING:
    from pipeline.ports import Clock

LOOK_SECONDS = 1.0
"""Between two looks at the files."""
RETRY_SECONDS = 30.0
"""After a refusal: what was refused may have been a moment without memory or file descriptors."""

Use = Callable[[], None]
"""Puts what was read in place. It is called on the loop's thread and must not block."""
Prepare = Callable[[], Use]
"""Reads and checks the files, in a thread of its own; raises `UserError` if what they hold cannot be used."""

log = structlog.get_logger("credentials")


class _Credential:
    """The files of one setting, which are read together."""

    def __init__(self, changed: Callable[[], bool], prepare: Prepare) -> None:
        self.changed = changed
        self.prepare = prepare
        self.refused: RefusedCredential | None = None
        self.retry_at = 0.0


class Credentials:
    """Every secret and certificate that is read from files, by the setting that names them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._credentials: dict[str, _Credential] = {}
        self._requested = False
        self._wake = asyncio.Event()

    def add(self, setting: str, changed: Callable[[], bool], prepare: Prepare) -> None:
        """Read the files again from now on whenever `changed` is true; the caller has read them for the first time.

        `changed` is called in a thread, once a second, and is true once for each change.
        """
        self._credentials[setting] = _Credential(changed, prepare)

    def request(self) -> None:
        """Read all files again now, changed or not."""
        self._requested = True
        self._wake.set()

    @property
    def settings(self) -> Collection[str]:
        """The settings whose files are read again."""
        return self._credentials.keys()

    @property
    def refused(self) -> Mapping[str, RefusedCredential]:
        """What is refused at present, by setting."""
        return {
            setting: credential.refused
            for setting, credential in self._credentials.items()
            if credential.refused is not None
        }

    async def run(self) -> None:
        """Look at the files until cancelled."""
        while self._credentials:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
            self._wake.clear()
            await self.look()

    async def look(self) -> None:
        """Read again what has changed, what was requested, and what was refused a while ago."""
        requested, self._requested = self._requested, False
        now = self._clock.now()
        changed = await self._changed()
        for setting, credential in self._credentials.items():
            retry = credential.refused is not None and now >= credential.retry_at
            if setting in changed or requested or retry:
                await self._read(setting, credential)

    async def _changed(self) -> frozenset[str]:
        """The settings whose files have changed; one visit to a thread for all."""
        watched = list(self._credentials.items())
        try:
            return await asyncio.to_thread(
                lambda: frozenset(setting for setting, credential in watched if credential.changed())
            )
        except Exception as error:  # noqa: BLE001 - without threads or memory for a moment: look again
            log.warning("credentials_watch_failed", error=f"{type(error).__name__}: {error}")
            return frozenset()

    async def _read(self, setting: str, credential: _Credential) -> None:
        try:
            use = await asyncio.to_thread(credential.prepare)
            use()
        except UserError as error:
            self._refuse(setting, credential, error.message)
        except Exception as error:  # noqa: BLE001 - a library's own failure must not end a service that has good ones
            self._refuse(setting, credential, f"reading the files failed: {type(error).__name__}")
        else:
            credential.refused = None
            log.info("credentials_reloaded", setting=setting)

    def _refuse(self, setting: str, credential: _Credential, error: str) -> None:
        now = self._clock.now()
        before = credential.refused
        credential.retry_at = now + RETRY_SECONDS
        credential.refused = RefusedCredential(now if before is None else before.at, error)
        if before is None or before.error != error:
            log.error("credentials_refused", setting=setting, error=error, hint="what was read before stays in use")
