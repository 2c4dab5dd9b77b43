"""An application on a port of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette

from pipeline.web.endpoint import serve
from pipeline.web.listener import listen


class Served:
    """Where it answers, and how to end it before the test does."""

    def __init__(self, url: str, stop: Callable[[], None]) -> None:
        self.url = url
        self.stop = stop


@contextmanager
def serving(app: Starlette) -> Iterator[Served]:
    """Serve `app` on the loopback address."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    loop = asyncio.new_event_loop()
    task: asyncio.Task[Any] = loop.create_task(serve(app, listener))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            listener.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def stop() -> None:
        if thread.is_alive():
            loop.call_soon_threadsafe(task.cancel)
            thread.join(10)

    try:
        yield Served(f"http://127.0.0.1:{port}", stop)
    finally:
        stop()
