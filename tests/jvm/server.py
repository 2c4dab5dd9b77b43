"""Servers written by others, from Maven Central: fetched once into the project's .cache, each a process of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.broker.handle import Unavailable
from tests.fakes import plain_http

CACHE = Path(__file__).resolve().parents[2] / ".cache"
DOWNLOAD_SECONDS = 300
START_SECONDS = 60


def fetch(artifact: str, folder: Path) -> Path:
    """One artifact (`group:name:version:type[:classifier]`) into `folder`, by Maven.

    Raises:
        Unavailable: no Java, no Maven, or nothing to fetch from.
    """
    if shutil.which("java") is None:
        raise Unavailable("there is no java")
    name = artifact.split(":")[1]
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable(f"there is no mvn to fetch {name} with")
    folder.mkdir(parents=True, exist_ok=True)
    command = [maven, "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
    try:
        fetched = subprocess.run(command, capture_output=True, timeout=DOWNLOAD_SECONDS, check=False, cwd=folder)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"mvn did not end within {DOWNLOAD_SECONDS} s") from None
    files = list(folder.glob(f"{name}-*"))
    if fetched.returncode != 0 or not files:
        raise Unavailable(f"mvn could not fetch {name}")
    return files[0]


class JavaServer:
    """A server that is up from `start` to `stop`."""

    def __init__(self, name: str, arguments: Sequence[str], answers_at: str) -> None:
        """`answers_at` is a URL that answers 200 once it is up."""
        self._name = name
        self._arguments = arguments
        self._answers_at = answers_at
        self._folder = tempfile.TemporaryDirectory(prefix=f"notice-pipeline-{name}-")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Bring it up; returns when it answers.

        Raises:
            Unavailable: it does not.
        """
        # It lives for a minute: a fast start is worth more than fast code.
        command = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *self._arguments]
        with (Path(self._folder.name) / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self._folder.name)
        deadline = time.monotonic() + START_SECONDS
        while not self._up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Unavailable(f"{self._name} did not come up")
            time.sleep(0.1)

    def _up(self) -> bool:
        try:
            return plain_http.get(self._answers_at, timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """End it and remove what it left."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()
