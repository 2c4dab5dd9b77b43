"""How the service reports why it ends."""

from __future__ import annotations

import asyncio
from typing import Any

from structlog.testing import capture_logs

from pipeline.runtime.service import Service


async def test_a_fatal_end_names_the_errors_within_a_group() -> None:
    """ "1 sub-exception" says nothing; the first error is named, and the others beside it."""
    service: Any = Service.__new__(Service)
    service._error, service._stop, service._on_end = None, asyncio.Event(), lambda: None
    nested = ExceptionGroup("inner", [OSError("disk full"), ValueError("too")])
    with capture_logs() as logs:
        service.fail(ExceptionGroup("unhandled errors in a TaskGroup", [nested]))
    (line,) = logs
    assert (line["event"], line["error"], line["kind"]) == ("fatal", "disk full", "OSError")
    assert line["others"] == ["ValueError: too"]
