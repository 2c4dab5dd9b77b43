"""Waits for what a process is about to do; a wait that fails says what was seen last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from pipeline.sandbox.server import SandboxServer
from tests.fakes import plain_http

PAUSE_SECONDS = 0.05
# Only a failing test ever waits so long; a busy machine must not make one fail.
WAIT_SECONDS = 150.0


def wait_for(what: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:  # noqa: ANN401 - whatever was waited for
    """The first true answer of `what`; an endpoint that does not answer yet counts as none."""
    deadline = time.monotonic() + seconds
    seen: object = None
    while time.monotonic() < deadline:
        try:
            seen = what()
        except httpx.HTTPError as error:
            seen = error
        else:
            if seen:
                return seen
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"it did not come about within {seconds:.0f} s; the last answer was {seen!r}")


def wait_until_idle(sandbox: SandboxServer) -> None:
    """Wait until every request of processes that have ended is answered, to no one."""
    # Connections are accepted in order, so that this answer comes after the sandbox knows all of the others.
    plain_http.get(f"{sandbox.base_url}/healthz", headers={"Connection": "close"}, timeout=WAIT_SECONDS)
    wait_for(lambda: not sandbox.state.connections._open and not sandbox.state.in_flight)
