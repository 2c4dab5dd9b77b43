"""Manages the child process that evaluates drafts: it starts with the first draft and ends when idle.

Sending must not wait for a draft. So drafts are evaluated in a child process, one at a time, with limits on time,
memory and waiting drafts. The child does not get the environment of the service, which may contain secrets.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import orjson

from pipeline.errors import ResourceLimitExceeded
from pipeline.languages import current
from pipeline.phrases import phrase

JOB_SECONDS = 5.0
"""Processor time of one draft: the load of the machine does not count."""
MOST_WAITING = 8
IDLE_SECONDS = 120.0
WAIT_SECONDS = 30.0
"""Timeout of an answer on a busy machine; the child ends itself after `seconds` of processor time."""
MOST_ANSWER = 16 * 1024 * 1024


class Workbench:
    """Evaluates drafts one after the other."""

    def __init__(
        self, folder: Path, schemas: Path | None, environment: str | None, seconds: float = JOB_SECONDS
    ) -> None:
        """`folder` has the rules, `schemas` the schemas; `seconds` is the processor time of a draft."""
        self._arguments = (str(folder), str(schemas or ""), environment or "", str(seconds))
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def open(self, file: str | None, rule: str | None, event_type: str | None) -> dict[str, object]:
        """The result of `DraftRunner.open`.

        Raises:
            ResourceLimitExceeded: as `try_out`.
        """
        return await self._do({"do": "open", "file": file, "rule": rule, "type": event_type})

    async def example(self, event_type: str, number: int = 0) -> str:
        """An example event of that type, as JSON; each number gives another one.

        Raises:
            ResourceLimitExceeded: as `try_out`.
        """
        found = await self._do({"do": "example", "type": event_type, "number": number})
        return str(found.get("event", "{}"))

    async def ask(self, what: str, **arguments: object) -> dict[str, object]:
        """The answer to one of the other jobs of `child.py`, or its `problem`.

        Raises:
            ResourceLimitExceeded: as `try_out`.
        """
        return await self._do({"do": what, **arguments})

    async def try_out(self, draft: Mapping[str, str]) -> dict[str, object]:
        """The result of `DraftRunner.try_out` for the draft with `file`, `rules`, `type` and `event`.

        Raises:
            ResourceLimitExceeded: too many drafts are waiting, or this one takes too much time or memory.
        """
        return await self._do({"do": "try", **draft})

    async def _do(self, job: Mapping[str, object]) -> dict[str, object]:
        if self._waiting >= MOST_WAITING:
            raise ResourceLimitExceeded(
                phrase("too many drafts are waiting"), hint=phrase("try again in a few seconds")
            )
        self._waiting += 1
        try:
            async with self._turn:
                return await self._ask(
                    orjson.dumps({**job, "language": current.language()}, option=orjson.OPT_APPEND_NEWLINE)
                )
        finally:
            self._waiting -= 1

    async def _ask(self, line: bytes) -> dict[str, object]:
        if self._idle is not None:
            self._idle.cancel()
        process = self._process if self._process is not None and self._process.returncode is None else None
        answer = b""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                if process is None:
                    process = self._process = await self._start()
                assert process.stdin is not None  # noqa: S101 - it was started with pipes
                assert process.stdout is not None  # noqa: S101 - the same
                process.stdin.write(line)
                await process.stdin.drain()
                answer = await process.stdout.readline()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # an incomplete answer: the process is ended below
        except asyncio.CancelledError:
            await self.close()  # its answer would be read as the next one's
            raise
        if not answer.endswith(b"\n"):
            await self.close()
            raise ResourceLimitExceeded(
                phrase("the draft took longer than {seconds:g} s, or too much memory", seconds=self._seconds),
                hint=phrase("make the text or the event smaller"),
            )
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end_idle)
        found: dict[str, object] = orjson.loads(answer)
        return found

    async def _start(self) -> asyncio.subprocess.Process:
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZDIR") if name in os.environ}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pipeline.adapters.authoring.workbench.child",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=MOST_ANSWER,
            env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONUTF8": "1"},
        )

    def _end_idle(self) -> None:
        """End the idle process by closing its input."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def close(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()
