"""WireMock from Maven Central: an HTTP server of another project, scripted by its own admin API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import httpx

from tests.broker.handle import free_ports
from tests.fakes import plain_http
from tests.jvm.server import CACHE, JavaServer, fetch

VERSION = "3.13.2"


class Received(NamedTuple):
    """One request of its journal."""

    headers: Mapping[str, str]
    body: str
    answer: str
    """The body that it was answered with."""


class WireMock:
    """Up while its context lasts."""

    def __init__(self) -> None:
        jar = CACHE / f"wiremock-{VERSION}" / f"wiremock-standalone-{VERSION}.jar"
        if not jar.exists():
            fetch(f"org.wiremock:wiremock-standalone:{VERSION}:jar", jar.parent)
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        where = ["--bind-address", "127.0.0.1", "--port", str(port), "--disable-banner"]
        self._server = JavaServer("wiremock", ["-jar", str(jar), *where], f"{self.url}/__admin/mappings")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def answer(self, mapping: Mapping[str, Any]) -> None:
        """Add one of WireMock's stub mappings."""
        httpx.post(f"{self.url}/__admin/mappings", json=mapping, trust_env=False).raise_for_status()

    def journal(self) -> list[Received]:
        """Every request so far, in the order in which they came."""
        found = plain_http.get(f"{self.url}/__admin/requests", timeout=60).raise_for_status().json()
        return [
            Received(one["request"]["headers"], one["request"]["body"], one["response"].get("body", ""))
            for one in reversed(found["requests"])
        ]
