"""An operator's command beside the service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path

COMMAND_SECONDS = 120.0


class Operation:
    """A command that runs; it may be waited for later."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        """`folder` has the configuration."""
        self._arguments = arguments
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pipeline", *arguments),
                *("--config", str(folder / "pipeline.yaml"), "--output", "json"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._printed = ("", "")
        self.ended_at = 0.0
        """Monotonic seconds; 0 until it has ended."""
        self._thread = threading.Thread(target=self._wait, name="operation", daemon=True)
        self._thread.start()

    def succeed(self, codes: Collection[int | None] = (0,)) -> dict[str, object]:
        """Wait for its end, and return what it has printed; `codes` are those of an end in good order.

        Raises:
            TimeoutError: it failed, or does not end.
        """
        self._thread.join(COMMAND_SECONDS)
        if self._process.poll() not in codes:
            self._process.kill()
            raise TimeoutError(f"{' '.join(self._arguments)}: exit {self._process.poll()}: {self._printed[1]}")
        printed: dict[str, object] = json.loads(self._printed[0])
        return printed

    def _wait(self) -> None:
        self._printed = self._process.communicate()
        self.ended_at = time.monotonic()
