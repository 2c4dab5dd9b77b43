"""The service's processes: started, killed, stopped, frozen, and how much memory they take."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.acceptance.service import ServiceUnderTest
from tests.fakes import plain_http

SAMPLE_SECONDS = 0.5
UP_SECONDS = 200.0
STOP_SECONDS = 180.0


class Member:
    """One process of the group."""

    def __init__(self, name: str, process: subprocess.Popen[str], log: Path) -> None:
        self.name = name
        self.process = process
        self.peak_megabytes = 0.0
        self._log = log

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(encoding="utf-8")

    def events(self, name: str) -> list[dict[str, object]]:
        """Its log's events of that name."""
        lines = [line for line in self.log.splitlines() if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event.get("event") == name]

    def wait_for(self, event: str, seconds: float = UP_SECONDS) -> None:
        """Wait until its log has this event.

        Raises:
            TimeoutError: it does not come.
        """
        deadline = time.monotonic() + seconds
        while not self.events(event):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"{self.name} did not come to `{event}`; its log ends: {self.log[-2_000:]}")
            time.sleep(0.05)

    def ready(self) -> str:
        """What its readiness probe answers."""
        endpoint = str(self.events("starting")[0]["endpoint"])
        return plain_http.get(f"{endpoint}/readyz", timeout=5).text.strip()

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        return self.process.poll() is not None

    def children(self) -> list[int]:
        """The processes of its workers."""
        pid = self.process.pid
        with suppress(OSError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def kill_child(self) -> None:
        """SIGKILL to its first worker."""
        os.kill(self.children()[0], signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL, and gone."""
        self.process.kill()
        self.process.wait(10)

    def freeze(self) -> None:
        """SIGSTOP: it is still, its connections stay."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> int:
        """SIGTERM, and wait; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def measure(self) -> None:
        """Take its resident memory down, if it lives."""
        with suppress(OSError, ProcessLookupError):
            found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
            if found is not None:
                self.peak_megabytes = max(self.peak_megabytes, int(found[1]) / 1024)


class AllEnded(RuntimeError):
    """No member runs where the scenario needs one."""


class Members:
    """Every process of one run; all are ended with it."""

    def __init__(self, service: ServiceUnderTest, workers: int = 1) -> None:
        self._service = service
        self._options = ("--workers", str(workers)) if workers > 1 else ()
        self._stack = ExitStack()
        self.all: list[Member] = []
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="memory", daemon=True)
        self._sampler.start()

    def start(self, environment: Mapping[str, str] | None = None) -> Member:
        """One more; `environment` is laid over its configuration."""
        name = f"member-{len(self.all) + 1}"
        process = self._stack.enter_context(self._service.running(f"{name}.log", environment, self._options))
        member = Member(name, process, self._service.folder / f"{name}.log")
        self.all.append(member)
        return member

    @property
    def alive(self) -> list[Member]:
        """Those that run."""
        return [member for member in self.all if member.process.poll() is None]

    def survivors(self) -> list[Member]:
        """Those that run, at least one.

        Raises:
            AllEnded: none runs.
        """
        alive = self.alive
        if not alive:
            raise AllEnded("every member has ended")
        return alive

    @property
    def peak_megabytes(self) -> float:
        """The most that any one ever took."""
        return max((member.peak_megabytes for member in self.all), default=0.0)

    def count(self, event: str) -> int:
        """How often this event is in all logs."""
        return sum(len(member.events(event)) for member in self.all)

    def close(self) -> None:
        """End them all."""
        self._stop.set()
        self._sampler.join(10)
        for member in self.alive:
            member.thaw()  # a frozen process cannot be ended
        self._stack.close()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            for member in self.alive:
                member.measure()
