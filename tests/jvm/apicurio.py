"""Apicurio Registry from Maven Central: a real registry in a process of its own, in memory, up in three seconds."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Self

import httpx

from tests.broker.handle import free_ports
from tests.jvm.server import CACHE, JavaServer, fetch

VERSION = "2.6.13.Final"
"""The last 2.x; of 3.x no whole distribution is on Maven Central."""
HOME = CACHE / f"apicurio-{VERSION}"
RUNNER = HOME / f"apicurio-registry-app-{VERSION}-runner.jar"


def _unpacked() -> Path:
    """Fetch and unpack the distribution, once (142 MB).

    Raises:
        Unavailable: no Java, no Maven, or nothing to fetch from.
    """
    if not (HOME / "complete").exists():
        with tempfile.TemporaryDirectory() as folder:
            distribution = fetch(f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all", Path(folder))
            HOME.mkdir(parents=True, exist_ok=True)
            with tarfile.open(distribution) as archive:
                archive.extractall(HOME, filter="data")
        (HOME / "complete").touch()
    return RUNNER


class Apicurio:
    """Up while its context lasts; `url` speaks Confluent's dialect."""

    def __init__(self) -> None:
        runner = _unpacked()
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        where = ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}"]
        self._server = JavaServer("apicurio", [*where, "-jar", str(runner)], f"{self.url}/subjects")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def be_strict(self) -> None:
        """Refuse what is not backward compatible: Apicurio's own default is to take anything."""
        httpx.put(f"{self.url}/config", json={"compatibility": "BACKWARD"}, trust_env=False).raise_for_status()

    def __exit__(self, *_: object) -> None:
        self._server.stop()
