"""Apicurio Registry from Maven Central: a real registry in a process of its own, in memory, up in three seconds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Self

import httpx

from tests.broker.handle import Unavailable, free_ports

VERSION = "2.6.13.Final"
"""The last 2.x; of 3.x no whole distribution is on Maven Central."""
HOME = Path(__file__).resolve().parents[2] / ".cache" / f"apicurio-{VERSION}"
RUNNER = HOME / f"apicurio-registry-app-{VERSION}-runner.jar"
DOWNLOAD_SECONDS = 300
START_SECONDS = 60


def _fetch() -> None:
    """Fetch and unpack the distribution, once (142 MB).

    Raises:
        Unavailable: no Java, no Maven, or nothing to fetch from.
    """
    if shutil.which("java") is None:
        raise Unavailable("there is no java")
    if (HOME / "complete").exists():
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("there is no mvn to fetch Apicurio with")
    with tempfile.TemporaryDirectory() as folder:
        artifact = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
        command = [maven, "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
        try:
            fetched = subprocess.run(command, capture_output=True, timeout=DOWNLOAD_SECONDS, check=False, cwd=folder)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"mvn did not end within {DOWNLOAD_SECONDS} s") from None
        archives = list(Path(folder).glob("*.tar.gz"))
        if fetched.returncode != 0 or not archives:
            raise Unavailable("mvn could not fetch Apicurio")
        HOME.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archives[0]) as archive:
            archive.extractall(HOME, filter="data")
    (HOME / "complete").touch()


class Apicurio:
    """Up while its context lasts; `url` speaks Confluent's dialect."""

    def __init__(self) -> None:
        _fetch()
        (port,) = free_ports(1)
        self._root = f"http://127.0.0.1:{port}"
        self.url = f"{self._root}/apis/ccompat/v7"
        self._folder = tempfile.TemporaryDirectory(prefix="notice-pipeline-apicurio-")
        self._process: subprocess.Popen[bytes] | None = None
        self._port = port

    def __enter__(self) -> Self:
        command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        command += ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self._port}", "-jar", str(RUNNER)]
        log = (Path(self._folder.name) / "log").open("wb")
        with log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=self._folder.name, env=dict(os.environ)
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Unavailable("Apicurio did not come up")
            time.sleep(0.1)
        return self

    def _up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/subjects", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def be_strict(self) -> None:
        """Refuse what is not backward compatible: Apicurio's own default is to take anything."""
        httpx.put(f"{self.url}/config", json={"compatibility": "BACKWARD"}, trust_env=False).raise_for_status()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()
